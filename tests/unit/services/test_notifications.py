"""What is told outside: signed, tried again with longer and longer pauses, given up in the end, and never redirected."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import timedelta

import pytest

from funkhaus.domain.errors import InvalidError, TimedOutError
from funkhaus.domain.notification import ATTEMPTS, LONGEST_PAUSE, Destination, pause
from funkhaus.ports import Answer
from funkhaus.services.notifications import ROUND, Announcer
from tests.support.clock import FakeClock
from tests.support.dialer import MemoryDialer, Sent
from tests.support.stores import MemoryStores

KEY = b"k" * 32
SECRET = "whsec_" + base64.b64encode(KEY).decode()
URL = "https://chat.example.org/hooks/1"


class House:
    """An announcer, and who is told."""

    def __init__(self, url: str = URL) -> None:
        self.stores, self.clock, self.status = MemoryStores(), FakeClock(), 204
        self.dialer = MemoryDialer(self.listen)
        self.announcer = Announcer(
            self.stores, self.dialer, self.clock, Destination.parse(url, SECRET)
        )

    async def listen(self, sent: Sent) -> Answer:
        assert sent.url == URL
        return Answer(self.status, (("Location", "http://169.254.169.254/"),), b"")

    async def tell(self, event: str = "approval.requested") -> None:
        async with self.stores.begin("demo") as work:
            await work.approvals.tell(event, {"id": "a1", "name": "hällo"})

    @property
    def waiting(self) -> int:
        return len(self.stores.state.notifications)


@pytest.fixture
def house() -> House:
    return House()


async def test_it_is_signed_over_id_time_and_body(house: House) -> None:
    await house.tell()
    assert await house.announcer.round() == 1
    (sent,) = house.dialer.sent
    (identity,), (at,), (signature,) = (
        sent.header(f"webhook-{name}") for name in ("id", "timestamp", "signature")
    )
    assert int(at) == int(house.clock.now().timestamp())
    signed = f"{identity}.{at}.".encode() + sent.body
    expected = base64.b64encode(hmac.new(KEY, signed, hashlib.sha256).digest()).decode()
    assert signature == f"v1,{expected}"
    document = json.loads(sent.body)
    assert (document["type"], document["data"]) == (
        "approval.requested",
        {"id": "a1", "name": "hällo"},
    )
    assert house.waiting == 0
    assert await house.announcer.round() == 0


@pytest.mark.parametrize("status", [301, 302, 307, 400, 410, 500])
async def test_anything_but_a_yes_is_tried_again_under_the_same_id(
    house: House, status: int
) -> None:
    house.status = status
    await house.tell()
    assert await house.announcer.round() == 0
    assert await house.announcer.round() == 0
    assert len(house.dialer.sent) == 1  # the redirect went nowhere, and the pause holds
    house.status = 200
    house.clock.pass_seconds(30)
    assert await house.announcer.round() == 1
    first, second = house.dialer.sent
    assert first.header("webhook-id") == second.header("webhook-id")
    assert first.header("webhook-timestamp") != second.header("webhook-timestamp")


async def test_a_deaf_one_is_given_up_and_holds_up_no_other(house: House) -> None:
    house.dialer.failure = TimedOutError("no answer within 10 s")
    await house.tell()
    for attempt in range(ATTEMPTS):
        assert house.waiting == 1
        await house.announcer.round()
        house.clock.pass_seconds(pause(attempt).total_seconds())
    assert house.waiting == 0
    assert len(house.dialer.sent) == ATTEMPTS
    house.dialer.failure = None
    await house.tell("approval.approved")
    assert await house.announcer.round() == 1


def test_pauses_grow_to_a_limit() -> None:
    pauses = [pause(attempt) for attempt in range(ATTEMPTS)]
    assert pauses == sorted(pauses)
    assert (pauses[0], pauses[-1], pause(10_000)) == (
        timedelta(seconds=30),
        LONGEST_PAUSE,
        LONGEST_PAUSE,
    )


async def test_a_round_is_bounded(house: House) -> None:
    for _ in range(ROUND + 1):
        await house.tell()
    assert await house.announcer.round() == ROUND
    assert house.waiting == 1


async def test_without_an_address_nothing_is_kept() -> None:
    house = House(url="")
    await house.tell()
    assert await house.announcer.round() == 0
    assert house.waiting == 0
    assert house.dialer.sent == []


@pytest.mark.parametrize(
    ("url", "secret", "path"),
    [
        ("ftp://x", SECRET, "URL"),
        ("http://chat.example.org/", SECRET, "URL"),
        ("https://", SECRET, "URL"),
        ("https://user:secret@chat.example.org/", SECRET, "URL"),
        (URL, "", "SECRET"),
        (URL, "whsec_", "SECRET"),
        (URL, "whsec_c2hvcnQ=", "SECRET"),
        (URL, "whsec_not base64", "SECRET"),
        (URL, base64.b64encode(KEY).decode(), "SECRET"),
    ],
)
def test_settings_that_can_t_be_right_are_named(url: str, secret: str, path: str) -> None:
    with pytest.raises(InvalidError) as refused:
        Destination.parse(url, secret)
    (finding,) = refused.value.findings
    assert finding.path == f"FUNKHAUS_APPROVAL_WEBHOOK_{path}"
    assert finding.value is None  # an address may hold a secret, too


def test_loopback_may_be_plain() -> None:
    assert Destination.parse("http://127.0.0.1:9/x", SECRET)
