"""Changes that leave the spec alone: what is judged of them, and what is not."""

from __future__ import annotations

import copy

import pytest

from funkhaus.domain.errors import UnavailableError
from funkhaus.domain.question import Change
from funkhaus.domain.verdict import Finding, Outcome
from funkhaus.services.reviews import Judgement
from tests.support.questions import function

from .test_reviews import LABELS, PLATFORM, House


@pytest.fixture
def house() -> House:
    return House()


async def test_a_finalizer_comes_off_whatever_policy_says_now(house: House) -> None:
    house.decider.error = UnavailableError()
    old = function(resources={"cpu": "9"})
    notes = {"mine": "x", "gone": "x"}
    old["metadata"] |= {"finalizers": ["x"], "labels": dict(LABELS), "annotations": notes}
    new = copy.deepcopy(old)
    new["metadata"] |= {"finalizers": [], "annotations": {"mine": "y"}}
    assert not (await house.validate(new, old=old)).refused
    assert (await house.mutate(new, old=old)) == Judgement()


async def test_an_annotation_that_comes_later_is_judged_as_what_is_stored(house: House) -> None:
    """It is no change of what is asked for: no freeze hears of it, and nobody is asked for an approval."""
    new = function()
    new["metadata"]["annotations"] = {"mine": "x"}
    house.decider.findings = (Finding("a-b", "m", outcome=Outcome.REQUIRE_APPROVAL),)
    assert not (await house.validate(new, old=function())).refused
    (asked,) = house.decider.asked
    assert (asked.annotations, asked.change) == (("mine",), Change())
    assert not house.stores.state.approvals
    house.decider.findings = (Finding("a-b", "m"),)
    assert (await house.validate(new, old=function())).refused
    assert not (await house.validate(function(), old=new)).refused
    assert not (await house.validate(new, old=function(), requester=PLATFORM)).refused


async def test_the_platform_s_notes_come_off_likewise(house: House) -> None:
    old = function(resources={"cpu": "9", "memory": "1Mi"})
    old["metadata"] |= {"finalizers": ["x"], "annotations": {"funkhaus.dev/last-seen": "{}"}}
    new = copy.deepcopy(old)
    new["metadata"] |= {"finalizers": [], "annotations": {}}
    assert not (await house.validate(new, old=old, requester=PLATFORM)).refused
    assert (await house.validate(new, old=old)).refused
    changed = function(resources={"cpu": "8", "memory": "1Mi"})
    assert (await house.validate(changed, old=old, requester=PLATFORM)).refused
