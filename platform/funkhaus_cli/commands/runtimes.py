"""`funkhaus runtime list`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from funkhaus_cli.options import Noun, connection, output
from funkhaus_cli.output import Column, Styled, show_list

if TYPE_CHECKING:
    from funkhaus_cli.session import Session

_COLOURS = {"active": "green", "deprecated": "yellow", "blocked": "red"}
_COLUMNS = [
    Column("ID", lambda item: item["id"]),
    Column(
        "STATUS",
        lambda item: Styled(
            str(item.get("status")), _COLOURS.get(str(item.get("status")), "yellow")
        ),
    ),
    Column("FILES", lambda item: item.get("fileSuffix")),
    Column("DEPENDENCIES", lambda item: item.get("dependencyFile")),
    Column("IMAGE", lambda item: item.get("image"), wide=True),
]


@click.group("runtime", cls=Noun)
def runtime() -> None:
    """What functions are written for."""


@runtime.command("list")
@output()
@connection()
@click.pass_obj
def list_runtimes(session: Session, *, output: str) -> None:
    """The platform's runtimes; which of them you may use is your plan's."""
    items = session.api.items("/v1/runtimes")
    show_list(items, _COLUMNS, output, none="No runtimes.", name=lambda item: str(item["id"]))
