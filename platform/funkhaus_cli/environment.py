"""Environment variables of a function on the command line: ``K=V``, ``K:V``, ``K=secret/key``, and ``K-`` to drop one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import click

from funkhaus_cli.failure import warn

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_ANOTHER = re.compile(r",([A-Za-z_][A-Za-z0-9_]*)[=:]")

Entry = dict[str, Any]
"""One item of ``spec.env``: ``name`` and one of ``value``, ``secretKeyRef``, ``configMapKeyRef``."""


def entries(
    env: Sequence[str], secrets: Sequence[str], config_maps: Sequence[str], *, dropping: bool
) -> tuple[list[Entry], set[str]]:
    """The variables to set, in the order given, and the names to drop (``K-``, only where `dropping`).

    Raises `click.BadParameter` naming the option and what would pass; a name given twice is refused.
    """
    found: list[Entry] = []
    dropped: set[str] = set()
    for text in env:
        if dropping and text.endswith("-") and _NAME.match(text[:-1]):
            dropped.add(text[:-1])
            continue
        name, value = _split(text, "--env", "NAME=VALUE")
        found.append({"name": name, "value": value})
        if another := _ANOTHER.search(value):
            warn(
                f"--env {name} holds all of {value!r}; a comma does not separate variables, "
                f"repeat --env to set {another[1]} as well"
            )
    found += _references(secrets, "--secret-env", "secretKeyRef", "SECRET/KEY")
    found += _references(config_maps, "--config-env", "configMapKeyRef", "CONFIGMAP/KEY")
    _once([*(entry["name"] for entry in found), *dropped])
    return found, dropped


def _references(texts: Iterable[str], option: str, field: str, grammar: str) -> Iterable[Entry]:
    for text in texts:
        name, reference = _split(text, option, f"NAME={grammar}")
        holder, slash, key = reference.partition("/")
        if not (slash and holder and key) or "/" in key:
            raise click.BadParameter(
                f"{text!r} names no key; NAME={grammar} passes", param_hint=option
            )
        yield {"name": name, field: {"name": holder, "key": key}}


def _split(text: str, option: str, grammar: str) -> tuple[str, str]:
    """Name and value around the first ``=`` or ``:``, whichever comes first; the value is taken as it is."""
    match = re.search(r"[=:]", text)
    if match is None:
        raise click.BadParameter(f"{text!r} has no value; {grammar} passes", param_hint=option)
    name, value = text[: match.start()], text[match.end() :]
    if not _NAME.match(name):
        raise click.BadParameter(
            f"{name!r} is no variable's name: letters, digits and '_', no digit first",
            param_hint=option,
        )
    return name, value


def _once(names: Sequence[str]) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise click.BadParameter(f"{', '.join(twice)} is given twice", param_hint="--env")


def merged(before: Sequence[Entry], now: Sequence[Entry], dropped: set[str]) -> list[Entry]:
    """`before` with the variables of `now` in their places or at the end, without the dropped ones.

    Raises `click.BadParameter` for a drop of what isn't there.
    """
    new = {entry["name"]: entry for entry in now}
    held = {entry["name"] for entry in before}
    if absent := sorted(dropped - held):
        has = ", ".join(sorted(held)) or "none"
        raise click.BadParameter(
            f"the function has no {', '.join(absent)}; it has: {has}", param_hint="--env"
        )
    kept = [new.pop(entry["name"], entry) for entry in before if entry["name"] not in dropped]
    return [*kept, *new.values()]
