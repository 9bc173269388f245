"""What strangers change is put back and told; what we ourselves want otherwise is not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from funkhaus.domain.kinds import EVENT, SERVICE
from funkhaus.services.materialisation.upkeep import differences, places
from tests.support.materials import NS

if TYPE_CHECKING:
    from tests.support.materials import House


def told(house: House) -> list[tuple[str, str, str]]:
    """The repairs: on what, and what is said of them."""
    found = [house.cluster.find(EVENT, NS, name) for name in house.cluster.named(EVENT, NS)]
    events = [event for event in found if event["reason"] == "Repaired"]
    return [
        (event["involvedObject"]["kind"], event["involvedObject"]["name"], event["message"])
        for event in events
    ]


async def up(house: House, **spec: object) -> None:
    """The function, asked for with this spec, serving."""
    house.function(**spec)
    await house.reconcile()
    house.ready(house.status()["latestRevision"])
    await house.reconcile()


async def bend(house: House, **spec: object) -> None:
    """Change the public Service as somebody else."""
    await house.cluster.merge_patch(SERVICE, NS, "hello", {"spec": spec})


async def test_a_change_is_put_back_and_told_where_it_belongs(house: House) -> None:
    await up(house)
    assert told(house) == []
    await bend(house, selector={"funkhaus.dev/revision": "none"})
    await house.reconcile()
    said = "Service hello was changed by somebody else at spec.selector.funkhaus.dev/revision; it is as it was again"
    assert told(house) == [("Function", "hello", said)]
    await house.reconcile()
    assert len(told(house)) == 1


async def test_an_addition_is_told_too(house: House) -> None:
    await up(house)
    await bend(house, externalIPs=["203.0.113.7"])
    await house.reconcile()
    ((_, _, message),) = told(house)
    assert "spec.externalIPs" in message


async def test_what_we_want_otherwise_is_no_repair(house: House) -> None:
    await up(house)
    await up(house, timeout=9)
    assert told(house) == []


@pytest.mark.parametrize(
    ("live", "wanted", "found"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({"a": 1, "b": 2}, {"a": 1}, []),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": 2, "c": 3}, "d": 4}, ["a.b", "a.c", "d"]),
        ({"a": [1, 2]}, {"a": [1]}, ["a"]),
        ({"limits": {"cpu": "1"}}, {"limits": {"cpu": "1000m"}}, []),
        (None, {"a": 1}, [""]),
    ],
)
def test_where_they_differ(live: object, wanted: object, found: list[str]) -> None:
    assert differences(live, wanted) == found


def test_where_a_patch_reaches() -> None:
    assert places({"a": {"b": None, "c": {"d": 1}}, "e": {}}) == ["a.b", "a.c.d", "e"]
