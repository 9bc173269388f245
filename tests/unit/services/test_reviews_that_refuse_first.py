"""The mutating review says no where the validating one would, in the same words; and of both one asks the engine."""

from __future__ import annotations

import copy
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from funkhaus.domain.errors import InvalidError
from funkhaus.domain.question import Marks
from funkhaus.domain.verdict import Finding, Outcome
from funkhaus.services.verdicts import LASTS, REMEMBERED, Verdicts
from tests.support.clock import FakeClock
from tests.support.decider import FakeDecider
from tests.support.questions import function, http_trigger, question

from .test_reviews import PLATFORM, House, patched

if TYPE_CHECKING:
    from funkhaus.services.reviews import Judgement

TOO_MUCH = {"cpu": "3", "memory": "128Mi"}


@pytest.fixture
def house() -> House:
    return House()


def said(judgement: Judgement) -> tuple[Finding, ...]:
    error = judgement.error
    return tuple(error.findings) if error else judgement.verdict.findings


async def through(house: House, manifest: dict[str, Any], **facts: Any) -> Judgement:
    """Both reviews of a request, as kube-apiserver has them."""
    first = await house.mutate(manifest, **facts)
    if first.refused:
        return first
    return await house.validate(patched(manifest, first), **facts)


def forged() -> dict[str, Any]:
    manifest = function()
    manifest["metadata"]["labels"] = {"funkhaus.dev/approved": "yes"}
    return manifest


@pytest.mark.parametrize(
    "manifest",
    [
        function(resources=TOO_MUCH),
        function("A", resources=TOO_MUCH),
        function("a" * 41),
        http_trigger(function="Hello"),
    ],
)
async def test_what_would_be_refused_is_refused_before_policies_are_asked(
    manifest: dict[str, Any],
) -> None:
    first, second = House(), House()
    mutated = await first.mutate(manifest)
    validated = await second.validate(manifest)
    assert mutated.refused
    assert said(mutated) == said(validated) != ()
    assert type(mutated.error) is type(validated.error)
    assert mutated.patch == ()
    rows = [house.stores.state.audit for house in (first, second)]
    (one,), (other,) = rows
    assert one == other
    assert one.outcome == "denied"


async def test_all_findings_at_once(house: House) -> None:
    house.decider.findings = (
        Finding("a", "first"),
        Finding("b", "second", outcome=Outcome.WARN),
        Finding("c", "third", outcome=Outcome.REQUIRE_APPROVAL),
    )
    judgement = await house.mutate(function(resources=TOO_MUCH))
    assert [item.code for item in said(judgement)] == ["cpu-above-ceiling", "a", "b", "c"]
    (row,) = house.stores.state.audit
    assert [item["code"] for item in row.detail["findings"]] == ["cpu-above-ceiling", "a", "b", "c"]


async def test_a_refusal_is_one_decision_one_row_and_holds_nothing(house: House) -> None:
    await through(house, function(resources=TOO_MUCH), uid="r-1")
    (decision,) = house.noted
    assert (decision.review, decision.outcome) == ("r-1", "deny")
    (row,) = house.stores.state.audit
    assert (row.request_id, row.outcome, row.tenant) == ("r-1", "denied", "demo")
    assert house.stores.state.books.charges == {}
    assert house.stores.state.approvals == {}


async def test_what_gets_in_is_one_decision_one_row_and_asked_about_once(house: House) -> None:
    house.decider.findings = (Finding("a", "on record", outcome=Outcome.WARN),)
    manifest = function()
    first = await house.mutate(manifest)
    assert (first.verdict.findings, first.audited) == ((), None), "remarks come with the second"
    assert house.noted == []
    second = await house.validate(patched(manifest, first))
    assert [item.code for item in second.verdict.findings] == ["a"]
    assert len(house.noted) == len(house.stores.state.audit) == len(house.decider.asked) == 1


async def test_what_needs_an_approval_goes_on_to_be_held(house: House) -> None:
    house.decider.findings = (Finding("a", "b", outcome=Outcome.REQUIRE_APPROVAL),)
    first = await house.mutate(function())
    assert not first.refused
    assert house.stores.state.approvals == {}
    held = await through(house, function())
    assert held.approval
    assert list(house.stores.state.approvals) == [held.approval.id]


async def test_a_dry_run_leaves_no_row(house: House) -> None:
    judgement = await house.mutate(function(resources=TOO_MUCH), dry_run=True)
    assert judgement.refused
    assert judgement.audited is None
    assert house.stores.state.audit == []
    assert [item.dry_run for item in house.noted] == [True]


