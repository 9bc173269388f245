"""Schedules: what passes, when it comes, and how often at most."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from funkhaus.domain import cron

BERLIN = ZoneInfo("Europe/Berlin")
UTC_ZONE = ZoneInfo("UTC")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "now", "expected"),
    [
        ("* * * * *", "2026-01-01 00:00:00", "2026-01-01 00:01:00"),
        ("* * * * *", "2026-01-01 00:00:59", "2026-01-01 00:01:00"),
        ("*/15 * * * *", "2026-01-01 00:50:00", "2026-01-01 01:00:00"),
        ("5/20 * * * *", "2026-01-01 00:06:00", "2026-01-01 00:25:00"),
        ("0 3 * * *", "2026-01-01 03:00:00", "2026-01-02 03:00:00"),
        ("0 0 31 * *", "2026-02-01 00:00:00", "2026-03-31 00:00:00"),
        ("0 0 29 2 *", "2026-01-01 00:00:00", "2028-02-29 00:00:00"),
        ("0 0 29 2 *", "2096-03-01 00:00:00", "2104-02-29 00:00:00"),
        ("0 9 * * MON-FRI", "2026-01-02 10:00:00", "2026-01-05 09:00:00"),
        ("0 0 13 * 5", "2026-01-01 00:00:00", "2026-01-02 00:00:00"),  # the 13th, or a Friday
        (
            "0 0 */2 * 5",
            "2026-01-03 00:00:00",
            "2026-01-05 00:00:00",
        ),  # either, as a step is no star
        ("0 0 13 * *", "2026-01-01 00:00:00", "2026-01-13 00:00:00"),
        ("30 4 1,15 jan,Jul ?", "2026-01-02 00:00:00", "2026-01-15 04:30:00"),
        ("@hourly", "2026-01-01 00:30:00", "2026-01-01 01:00:00"),
        ("@weekly", "2026-01-01 00:00:00", "2026-01-04 00:00:00"),
        ("@yearly", "2026-01-01 00:00:00", "2027-01-01 00:00:00"),
        ("59 23 31 12 *", "2026-12-31 23:59:00", "2027-12-31 23:59:00"),
    ],
)
def test_when_it_comes(text: str, now: str, expected: str) -> None:
    assert cron.parse(text).after(at(now), UTC_ZONE) == at(expected)


def test_a_zone_moves_with_its_summer() -> None:
    daily = cron.parse("0 12 * * *")
    assert daily.after(at("2026-01-01 00:00:00"), BERLIN) == at("2026-01-01 11:00:00")
    assert daily.after(at("2026-07-01 00:00:00"), BERLIN) == at("2026-07-01 10:00:00")


def test_an_hour_that_is_skipped_does_not_come() -> None:
    night = cron.parse("30 2 * * *")
    assert night.after(at("2026-03-28 02:00:00"), BERLIN) == at("2026-03-30 00:30:00")


def test_an_hour_that_is_repeated_comes_once() -> None:
    night = cron.parse("30 2 * * *")
    first = night.after(at("2026-10-24 12:00:00"), BERLIN)
    assert first == at("2026-10-25 00:30:00")
    assert night.after(at("2026-10-25 00:30:00"), BERLIN) == at("2026-10-26 01:30:00")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("* * * * *", 60),
        ("*/5 * * * *", 300),
        ("*/7 * * * *", 240),  # from 56 to the next hour
        ("0 * * * *", 3600),
        ("0,1 3 * * *", 60),
        ("0 3 * * *", 86_400),
        ("59 23 * * *", 86_400),
        ("0 0,23 * * *", 3600),
        ("0 0 1 1 *", 86_400),
    ],
)
def test_how_often_at_most(text: str, seconds: int) -> None:
    assert cron.parse(text).interval == seconds


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "it has 0 fields"),
        ("* * * *", "it has 4 fields"),
        ("* * * * * *", "it has 6 fields"),
        ("60 * * * *", "minute '60' is not within 0 to 59"),
        ("* 24 * * *", "hour '24' is not within 0 to 23"),
        ("* * 0 * *", "day of month '0' is not within 1 to 31"),
        ("* * * 13 *", "month '13' is not within 1 to 12 or jan to dec"),
        ("* * * * 7", "day of week '7' is not within 0 to 6 or sun to sat"),
        ("* * * * xyz", "day of week 'xyz' is not within"),
        ("* * L * *", "is none of"),
        ("* * * * 5#2", "is none of"),
        ("30-10 * * * *", "runs backwards"),
        ("*-5 * * * *", "is no range"),
        ("*/0 * * * *", "has a step of 0"),
        ("1,,2 * * * *", "is none of"),
        ("-1 * * * *", "is none of"),
        ("٣ * * * *", "is none of"),
        ("0 0 30 2 *", "never comes"),
        ("0 0 31 4,6,9,11 *", "never comes"),
        ("@every 5m", "@every is none of"),
        ("@reboot", "@reboot is none of"),
        ("TZ=UTC 0 3 * * *", "spec.timeZone"),
        ("CRON_TZ=UTC 0 3 * * *", "spec.timeZone"),
        ("* " * 200, "at most 200 pass"),
    ],
)
def test_what_is_wrong_is_said(text: str, words: str) -> None:
    with pytest.raises(ValueError) as refused:  # noqa: PT011 - the words are compared
        cron.parse(text)
    assert words in str(refused.value)


FIELDS = [
    st.integers(low, high).map(str) | st.just("*") | st.integers(1, 9).map(lambda step: f"*/{step}")
    for low, high in ((0, 59), (0, 23), (1, 28), (1, 12), (0, 6))
]


@given(st.tuples(*FIELDS), st.datetimes(datetime(2000, 1, 1), datetime(2090, 1, 1)))  # noqa: DTZ001 - made aware
def test_it_comes_on_whole_minutes_not_closer_than_said(
    fields: tuple[str, ...], moment: datetime
) -> None:
    schedule = cron.parse(" ".join(fields))
    before = moment.replace(tzinfo=UTC)
    first = schedule.after(before, UTC_ZONE)
    assert first is not None
    assert first > before
    assert (first.second, first.microsecond) == (0, 0)
    assert first.minute in schedule.minutes
    assert first.hour in schedule.hours
    second = schedule.after(first, UTC_ZONE)
    assert second is not None
    assert (second - first).total_seconds() >= schedule.interval


@pytest.mark.parametrize("name", ["UTC", "Europe/Berlin", "America/Argentina/Ushuaia", "Etc/GMT+5"])
def test_zones_there_are(name: str) -> None:
    assert cron.zone(name)


@pytest.mark.parametrize(
    "name",
    ["", "Local", "Mars/Base", "../UTC", "/etc/localtime", "Europe", "Europe/Berlin ", "a\0b"],
)
def test_zones_there_are_not(name: str) -> None:
    assert cron.zone(name) is None
