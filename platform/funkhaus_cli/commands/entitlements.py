"""`funkhaus tenant set-plan` and `funkhaus host-suffix list|grant|withdraw`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from funkhaus_cli.commands.tenants import tenant
from funkhaus_cli.completion import TENANT
from funkhaus_cli.options import NAME, Noun, connection, output, tenanted
from funkhaus_cli.output import Column, show_list, show_one

if TYPE_CHECKING:
    from funkhaus_cli.session import Session


@tenant.command(
    "set-plan", examples=("funkhaus tenant set-plan acme medium --reason 'contract 17'",)
)
@click.argument("tenant_id", metavar="ID", type=TENANT)
@click.argument("plan", metavar="PLAN", type=NAME)
@click.option("--reason", required=True, metavar="TEXT", help="Why, for whoever reads it later.")
@output(("table", "json", "yaml", "name"))
@connection()
@click.pass_obj
def set_plan(session: Session, tenant_id: str, plan: str, *, reason: str, output: str) -> None:
    """Give a tenant another plan (platform admins); `funkhaus plan list` shows them.

    A smaller one ends nothing and refuses growth. Namespaces whose quota is just what the old plan gave follow; other
    quotas stay as their owners divided them.
    """
    from funkhaus_cli.client import segment  # noqa: PLC0415 - httpx, see `session`

    before, headers = session.api.read(segment("tenants", tenant_id))
    body = {"plan": plan, "reason": reason}
    document = session.api.put(segment("tenants", tenant_id, "plan"), body, headers=headers)
    said = f"Tenant {tenant_id} has plan {document['plan']} now; before it had {before['plan']}."
    show_one(document, output, name=tenant_id, said=said)


@click.group("host-suffix", cls=Noun)
def host_suffix() -> None:
    """Suffixes below which a tenant's triggers may have hosts, beside <tenant>.<the platform's domain>."""


@host_suffix.command("list")
@output()
@tenanted
@click.pass_obj
def list_suffixes(session: Session, *, output: str) -> None:
    """Where the tenant's hosts may lie."""
    document = session.api.get(session.tenant_path("host-suffixes"))
    items = [{"suffix": document["default"], "by": "default"}]
    items += [{"suffix": suffix, "by": "grant"} for suffix in document["granted"]]
    show_list(items, _COLUMNS, output, none="", name=lambda item: str(item["suffix"]))


@host_suffix.command(
    "grant", examples=("funkhaus host-suffix grant shop.example.org --tenant acme",)
)
@click.argument("suffix", type=NAME)
@tenanted
@click.pass_obj
def grant(session: Session, suffix: str) -> None:
    """Let a tenant have hosts below SUFFIX, and SUFFIX itself (platform admins)."""
    document = session.api.put(session.tenant_path("host-suffixes", suffix), None)
    click.echo(f"Tenant {session.tenant} may have hosts below {_all(document)}.")


@host_suffix.command("withdraw")
@click.argument("suffix", type=NAME)
@tenanted
@click.pass_obj
def withdraw(session: Session, suffix: str) -> None:
    """Take SUFFIX back (platform admins), once no trigger answers for a host below it."""
    document = session.api.delete(session.tenant_path("host-suffixes", suffix))
    click.echo(f"Tenant {session.tenant} may have hosts below {_all(document)}.")


def _all(document: Any) -> str:  # noqa: ANN401 - JSON
    return ", ".join((document["default"], *document["granted"]))


_COLUMNS = [
    Column("SUFFIX", lambda item: item["suffix"]),
    Column("BY", lambda item: item["by"]),
]
