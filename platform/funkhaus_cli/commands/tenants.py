"""`funkhaus tenant create|list|get|suspend|resume|delete|undelete`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from funkhaus_cli.completion import TENANT
from funkhaus_cli.options import NAME, Noun, connection, output, retyped
from funkhaus_cli.output import Column, show_list, show_one

if TYPE_CHECKING:
    from funkhaus_cli.session import Session


def _why(item: Any) -> str:  # noqa: ANN401 - JSON
    """Who had the tenant rest or go, and why."""
    said = []
    if deletion := item.get("deletion"):
        reason = f": {deletion['reason']}" if deletion["reason"] else ""
        said.append(f"gone after {deletion['after']}, asked by {deletion['askedBy']}{reason}")
    if suspension := item.get("suspension"):
        said.append(f"suspended by {suspension['by']}: {suspension['reason']}")
    return "; ".join(said)


_COLUMNS = [
    Column("ID", lambda item: item["id"]),
    Column("PLAN", lambda item: item.get("plan")),
    Column("STATE", lambda item: item.get("state")),
    Column("NAME", lambda item: item.get("displayName")),
    Column("WHY", _why, wide=True),
]


@click.group("tenant", cls=Noun, aliases={"describe": "get"})
def tenant() -> None:
    """Who owns namespaces, members, a plan and a quota."""


@tenant.command("create")
@click.argument("tenant_id", metavar="ID", type=NAME)
@click.option("--plan", help="Plan [small].")
@click.option("--display-name", metavar="TEXT", help="Name for people.")
@output(("table", "json", "yaml", "name"))
@connection()
@click.pass_obj
def create(
    session: Session, tenant_id: str, *, plan: str | None, display_name: str | None, output: str
) -> None:
    """Create a tenant: whoever signed in, within what is free for them, and owns it then; platform admins any.

    Its id is never given out again.
    """
    body: dict[str, Any] = {"id": tenant_id}
    if plan is not None:
        body["plan"] = plan
    if display_name is not None:
        body["displayName"] = display_name
    document = session.api.post("/v1/tenants", body)
    show_one(
        document,
        output,
        name=tenant_id,
        said=f"Created tenant {tenant_id} with plan {document.get('plan')}.",
    )


@tenant.command("list")
@output()
@connection()
@click.pass_obj
def list_tenants(session: Session, *, output: str) -> None:
    """Tenants: all for platform admins, your own otherwise."""
    items = session.api.items("/v1/tenants")
    show_list(items, _COLUMNS, output, none="No tenants.", name=lambda item: str(item["id"]))


@tenant.command("get")
@click.argument("tenant_id", metavar="ID", type=TENANT)
@output()
@connection()
@click.pass_obj
def get(session: Session, tenant_id: str, *, output: str) -> None:
    """One tenant."""
    from funkhaus_cli.client import segment  # noqa: PLC0415 - httpx, see `session`

    document = session.api.get(segment("tenants", tenant_id))
    if output in {"table", "wide"}:
        show_list([document], _COLUMNS, output, none="")
    else:
        show_one(document, output, name=tenant_id, said="")


@tenant.command(
    "suspend", examples=("funkhaus tenant suspend acme --reason 'invoice 17 is unpaid'",)
)
@click.argument("tenant_id", metavar="ID", type=TENANT)
@click.option("--reason", required=True, metavar="TEXT", help="Why; its members read it.")
@output(("table", "json", "yaml", "name"))
@connection()
@click.pass_obj
def suspend(session: Session, tenant_id: str, *, reason: str, output: str) -> None:
    """Have a tenant rest: no replicas, no changes by its people, data kept (platform admins)."""
    from funkhaus_cli.client import segment  # noqa: PLC0415 - httpx, see `session`

    document = session.api.put(segment("tenants", tenant_id, "suspension"), {"reason": reason})
    said = f"Suspended tenant {tenant_id}; its functions lose their replicas within seconds."
    show_one(document, output, name=tenant_id, said=said)


@tenant.command("resume")
@click.argument("tenant_id", metavar="ID", type=TENANT)
@output(("table", "json", "yaml", "name"))
@connection()
@click.pass_obj
def resume(session: Session, tenant_id: str, *, output: str) -> None:
    """Have a suspended tenant work again (platform admins)."""
    from funkhaus_cli.client import segment  # noqa: PLC0415 - httpx, see `session`

    document = session.api.delete(segment("tenants", tenant_id, "suspension"))
    said = f"Resumed tenant {tenant_id}."
    if document.get("deletion"):
        said += f" It is still being deleted: {_why(document)}."
    show_one(document, output, name=tenant_id, said=said)


@tenant.command(
    "delete",
    examples=(
        "funkhaus tenant delete acme",
        "funkhaus tenant delete acme --grace-days 0 --reason 'a test' --yes",
    ),
)
@click.argument("tenant_id", metavar="ID", type=TENANT)
@click.option("--yes", "-y", is_flag=True, help="Do not ask for the id again.")
@click.option(
    "--grace-days", type=int, metavar="N", help="Fewer days than usual (platform admins)."
)
@click.option("--reason", metavar="TEXT", help="Why; needed with --grace-days.")
@output(("table", "json", "yaml", "name"))
@connection()
@click.pass_obj
def delete(
    session: Session,
    tenant_id: str,
    *,
    yes: bool,
    grace_days: int | None,
    reason: str | None,
    output: str,
) -> None:
    """Have a tenant go with everything in it, after a grace in which it can be taken back (owners, platform admins).

    It rests at once. Audit and usage stay; its id is never given out again.
    """
    from funkhaus_cli.client import segment  # noqa: PLC0415 - httpx, see `session`

    retyped(f"Deleting tenant {tenant_id} takes everything in it.", tenant_id, yes=yes)
    given = {"graceDays": grace_days, "reason": reason}
    params = {key: value for key, value in given.items() if value is not None}
    document = session.api.delete(segment("tenants", tenant_id), params)
    deletion = document.get("deletion") or {}
    said = (
        f"Tenant {tenant_id} rests now and is gone after {deletion.get('after')}; "
        f"`funkhaus tenant undelete {tenant_id}` takes that back until then."
    )
    show_one(document, output, name=tenant_id, said=said)


@tenant.command("undelete")
@click.argument("tenant_id", metavar="ID", type=TENANT)
@output(("table", "json", "yaml", "name"))
@connection()
@click.pass_obj
def undelete(session: Session, tenant_id: str, *, output: str) -> None:
    """Take a deletion back inside its grace (owners, platform admins)."""
    from funkhaus_cli.client import segment  # noqa: PLC0415 - httpx, see `session`

    document = session.api.delete(segment("tenants", tenant_id, "deletion"))
    said = f"Tenant {tenant_id} stays."
    if document.get("suspension"):
        said += f" It is still suspended: {_why(document)}."
    show_one(document, output, name=tenant_id, said=said)
