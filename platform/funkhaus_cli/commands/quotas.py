"""`funkhaus quota show|set|override`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import click

from funkhaus_cli.completion import NAMESPACE
from funkhaus_cli.failure import Exit, Failure
from funkhaus_cli.options import Noun, output, tenanted
from funkhaus_cli.output import Column, Styled, age, as_json, as_yaml, table

if TYPE_CHECKING:
    from collections.abc import Callable

    from funkhaus_cli.session import Session

F = TypeVar("F", bound="Callable[..., Any]")
WORDS = {
    "functions": "functions",
    "triggers": "triggers",
    "replicas": "replicas",
    "cpu": "CPU",
    "memory": "memory",
    "hosts": "hosts",
    "requestsPerSecond": "requests/s",
    "buildsPerDay": "builds/day",
}
"""The limits, in the API's order, and what a table calls them."""
COUNTED = {"namespaces": "namespaces", "tokens": "tokens"}
"""What is counted over a whole tenant, likewise."""
_TRIES = 5
"""Writes of a quota whose use changes while we look."""


@click.group("quota", cls=Noun, aliases={"get": "show", "describe": "show"})
def quota() -> None:
    """What a tenant and each of its namespaces may hold, and holds.

    A function counts with all its replicas at scaling.max. A change has to fit its namespace's quota and the tenant's.
    """


@quota.command(
    "show",
    examples=(
        "funkhaus quota show",
        "funkhaus quota show --namespace shop",
        "funkhaus quota show -o json",
    ),
)
@click.option("--namespace", "-n", type=NAMESPACE, metavar="NAME", help="Only this namespace.")
@output(("table", "json", "yaml"))
@tenanted
@click.pass_obj
def show(session: Session, *, namespace: str | None, output: str) -> None:
    """What may be held, is used, is reserved and is left, and who holds most."""
    document = session.api.get(session.tenant_path("quota"))
    if namespace is not None:
        document = _of_namespace(document, namespace)
    if output != "table":
        click.echo(as_json(document) if output == "json" else as_yaml(document))
        return
    if namespace is None:
        click.echo(f"Tenant {document['tenant']}{_override(session, document)}")
        click.echo(_account(document))
        for item in document["approved"]:
            click.echo(_approved(session, item))
        for item in document["namespaces"]:
            click.echo(f"\nNamespace {item['name']}\n{_account(item)}")
    else:
        click.echo(f"Namespace {namespace}\n{_account(document)}")
    if document["largest"]:
        click.echo(f"\nWho holds most\n{table(_LARGEST, document['largest'], wide=False)}")


def _of_namespace(document: dict[str, Any], name: str) -> dict[str, Any]:
    found = [item for item in document["namespaces"] if item["name"] == name]
    if not found:
        raise Failure(
            f"tenant {document['tenant']} has no namespace {name}",
            Exit.NOT_FOUND,
            hint="`funkhaus namespace list` shows what there is",
        )
    largest = [item for item in document["largest"] if item["namespace"] == name]
    return {**found[0], "largest": largest}


def _override(session: Session, document: dict[str, Any]) -> str:
    override = document.get("override")
    if not override:
        return ""
    ends = age(override["expiresAt"], session.now())
    return f" (by an admin, ends {ends}: {override['reason']})"


def _approved(session: Session, item: dict[str, Any]) -> str:
    extra = ", ".join(
        f"{word} {item['extra'][key]}"
        for key, word in (WORDS | COUNTED).items()
        if item["extra"].get(key, 0) not in {0, "0"}
    )
    where = f" for namespace {item['namespace']}" if item["namespace"] else ""
    ends = age(item["expiresAt"], session.now())
    return f"Of it approved{where}: {extra} (ends {ends}: {item['reason']})"


def _account(item: dict[str, Any]) -> str:
    rows = [
        {
            "what": word,
            "hard": item["hard"][key],
            **{state: item[state].get(key, "") for state in ("used", "reserved", "left")},
        }
        for key, word in WORDS.items()
    ]
    rows += [
        {
            "what": what,
            "hard": count["hard"],
            "used": count["used"],
            "reserved": "",
            "left": count["left"],
        }
        for what, count in item.get("counts", {}).items()
    ]
    return table(_ACCOUNT, rows, wide=False)


def _left(row: Any) -> object:  # noqa: ANN401 - JSON
    left = row["left"]
    return Styled("0", "yellow") if left in {0, "0"} else left


_ACCOUNT = [
    Column("", lambda row: row["what"]),
    Column("HARD", lambda row: str(row["hard"])),
    Column("USED", lambda row: str(row["used"])),
    Column("RESERVED", lambda row: str(row["reserved"])),
    Column("LEFT", _left),
]
_LARGEST = [
    Column("KIND", lambda item: item["kind"]),
    Column("NAMESPACE", lambda item: item["namespace"]),
    Column("NAME", lambda item: item["name"]),
    Column("REPLICAS", lambda item: _both(item, "replicas")),
    Column("CPU", lambda item: _both(item, "cpu")),
    Column("MEMORY", lambda item: _both(item, "memory")),
]


def _both(item: Any, key: str) -> str:  # noqa: ANN401 - JSON
    used, reserved = str(item["used"][key]), str(item["reserved"][key])
    return used if reserved == "0" else f"{used} (+{reserved})"


