"""One controller works, others wait: hold the lease or do nothing, and end when it can't be held."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

from funkhaus import logs, metrics
from funkhaus.domain.errors import FunkhausError, UnavailableError
from funkhaus_controller import schedule

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

_LOG = logs.logger(__name__)


class Lease(Protocol):
    """What is held (`funkhaus.kube.KubeLease`)."""

    async def hold(self) -> bool:
        """Take or renew; whether it is ours now."""

    async def release(self) -> None:
        """Let the next one in at once."""


class LeaseLostError(UnavailableError):
    """The lease could not be renewed in time; the process ends so that another one can work."""


class Election:
    """Holds a lease for as long as it can. `sleep` and `now` are for tests that own the time."""

    def __init__(
        self,
        lease: Lease,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        now: Callable[[], float] | None = None,
    ) -> None:
        self._lease, self._sleep = lease, sleep
        self._now = now or asyncio.get_running_loop().time
        self.leading = False

    async def win(self) -> None:
        """Wait until the lease is ours."""
        _LOG.info("waiting for the lease")
        while not await self._hold():
            await self._sleep(schedule.LEASE_RENEWAL)
        self._lead(leading=True)
        _LOG.info("leading")

    async def keep(self) -> None:
        """Renew until cancelled; raises `LeaseLostError` when it is another's, or nobody could say for too long."""
        renewed = self._now()
        while True:
            await self._sleep(schedule.LEASE_RENEWAL)
            asked = self._now()
            try:
                async with asyncio.timeout(schedule.LEASE_RENEWAL):
                    held = await self._lease.hold()
            except (FunkhausError, TimeoutError) as error:
                _LOG.warning("the lease could not be renewed", error=str(error))
            else:
                if not held:
                    self._lead(leading=False)
                    raise LeaseLostError("another controller holds the lease; this one ends")
                renewed = asked
            if self._now() - renewed >= schedule.LEASE_GRACE:
                self._lead(leading=False)
                raise LeaseLostError

    async def leave(self) -> None:
        """Release the lease, if that is possible still."""
        if not self.leading:
            return
        self._lead(leading=False)
        try:
            async with asyncio.timeout(schedule.LEASE_RENEWAL):
                await self._lease.release()
        except (FunkhausError, TimeoutError) as error:
            _LOG.warning("the lease could not be released; it ends by itself", error=str(error))

    async def _hold(self) -> bool:
        try:
            return await self._lease.hold()
        except FunkhausError as error:
            _LOG.warning("the lease could not be asked for", error=error.message)
            return False

    def _lead(self, *, leading: bool) -> None:
        self.leading = leading
        metrics.LEADING.set(leading)
