"""`funkhaus tenant create|list|get`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from funkhaus_cli.completion import TENANT
from funkhaus_cli.options import NAME, Noun, connection, output
from funkhaus_cli.output import Column, show_list, show_one

if TYPE_CHECKING:
    from funkhaus_cli.session import Session

_COLUMNS = [
    Column("ID", lambda item: item["id"]),
    Column("PLAN", lambda item: item.get("plan")),
    Column("NAME", lambda item: item.get("displayName")),
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
    """Create a tenant (platform admins). Its id is never given out again."""
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
