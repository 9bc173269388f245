"""`funkhaus tenant request|requests|approve|reject|withdraw`: they belong to the noun `tenant`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from funkhaus_cli.commands.tenants import tenant
from funkhaus_cli.options import NAME, connection, output
from funkhaus_cli.output import Column, age, show_list, show_one

if TYPE_CHECKING:
    from funkhaus_cli.session import Session

_PATH = "/v1/tenant-requests"


@tenant.command(
    "request",
    examples=('funkhaus tenant request acme --plan large --reason "the fair, 40 functions"',),
)
@click.argument("tenant_id", metavar="ID", type=NAME)
@click.option("--plan", required=True, help="Plan it is to have.")
@click.option("--reason", required=True, metavar="TEXT", help="Why, for who decides.")
@click.option("--display-name", metavar="TEXT", default="", help="Name for people.")
@output(("table", "json", "yaml", "name"))
@connection()
@click.pass_obj
def request(
    session: Session, tenant_id: str, *, plan: str, reason: str, display_name: str, output: str
) -> None:
    """Ask for a tenant that `tenant create` refuses. Once approved it is yours."""
    body = {"id": tenant_id, "plan": plan, "displayName": display_name, "reason": reason}
    document = session.api.post(_PATH, body)
    said = (
        f"Asked for tenant {tenant_id} with plan {plan}: request {document['id']}.\n"
        "An approver decides; `funkhaus tenant requests` shows what they said."
    )
    show_one(document, output, name=document["id"], said=said)


@tenant.command("requests")
@click.option("--waiting", is_flag=True, help="What waits, of everybody (approvers).")
@output()
@connection()
@click.pass_obj
def requests(session: Session, *, waiting: bool, output: str) -> None:
    """Your requests for tenants and what became of them, newest first."""
    now = session.now()
    columns = [
        Column("ID", lambda item: item["id"]),
        Column("TENANT", lambda item: item["tenant"]),
        Column("PLAN", lambda item: item["plan"]),
        Column("STATE", lambda item: item["state"]),
        *([Column("BY", _who)] if waiting else []),
        Column("AGE", lambda item: age(item["requestedAt"], now)),
        Column("REASON", lambda item: item["reason"]),
        Column("NOTE", lambda item: item["note"], wide=waiting),
    ]
    items = session.api.items(_PATH if waiting else "/v1/me/tenant-requests")
    show_list(items, columns, output, none="No requests.", name=lambda item: str(item["id"]))


def _who(item: Any) -> str:  # noqa: ANN401 - JSON
    return str(item["requesterEmail"] or item["requesterName"] or item["requestedBy"])


def _decided(session: Session, request_id: str, verb: str, note: str, output: str) -> None:
    from funkhaus_cli.client import segment  # noqa: PLC0415 - httpx, see `session`

    document = session.api.post(segment("tenant-requests", request_id, verb), {"note": note})
    said = f"Request {request_id} for tenant {document['tenant']} is {document['state']}."
    show_one(document, output, name=request_id, said=said)


@tenant.command("approve")
@click.argument("request_id", metavar="REQUEST", type=NAME)
@click.option("--note", default="", metavar="TEXT", help="For who asked.")
@output(("table", "json", "yaml", "name"))
@connection()
@click.pass_obj
def approve(session: Session, request_id: str, *, note: str, output: str) -> None:
    """Say yes, which makes the tenant (platform admins and approvers; never to one's own)."""
    _decided(session, request_id, "approve", note, output)


@tenant.command("reject")
@click.argument("request_id", metavar="REQUEST", type=NAME)
@click.option("--note", default="", metavar="TEXT", help="For who asked.")
@output(("table", "json", "yaml", "name"))
@connection()
@click.pass_obj
def reject(session: Session, request_id: str, *, note: str, output: str) -> None:
    """Say no (platform admins and approvers; never to one's own)."""
    _decided(session, request_id, "reject", note, output)


@tenant.command("withdraw")
@click.argument("request_id", metavar="REQUEST", type=NAME)
@output(("table", "json", "yaml", "name"))
@connection()
@click.pass_obj
def withdraw(session: Session, request_id: str, *, output: str) -> None:
    """Take back a request of yours that waits."""
    from funkhaus_cli.client import segment  # noqa: PLC0415 - httpx, see `session`

    document = session.api.delete(segment("tenant-requests", request_id))
    said = f"Request {request_id} is {document['state']}."
    show_one(document, output, name=request_id, said=said)
