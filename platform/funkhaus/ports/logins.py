"""The port to sign-ins under way: part of `PlatformWork`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from datetime import datetime

    from funkhaus.domain.login import Login


class Logins(Protocol):
    """Sign-ins. What is found is locked until the transaction ends: each step happens once."""

    async def add(self, login: Login) -> None:
        """Insert; raises `ConflictError` when a code is in use."""

    async def save(self, login: Login) -> None:
        """Replace the one with its id."""

    async def by_state(self, digest: bytes) -> Login | None:
        """The one whose state at the provider has this digest."""

    async def by_code(self, digest: bytes) -> Login | None:
        """The one whose code has this digest."""

    async def by_device(self, digest: bytes) -> Login | None:
        """The one a device waits for with a code of this digest."""

    async def by_user_code(self, code: str) -> Login | None:
        """The one a person typed the code of."""

    async def waiting(self, now: datetime, home: str | None = None) -> int:
        """How many are under way, in all or of one home address."""

    async def let_go(self, now: datetime) -> bool:
        """Forget the oldest of the home address that most wait of, among those nobody has signed in with; whether there was
        one.
        """

    async def sweep(self, before: datetime) -> int:
        """Forget those that expired before; how many."""
