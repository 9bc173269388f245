"""A deadline that holds whatever the work does when it is broken off.

`asyncio.timeout` waits until what it cancelled has ended. A database that hangs makes that seconds: its driver asks it to
give up the statement, and waits for the answer. Whoever asked can't.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Coroutine

T = TypeVar("T")
_ending: set[asyncio.Task[Any]] = set()
"""What was broken off and has not ended: a task nobody refers to may be collected in the middle of that."""


async def promptly(seconds: float, work: Coroutine[Any, Any, T]) -> T:
    """What `work` returns or raises; raises `TimeoutError` after `seconds`, and what is left of the work ends by itself."""
    task = asyncio.create_task(work)
    try:
        await asyncio.wait({task}, timeout=seconds)
        if task.done():
            return await task
    finally:
        if not task.done():
            task.cancel()
            _ending.add(task)
            task.add_done_callback(_ended)
    raise TimeoutError


def _ended(task: asyncio.Task[Any]) -> None:
    _ending.discard(task)
    if not task.cancelled():
        task.exception()  # looked at: nobody waits for it any more
