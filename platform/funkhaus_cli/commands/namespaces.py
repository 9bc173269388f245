"""`funkhaus namespace create|adopt|list|get|delete`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from funkhaus_cli.completion import NAMESPACE
from funkhaus_cli.failure import Exit, Failure
from funkhaus_cli.options import NAME, Noun, Seconds, asking, confirmed, output, tenanted
from funkhaus_cli.output import Column, show_list, show_one
from funkhaus_cli.progress import Progress

if TYPE_CHECKING:
    from funkhaus_cli.session import Session

READY_SECONDS = 30.0
_READY: dict[object, str] = {True: "yes", False: "no"}


@click.group("namespace", cls=Noun, aliases={"describe": "get"})
def namespace() -> None:
    """A tenant's namespaces: where its functions live."""


@namespace.command("create")
@click.argument("name", type=NAME)
@click.option("--wait/--no-wait", default=True, help="Wait until the cluster has it [--wait].")
@click.option(
    "--wait-timeout",
    type=Seconds(0.1),
    default=READY_SECONDS,
    metavar="SECONDS",
    help=f"How long --wait waits [{READY_SECONDS:g}].",
)
@output(("table", "json", "yaml", "name"))
@tenanted
@click.pass_obj
def create(session: Session, name: str, *, wait: bool, wait_timeout: float, output: str) -> None:
    """Create a namespace, and wait until the cluster has it (owners)."""
    document = session.api.post(session.tenant_path("namespaces"), {"name": name})
    if wait:
        document = _until_ready(session, name, document, wait_timeout)
    said = f"Created namespace {name} of tenant {session.tenant} ({document.get('clusterName')})."
    show_one(document, output, name=name, said=said)
    if wait and document.get("ready") is False:
        raise Failure(
            f"namespace {name} exists, but the cluster has not followed within {wait_timeout:g} s",
            Exit.NOT_READY,
            hint="is the controller up? `funkhaus namespace list` shows when it has",
        )


@namespace.command("adopt", examples=("funkhaus namespace adopt acme--shop --tenant acme",))
@click.argument("name", metavar="CLUSTER-NAME", type=NAME)
@output(("table", "json", "yaml", "name"))
@tenanted
@click.pass_obj
def adopt(session: Session, name: str, *, output: str) -> None:
    """Make a Kubernetes namespace that is there already a tenant's, with what is in it (platform admins).

    It has to be named <tenant>--<name>. Functions and triggers in it are charged, and have to fit the quota.
    """
    owner, _, short = name.partition("--")
    if not short or owner != session.tenant:
        raise Failure(
            f"{name} can't become a namespace of tenant {session.tenant}: {session.tenant}--<name> passes",
            Exit.USAGE,
            hint="a Kubernetes namespace can't be renamed; make a new one and apply your manifests there",
        )
    document = session.api.post(session.tenant_path("namespaces", short, "adoption"), None)
    said = f"Adopted {name} as namespace {short} of tenant {session.tenant}; the cluster follows."
    show_one(document, output, name=short, said=said)


def _until_ready(
    session: Session, name: str, document: dict[str, Any], seconds: float
) -> dict[str, Any]:
    """The namespace when the cluster has it, can't say, or the time is up."""
    with Progress(session.clock, session.sleep) as progress:
        while progress.seconds < seconds:
            document = session.api.get(session.tenant_path("namespaces", name))
            if document.get("ready") is not False:
                break
            progress.say(f"The cluster is making {document.get('clusterName')}")
            progress.pause(0.3)
    return document


_COLUMNS = [
    Column("NAME", lambda item: item["name"]),
    Column("READY", lambda item: _READY.get(item.get("ready"), "")),
    Column("FUNCTIONS", lambda item: _quota(item, "functions")),
    Column("REPLICAS", lambda item: _quota(item, "replicas")),
    Column("CPU", lambda item: _quota(item, "cpu")),
    Column("MEMORY", lambda item: _quota(item, "memory")),
    Column("TRIGGERS", lambda item: _quota(item, "triggers"), wide=True),
    Column("CLUSTER NAME", lambda item: item.get("clusterName"), wide=True),
]


@namespace.command("list")
@output()
@tenanted
@click.pass_obj
def list_namespaces(session: Session, *, output: str) -> None:
    """The tenant's namespaces and what each may hold."""
    items = session.api.items(session.tenant_path("namespaces"))
    show_list(items, _COLUMNS, output, none=f"No namespaces in tenant {session.tenant}.")


@namespace.command("get")
@click.argument("name", type=NAMESPACE)
@output()
@tenanted
@click.pass_obj
def get(session: Session, name: str, *, output: str) -> None:
    """One namespace."""
    document = session.api.get(session.tenant_path("namespaces", name))
    if output in {"table", "wide"}:
        show_list([document], _COLUMNS, output, none="")
    else:
        show_one(document, output, name=name, said="")


def _quota(item: Any, key: str) -> str:  # noqa: ANN401 - JSON
    value = (item.get("quota") or {}).get(key)
    return "" if value is None else f"max {value}"


@namespace.command("delete")
@click.argument("name", type=NAMESPACE)
@asking
@tenanted
@click.pass_obj
def delete(session: Session, name: str, *, yes: bool) -> None:
    """Delete a namespace and everything in it (owners). Its name is never given out again."""
    confirmed(f"Delete namespace {name} of tenant {session.tenant} and everything in it?", yes=yes)
    session.api.delete(session.tenant_path("namespaces", name))
    click.echo(f"Deleted namespace {name} of tenant {session.tenant}; the cluster follows.")
