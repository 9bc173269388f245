"""`funkhaus autoscale create|list|delete`: how many replicas a function may have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from funkhaus_cli.commands.functions import listed
from funkhaus_cli.completion import FUNCTION
from funkhaus_cli.failure import Exit, Failure
from funkhaus_cli.options import Noun, asking, confirmed, namespaced, output
from funkhaus_cli.output import Column, show_list, show_one

if TYPE_CHECKING:
    from collections.abc import Mapping

    from funkhaus_cli.session import Session


@click.group("autoscale", cls=Noun)
def autoscale() -> None:
    """Scale functions by the CPU they use."""


@autoscale.command(
    "create",
    examples=(
        "funkhaus autoscale create hello --min 1 --max 5 --value 70",
        "funkhaus autoscale create hello --min 0 --max 5 --idle 60",
    ),
)
@click.argument("function", type=FUNCTION)
@click.option(
    "--min",
    "low",
    type=int,
    default=1,
    show_default=True,
    metavar="N",
    help="Replicas at least; 0: none while nobody calls.",
)
@click.option("--max", "high", type=int, required=True, metavar="N", help="Replicas at most.")
@click.option(
    "--value", metavar="PERCENT", help="CPU utilisation to hold, in percent of the limit [80]."
)
@click.option(
    "--idle",
    type=int,
    metavar="SECONDS",
    help="With --min 0: without a call for so long it sleeps [300].",
)
@click.option("--metric", default="cpu", show_default=True, help="What to scale by: cpu.")
@output(("table", "json", "yaml", "name"))
@namespaced
@click.pass_obj
def create(
    session: Session,
    function: str,
    *,
    low: int,
    high: int,
    value: str | None,
    idle: int | None,
    metric: str,
    output: str,
) -> None:
    """Scale FUNCTION between --min and --max replicas.

    There are as many as it takes for each to use --value percent of its CPU limit. With --min 0 there are none after
    --idle seconds without a call; the next call waits until one is ready.
    """
    if metric != "cpu":
        raise Failure(
            f"--metric {metric}: functions scale by cpu only, for now",
            Exit.USAGE,
            hint="requests per second (qps) needs a metrics adapter the platform does not have yet",
        )
    body: dict[str, Any] = {"min": low, "max": high}
    if value is not None:
        body["cpuPercent"] = _percent(value)
    if idle is not None:
        body["idle"] = idle
    document = session.api.put(session.path("functions", function, "scaling"), body)
    scaling = (document.get("spec") or {}).get("scaling") or body
    show_one(
        document,
        output,
        name=function,
        said=f"Function {function} in {session.place} scales from {scaling['min']} to {scaling['max']} replicas"
        f" at {scaling.get('cpuPercent', 80)} % CPU{_slept(scaling)}.",
    )


def _slept(scaling: Mapping[str, Any]) -> str:
    if scaling["min"]:
        return ""
    return f", and sleeps after {scaling.get('idle', 300)} s without a call"


def _percent(text: str) -> int:
    try:
        return int(text.removesuffix("%").strip())
    except ValueError:
        raise click.BadParameter(
            f"{text!r} is no percentage; 70 passes", param_hint="--value"
        ) from None


@autoscale.command("list")
@click.option("--all-namespaces", "-A", is_flag=True, help="In every namespace of the tenant.")
@output()
@namespaced
@click.pass_obj
def list_scaled(session: Session, *, all_namespaces: bool, output: str) -> None:
    """Functions that scale."""
    items = [
        item for item in listed(session, "functions", everywhere=all_namespaces) if _scales(item)
    ]
    columns = [
        *([Column("NAMESPACE", lambda item: item.get("namespace"))] if all_namespaces else []),
        Column("FUNCTION", lambda item: item["name"]),
        Column("MIN", lambda item: item["spec"]["scaling"].get("min", 1)),
        Column("MAX", lambda item: item["spec"]["scaling"].get("max", 1)),
        Column("METRIC", lambda _: "cpu"),
        Column("VALUE", lambda item: f"{item['spec']['scaling'].get('cpuPercent', 80)}%"),
        Column("REPLICAS", lambda item: (item["status"].get("replicas") or {}).get("summary")),
    ]
    place = f"tenant {session.tenant}" if all_namespaces else session.place
    show_list(items, columns, output, none=f"No function scales in {place}.")


def _scales(item: Mapping[str, Any]) -> bool:
    scaling = item["spec"].get("scaling") or {}
    return bool(scaling.get("max", 1) != scaling.get("min", 1))


@autoscale.command("delete")
@click.argument("function", type=FUNCTION)
@asking
@namespaced
@click.pass_obj
def delete(session: Session, function: str, *, yes: bool) -> None:
    """Back to one replica."""
    confirmed(f"Have function {function} in {session.place} run one replica?", yes=yes)
    session.api.delete(session.path("functions", function, "scaling"))
    click.echo(f"Function {function} in {session.place} no longer scales: one replica.")
