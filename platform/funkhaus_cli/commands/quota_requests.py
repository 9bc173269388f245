"""`funkhaus quota request|requests|approve|reject|return`: they belong to the noun `quota`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from funkhaus_cli.commands.quotas import counts, given, limits, quota
from funkhaus_cli.completion import NAMESPACE
from funkhaus_cli.options import NAME, output, tenanted
from funkhaus_cli.output import Column, age, show_list, show_one

if TYPE_CHECKING:
    from funkhaus_cli.session import Session


@quota.command(
    "request",
    examples=(
        'funkhaus quota request --namespace shop --cpu 4 --replicas 10 --days 7 --reason "the fair"',
        'funkhaus quota request --namespaces 1 --reason "a stage for tests"',
    ),
)
@click.option("--namespace", "-n", type=NAMESPACE, metavar="NAME", help="Whose share grows too.")
@click.option("--reason", required=True, metavar="TEXT", help="Why, for who decides.")
@click.option("--days", type=int, default=30, show_default=True, metavar="N", help="For how long.")
@limits
@counts
@output(("table", "json", "yaml", "name"))
@tenanted
@click.pass_obj
def request(
    session: Session,
    /,
    *,
    namespace: str | None,
    reason: str,
    days: int,
    output: str,
    **values: Any,  # noqa: ANN401 - the limits
) -> None:
    """Ask for more: the limits given come on top of what there is.

    Namespaces and tokens are counted over the tenant, so such a request names no namespace.
    """
    extra = given(values)
    if not extra:
        raise click.UsageError("ask for more of something, for example --cpu 2")
    body = {"extra": extra, "namespace": namespace or "", "reason": reason, "days": days}
    document = session.api.post(session.tenant_path("quota", "requests"), body)
    said = (
        f"Asked for {_extra(document)} for {days} days: request {document['id']}.\n"
        "An approver decides; `funkhaus quota requests` shows what they said."
    )
    show_one(document, output, name=document["id"], said=said)


def _extra(item: Any) -> str:  # noqa: ANN401 - JSON
    return ", ".join(
        f"{key} {value}" for key, value in item["extra"].items() if value not in {0, "0"}
    )


@quota.command("requests")
@click.option("--waiting", is_flag=True, help="What waits in all tenants (approvers).")
@output()
@tenanted
@click.pass_obj
def requests(session: Session, *, waiting: bool, output: str) -> None:
    """Requests for more quota and what became of them, newest first."""
    path = "/v1/quota-requests" if waiting else session.tenant_path("quota", "requests")
    now = session.now()
    columns = [
        Column("ID", lambda item: item["id"]),
        *([Column("TENANT", lambda item: item["tenant"])] if waiting else []),
        Column("STATE", lambda item: item["state"]),
        Column("EXTRA", _extra),
        Column("NAMESPACE", lambda item: item["namespace"]),
        Column("AGE", lambda item: age(item["requestedAt"], now)),
        Column("ENDS", lambda item: age(item["expiresAt"], now) if item["expiresAt"] else ""),
        Column("REASON", lambda item: item["reason"]),
        Column("NOTE", lambda item: item["note"], wide=True),
    ]
    items = session.api.items(path)
    show_list(items, columns, output, none="No requests.", name=lambda item: str(item["id"]))


def _decided(session: Session, request_id: str, verb: str, note: str, output: str) -> None:
    path = session.tenant_path("quota", "requests", request_id, verb)
    document = session.api.post(path, {"note": note})
    said = f"Request {request_id} of tenant {session.tenant} is {document['state']}."
    show_one(document, output, name=request_id, said=said)


@quota.command("approve")
@click.argument("request_id", metavar="ID", type=NAME)
@click.option("--note", default="", metavar="TEXT", help="For who asked.")
@output(("table", "json", "yaml", "name"))
@tenanted
@click.pass_obj
def approve(session: Session, request_id: str, *, note: str, output: str) -> None:
    """Say yes (platform admins and approvers; never to one's own)."""
    _decided(session, request_id, "approve", note, output)


@quota.command("reject")
@click.argument("request_id", metavar="ID", type=NAME)
@click.option("--note", default="", metavar="TEXT", help="For who asked.")
@output(("table", "json", "yaml", "name"))
@tenanted
@click.pass_obj
def reject(session: Session, request_id: str, *, note: str, output: str) -> None:
    """Say no (platform admins and approvers; never to one's own)."""
    _decided(session, request_id, "reject", note, output)


@quota.command("return")
@click.argument("request_id", metavar="ID", type=NAME)
@output(("table", "json", "yaml", "name"))
@tenanted
@click.pass_obj
def give_back(session: Session, request_id: str, *, output: str) -> None:
    """Withdraw a request that waits, or give back what was approved."""
    document = session.api.delete(session.tenant_path("quota", "requests", request_id))
    said = f"Request {request_id} is {document['state']}."
    show_one(document, output, name=request_id, said=said)
