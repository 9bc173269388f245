"""How answers are shown: tables for people, the API's own documents for programs."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click
import yaml

from funkhaus_cli.failure import plain

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

FORMATS = ("table", "wide", "json", "yaml", "name")
NOTHING = "-"
_ANSI = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True)
class Column:
    """A column of a table: its heading, what it shows of a document, and whether only `-o wide` has it."""

    heading: str
    text: Callable[[Mapping[str, Any]], object]
    wide: bool = False


@dataclass(frozen=True)
class Styled:
    """A cell in a colour; what comes from outside is never trusted to bring its own."""

    text: str
    colour: str


class _Plain(yaml.SafeDumper):
    """YAML as people write it: blocks for texts of several lines, no anchors."""

    def ignore_aliases(self, _data: Any) -> bool:  # noqa: ANN401 - PyYAML's signature
        return True


def _text(dumper: yaml.SafeDumper, data: str) -> yaml.ScalarNode:
    style = "|" if "\n" in data else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", data, style=style)


_Plain.add_representer(str, _text)


def as_json(document: Any) -> str:  # noqa: ANN401 - any JSON value
    """Indented, with characters as they are."""
    return json.dumps(document, indent=2, ensure_ascii=False)


def as_yaml(document: Any) -> str:  # noqa: ANN401 - any JSON value
    """One YAML document without a final newline."""
    return yaml.dump(
        document, Dumper=_Plain, sort_keys=False, width=120, allow_unicode=True
    ).rstrip("\n")


def table(columns: Sequence[Column], rows: Sequence[Mapping[str, Any]], *, wide: bool) -> str:
    """Aligned columns with a heading; cells hold one line and never a control character."""
    shown = [column for column in columns if wide or not column.wide]
    cells = [[column.heading for column in shown]]
    cells += [[_cell(column.text(row)) for column in shown] for row in rows]
    widths = [max(map(visible, column)) for column in zip(*cells, strict=True)]
    return "\n".join(
        "   ".join(
            cell + " " * (width - visible(cell)) for cell, width in zip(line, widths, strict=True)
        ).rstrip()
        for line in cells
    )


def _cell(value: object) -> str:
    if value is None or value in ("", [], {}):
        return NOTHING
    if isinstance(value, Styled):
        return click.style(plain(value.text), fg=value.colour)
    return plain(str(value))


def visible(text: str) -> int:
    """Columns `text` takes, without its colours."""
    return len(_ANSI.sub("", text))


def show_list(
    items: Sequence[Mapping[str, Any]],
    columns: Sequence[Column],
    output: str,
    *,
    none: str,
    name: Callable[[Mapping[str, Any]], str] = lambda item: str(item.get("name", "")),
) -> None:
    """A list on stdout in the format asked for; `none` is the sentence a person gets for an empty one (on stderr)."""
    if output == "json":
        click.echo(as_json({"items": list(items)}))
    elif output == "yaml":
        click.echo(as_yaml({"items": list(items)}))
    elif output == "name":
        for item in items:
            click.echo(plain(name(item)))
    elif not items:
        click.echo(none, err=True)
    else:
        click.echo(table(columns, items, wide=output == "wide"))


def show_one(document: Any, output: str, *, name: str, said: str) -> None:  # noqa: ANN401 - any JSON value
    """One document on stdout; for a table `said` stands for it."""
    if output == "json":
        click.echo(as_json(document))
    elif output == "yaml":
        click.echo(as_yaml(document))
    elif output == "name":
        click.echo(name)
    elif said:
        click.echo(said)


def moment(text: object) -> datetime | None:
    """An RFC 3339 instant, or ``None`` when it isn't one."""
    try:
        parsed = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def age(text: object, now: datetime) -> str:
    """How long ago an instant was (``3m``, ``5h``, ``12d``), as kubectl writes it; for one to come, ``in 3m``."""
    instant = moment(text)
    if instant is None:
        return NOTHING
    seconds = int((now - instant).total_seconds())
    return f"in {_span(-seconds)}" if seconds < 0 else _span(seconds)


def _span(seconds: int) -> str:
    minute, hour, day, year = 60, 3600, 86400, 365 * 86400
    if seconds < 2 * minute:
        return f"{seconds}s"
    if seconds < 2 * hour:
        return f"{seconds // minute}m"
    if seconds < 2 * day:
        return f"{seconds // hour}h"
    if seconds < 2 * year:
        return f"{seconds // day}d"
    return f"{seconds // year}y"
