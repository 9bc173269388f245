"""What the commands for every kind of trigger share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import click

from funkhaus_cli.commands.functions import listed, readiness, remove
from funkhaus_cli.options import asking, namespaced, output
from funkhaus_cli.output import Column, age, show_list, show_one

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from funkhaus_cli.session import Session

F = TypeVar("F", bound="Callable[..., Any]")


def told(document: dict[str, Any], output: str, name: str, said: str, *, dry_run: bool) -> None:
    """Show what was stored, or what would have been."""
    if dry_run:
        click.echo("Dry run: admitted, and nothing was stored.", err=True)
        show_one(document, "yaml" if output == "table" else output, name=name, said="")
    else:
        show_one(document, output, name=name, said=said)


def lists(
    group: click.Group,
    plural: str,
    words: str,
    own: Callable[[datetime], Sequence[Column]],
    doc: str,
) -> None:
    """Give a group its `list`, with the columns `own` beside those that every trigger has; `words` are many of them."""

    @click.option("--all-namespaces", "-A", is_flag=True, help="In every namespace of the tenant.")
    @output()
    @namespaced
    @click.pass_obj
    def show(session: Session, *, all_namespaces: bool, output: str) -> None:
        now = session.now()
        columns = [
            *([Column("NAMESPACE", lambda item: item.get("namespace"))] if all_namespaces else []),
            Column("NAME", lambda item: item["name"]),
            Column("FUNCTION", lambda item: item["spec"].get("function")),
            Column("READY", readiness),
            *own(now),
            Column("AGE", lambda item: age(item.get("createdAt"), now)),
        ]
        place = f"tenant {session.tenant}" if all_namespaces else session.place
        items = listed(session, plural, everywhere=all_namespaces)
        show_list(items, columns, output, none=f"No {words} in {place}.")

    show.__doc__ = doc
    group.command("list")(show)


def deletes(group: click.Group, plural: str, word: str, names: click.ParamType[str]) -> None:
    """Give a group its `delete`; `word` is one of them, `names` completes theirs."""

    @click.argument("names", nargs=-1, required=True, type=names)
    @click.option("--ignore-not-found", is_flag=True, help="Absent is as good as deleted.")
    @asking
    @namespaced
    @click.pass_obj
    def delete(
        session: Session, names: tuple[str, ...], *, ignore_not_found: bool, yes: bool
    ) -> None:
        remove(session, plural, word, names, ignore_not_found=ignore_not_found, yes=yes)

    delete.__doc__ = f"Delete {word}s; their functions stay."
    group.command("delete")(delete)
