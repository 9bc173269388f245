"""How many calls may wait: of one function, of one tenant, of all. What is above is refused at once, with words."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from funkhaus.domain.errors import TooManyError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from funkhaus.services.waking.finding import Target

RETRY_SECONDS = 2
K = TypeVar("K")


@dataclass(frozen=True, slots=True)
class Limits:
    """Calls at once, those included that are being answered."""

    function: int = 200
    tenant: int = 500
    all: int = 2000


class Room:
    """Places for calls; in memory, of this process."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._functions: Counter[Target] = Counter()
        self._tenants: Counter[str] = Counter()
        self._all = 0

    @property
    def taken(self) -> int:
        """How many there are."""
        return self._all

    @contextmanager
    def place(self, target: Target) -> Iterator[None]:
        """A place for one call; raises `TooManyError` where there is none."""
        limits = self._limits
        for who, now, limit in (
            (f"function {target.function!r}", self._functions[target], limits.function),
            (f"tenant {target.tenant!r}", self._tenants[target.tenant], limits.tenant),
            ("the platform", self._all, limits.all),
        ):
            if now >= limit:
                raise TooManyError(
                    f"{now} calls wait for functions to wake, as many as {who} may have waiting; call again in "
                    f"{RETRY_SECONDS} s",
                    retry_seconds=RETRY_SECONDS,
                )
        self._functions[target] += 1
        self._tenants[target.tenant] += 1
        self._all += 1
        try:
            yield
        finally:
            self._all -= 1
            _less(self._functions, target)
            _less(self._tenants, target.tenant)


def _less(counter: Counter[K], key: K) -> None:
    """One less, and nothing remembered of who has none."""
    counter[key] -= 1
    if not counter[key]:
        del counter[key]