def limits(function: F) -> F:
    """A flag per limit; what is not given stays as it is."""
    flags = [
        click.option("--functions", type=int, metavar="N", help="Functions."),
        click.option("--triggers", type=int, metavar="N", help="Triggers."),
        click.option("--replicas", type=int, metavar="N", help="Replicas at scaling.max."),
        click.option("--cpu", metavar="QUANTITY", help="CPU of all replicas: 500m, 4."),
        click.option("--memory", metavar="QUANTITY", help="Memory of all replicas: 512Mi, 8Gi."),
        click.option("--hosts", type=int, metavar="N", help="Hosts."),
        click.option("--requests-per-second", type=int, metavar="N", help="Requests a second."),
        click.option("--builds-per-day", type=int, metavar="N", help="Builds a day."),
    ]
    for flag in reversed(flags):
        function = flag(function)
    return function


def counts(function: F) -> F:
    """A flag for what is counted over a whole tenant, each."""
    flags = [
        click.option("--namespaces", type=int, metavar="N", help="Namespaces, of the tenant."),
        click.option(
            "--tokens", type=int, metavar="N", help="Tokens valid at once, of the tenant."
        ),
    ]
    for flag in reversed(flags):
        function = flag(function)
    return function


def given(values: dict[str, Any]) -> dict[str, Any]:
    """The limits that were given, by the API's names."""
    names = {"requests_per_second": "requestsPerSecond", "builds_per_day": "buildsPerDay"}
    return {names.get(key, key): value for key, value in values.items() if value is not None}


@quota.command(
    "set",
    examples=(
        "funkhaus quota set --namespace batch --cpu 1",
        "funkhaus quota set --namespace shop --cpu 7 --replicas 40",
    ),
)
@click.option("--namespace", "-n", type=NAMESPACE, required=True, metavar="NAME", help="Whose.")
@limits
@output(("table", "json", "yaml"))
@tenanted
@click.pass_obj
def set_quota(session: Session, /, *, namespace: str, output: str, **values: Any) -> None:  # noqa: ANN401 - the limits
    """Move quota between the tenant's own namespaces (owners): take from one, then give to another."""
    changes = given(values)
    if not changes:
        raise click.UsageError("nothing to set: give a limit, for example --cpu 2")
    path = session.tenant_path("namespaces", namespace, "quota")

    def write(books: dict[str, Any], headers: dict[str, str]) -> dict[str, Any]:
        hard = _of_namespace(books, namespace)["hard"]
        changed: dict[str, Any] = session.api.put(path, {**hard, **changes}, headers=headers)
        return changed

    _shown(_written(session, write), output, f"Namespace {namespace}")


def _written(
    session: Session, write: Callable[[dict[str, Any], dict[str, str]], dict[str, Any]]
) -> dict[str, Any]:
    """Have `write` change what was read; again where only use has changed in between, as it does all the time."""
    books, headers = session.api.read(session.tenant_path("quota"))
    for _ in range(_TRIES):
        try:
            return write(books, headers)
        except Failure as failure:
            if failure.code != "precondition-failed":
                raise
            before = books
            books, headers = session.api.read(session.tenant_path("quota"))
            if _decided(books) != _decided(before):
                raise Failure(
                    "somebody else changed the quota in this moment; nothing was done",
                    hint="`funkhaus quota show` says what it is now",
                    code=failure.code,
                ) from failure
    raise Failure("the quota is in so much use that it can't be changed now", hint="try again")


def _decided(books: dict[str, Any]) -> Any:  # noqa: ANN401 - JSON
    """What people decided of the books, without what is used."""
    shares = {item["name"]: item["hard"] for item in books["namespaces"]}
    return books["base"], books["approved"], books["override"], shares


@quota.command("override")
@click.option("--reason", metavar="TEXT", help="Why.")
@click.option("--days", type=int, default=30, show_default=True, metavar="N", help="For how long.")
@click.option("--clear", is_flag=True, help="Back to the plan's quota.")
@limits
@counts
@output(("table", "json", "yaml"))
@tenanted
@click.pass_obj
def override(
    session: Session,
    /,
    *,
    reason: str | None,
    days: int,
    clear: bool,
    output: str,
    **values: Any,  # noqa: ANN401 - likewise
) -> None:
    """Give a tenant another quota than its plan's, for some days (platform admins).

    What was approved on request comes on top of it, as it does on top of the plan's.
    """
    path = session.tenant_path("quota", "override")
    changes = given(values)
    if not clear and not (changes and reason):
        raise click.UsageError("an override needs --reason and at least one limit")

    def write(books: dict[str, Any], headers: dict[str, str]) -> dict[str, Any]:
        facts = {"reason": reason, "days": days}
        changed: dict[str, Any] = (
            session.api.delete(path, headers=headers)
            if clear
            else session.api.put(path, {**books["base"], **changes, **facts}, headers=headers)
        )
        return changed

    _shown(_written(session, write), output, f"Tenant {session.tenant}")


def _shown(document: dict[str, Any], output: str, title: str) -> None:
    if output == "table":
        click.echo(f"{title}\n{_account(document)}")
    else:
        click.echo(as_json(document) if output == "json" else as_yaml(document))
