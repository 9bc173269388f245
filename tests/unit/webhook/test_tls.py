"""The keeper on a cluster in memory: what is stored, trusted and served, in which order."""

from __future__ import annotations

import asyncio
import base64
import ssl
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509

from funkhaus.domain.errors import ConflictError, InvalidError, UnavailableError
from funkhaus.domain.kinds import MUTATING_WEBHOOK, SECRET, VALIDATING_WEBHOOK, Kind
from funkhaus.metrics import REGISTRY
from funkhaus_webhook import certificates, tls
from funkhaus_webhook.certificates import Identity, Lives
from funkhaus_webhook.tls import Keeper
from tests.support.clock import FakeClock
from tests.support.cluster import MemoryCluster

if TYPE_CHECKING:
    from pathlib import Path

    from funkhaus.domain.errors import FunkhausError

LIVES = Lives(authority=timedelta(days=300), serving=timedelta(days=30))
DAY = 86_400.0


class House:
    """A cluster with both configurations, and keepers on it."""

    def __init__(self) -> None:
        self.cluster = MemoryCluster("funkhaus-webhook")
        self.clock = FakeClock()
        self.cluster.put(
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "funkhaus-system"}}
        )
        for kind, names in ((MUTATING_WEBHOOK, ["m"]), (VALIDATING_WEBHOOK, ["v", "w"])):
            self.cluster.put(
                {
                    "apiVersion": kind.api_version,
                    "kind": kind.name,
                    "metadata": {"name": "funkhaus"},
                    "webhooks": [
                        {"name": name, "clientConfig": {"url": "https://127.0.0.1:8743"}}
                        for name in names
                    ],
                }
            )

    def keeper(self, *hosts: str) -> Keeper:
        return Keeper(
            self.cluster,
            self.clock,
            tls.context(),
            hosts=hosts or ("127.0.0.1",),
            namespace="funkhaus-system",
            lives=LIVES,
            overlap=0,
        )

    async def stored(self) -> Identity:
        secret = await self.cluster.get(SECRET, "funkhaus-system", "funkhaus-webhook-tls")
        assert secret
        assert secret["type"] == "kubernetes.io/tls"
        files = {name: base64.b64decode(text) for name, text in secret["data"].items()}
        identity = certificates.read(files)
        assert identity
        return identity

    async def trusted(self, kind: Kind = VALIDATING_WEBHOOK) -> list[x509.Certificate]:
        configuration = await self.cluster.get(kind, "", "funkhaus")
        assert configuration
        bundles = {item["clientConfig"].get("caBundle", "") for item in configuration["webhooks"]}
        (bundle,) = bundles
        return x509.load_pem_x509_certificates(base64.b64decode(bundle)) if bundle else []


@pytest.fixture
def house() -> House:
    return House()


def authority(identity: Identity) -> x509.Certificate:
    return x509.load_pem_x509_certificate(identity.authority)


async def test_the_first_look_makes_stores_trusts_and_serves(house: House) -> None:
    keeper = house.keeper()
    with pytest.raises(UnavailableError, match="no serving certificate"):
        await keeper.ready()
    await keeper.look()
    identity = await house.stored()
    for kind in (MUTATING_WEBHOOK, VALIDATING_WEBHOOK):
        assert await house.trusted(kind) == [authority(identity)]
    expiry = REGISTRY.get_sample_value("funkhaus_webhook_certificate_expiry_timestamp_seconds")
    assert expiry == identity.expires.timestamp()
    await keeper.ready()


async def test_a_second_look_changes_nothing(house: House) -> None:
    keeper = house.keeper()
    await keeper.look()
    before = list(house.cluster.writes)
    await keeper.look()
    assert house.cluster.writes == before


async def test_a_second_replica_takes_over_what_it_finds(house: House) -> None:
    first, second = house.keeper(), house.keeper()
    await first.look()
    identity = await house.stored()
    await second.look()
    assert await house.stored() == identity
    assert second._served == identity


async def test_replicas_that_begin_at_once_end_up_with_one(house: House) -> None:
    first, second = house.keeper(), house.keeper()
    await asyncio.gather(first.look(), second.look())
    served = [first._served, second._served]
    trusted = await house.trusted()
    assert all(identity and authority(identity) in trusted for identity in served)
    await first.look()
    await second.look()
    assert first._served == second._served == await house.stored()


