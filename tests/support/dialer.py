"""`MemoryDialer`: the port `Dialer` without a network; functions are Python."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from funkhaus.domain.errors import FunkhausError, TimedOutError, TooLargeError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from funkhaus.ports import Answer


@dataclass(frozen=True)
class Sent:
    """What a function was called with."""

    method: str
    url: str
    headers: Sequence[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name]


class MemoryDialer:
    """Asks `function`; with none, nothing listens."""

    def __init__(self, function: Callable[[Sent], Awaitable[Answer]] | None = None) -> None:
        self.function = function
        self.sent: list[Sent] = []
        self.failure: FunkhausError | None = None

    async def send(
        self,
        method: str,
        url: str,
        *,
        headers: Sequence[tuple[str, str]],
        body: bytes,
        seconds: float,
        limit: int,
    ) -> Answer:
        self.sent.append(Sent(method, url, headers, body))
        if self.failure:
            raise self.failure
        if self.function is None:
            raise UnavailableError("ConnectionRefusedError")
        try:
            async with asyncio.timeout(seconds):
                answer = await self.function(self.sent[-1])
        except TimeoutError as error:
            raise TimedOutError(f"no answer within {seconds:g} s") from error
        if len(answer.body) > limit:
            raise TooLargeError(f"the answer has more than {limit} bytes")
        return answer
