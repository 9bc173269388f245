"""Leader election on a real kube-apiserver, with a clock that the test owns."""

from __future__ import annotations

import asyncio
import secrets
from typing import TYPE_CHECKING

import pytest

from funkhaus.domain.kinds import LEASE
from funkhaus.kube import KubeCluster, KubeLease
from tests.support.clock import FakeClock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.support.apiserver import ApiServer


class Race:
    """Candidates for one Lease."""

    def __init__(self, cluster: KubeCluster) -> None:
        self.cluster, self.clock = cluster, FakeClock()
        self.name = f"x{secrets.token_hex(4)}"

    def candidate(self, identity: str) -> KubeLease:
        """One more of them."""
        return KubeLease(
            self.cluster,
            self.clock,
            namespace="default",
            name=self.name,
            identity=identity,
            duration=15,
        )


@pytest.fixture
async def race(apiserver: ApiServer) -> AsyncIterator[Race]:
    cluster = await KubeCluster.connect(str(apiserver.kubeconfig), manager="funkhaus-controller")
    yield Race(cluster)
    await cluster.close()


async def test_of_many_candidates_one_wins(race: Race) -> None:
    held = await asyncio.gather(*(race.candidate(f"c{number}").hold() for number in range(8)))
    assert held.count(True) == 1


async def test_a_holder_that_renews_stays(race: Race) -> None:
    first, second = race.candidate("first"), race.candidate("second")
    assert await first.hold()
    for _ in range(5):
        race.clock.pass_seconds(10)
        assert await first.hold()
        assert not await second.hold()


async def test_a_holder_that_went_silent_is_replaced_and_knows_it(race: Race) -> None:
    first, second = race.candidate("first"), race.candidate("second")
    assert await first.hold()
    assert not await second.hold()
    race.clock.pass_seconds(14)
    assert not await second.hold()
    race.clock.pass_seconds(2)
    assert await second.hold()
    assert not await first.hold()
    lease = await race.cluster.get(LEASE, "default", race.name)
    assert lease is not None
    assert lease["spec"]["holderIdentity"] == "second"
    assert lease["spec"]["leaseTransitions"] == 1


async def test_a_lease_let_go_is_free_at_once(race: Race) -> None:
    first, second = race.candidate("first"), race.candidate("second")
    assert await first.hold()
    await second.release()  # not its own: nothing happens
    assert not await second.hold()
    await first.release()
    assert await second.hold()
