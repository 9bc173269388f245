"""`funkhaus plan list|show`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from funkhaus_cli.commands.quotas import WORDS
from funkhaus_cli.failure import Exit, Failure
from funkhaus_cli.options import Noun, connection, output
from funkhaus_cli.output import Column, as_json, as_yaml, show_list, table

if TYPE_CHECKING:
    from funkhaus_cli.session import Session

_COLUMNS = [
    Column("ID", lambda item: item["id"]),
    Column("SELF-SERVICE", lambda item: "yes" if item["selfService"] else "on request"),
    Column("NAMESPACES", lambda item: str(item["namespaces"])),
    Column("FUNCTIONS", lambda item: str(item["tenantQuota"]["functions"])),
    Column("CPU", lambda item: item["tenantQuota"]["cpu"]),
    Column("MEMORY", lambda item: item["tenantQuota"]["memory"]),
    Column("HOSTS", lambda item: str(item["tenantQuota"]["hosts"]), wide=True),
]
_LIMITS = [
    Column("", lambda row: row["what"]),
    Column("NAMESPACE", lambda row: row["namespace"]),
    Column("TENANT", lambda row: row["tenant"]),
]


@click.group("plan", cls=Noun, aliases={"get": "show", "describe": "show"})
def plan() -> None:
    """What tenants may have."""


@plan.command("list")
@output()
@connection()
@click.pass_obj
def list_plans(session: Session, *, output: str) -> None:
    """The platform's plans, with the most a tenant of each holds."""
    items = session.api.items("/v1/plans")
    show_list(items, _COLUMNS, output, none="No plans.", name=lambda item: str(item["id"]))


@plan.command("show", examples=("funkhaus plan show small",))
@click.argument("plan_id", metavar="PLAN")
@output(("table", "json", "yaml"))
@connection()
@click.pass_obj
def show(session: Session, *, plan_id: str, output: str) -> None:
    """What a plan gives: to a new namespace, and to all of a tenant's together."""
    found = {item["id"]: item for item in session.api.items("/v1/plans")}
    if plan_id not in found:
        raise Failure(
            f"there is no plan {plan_id}",
            Exit.NOT_FOUND,
            hint="`funkhaus plan list` shows what there is",
        )
    item: dict[str, Any] = found[plan_id]
    if output != "table":
        click.echo(as_json(item) if output == "json" else as_yaml(item))
        return
    how = "by self-service" if item["selfService"] else "on request: `funkhaus tenant request`"
    click.echo(f"Plan {plan_id} ({how})")
    rows = [
        {"what": what, "namespace": "", "tenant": str(item[what])}
        for what in ("namespaces", "tokens")
    ]
    rows += [
        {
            "what": word,
            **{level: str(item[f"{level}Quota"][key]) for level in ("namespace", "tenant")},
        }
        for key, word in WORDS.items()
    ]
    click.echo(table(_LIMITS, rows, wide=False))