async def test_being_asked_again_after_others_is_the_same(house: House) -> None:
    """`reinvocationPolicy: IfNeeded`: somebody else's webhook changed something in between."""
    manifest = function(resources={})
    changed = patched(manifest, await house.mutate(manifest))
    changed["metadata"]["annotations"]["sidecar.example.com/seen"] = "yes"
    again = await house.mutate(changed)
    assert (again.refused, again.patch) == (False, ())
    assert house.stores.state.audit == house.noted == []
    raised = copy.deepcopy(changed)
    raised["spec"]["resources"]["cpu"] = "3"
    assert (await house.mutate(raised)).refused
    assert len(house.stores.state.audit) == len(house.noted) == 1


async def test_defaults_and_authors_are_judged_as_they_will_be_stored(house: House) -> None:
    manifest = function(resources={})
    await house.mutate(manifest)
    (asked,) = house.decider.asked
    assert asked.subject.spec.resources.cpu == "250m"  # type: ignore[union-attr]  # a Function
    assert asked.marks.annotations == asked.owned.annotations
    assert asked.marks.labels == asked.owned.labels


async def test_a_forged_mark_is_judged_as_forged(house: House) -> None:
    await house.mutate(forged())
    (asked,) = house.decider.asked
    assert "funkhaus.dev/approved" in asked.marks.labels
    assert "funkhaus.dev/approved" not in asked.owned.labels


async def test_what_turns_out_unchanged_is_not_judged(house: House) -> None:
    """A field left out that the plan's default fills in again, of what a newer set would not let in."""
    old = patched(function(), await House().mutate(function()))
    new = copy.deepcopy(old)
    del new["spec"]["resources"]
    house.decider.findings = (Finding("a", "newer"),)
    judgement = await house.mutate(new, old=old)
    assert not judgement.refused
    assert house.decider.asked == []


async def test_a_finalizer_comes_off_what_would_not_get_in_any_more(house: House) -> None:
    house.decider.findings = (Finding("a", "newer"),)
    old = function()
    old["metadata"]["finalizers"] = ["funkhaus.dev/x"]
    for requester in ("fh:0b9e", PLATFORM):
        assert not (await through(house, function(), old=old, requester=requester)).refused
    assert house.decider.asked == []


@pytest.mark.parametrize("base", ["hello-", "a" * 35])
async def test_a_name_yet_to_be_made_is_judged_by_its_length(house: House, base: str) -> None:
    manifest = function(resources={})
    del manifest["metadata"]["name"]
    manifest["metadata"]["generateName"] = base
    first = await house.mutate(manifest)
    assert not first.refused
    assert "/metadata/name" not in str(first.patch)
    manifest["metadata"]["generateName"] = "a" * 36
    judgement = await house.mutate(manifest)
    assert isinstance(judgement.error, InvalidError)
    assert [item.path for item in judgement.error.findings] == ["metadata.name"]


# ── one verdict for both ──


async def test_a_verdict_is_given_again_once_and_soon() -> None:
    clock = FakeClock()
    decider = FakeDecider()
    verdicts = Verdicts(decider, clock)
    asked = question(function())
    given = await verdicts.first(asked)
    clock.pass_seconds(LASTS.total_seconds())
    assert await verdicts.second(asked) == given
    assert len(decider.asked) == 1
    await verdicts.second(asked)
    assert len(decider.asked) == 2, "used once"
    for late in (LASTS + timedelta(microseconds=1), -timedelta(microseconds=1)):
        await verdicts.first(asked)
        clock.pass_seconds(late.total_seconds())
        before = len(decider.asked)
        await verdicts.second(asked)
        assert len(decider.asked) == before + 1, "too old, or of a clock that was set back"


async def test_only_of_the_very_same_question() -> None:
    decider = FakeDecider()
    verdicts = Verdicts(decider, FakeClock())
    asked = question(function())
    for other in (
        question(function(timeout=61)),
        question(function("other")),
        question(function(), marks=Marks({"funkhaus.dev/x": "y"})),
        question(http_trigger()),
    ):
        await verdicts.first(asked)
        before = len(decider.asked)
        await verdicts.second(other)
        assert len(decider.asked) == before + 1


async def test_a_refusal_is_not_remembered_and_few_others_are() -> None:
    decider = FakeDecider()
    verdicts = Verdicts(decider, FakeClock())
    refused = question(function(resources=TOO_MUCH))
    await verdicts.first(refused)
    await verdicts.second(refused)
    assert len(decider.asked) == 2
    for number in range(REMEMBERED + 1):
        await verdicts.first(question(function(f"f{number}")))
    before = len(decider.asked)
    await verdicts.second(question(function("f1")))
    assert len(decider.asked) == before
    await verdicts.second(question(function("f0")))
    assert len(decider.asked) == before + 1