async def test_a_certificate_is_renewed_by_the_same_authority(house: House) -> None:
    keeper = house.keeper()
    await keeper.look()
    before = await house.stored()
    house.clock.pass_seconds(21 * DAY)
    await keeper.look()
    after = await house.stored()
    assert after.authority == before.authority
    assert after.certificate != before.certificate
    assert keeper._served == after
    assert await house.trusted() == [authority(before)]


async def test_an_authority_is_replaced_with_both_trusted(house: House) -> None:
    keeper = house.keeper()
    await keeper.look()
    before = await house.stored()
    house.clock.pass_seconds(201 * DAY)
    await keeper.look()
    after = await house.stored()
    assert await house.trusted() == [authority(before), authority(after)]
    house.clock.pass_seconds(201 * DAY)
    await keeper.look()
    last = await house.stored()
    assert await house.trusted() == [authority(after), authority(last)]


async def test_nothing_is_served_before_it_is_trusted(house: House) -> None:
    keeper = house.keeper()
    await keeper.look()
    before = keeper._served
    house.clock.pass_seconds(201 * DAY)

    def no_configuration(verb: str, kind: Kind, *_: Any) -> FunkhausError | None:
        trusting = verb != "get" and kind in {MUTATING_WEBHOOK, VALIDATING_WEBHOOK}
        return UnavailableError("gone") if trusting else None

    house.cluster.failure = no_configuration
    for _ in range(3):
        with pytest.raises(UnavailableError):
            await keeper.look()
    assert keeper._served == before
    house.cluster.failure = lambda *_: None
    await keeper.look()
    assert keeper._served == await house.stored() != before
    assert len(await house.trusted()) == 2


async def test_what_can_t_be_stored_is_not_trusted_either(house: House) -> None:
    house.cluster.failure = lambda verb, kind, *_: (
        UnavailableError("gone") if verb != "get" and kind == SECRET else None
    )
    keeper = house.keeper()
    for _ in range(3):
        with pytest.raises(UnavailableError):
            await keeper.look()
    assert await house.trusted() == []


async def test_an_overlap_lies_between_trust_and_service(house: House) -> None:
    keeper = house.keeper()
    await keeper.look()
    before = keeper._served
    keeper._overlap = 60
    house.clock.pass_seconds(201 * DAY)
    looking = asyncio.create_task(keeper.look())
    for _ in range(50):
        await asyncio.sleep(0)
    assert len(await house.trusted()) == 2
    assert keeper._served == before
    looking.cancel()


async def test_what_another_replica_had_trusted_is_not_served_at_once_either(house: House) -> None:
    """It finds nothing to do, and kube-apiserver may not have noticed yet."""
    first, second = house.keeper(), house.keeper()
    await first.look()
    await second.look()
    before = second._served
    house.clock.pass_seconds(201 * DAY)
    await first.look()
    second._overlap = 60
    looking = asyncio.create_task(second.look())
    for _ in range(50):
        await asyncio.sleep(0)
    assert second._served == before
    looking.cancel()
    second._overlap = 0
    await second.look()
    assert second._served == first._served != before


@pytest.mark.parametrize("age", [0.0, 3600.0])
async def test_who_begins_while_an_authority_is_replaced_waits_like_the_others(
    house: House, age: float
) -> None:
    await house.keeper().look()
    house.clock.pass_seconds(201 * DAY)
    await house.keeper().look()
    house.clock.pass_seconds(age)
    late = house.keeper()
    late._overlap = 60
    looking = asyncio.create_task(late.look())
    for _ in range(50):
        await asyncio.sleep(0)
    assert (late._served is None) == (age < 60)
    looking.cancel()


async def test_who_begins_with_one_that_is_due_serves_it_until_the_new_one_is_trusted(
    house: House,
) -> None:
    await house.keeper().look()
    before = await house.stored()
    house.clock.pass_seconds(20 * DAY)
    await house.keeper().look()
    due = await house.stored()
    house.clock.pass_seconds(9 * DAY)
    late = house.keeper()
    await late.look()
    assert before != due
    house.clock.pass_seconds(172 * DAY + 20 * DAY)
    ended = house.keeper()
    ended._overlap = 60
    looking = asyncio.create_task(ended.look())
    for _ in range(50):
        await asyncio.sleep(0)
    assert ended._served is None, "what has ended is not served"
    looking.cancel()


