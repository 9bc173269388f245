"""Tokens that were refused though we know whose they are: on record in their tenant's audit log.

Noted in memory while requests are answered and written beside them, so that a refusal costs the same whatever is known of
the text. One row per token and `QUIET`, with the number of attempts since the one before: nobody fills a log by knocking.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from funkhaus import logs
from funkhaus.domain.errors import ConflictError
from funkhaus.domain.subject import PREFIX
from funkhaus.ports import AuditRow

if TYPE_CHECKING:
    from datetime import datetime

    from funkhaus.domain.token import RefusedUse
    from funkhaus.ports import Clock, Stores

ACTION = "token:use"
QUIET = timedelta(minutes=10)
"""Between two rows about one token, in each process."""
TOKENS_LIMIT = 10_000
"""Tokens remembered; beyond it an attempt is only counted in the log of requests."""
ROWS = 100
"""Written in one round."""
_LOG = logs.logger(__name__)


@dataclass(frozen=True, slots=True)
class _Heard:
    """The last attempt with a token that is not on record, and how many there were since the last row."""

    use: RefusedUse
    attempts: int


class Refusals:
    """Notes and writes. A process that dies loses the attempts of its last seconds."""

    def __init__(self, stores: Stores, clock: Clock) -> None:
        self._stores, self._clock = stores, clock
        self._heard: OrderedDict[str, _Heard] = OrderedDict()
        self._written: OrderedDict[str, datetime] = OrderedDict()

    def note(self, use: RefusedUse) -> None:
        """Remember an attempt; one with a token of no tenant's is nobody's to read."""
        known = self._heard.get(use.token.id)
        if not use.token.tenant or (known is None and len(self._heard) >= TOKENS_LIMIT):
            return
        self._heard[use.token.id] = _Heard(use, known.attempts + 1 if known else 1)

    async def write(self) -> int:
        """Write what is due, `ROWS` rows at most; how many that were. Raises `UnavailableError`: nothing is lost then."""
        now, written = self._clock.now(), 0
        while self._written and next(iter(self._written.values())) <= now - QUIET:
            self._written.popitem(last=False)
        due = [token for token in self._heard if token not in self._written][:ROWS]
        for token in due:
            heard = self._heard[token]
            await self._record(heard)
            since = self._heard[token].attempts - heard.attempts
            if since:
                self._heard[token] = replace(self._heard[token], attempts=since)
            else:
                del self._heard[token]
            self._written[token] = now
            while len(self._written) > TOKENS_LIMIT:
                self._written.popitem(last=False)
            written += 1
        return written

    async def _record(self, heard: _Heard) -> None:
        use, token = heard.use, heard.use.token
        row = AuditRow(
            tenant=token.tenant,
            subject=f"{PREFIX}{token.subject_id}",
            token_id=token.id,
            action=ACTION,
            target=token.id,
            outcome="denied",
            request_id=use.request_id,
            detail={
                "code": "unauthenticated",
                "message": use.reason,
                "address": use.address,
                "attempts": heard.attempts,
            },
        )
        try:
            async with self._stores.begin(token.tenant) as work:
                await work.audit(row)
        except ConflictError:  # the tenant went meanwhile, and its log with it
            _LOG.info("refused token of a tenant that is gone", token_id=token.id)
