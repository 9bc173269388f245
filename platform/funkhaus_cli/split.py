"""Shares of a trigger's calls, as people write and read them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import click

from funkhaus_cli.failure import Exit, Failure

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from funkhaus_cli.session import Session

CURRENT = "current"
"""Whichever revision the function serves with."""
_PAIR = re.compile(r"(?P<revision>[a-z0-9][a-z0-9-]*)=(?P<weight>-?[0-9]{1,9})\Z")


def backends(session: Session, function: str, given: Iterable[str]) -> list[dict[str, Any]]:
    """`REVISION=WEIGHT`, several with commas between, as a trigger's spec has them. Raises `Failure` for an unknown one.

    Digits are looked up among the revisions of `function`. Whether what is named may be, admission says.
    """
    found = []
    for text_given in given:
        for part in text_given.split(","):
            pair = _PAIR.match(part.strip())
            if pair is None:
                raise click.BadParameter(
                    f"{part!r} is not REVISION=WEIGHT, as in {CURRENT}=10", param_hint="--split"
                )
            name = _name(session, function, pair["revision"])
            found.append({"revision": name, "weight": int(pair["weight"])})
    return found


def _name(session: Session, function: str, revision: str) -> str:
    if revision == CURRENT:
        return revision
    try:
        known = session.api.get(session.path("functions", function, "revisions", revision))
    except Failure as failure:
        if failure.exit == Exit.NOT_FOUND:
            return revision  # admission says so, with what there is to choose from
        raise
    return str(known["name"])


def text(shares: Iterable[Mapping[str, Any]]) -> str:
    """``hello-3f9a1c88b0 90 %, current 10 %``; empty for none."""
    listed = list(shares)
    whole = sum(item["weight"] for item in listed) or 1
    return ", ".join(f"{item['revision']} {100 * item['weight'] / whole:.3g} %" for item in listed)
