"""Hold the lease or end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from funkhaus.domain.errors import UnavailableError
from funkhaus_controller import schedule
from funkhaus_controller.election import Election, LeaseLostError

if TYPE_CHECKING:
    from collections.abc import Iterator


class Script:
    """A lease whose answers are written down before, and a clock that moves when somebody sleeps."""

    def __init__(self, *answers: bool | Exception) -> None:
        self.answers: Iterator[bool | Exception] = iter(answers)
        self.time, self.released = 0.0, 0

    async def hold(self) -> bool:
        answer = next(self.answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def release(self) -> None:
        self.released += 1

    async def sleep(self, seconds: float) -> None:
        self.time += seconds

    def election(self) -> Election:
        return Election(self, sleep=self.sleep, now=lambda: self.time)


AWAY = UnavailableError("kube-apiserver can't be reached")


async def test_a_candidate_waits_until_the_lease_is_free() -> None:
    script = Script(False, AWAY, False, True)
    election = script.election()
    await election.win()
    assert election.leading
    assert script.time == 3 * schedule.LEASE_RENEWAL


async def test_whose_lease_is_taken_ends_at_once() -> None:
    script = Script(True, True, False)
    election = script.election()
    await election.win()
    with pytest.raises(LeaseLostError):
        await election.keep()
    assert not election.leading


async def test_who_cannot_renew_ends_before_another_may_begin() -> None:
    script = Script(True, True, *[AWAY] * 10)
    election = script.election()
    await election.win()
    with pytest.raises(LeaseLostError):
        await election.keep()
    last_renewal = schedule.LEASE_RENEWAL
    assert script.time - last_renewal <= schedule.LEASE


async def test_a_short_outage_is_survived() -> None:
    script = Script(True, AWAY, True, AWAY, True, AWAY, True, False)
    election = script.election()
    await election.win()
    with pytest.raises(LeaseLostError):
        await election.keep()
    assert script.time == 7 * schedule.LEASE_RENEWAL


async def test_only_a_leader_releases() -> None:
    script = Script(True)
    election = script.election()
    await election.leave()
    assert script.released == 0
    await election.win()
    await election.leave()
    await election.leave()
    assert script.released == 1
