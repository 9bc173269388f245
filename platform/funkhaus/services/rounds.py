"""Rounds over many tenants: what fails for one of them is said, and the others have their turn."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from funkhaus import logs
from funkhaus.domain.errors import FunkhausError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

Item = TypeVar("Item")
_LOG = logs.logger(__name__)


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
