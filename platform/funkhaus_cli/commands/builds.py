"""`funkhaus build logs`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from funkhaus_cli.completion import FUNCTION
from funkhaus_cli.options import Noun, namespaced

if TYPE_CHECKING:
    from funkhaus_cli.session import Session


@click.group("build", cls=Noun)
def build() -> None:
    """Look at how functions' dependencies are installed."""


@build.command("logs", examples=("funkhaus build logs hello --follow",))
@click.argument("name", type=FUNCTION)
@click.option("--follow", "-f", is_flag=True, help="Stay and show what comes; Ctrl-C ends.")
@namespaced
@click.pass_obj
def logs(session: Session, name: str, *, follow: bool) -> None:
    """What the newest build of a function's dependencies wrote."""
    out, some = sys.stdout.buffer, False
    path = session.path("functions", name, "build", "logs")
    with session.api.stream(path, {"follow": "true"} if follow else {}, endless=follow) as pieces:
        for piece in pieces:
            out.write(piece)
            out.flush()
            some = some or bool(piece)
    if not some:
        click.echo(f"The build of function {name} has written nothing.", err=True)
