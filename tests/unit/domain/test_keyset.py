"""Where a list goes on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from funkhaus.domain.errors import InvalidError
from funkhaus.domain.keyset import Moment

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
KEY = "0b5cbd9e-5d3c-4c65-9d43-2f0a4f0f2a77"


@pytest.mark.parametrize("at", [NOW, NOW + timedelta(microseconds=1)])
def test_it_is_read_as_written(at: datetime) -> None:
    place = Moment.of(at, KEY)
    assert Moment.parse(str(place)) == place
    assert Moment.parse("") is None


def test_first_by_instant_then_by_id() -> None:
    first, second = Moment(NOW, UUID(int=2)), Moment(NOW + timedelta(microseconds=1), UUID(int=1))
    assert first < second
    assert Moment(NOW, UUID(int=1)) < first


@pytest.mark.parametrize(
    "text",
    ["x", " ", f"yesterday {KEY}", f"{NOW.isoformat()} x", f"2026-11-24T12:00:00 {KEY}", KEY],
)
def test_what_no_page_said(text: str) -> None:
    with pytest.raises(InvalidError, match="earlier page"):
        Moment.parse(text)
