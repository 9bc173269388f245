"""`funkhaus approval list|show|approve|reject|renew`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from funkhaus_cli.layout import pairs, section
from funkhaus_cli.options import NAME, Noun, output, tenanted
from funkhaus_cli.output import Column, age, as_json, as_yaml, show_list, show_one

if TYPE_CHECKING:
    from collections.abc import Iterator

    from funkhaus_cli.session import Session

STATES = ("pending", "approved", "rejected", "expired", "superseded", "withdrawn")


@click.group("approval", cls=Noun, aliases={"get": "list", "describe": "show"})
def approval() -> None:
    """What is held until somebody says yes.

    A change that the house rules ask approval for is stored and held: what ran before goes on running.
    """


@approval.command(
    "list",
    examples=("funkhaus approval list --state pending", "funkhaus approval list --waiting"),
)
@click.option("--state", type=click.Choice(STATES), help="Only those in this state.")
@click.option("--waiting", is_flag=True, help="What waits in all tenants (platform roles).")
@output()
@tenanted
@click.pass_obj
def listed(session: Session, *, state: str | None, waiting: bool, output: str) -> None:
    """Approvals of the tenant and what became of them, newest first."""
    if waiting and state:
        raise click.UsageError("--waiting is of those that are pending: give --state or --waiting")
    path = "/v1/approvals" if waiting else session.tenant_path("approvals")
    now = session.now()
    columns = [
        Column("ID", lambda item: item["id"]),
        *([Column("TENANT", lambda item: item["tenant"])] if waiting else []),
        Column("STATE", lambda item: item["state"]),
        Column("OBJECT", _object),
        Column("RULES", lambda item: ", ".join(_codes(item))),
        Column("AGE", lambda item: age(item["requestedAt"], now)),
        Column("ENDS", lambda item: _ends(item, now)),
        Column("BY", lambda item: item["requestedBy"], wide=True),
        Column("APPROVERS", lambda item: item["approvers"]["words"], wide=True),
        Column("REASON", lambda item: item["reason"], wide=True),
    ]
    items = session.api.items(path, **({"state": state} if state else {}))
    show_list(items, columns, output, none="No approvals.", name=lambda item: str(item["id"]))


def _object(item: Any) -> str:  # noqa: ANN401 - JSON
    return f"{item['kind']} {item['namespace']}/{item['name']}"


def _codes(item: Any) -> list[str]:  # noqa: ANN401 - JSON
    return sorted({finding["code"] for finding in item["findings"]})


def _ends(item: Any, now: datetime) -> str:  # noqa: ANN401 - JSON
    at = item["expiresAt"] if item["state"] == "pending" else item["endsAt"]
    return age(at, now) if at else ""


@approval.command("show", examples=("funkhaus approval show 1f7c0c1e-8d5e-4a37-9a55-0c2f0f6f2a11",))
@click.argument("approval_id", metavar="ID", type=NAME)
@output(("text", "json", "yaml"))
@tenanted
@click.pass_obj
def show(session: Session, approval_id: str, *, output: str) -> None:
    """One: what it is about, why it is asked for, who may decide, who did."""
    document = session.api.get(session.tenant_path("approvals", approval_id))
    if output == "text":
        click.echo("\n".join(_page(document, session.now())))
    else:
        click.echo(as_json(document) if output == "json" else as_yaml(document))


def _page(item: Any, now: datetime) -> Iterator[str]:  # noqa: ANN401 - JSON
    decided = f"{item['decidedBy']}, {age(item['decidedAt'], now)} ago" if item["decidedBy"] else ""
    yield from pairs(
        ("Approval", item["id"]),
        ("State", item["state"]),
        ("Object", f"{_object(item)} of tenant {item['tenant']}"),
        ("Content", item["specDigest"]),
        ("Asked by", f"{item['requestedBy']}, {age(item['requestedAt'], now)} ago"),
        ("Takes", item["approvers"]["words"]),
        ("Decided", decided),
        ("Reason", item["reason"]),
        ("Ends", _ends(item, now)),
    )
    yield ""
    yield from section("Why", [_why(finding) for finding in item["findings"]])
    if item["votes"]:
        yield ""
        yield from section("Said yes", [_vote(vote, now) for vote in item["votes"]])


def _why(finding: Any) -> str:  # noqa: ANN401 - JSON
    place = f"{finding['path']}: " if finding["path"] else ""
    return f"{place}{finding['message']}"


def _vote(vote: Any, now: datetime) -> str:  # noqa: ANN401 - JSON
    until = f", until {vote['until']}" if vote["until"] else ""
    reason = f": {vote['reason']}" if vote["reason"] else ""
    return f"{vote['by']}, {age(vote['at'], now)} ago{until}{reason}"


@approval.command(
    "approve",
    examples=("funkhaus approval approve 1f7c0c1e-8d5e-4a37-9a55-0c2f0f6f2a11 --until 2026-12-31",),
)
@click.argument("approval_id", metavar="ID", type=NAME)
@click.option("--reason", default="", metavar="TEXT", help="Why, for the record.")
@click.option(
    "--until",
    type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%SZ"]),
    metavar="DATE",
    help="From then on (UTC) a change needs another; what runs goes on.",
)
@output(("table", "json", "yaml", "name"))
@tenanted
@click.pass_obj
def approve(
    session: Session, approval_id: str, *, reason: str, until: datetime | None, output: str
) -> None:
    """Say yes. Never to one's own change."""
    body = {"reason": reason}
    if until:
        body["until"] = until.replace(tzinfo=UTC).isoformat()
    _decide(session, approval_id, "approve", body, output)


