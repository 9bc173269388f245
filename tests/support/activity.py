"""Replicas that say what they have done: by address, as a test wants it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from funkhaus.domain.errors import UnavailableError

if TYPE_CHECKING:
    from funkhaus.domain.load import Work
    from funkhaus.ports import Calls


class FakeActivity:
    """The port `Activity` in dictionaries; an address that is in neither does not answer."""

    def __init__(self) -> None:
        self.done: dict[str, Calls] = {}
        self.worked: dict[str, Work] = {}
        self.up: set[str] = set()
        self.asked: list[str] = []

    async def calls(self, host: str) -> Calls:
        self.asked.append(host)
        if host not in self.done:
            raise UnavailableError("the replica does not answer")
        return self.done[host]

    async def work(self, host: str) -> Work:
        self.asked.append(host)
        if host not in self.worked:
            raise UnavailableError("the replica does not answer")
        return self.worked[host]

    async def ready(self, host: str) -> bool:
        self.asked.append(host)
        return host in self.up
