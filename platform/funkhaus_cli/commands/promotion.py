"""`funkhaus function promote`: one revision for all calls, after a split showed that it is good."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from funkhaus_cli.commands.function_flags import WAIT_SECONDS
from funkhaus_cli.commands.functions import function
from funkhaus_cli.completion import FUNCTION
from funkhaus_cli.failure import Exit, Failure
from funkhaus_cli.options import NAME, Seconds, flags_set, namespaced, output
from funkhaus_cli.output import show_one
from funkhaus_cli.waiting import until_ready

if TYPE_CHECKING:
    from funkhaus_cli.session import Session

LEAST = 0.1
"""Seconds a last look is given."""


@function.command(
    "promote",
    examples=(
        "funkhaus function promote hello",
        "funkhaus function promote hello --revision 3f9a1c",
    ),
)
@click.argument("name", type=FUNCTION)
@click.option(
    "--revision",
    type=NAME,
    metavar="REVISION",
    help="Its name or its digits; else the one that was deployed last.",
)
@click.option("--dry-run", is_flag=True, help="Ask whether it would be let in; change nothing.")
@click.option("--wait/--no-wait", "-w", default=True, help="See it through [--wait].")
@click.option(
    "--wait-timeout",
    type=Seconds(LEAST),
    default=WAIT_SECONDS,
    metavar="SECONDS",
    help=f"How long --wait waits [{WAIT_SECONDS:g}].",
)
@output(("table", "json", "yaml", "name"))
@namespaced
@click.pass_obj
def promote(
    session: Session, name: str, *, revision: str | None, dry_run: bool, wait: bool, wait_timeout: float, output: str
) -> None:  # fmt: skip
    """Lead all calls to one revision: the function asks for it, and once it serves no trigger splits any more."""
    ends = session.clock() + wait_timeout
    waits = wait and not dry_run
    if waits and not revision:
        _until_ready(session, name, ends)
    found = _ask(session, name, revision, dry_run=dry_run)
    while waits and not found["done"]:
        if output == "table":
            click.echo(f"Revision {found['revision']} takes over; splits stand until it serves.")
        _until_ready(session, name, ends)
        found = _ask(session, name, found["revision"], dry_run=False)
        if not found["done"] and session.clock() >= ends:
            raise Failure(
                f"revision {found['revision']} does not serve after {wait_timeout:g} s; splits stand as they were",
                Exit.NOT_READY,
                hint=f"funkhaus function describe {name}",
            )
    if dry_run:
        click.echo("Dry run: admitted, and nothing was changed.", err=True)
    show_one(found, output, name=name, said=_said(session, name, found))


def _until_ready(session: Session, name: str, ends: float) -> None:
    left = max(LEAST, ends - session.clock())
    until_ready(session, lambda: session.api.get(session.path("functions", name)), name, left)


def _ask(session: Session, name: str, revision: str | None, *, dry_run: bool) -> dict[str, Any]:
    body = {"revision": revision} if revision else {}
    path = session.path("functions", name, "promote")
    return dict(session.api.post(path, body, flags_set(dryRun=dry_run)))


def _said(session: Session, name: str, found: dict[str, Any]) -> str:
    triggers, revision = ", ".join(found["triggers"]), found["revision"]
    if found["done"]:
        ended = f"no split any more: {triggers}" if triggers else "no trigger splits"
        return f"Promoted function {name} in {session.place}: revision {revision} gets all calls, {ended}."
    if triggers:
        return f"Revision {revision} would get all calls; these triggers would split no more: {triggers}."
    return f"Function {name} asks for revision {revision}; promote it once more when it serves."
