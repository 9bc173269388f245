"""The audit log's worker: rounds of the chainer, a short pause between them."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from funkhaus import logs
from funkhaus.domain.errors import FunkhausError
from funkhaus.metrics import AUDIT_FAILURES, AUDIT_LAG, AUDIT_LINKED, AUDIT_SIGNED

if TYPE_CHECKING:
    from funkhaus.services.audit_chain import Chainer

PAUSE = 0.4
"""Seconds between rounds: with a round's own time, a row is linked within one."""
PAUSE_AFTER_FAILURE = 2.0
_LOG = logs.logger(__name__)


async def chain_for_ever(chainer: Chainer) -> None:
    """No failure ends it: what is not linked now is linked in the next round, and seen in the gauge until then."""
    while True:
        pause = PAUSE
        try:
            done = await chainer.round()
            age = (datetime.now(UTC) - done.oldest).total_seconds() if done.oldest else 0.0
            AUDIT_LAG.set(max(0.0, age))
            AUDIT_LINKED.inc(done.linked)
            AUDIT_SIGNED.inc(done.signed)
            AUDIT_FAILURES.inc(done.failed)
            pause = 0.0 if done.more else PAUSE_AFTER_FAILURE if done.failed else PAUSE
        except FunkhausError as error:
            pause = PAUSE_AFTER_FAILURE
            AUDIT_FAILURES.inc()
            _LOG.warning("audit log not linked", error=error.message)
        except Exception:  # noqa: BLE001 - a bug must not end the chainer; it is logged
            pause = PAUSE_AFTER_FAILURE
            AUDIT_FAILURES.inc()
            _LOG.exception("linking the audit log failed")
        await asyncio.sleep(pause)