@approval.command("reject")
@click.argument("approval_id", metavar="ID", type=NAME)
@click.option("--reason", required=True, metavar="TEXT", help="Why, for who asked.")
@output(("table", "json", "yaml", "name"))
@tenanted
@click.pass_obj
def reject(session: Session, approval_id: str, *, reason: str, output: str) -> None:
    """Say no: a change of the object asks anew, or `renew`."""
    _decide(session, approval_id, "reject", {"reason": reason}, output)


@approval.command(
    "renew", examples=("funkhaus approval renew 1f7c0c1e-8d5e-4a37-9a55-0c2f0f6f2a11",)
)
@click.argument("approval_id", metavar="ID", type=NAME)
@click.option("--reason", default="", metavar="TEXT", help="Why, for the record.")
@output(("table", "json", "yaml", "name"))
@tenanted
@click.pass_obj
def renew(session: Session, approval_id: str, *, reason: str, output: str) -> None:
    """Ask once more for what was rejected or has expired, as it is. Three times a day, the first included."""
    _, headers = session.api.read(session.tenant_path("approvals", approval_id))
    path = session.tenant_path("approvals", approval_id, "renew")
    document = session.api.post(path, {"reason": reason}, headers=headers)
    said = (
        f"{_object(document)} of tenant {document['tenant']} waits again for {document['approvers']['words']} "
        f"(approval {document['id']})."
    )
    show_one(document, output, name=str(document["id"]), said=said)


def _decide(
    session: Session, approval_id: str, verb: str, body: dict[str, str], output: str
) -> None:
    """On what it is now: whatever becomes of it in between, nothing else is decided."""
    _, headers = session.api.read(session.tenant_path("approvals", approval_id))
    path = session.tenant_path("approvals", approval_id, verb)
    document = session.api.post(path, body, headers=headers)
    left = document["approvers"]["people"] - len(document["votes"])
    said = f"{_object(document)} of tenant {document['tenant']} is {document['state']}."
    if document["state"] == "pending":
        said = f"Noted. {_object(document)} needs {left} more of: {document['approvers']['words']}."
    show_one(document, output, name=approval_id, said=said)
