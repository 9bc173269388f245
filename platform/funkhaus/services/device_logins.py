"""Sign-ins of devices without a browser (RFC 8628): a person types a short code elsewhere, signs in and says yes there."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from funkhaus.domain import login as logins
from funkhaus.domain.errors import ConflictError, PendingError, TooManyError, UnauthenticatedError
from funkhaus.domain.login import Stage
from funkhaus.services.logins import GONE, LoginService

if TYPE_CHECKING:
    from funkhaus.domain.login import Login
    from funkhaus.services.sessions import IssuedSession

SLOWER_SECONDS = 5
"""Added to a device's interval whenever it asks too soon (RFC 8628, 3.5)."""
TRIES = 5


@dataclass(frozen=True, slots=True)
class DeviceLogin:
    """What a device shows and keeps."""

    device_code: str
    user_code: str
    seconds: int
    interval: int


class DeviceLoginService(LoginService):
    """Use cases of devices."""

    async def ask(self, address: str, home: str) -> DeviceLogin:
        """Begin one, counted by `home`; raises `TooManyError`."""
        device_code = secrets.token_urlsafe(32)
        for attempt in range(TRIES):
            login = replace(
                self._new(address, home),
                device_digest=self._digest("device", device_code),
                user_code=logins.new_user_code(),
            )
            try:
                async with self._stores.begin_platform() as work:
                    await self._add(work, login)
            except ConflictError:  # somebody else shows that code just now
                if attempt == TRIES - 1:
                    raise
            else:
                break
        return DeviceLogin(
            device_code, login.user_code or "", logins.LIFE_SECONDS, logins.POLL_SECONDS
        )

    async def typed(self, code: str, provider: str) -> str:
        """Somebody typed a code: the URL their browser goes to. A code may be typed again until somebody signed in.

        Raises `UnauthenticatedError` for a code nobody waits with, `InvalidError` (provider), `UnavailableError`.
        """
        name = self.provider(provider)
        canonical = logins.user_code(code)
        login = None
        if canonical is not None:
            async with self._stores.begin_platform() as work:
                login = await work.logins.by_user_code(canonical)
        if login is None or login.stage not in {Stage.ASKED, Stage.SENT} or self._is_over(login):
            raise UnauthenticatedError("no device waits with this code, or not any more")
        return await self._send(login, name, new=False)

    async def decide(self, code: str, *, allow: bool) -> str:
        """The person who signed in says yes or no; the device's code. Raises `UnauthenticatedError`."""
        async with self._stores.begin_platform() as work:
            login = await work.logins.by_code(self._digest("code", code))
            if (
                login is None
                or not login.is_device
                or login.stage is not Stage.RETURNED
                or self._is_over(login)
            ):
                raise UnauthenticatedError(GONE)
            stage = Stage.ALLOWED if allow else Stage.DENIED
            await work.logins.save(replace(login, stage=stage, code_digest=None))
        return login.user_code or ""

    async def poll(self, device_code: str, request_id: str = "", client: str = "") -> IssuedSession:
        """The session a device waits for, once.

        Raises `PendingError`, `TooManyError` (too soon: the interval is longer now), `UnauthenticatedError` (refused, over,
        unknown).
        """
        async with self._telling(request_id) as told, self._stores.begin_platform() as work:
            login = await work.logins.by_device(self._digest("device", device_code))
            if login is None or login.stage is Stage.REDEEMED:
                raise UnauthenticatedError(GONE)
            fast = self._is_too_fast(login)
            login = replace(
                login,
                polled_at=self._clock.now(),
                poll_seconds=login.poll_seconds + (SLOWER_SECONDS if fast else 0),
            )
            if not fast and login.stage is Stage.ALLOWED and not self._is_over(login):
                told.append(login)
                return await self._redeemed(work, login, request_id, client)
            await work.logins.save(login)
        if login.stage is Stage.DENIED:
            raise UnauthenticatedError("the sign-in was refused in the browser")
        if self._is_over(login):
            raise UnauthenticatedError("nobody signed in in time: start again")
        if fast:
            raise TooManyError(f"asked too soon: wait {login.poll_seconds} s between two questions")
        raise PendingError("nobody has signed in with the code yet; ask again after the interval")

    def _is_too_fast(self, login: Login) -> bool:
        if login.polled_at is None:
            return False
        # A quarter of a second less: clocks and networks are not exact, and a device that keeps to it is not punished.
        least = timedelta(seconds=login.poll_seconds - 0.25)
        return self._clock.now() - login.polled_at < least