async def test_of_replicas_that_renew_at_once_one_does(house: House) -> None:
    first, second = house.keeper(), house.keeper()
    await first.look()
    await second.look()
    house.clock.pass_seconds(201 * DAY)
    done = await asyncio.gather(first.look(), second.look(), return_exceptions=True)
    assert [item for item in done if item is not None and not isinstance(item, ConflictError)] == []
    for keeper in (first, second):
        await keeper.look()
    assert first._served == second._served == await house.stored()
    assert len(await house.trusted()) == 2


async def test_a_replica_whose_clock_is_ahead_spoils_nothing_for_the_others(house: House) -> None:
    """What it makes begins later than now: the others keep theirs, and it comes round once its clock is right."""
    good, wrong = house.keeper(), house.keeper()
    await good.look()
    served = good._served
    ahead = FakeClock()
    ahead.pass_seconds(250 * DAY)
    wrong._clock = ahead
    await wrong.look()
    assert wrong._served != served
    for _ in range(3):
        await good.look()
        await wrong.look()
    assert good._served == served
    assert served
    assert wrong._served == await house.stored()
    assert authority(served) in await house.trusted()
    writes = list(house.cluster.writes)
    await good.look()
    await wrong.look()
    assert house.cluster.writes == writes, "they don't take it in turns"
    wrong._clock = house.clock
    fresh = house.keeper()
    for keeper in (wrong, good, fresh):
        await keeper.look()
    assert wrong._served == good._served == fresh._served == await house.stored()
    assert (await house.stored()).begins <= house.clock.now()


async def test_other_hosts_get_another_certificate(house: House) -> None:
    await house.keeper().look()
    before = await house.stored()
    await house.keeper("funkhaus-webhook.funkhaus-system.svc").look()
    after = await house.stored()
    assert after.authority == before.authority
    assert not after.serving_due(house.clock.now(), ["funkhaus-webhook.funkhaus-system.svc"])


async def test_a_spoiled_secret_is_replaced(house: House) -> None:
    keeper = house.keeper()
    await keeper.look()
    secret = await house.cluster.get(SECRET, "funkhaus-system", "funkhaus-webhook-tls")
    assert secret
    secret["data"]["tls.key"] = base64.b64encode(b"nonsense").decode()
    house.cluster.put(secret)
    await keeper.look()
    assert (await house.stored()).key == (keeper._served and keeper._served.key)


async def test_b59_a_bundle_somebody_emptied_is_put_back(house: House) -> None:
    keeper = house.keeper()
    await keeper.look()
    configuration = await house.cluster.get(VALIDATING_WEBHOOK, "", "funkhaus")
    assert configuration
    for webhook in configuration["webhooks"]:
        webhook["clientConfig"]["caBundle"] = ""
    house.cluster.put(configuration)
    await keeper.look()
    assert await house.trusted() == [authority(await house.stored())]


async def test_without_configurations_it_serves_all_the_same(house: House) -> None:
    for kind in (MUTATING_WEBHOOK, VALIDATING_WEBHOOK):
        await house.cluster.delete(kind, "", "funkhaus")
    keeper = house.keeper()
    await keeper.look()
    await keeper.ready()


async def test_an_ended_certificate_is_not_ready(house: House) -> None:
    keeper = house.keeper()
    await keeper.look()
    house.clock.pass_seconds(31 * DAY)
    with pytest.raises(UnavailableError, match="ended at"):
        await keeper.ready()


async def test_a_cluster_that_fails_is_asked_again(house: House) -> None:
    keeper = house.keeper()
    failures = iter([UnavailableError("gone"), UnavailableError("gone")])
    house.cluster.failure = lambda *_: next(failures, None)
    task = asyncio.create_task(keeper.keep(retry=0))
    for _ in range(100):
        await asyncio.sleep(0)
        if keeper._served:
            break
    task.cancel()
    await keeper.ready()


def test_callers_that_can_not_be_read_are_said_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    for path in (tmp_path / "nowhere", tmp_path / "empty"):
        with pytest.raises(InvalidError, match="FUNKHAUS_WEBHOOK_CLIENT_CA_FILE"):
            tls.context(str(path))
    assert tls.context().verify_mode is ssl.CERT_NONE
