"""`funkhaus function top`: what functions and their replicas do and use now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from funkhaus_cli.commands.functions import function, listed
from funkhaus_cli.completion import FUNCTION
from funkhaus_cli.failure import Exit, Failure
from funkhaus_cli.options import namespaced, output
from funkhaus_cli.output import Column, show_list

if TYPE_CHECKING:
    from funkhaus_cli.session import Session

_MIB = 1024 * 1024
_UNKNOWN = "-"


@function.command("top")
@click.argument("names", nargs=-1, type=FUNCTION)
@click.option("--replicas", is_flag=True, help="A line for each replica.")
@output()
@namespaced
@click.pass_obj
def top(session: Session, names: tuple[str, ...], *, replicas: bool, output: str) -> None:
    """Calls, errors, times, CPU and memory of functions; NAMES narrow the list.

    Replicas count calls since they began. What nobody says is "-": of a replica that does not answer, on a cluster without
    a metrics server.
    """
    wanted = names or tuple(item["name"] for item in listed(session, "functions", everywhere=False))
    found = [one for name in wanted if (one := _load(session, name, named=bool(names)))]
    rows = (
        [{"function": one["name"], **row} for one in found for row in one["replicas"]]
        if replicas
        else [{"count": len(one["replicas"]), "name": one["name"], **one["total"]} for one in found]
    )
    if output in {"json", "yaml"}:
        show_list(found, [], output, none="")
        return
    none = (
        f"No replica runs in {session.place}." if replicas else f"No functions in {session.place}."
    )
    show_list(rows, _columns(replicas=replicas), output, none=none)
    for why in sorted(
        {one["unmeasured"] for one in found if one["unmeasured"] and one["replicas"]}
    ):
        click.echo(f"No CPU and memory: {why}.", err=True)


def _load(session: Session, name: str, *, named: bool) -> dict[str, Any] | None:
    """One function's; nothing for one that was deleted since the list was read."""
    try:
        found: dict[str, Any] = session.api.get(session.path("functions", name, "load"))
    except Failure as failure:
        if named or failure.exit != Exit.NOT_FOUND:
            raise
        return None
    return found


def _columns(*, replicas: bool) -> list[Column]:
    first = (
        [
            Column("FUNCTION", lambda row: row["function"]),
            Column("REPLICA", lambda row: row["name"]),
        ]
        if replicas
        else [Column("NAME", lambda row: row["name"]), Column("REPLICAS", lambda row: row["count"])]
    )
    return [
        *first,
        Column("CALLS", lambda row: _or_unknown(row["calls"])),
        Column("ERRORS", lambda row: _or_unknown(row["errors"])),
        Column("RUNNING", lambda row: _or_unknown(row["running"])),
        Column("P50", lambda row: _time(row["p50Ms"])),
        Column("P95", lambda row: _time(row["p95Ms"])),
        Column("CPU", lambda row: _or_unknown(row["cpuMilli"], "m")),
        Column("MEMORY", lambda row: _memory(row["memoryBytes"])),
    ]


def _or_unknown(value: int | None, unit: str = "") -> str:
    return _UNKNOWN if value is None else f"{value}{unit}"


def _time(milliseconds: float | None) -> str:
    if milliseconds is None:
        return _UNKNOWN
    return f"{milliseconds:.3g} ms" if milliseconds < 1000 else f"{milliseconds / 1000:.3g} s"  # noqa: PLR2004 - a second


def _memory(size: int | None) -> str:
    return _UNKNOWN if size is None else f"{size / _MIB:.0f}Mi"
