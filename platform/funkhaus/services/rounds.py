"""Rounds over many tenants: what fails for one of them is said, and the others have their turn."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from funkhaus import logs
from funkhaus.domain.errors import FunkhausError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence

Item = TypeVar("Item")
SOME = 50
"""How many a round reads of what has to be done."""
_LOG = logs.logger(__name__)


class Turns:
    """Where a list that is read some at a time is read on: what fails for ever keeps none of the rest from its turn.

    A round reads what comes after `after`, `SOME` at most, and says with `took` what that was; after the last of all the
    next begins anew. It is this process's own: another one begins somewhere else, and both get everywhere.
    """

    def __init__(self) -> None:
        self.after = ""

    def took(self, ids: Sequence[str]) -> None:
        """These were read, in the order of their ids."""
        self.after = ids[-1] if len(ids) == SOME else ""


async def each(what: str, items: Iterable[Item], act: Callable[[Item], Awaitable[bool]]) -> int:
    """Have `act` done with every item, one after the other; for how many of them it said ``True``.

    One that fails is logged under `what` and due again in the next round, a bug no less than a database that is slow.
    """
    done = failed = 0
    for item in items:
        try:
            done += await act(item)
        except FunkhausError as error:
            failed += 1
            _LOG.warning("failed in a round", what=what, item=str(item)[:200], error=error.message)
        except Exception:  # noqa: BLE001 - a bug with one must not end the round of all; it is logged
            failed += 1
            _LOG.exception("failed in a round", what=what, item=str(item)[:200])
    if failed:
        _LOG.warning("a round was not completed", what=what, done=done, failed=failed)
    return done
