"""The outbox's worker: a round when something was put in, and every second for what was left."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from funkhaus.metrics import OUTBOX_AGE
from funkhaus_api.workers import Worker

if TYPE_CHECKING:
    from funkhaus.services.outbox import Outbox
    from funkhaus_api.workers import Bell

PAUSE = 1.0
PAUSE_AFTER_FAILURE = 5.0


def delivering(outbox: Outbox, bell: Bell) -> Worker:
    """What stays undelivered is seen in the gauge of its age."""

    async def round_of_all() -> None:
        done = await outbox.deliver()
        age = (datetime.now(UTC) - done.oldest).total_seconds() if done.oldest else 0.0
        OUTBOX_AGE.set(age)

    return Worker(
        "deliver the outbox", round_of_all, PAUSE, after_failure=PAUSE_AFTER_FAILURE, rest=bell.wait
    )
