"""`funkhaus function history|diff|rollback`: what a function was, what that changed, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from funkhaus_cli.commands.deployment import finish
from funkhaus_cli.commands.function_flags import WAIT_SECONDS
from funkhaus_cli.commands.functions import function
from funkhaus_cli.completion import FUNCTION
from funkhaus_cli.differences import between
from funkhaus_cli.failure import Exit, Failure
from funkhaus_cli.options import NAME, Seconds, flags_set, namespaced, output
from funkhaus_cli.output import Column, Styled, age, as_json, as_yaml, show_list

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from funkhaus_cli.session import Session

DIGITS = 12
"""Of an image's digest, as far as it is shown."""
_COLOURS = {"serving": "green", "pinned": "green", "failed": "red", "starting": "yellow"}
_WAITS, _IDLE = {"starting", "failed"}, {"kept", "pinned"}


@function.command("history")
@click.argument("name", type=FUNCTION)
@output()
@namespaced
@click.pass_obj
def history(session: Session, name: str, *, output: str) -> None:
    """The revisions that are kept, newest first: whose they are, what they changed, which one serves."""
    now = session.now()
    columns = [
        Column("REVISION", lambda item: item["name"]),
        Column("STATE", _state),
        Column("AUTHOR", lambda item: item["author"]["name"]),
        Column("AGE", lambda item: age(item["createdAt"], now)),
        Column("SERVED", lambda item: age(item["servedAt"], now), wide=True),
        Column("IMAGE", lambda item: _short(item["image"])),
        Column("CHANGED", lambda item: "; ".join(item["changes"]) or _unchanged(item)),
        Column("SOURCE", lambda item: item["sourceDigest"], wide=True),
        Column("BASE", lambda item: item["runtimeImage"], wide=True),
    ]
    items = session.api.items(session.path("functions", name, "revisions"))
    show_list(items, columns, output, none=f"Function {name} has no revision yet.")


def _state(item: Mapping[str, Any]) -> str | Styled:
    state = str(item["state"])
    return Styled(state, _COLOURS[state]) if state in _COLOURS else state


def _short(image: str) -> str:
    digest = image.rpartition("@")[2]
    kind, _, digits = digest.partition(":")
    return f"{kind}:{digits[:DIGITS]}" if digits else image


def _unchanged(item: Mapping[str, Any]) -> str:
    return "the first that is kept" if item["previous"] is None else ""


@function.command(
    "diff",
    examples=("funkhaus function diff hello", "funkhaus function diff hello 3f9a1c 88b0e2"),
)
@click.argument("name", type=FUNCTION)
@click.argument("revisions", nargs=-1, type=NAME, metavar="[FROM] [TO]")
@output(("text", "json", "yaml"))
@namespaced
@click.pass_obj
def diff(session: Session, name: str, revisions: tuple[str, ...], *, output: str) -> None:
    """What one revision has otherwise than another.

    With one named: from it to the one that serves. With none: from the one `rollback` leads to, to the one asked for last.
    """
    if len(revisions) > 2:  # noqa: PLR2004 - from and to
        raise click.UsageError("at most two revisions are compared")
    path = session.path("functions", name, "revisions")
    old, new = _sides(session.api.items(path), revisions, name)
    before, after = (session.api.get(f"{path}/{side}") for side in (old, new))
    if output == "text":
        click.echo(between(before, after))
    else:
        document = {"from": before, "to": after}
        click.echo(as_json(document) if output == "json" else as_yaml(document))


def _sides(
    items: Sequence[Mapping[str, Any]], given: tuple[str, ...], name: str
) -> tuple[str, str]:
    """The names of both revisions to compare; `items` are newest first."""
    if len(given) > 1:
        return given[0], given[1]
    serving = next((item["name"] for item in items if item["state"] == "serving"), "")
    waiting = next((item["name"] for item in items if item["state"] in _WAITS), "")
    if given:
        old, new = given[0], serving or waiting
    elif waiting:
        old, new = serving, waiting
    else:
        served = [item for item in items if item["state"] in _IDLE and item["servedAt"]]
        last: Mapping[str, Any] = max(served, key=lambda item: item["servedAt"], default={})
        old, new = str(last.get("name", "")), serving
    if not old or not new:
        raise Failure(
            f"function {name} has no two revisions to compare",
            Exit.NOT_FOUND,
            hint=f"funkhaus function history {name}",
        )
    return old, new


@function.command(
    "rollback",
    examples=("funkhaus function rollback hello", "funkhaus function rollback hello --to 3f9a1c"),
)
@click.argument("name", type=FUNCTION)
@click.option(
    "--to",
    type=NAME,
    metavar="REVISION",
    help="Its name or its digits; else the one that served before, or still serves while another fails.",
)
@click.option("--dry-run", is_flag=True, help="Ask whether it would be let in; change nothing.")
@click.option("--wait/--no-wait", "-w", default=True, help="Wait until it serves [--wait].")
@click.option(
    "--wait-timeout",
    type=Seconds(0.1),
    default=WAIT_SECONDS,
    metavar="SECONDS",
    help=f"How long --wait waits [{WAIT_SECONDS:g}].",
)
@output(("table", "json", "yaml", "name"))
@namespaced
@click.pass_obj
def rollback(
    session: Session, name: str, *, to: str | None, dry_run: bool, wait: bool, wait_timeout: float, output: str
) -> None:  # fmt: skip
    """Ask for an earlier revision again. Nothing is built; today's rules judge it; scaling stays."""
    before = session.api.get(session.path("functions", name))
    body = {"revision": to} if to else {}
    document = session.api.post(
        session.path("functions", name, "rollback"), body, flags_set(dryRun=dry_run)
    )
    changed = document.get("generation") != before.get("generation")
    finish(
        session,
        name,
        document,
        "Rolled back" if changed else "Unchanged:",
        dry_run=dry_run,
        wait=wait,
        wait_seconds=wait_timeout,
        output=output,
    )
