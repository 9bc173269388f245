"""What needs an approval is held until Postgres says it was given: whatever status, annotations or haste say."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from funkhaus.crd.conditions import find
from funkhaus.domain.approval import PENDING_LIMIT, Approval, ApprovalState, renewed
from funkhaus.domain.charge import Key
from funkhaus.domain.errors import PolicyError, UnavailableError
from funkhaus.domain.kinds import (
    CRON_JOB,
    CRON_JOB_TRIGGER,
    DEPLOYMENT,
    EVENT,
    FUNCTION,
    FUNCTION_REVISION,
    HTTP_TRIGGER,
    INGRESS,
    SERVICE,
    Kind,
)
from funkhaus.domain.question import CHANGED_BY
from funkhaus.domain.verdict import Finding, Outcome, Verdict
from tests.support.materials import NS, House

if TYPE_CHECKING:
    from funkhaus.ports import Manifest

ASK = Finding(
    "cpu-needs-approval", "cpu is a lot", "spec.resources.cpu", Outcome.REQUIRE_APPROVAL, "1", "2"
)
FREEZE = Finding("freeze-in-force", "nothing changes", "spec", Outcome.REQUIRE_APPROVAL, "x", "now")
KEY = Key("Function", "main", "hello")


def rows(house: House, *states: ApprovalState) -> list[Approval]:
    """In the order they were asked for."""
    found = list(house.stores.state.approvals.values())
    return [row for row in found if not states or row.state in states]


async def decide(house: House, state: ApprovalState, **change: Any) -> Approval:
    (row,) = rows(house, ApprovalState.PENDING)
    decided = dataclasses.replace(
        row,
        state=state,
        decided_by="fh:eve",
        decided_at=house.clock.now(),
        reason="because",
        **change,
    )
    async with house.stores.begin("demo") as work:
        await work.approvals.put(decided)
    return decided


async def deployed(house: House, **spec: Any) -> str:
    house.function(**spec)
    await house.reconcile()
    revision: str = house.status()["latestRevision"]
    house.ready(revision)
    await house.reconcile()
    return revision


async def test_nothing_is_made_of_what_waits(house: House) -> None:
    house.decider.findings = (ASK,)
    house.function()
    assert (await house.reconcile()).outcome == "held"
    for kind in (FUNCTION_REVISION, DEPLOYMENT, SERVICE):
        assert house.cluster.named(kind, NS) == ()
    (row,) = rows(house)
    assert (row.state, row.uid) == (
        ApprovalState.PENDING,
        house.cluster.find(FUNCTION, NS, "hello")["metadata"]["uid"],
    )
    status, reason, message = house.condition("Approved")
    assert (status, reason) == ("False", "PendingApproval")
    assert "spec.resources.cpu: cpu is a lot" in message
    assert "one of: platform admin, platform approver" in message
    assert f"funkhaus approval approve {row.id} --tenant demo" in message
    assert house.condition("Ready")[1] == "PendingApproval"
    assert house.condition("Degraded")[0] == "False"
    assert house.condition("Admitted")[0] == "True"
    assert house.registry.pushes == []
    house.cluster.writes.clear()
    await house.reconcile()
    assert house.cluster.writes == []
    assert len(rows(house)) == 1


async def test_a_yes_lets_it_go_and_an_end_holds_what_comes_after(house: House) -> None:
    house.decider.findings = (ASK,)
    house.function()
    await house.reconcile()
    await decide(house, ApprovalState.APPROVED, ends_at=house.clock.now() + timedelta(days=1))
    await house.reconcile()
    revision = house.serving()
    house.ready(revision)
    await house.reconcile()
    assert house.condition("Approved")[:2] == ("True", "Approved")
    assert house.condition("Ready")[0] == "True"
    house.clock.pass_seconds(86400)
    assert (await house.reconcile()).outcome == "held"
    status, reason, message = house.condition("Approved")
    assert (status, reason) == ("False", "Expired")
    assert "has ended" in message
    assert house.serving() == revision
    assert house.cluster.named(DEPLOYMENT, NS) == (revision,)
    assert "goes on serving" in house.condition("Ready")[2]
    assert [row.state for row in rows(house)] == [ApprovalState.EXPIRED]


async def test_an_update_that_waits_leaves_what_serves_and_its_scale(house: House) -> None:
    serving = await deployed(house)
    house.decider.findings = (ASK,)
    house.function(timeout=31, scaling={"min": 4, "max": 4, "cpuPercent": 80})
    assert (await house.reconcile()).outcome == "held"
    assert house.serving() == serving
    assert house.cluster.named(FUNCTION_REVISION, NS) == (serving,)
    assert house.cluster.find(DEPLOYMENT, NS, serving)["spec"].get("replicas", 1) == 1
    await decide(house, ApprovalState.APPROVED)
    await house.reconcile()
    newer = house.status()["latestRevision"]
    assert newer != serving
    house.ready(newer)
    await house.reconcile()
    assert house.serving() == newer


@pytest.mark.parametrize(
    ("state", "reason"),
    [(ApprovalState.REJECTED, "Rejected"), (ApprovalState.EXPIRED, "Expired")],
)
async def test_a_no_holds_until_a_change_asks_anew(
    house: House, state: ApprovalState, reason: str
) -> None:
    house.decider.findings = (ASK,)
    house.function()
    await house.reconcile()
    await decide(house, state)
    for _ in range(2):
        assert (await house.reconcile()).outcome == "held"
    status, said, message = house.condition("Approved")
    assert (status, said) == ("False", reason)
    assert "because" in message
    assert "a change of it asks anew" in message
    assert house.cluster.named(DEPLOYMENT, NS) == ()
    house.function(timeout=31)
    await house.reconcile()
    assert house.condition("Approved")[1] == "PendingApproval"
    assert [row.state for row in rows(house)] == [ApprovalState.SUPERSEDED, ApprovalState.PENDING]


async def test_what_is_asked_once_more_waits_again_and_is_made_when_approved(house: House) -> None:
    house.decider.findings = (ASK,)
    house.function()
    await house.reconcile()
    row = await decide(house, ApprovalState.REJECTED)
    await house.reconcile()
    assert f"funkhaus approval renew {row.id} --tenant demo" in house.condition("Approved")[2]
    anew = renewed(row, ["fh:mia"], house.clock.now())
    async with house.stores.begin("demo") as work:
        await work.approvals.put(dataclasses.replace(row, state=ApprovalState.SUPERSEDED))
        await work.approvals.put(anew)
    assert (await house.reconcile()).outcome == "held"
    assert house.condition("Approved")[1] == "PendingApproval"
    assert house.cluster.named(DEPLOYMENT, NS) == ()
    assert rows(house, ApprovalState.PENDING) == [anew], "it is not asked for a second time"
    await decide(house, ApprovalState.APPROVED)
    await house.reconcile()
    assert house.condition("Approved")[1] == "Approved"
    assert house.cluster.named(DEPLOYMENT, NS) != ()


async def test_nobody_decided_in_time(house: House) -> None:
    house.decider.findings = (ASK,)
    house.function()
    await house.reconcile()
    house.clock.pass_seconds(7 * 86400 - 1)
    assert await house.holding.lapse() == 0
    await house.reconcile()
    assert house.condition("Approved")[1] == "PendingApproval"
    house.clock.pass_seconds(1)
    assert await house.holding.lapse() == 1
    await house.reconcile()
    assert house.condition("Approved")[1] == "Expired"
    assert [item.event for item in house.stores.state.notifications.values()] == [
        "approval.requested",
        "approval.expired",
    ]
    acts = [row.action for row in house.stores.state.audit]
    assert acts == ["approval:request", "approval:expired"]


async def test_b27_a_spec_changed_after_its_approval_needs_another(house: House) -> None:
    house.decider.findings = (ASK,)
    house.function()
    await house.reconcile()
    approved = await decide(house, ApprovalState.APPROVED)
    house.function(source={"inline": {"files": {"hello.py": "import os; ..."}}})
    assert (await house.reconcile()).outcome == "held"
    assert house.cluster.named(DEPLOYMENT, NS) == ()
    assert [row.state for row in rows(house)] == [ApprovalState.SUPERSEDED, ApprovalState.PENDING]
    house.function()  # and back: what was given was given up
    await house.reconcile()
    assert house.cluster.named(DEPLOYMENT, NS) == ()
    (waiting,) = rows(house, ApprovalState.PENDING)
    assert waiting.id != approved.id


async def test_b27_an_approval_is_of_this_object_and_not_of_its_name(house: House) -> None:
    house.decider.findings = (ASK,)
    house.function()
    await house.reconcile()
    await decide(house, ApprovalState.APPROVED)
    await house.cluster.delete(FUNCTION, NS, "hello")
    house.function()  # the same in every field, before anybody saw that it was gone
    assert (await house.reconcile()).outcome == "held"
    assert house.cluster.named(DEPLOYMENT, NS) == ()
    assert [row.state for row in rows(house)] == [ApprovalState.SUPERSEDED, ApprovalState.PENDING]


async def test_b05_status_and_annotations_approve_nothing(house: House) -> None:
    house.decider.findings = (ASK,)
    manifest = house.function()
    generation = manifest["metadata"]["generation"]
    manifest["metadata"]["annotations"] = {
        "funkhaus.dev/approved": "true",
        "funkhaus.dev/approved-by": "fh:eve",
        CHANGED_BY: "fh:mallory",
    }
    manifest["status"] = {
        "observedGeneration": generation,
        "latestRevision": "hello-0000000000",
        "revision": "hello-0000000000",
        "approval": "00000000-0000-4000-8000-000000000000",
        "conditions": [
            {
                "type": kind, "status": "True", "reason": "Approved", "message": "x",
                "observedGeneration": generation, "lastTransitionTime": "2026-01-01T00:00:00Z",
            }
            for kind in ("Admitted", "Approved", "Built", "Ready")
        ],
    }  # fmt: skip
    house.cluster.put(manifest)
    for _ in range(2):
        assert (await house.reconcile()).outcome == "held"
        assert house.condition("Approved")[:2] == ("False", "PendingApproval")
        assert house.cluster.named(DEPLOYMENT, NS) == ()
    (row,) = rows(house)
    assert (row.state, row.requested_by) == (ApprovalState.PENDING, "fh:mallory")


async def test_other_objections_need_another_approval(house: House) -> None:
    house.decider.findings = (ASK,)
    house.function()
    await house.reconcile()
    await decide(house, ApprovalState.APPROVED)
    house.decider.findings = (dataclasses.replace(ASK, message="other words"),)
    await house.reconcile()
    assert house.condition("Approved")[0] == "True"
    revision = house.serving()
    house.decider.findings = (dataclasses.replace(ASK, limit="500m"),)
    await house.reconcile()
    assert house.condition("Approved")[:2] == ("False", "PendingApproval")
    assert house.serving() == revision
    stale, waiting = rows(house)
    assert (stale.state, stale.reason) == (
        ApprovalState.SUPERSEDED,
        "the house rules ask for something else by now",
    )
    assert [item.limit for item in waiting.findings] == ["500m"]
    house.decider.findings = ()  # less than what was asked for is covered
    await decide(house, ApprovalState.APPROVED)
    await house.reconcile()
    assert house.condition("Approved")[0] == "True"


async def ask(
    house: House,
    manifest: Manifest,
    *findings: Finding,
    by: str = "fh:ada",
    old: Manifest | None = None,
) -> Approval:
    """As admission does, before the object is stored."""
    bare = {**manifest, "metadata": {"namespace": NS, "name": "hello"}}
    verdict = Verdict(findings, "d", "sha256:p")
    async with house.stores.begin("demo") as work:
        return await house.holding.ask(work, "demo", KEY, bare, old or {}, verdict, by)


async def test_what_only_a_change_is_asked_for_is_remembered(house: House) -> None:
    row = await ask(house, house.function(), FREEZE)
    house.decider.findings = ()  # what is stored is no change
    await house.reconcile()
    assert house.condition("Approved")[:2] == ("False", "PendingApproval")
    assert [item.id for item in rows(house)] == [row.id]
    house.decider.findings = (ASK,)
    await house.reconcile()
    (waiting,) = rows(house, ApprovalState.PENDING)
    assert {item.code for item in waiting.findings} == {FREEZE.code, ASK.code}
    assert waiting.requested_by == "fh:ada"


async def test_a_no_is_not_forgotten_while_the_object_is_there(house: House) -> None:
    await ask(house, house.function(), FREEZE)
    await house.reconcile()
    await decide(house, ApprovalState.REJECTED)
    house.clock.pass_seconds(200 * 86400)
    assert await house.holding.forget() == 0
    assert (await house.reconcile()).outcome == "held"
    assert house.cluster.named(DEPLOYMENT, NS) == ()


async def test_a_question_asked_again_is_one_request_of_who_asked_last(house: House) -> None:
    manifest = house.function()
    first = await ask(house, manifest, FREEZE)
    later = await ask(house, manifest, dataclasses.replace(FREEZE, value="later"), by="fh:bob")
    assert first.id == later.id
    await house.reconcile()
    (row,) = rows(house)
    assert (row.requested_by, row.findings[0].value) == ("fh:bob", "later")
    same = await ask(house, manifest, *row.findings, by="fh:bob", old=manifest)
    assert same.id == row.id
    other = await ask(house, manifest, *row.findings, by="fh:eve", old=manifest)
    assert other.id != row.id  # who changed it last may not approve it


async def test_a_look_at_what_was_there_before_takes_nothing_from_what_comes(house: House) -> None:
    serving = await deployed(house)
    coming = house.function(timeout=31)
    house.function(timeout=30)
    await house.reconcile()
    await ask(house, coming, FREEZE)
    for _ in range(2):  # the change is admitted, and not stored yet
        await house.reconcile()
    assert [row.state for row in rows(house)] == [ApprovalState.PENDING]
    house.function(timeout=31)
    await house.reconcile()
    assert house.condition("Approved")[1] == "PendingApproval"
    assert house.serving() == serving


async def test_what_never_came_is_given_up(house: House) -> None:
    await ask(house, house.function(), FREEZE)
    house.function(timeout=31)
    house.clock.pass_seconds(91)
    await house.reconcile()
    assert [row.state for row in rows(house)] == [ApprovalState.SUPERSEDED]
    assert house.stores.state.notifications == {}


async def test_who_is_gone_asks_for_nothing(house: House) -> None:
    house.decider.findings = (ASK,)
    house.function()
    await house.reconcile()
    await house.cluster.delete(FUNCTION, NS, "hello")
    await house.reconcile()
    assert [row.state for row in rows(house)] == [ApprovalState.WITHDRAWN]
    await ask(house, house.function(), FREEZE)
    await house.cluster.delete(FUNCTION, NS, "hello")
    await house.reconcile()  # that may be about to be stored
    assert [row.state for row in rows(house)] == [ApprovalState.WITHDRAWN, ApprovalState.PENDING]


async def test_what_needs_none_says_so_and_is_asked_about_once(house: House) -> None:
    await deployed(house)
    assert house.condition("Approved")[:2] == ("True", "NotRequired")
    asked = len(house.decider.asked)
    house.decider.error = UnavailableError("nobody home")
    await house.reconcile()
    assert len(house.decider.asked) == asked
    events = [event["reason"] for event in await house.cluster.list(EVENT, NS)]
    assert "NotRequired" not in events


async def test_too_many_may_not_wait(house: House) -> None:
    row = await ask(house, house.function(), FREEZE)
    more = {str(n): dataclasses.replace(row, id=str(n)) for n in range(PENDING_LIMIT - 1)}
    house.stores.state.approvals |= more
    with pytest.raises(PolicyError) as refused:
        await ask(house, house.function(timeout=31), FREEZE)
    assert refused.value.findings[0].code == "approvals-waiting"


async def test_a_trigger_that_waits_keeps_the_host_it_answers_for(house: House) -> None:
    house.function()
    house.trigger(host="old.demo.example.com")
    await house.triggers.reconcile(NS, "web")
    house.decider.findings = (dataclasses.replace(ASK, path="spec.host"),)
    house.trigger(host="new.demo.example.com")
    for _ in range(2):
        assert (await house.triggers.reconcile(NS, "web")).outcome == "held"
        async with house.stores.begin("demo") as work:
            held = await work.hosts.of("main", "web")
        assert held == {"old.demo.example.com", "new.demo.example.com"}
    await decide(house, ApprovalState.APPROVED)
    await house.triggers.reconcile(NS, "web")
    await house.triggers.reconcile(NS, "web")
    async with house.stores.begin("demo") as work:
        assert await work.hosts.of("main", "web") == {"new.demo.example.com"}


@pytest.mark.parametrize(
    ("kind", "made", "name"),
    [(HTTP_TRIGGER, INGRESS, "web"), (CRON_JOB_TRIGGER, CRON_JOB, "nightly")],
)
async def test_triggers_wait_too(house: House, kind: Kind, made: Kind, name: str) -> None:
    store, materialiser = {
        HTTP_TRIGGER: (house.trigger, house.triggers),
        CRON_JOB_TRIGGER: (house.cron_trigger, house.crons),
    }[kind]
    house.function()
    house.decider.findings = (dataclasses.replace(ASK, path="spec"),)
    store()
    assert (await materialiser.reconcile(NS, name)).outcome == "held"
    assert house.cluster.named(made, NS) == ()
    condition = find(house.cluster.find(kind, NS, name), "Approved")
    assert condition
    assert (condition["status"], condition["reason"]) == ("False", "PendingApproval")
    await decide(house, ApprovalState.APPROVED)
    await materialiser.reconcile(NS, name)
    assert house.cluster.named(made, NS) == (name,)
    await house.cluster.delete(kind, NS, name)
    await materialiser.reconcile(NS, name)
    assert [row.state for row in rows(house)] == [ApprovalState.WITHDRAWN]
