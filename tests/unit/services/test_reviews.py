"""Admission as a use case: who is asked, what is added, and that every doubt is a refusal that leaves a row."""

from __future__ import annotations

import asyncio
import copy
from datetime import UTC, datetime
from itertools import product
from typing import TYPE_CHECKING, Any

import jsonpatch
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from funkhaus.domain.errors import (
    ForbiddenError,
    InvalidError,
    TimedOutError,
    UnavailableError,
)
from funkhaus.domain.kinds import FUNCTION, HTTP_TRIGGER, RUNTIME, Kind
from funkhaus.domain.question import CHANGED_BY, CREATED_BY, Change, Doing, Marks
from funkhaus.domain.tenant import Namespace, NamespaceQuota, Suspension, Tenant
from funkhaus.domain.verdict import Finding, Outcome
from funkhaus.services.ledger import LedgerService
from funkhaus.services.reviews import Judgement, Operation, Review, ReviewService
from tests.support.clock import FakeClock
from tests.support.cluster import MemoryCluster
from tests.support.decider import FakeDecider
from tests.support.questions import DOMAIN, FACTS, function, http_trigger
from tests.support.stores import MemoryStores

if TYPE_CHECKING:
    from funkhaus.domain.decision import Decision

USER = "fh:0b9e"
PLATFORM = "system:serviceaccount:funkhaus-system:funkhaus-controller"
LABELS = {"funkhaus.dev/tenant": "demo", "funkhaus.dev/namespace": "default"}


class House:
    """A service on fakes, with tenant demo and its namespace default."""

    def __init__(self, stores: MemoryStores | None = None) -> None:
        self.stores = stores or MemoryStores()
        self.decider = FakeDecider()
        self.cluster = MemoryCluster()
        self.noted: list[Decision] = []
        self.stores.state.tenants["demo"] = Tenant("demo", "small")
        quota = NamespaceQuota(20, 20, 20, 4000, 4 * 1024**3)
        namespace = Namespace("demo", "default", quota)
        self.stores.state.namespaces["demo", "default"] = (namespace, True)
        self.service = ReviewService(
            self.stores,
            self.decider,
            LedgerService(self.stores, FakeClock()),
            self.cluster,
            FakeClock(),
            domain=DOMAIN,
            system_namespace="funkhaus-system",
            at_once=2,
            note=self.noted.append,
        )

    async def mutate(self, manifest: dict[str, Any], **facts: Any) -> Judgement:
        return await self.service.mutate(review(manifest, **facts), 2.0)

    async def validate(self, manifest: dict[str, Any], **facts: Any) -> Judgement:
        return await self.service.validate(review(manifest, **facts), 2.0)


@pytest.fixture
def house() -> House:
    return House()


def review(manifest: dict[str, Any], old: dict[str, Any] | None = None, **facts: Any) -> Review:
    kind: Kind = {"Function": FUNCTION, "HTTPTrigger": HTTP_TRIGGER}.get(
        manifest.get("kind", ""), RUNTIME
    )
    return Review(
        uid=facts.pop("uid", "review-1"),
        operation=facts.pop("operation", Operation.UPDATE if old else Operation.CREATE),
        kind=facts.pop("kind", kind),
        namespace=facts.pop("namespace", "demo--default"),
        name="hello",
        manifest=manifest,
        old=old or {},
        requester=facts.pop("requester", USER),
        token_id=facts.pop("token_id", "token-7"),
        dry_run=facts.pop("dry_run", False),
    )


def patched(manifest: dict[str, Any], judgement: Judgement) -> dict[str, Any]:
    changed: dict[str, Any] = jsonpatch.apply_patch(manifest, list(judgement.patch))
    return changed


# ── a tenant that rests ──


SUSPENSION = Suspension(datetime(2026, 11, 24, tzinfo=UTC), "invoice 17 is unpaid", "Ada")


def at_rest(house: House) -> House:
    house.stores.state.tenants["demo"] = Tenant("demo", "small", suspension=SUSPENSION)
    return house


@pytest.mark.parametrize("requester", [USER, "gitops", "system:admin"])
async def test_nothing_is_created_or_changed_in_a_tenant_that_rests(
    house: House, requester: str
) -> None:
    at_rest(house)
    for judge, old in product((house.mutate, house.validate), (None, function(timeout=61))):
        judged = await judge(function(), old=old, requester=requester)
        (finding,) = judged.error.findings if judged.error else ()
        assert finding.code == "tenant-suspended"
        assert finding.message == (
            'tenant "demo" is suspended since 2026-11-24 by Ada: invoice 17 is unpaid. Nothing is created or changed in it '
            "until a platform admin says `funkhaus tenant resume demo`; ask Ada"
        )
    assert house.decider.asked == []
    assert house.stores.state.books.charges == {}
    assert [row.outcome for row in house.stores.state.audit] == ["denied"] * 4


async def test_its_people_do_not_even_label_but_delete(house: House) -> None:
    at_rest(house)
    labelled = function()
    labelled["metadata"]["labels"] = {"app": "x"}
    assert (await house.validate(labelled, old=function())).refused
    assert not (await house.validate({}, old=function(), operation=Operation.DELETE)).refused


async def test_kubernetes_and_the_platform_go_on_with_their_work(house: House) -> None:
    at_rest(house)
    loose = function()
    loose["metadata"]["finalizers"] = []
    collector = "system:serviceaccount:kube-system:generic-garbage-collector"
    assert not (await house.validate(loose, old=function(), requester=collector)).refused
    assert not (await house.validate(function(), requester=PLATFORM)).refused


# ── mutation ──


async def test_a_new_function_gets_amounts_labels_and_its_creator(house: House) -> None:
    manifest = function()
    del manifest["spec"]["resources"]
    changed = patched(manifest, await house.mutate(manifest))
    assert changed["spec"]["resources"] == {"cpu": "250m", "memory": "128Mi"}
    assert changed["metadata"]["labels"] == LABELS
    assert changed["metadata"]["annotations"] == {CREATED_BY: USER, CHANGED_BY: USER}


async def test_a_new_trigger_gets_a_host(house: House) -> None:
    manifest = http_trigger(function="shop")
    del manifest["spec"]["host"]
    assert patched(manifest, await house.mutate(manifest))["spec"]["host"] == f"shop.demo.{DOMAIN}"


async def test_what_is_there_is_left_alone(house: House) -> None:
    manifest = function(resources={"cpu": "0.9"})
    manifest["metadata"] |= {
        "labels": {"funkhaus.dev/tenant": "other", "app": "x"},
        "annotations": {CREATED_BY: "somebody", CHANGED_BY: "anybody"},
    }
    changed = patched(manifest, await house.mutate(manifest))
    assert changed["spec"]["resources"] == {"cpu": "0.9", "memory": "128Mi"}
    assert changed["metadata"]["labels"] == {
        "funkhaus.dev/tenant": "other",
        "app": "x",
        "funkhaus.dev/namespace": "default",
    }
    assert changed["metadata"]["annotations"] == {CREATED_BY: "somebody", CHANGED_BY: "anybody"}


async def test_the_creator_is_not_whoever_changes_it_later(house: House) -> None:
    old = function()
    old["metadata"]["annotations"] = {CREATED_BY: "fh:first"}
    new = function(timeout=61)
    changed = patched(new, await house.mutate(new, old=old, requester="fh:second"))
    assert changed["metadata"]["annotations"] == {CREATED_BY: "fh:first", CHANGED_BY: "fh:second"}
    unknown = await house.mutate(function(timeout=62), old=function(), requester="fh:second")
    assert CREATED_BY not in str(unknown.patch)


def changed_by(who: str, manifest: dict[str, Any]) -> dict[str, Any]:
    manifest["metadata"]["annotations"] = {CREATED_BY: "fh:first", CHANGED_BY: who}
    return manifest


async def test_who_changes_what_is_asked_for_is_its_author(house: House) -> None:
    old = changed_by("fh:first", function())
    new = changed_by("fh:first", function(timeout=61))
    changed = patched(new, await house.mutate(new, old=old, requester="fh:second"))
    assert changed["metadata"]["annotations"][CHANGED_BY] == "fh:second"
    assert (await house.mutate(changed, old=old, requester="fh:second")).patch == ()
    assert not (await house.validate(changed, old=old, requester="fh:second")).refused


async def test_who_changes_only_labels_is_not(house: House) -> None:
    old = changed_by("fh:first", function())
    old["metadata"]["labels"] = dict(LABELS)
    new = copy.deepcopy(old)
    new["metadata"]["labels"] |= {"app": "x"}
    assert (await house.mutate(new, old=old, requester="fh:second")).patch == ()
    replaced = {**new, "metadata": {**new["metadata"], "annotations": {"mine": "x"}}}
    again = patched(replaced, await house.mutate(replaced, old=old, requester="fh:second"))
    assert again["metadata"]["annotations"][CHANGED_BY] == "fh:first"


async def test_nobody_is_named_who_did_not_ask(house: House) -> None:
    old = changed_by("fh:first", function())
    new = changed_by("fh:third", function(timeout=61))
    kept = patched(new, await house.mutate(new, old=old, requester="fh:second"))
    assert kept["metadata"]["annotations"][CHANGED_BY] == "fh:third", "for admission to refuse"
    for named in ("fh:third", "fh:first"):
        await house.validate(
            changed_by(named, function(timeout=61)), old=old, requester="fh:second"
        )
        asked = house.decider.asked[-1]
        assert (
            asked.owned.annotations[CHANGED_BY]
            == "fh:second"
            != asked.marks.annotations[CHANGED_BY]
        )


async def test_what_turns_out_unchanged_may_name_either(house: House) -> None:
    old = changed_by("fh:first", function())
    for named in ("fh:first", "fh:second"):
        new = changed_by(named, function())
        new["metadata"]["labels"] = {"app": "x", **LABELS}
        assert not (await house.validate(new, old=old, requester="fh:second")).refused


async def test_a_name_yet_to_be_made_is_no_obstacle(house: House) -> None:
    manifest = function(resources={})
    del manifest["metadata"]["name"]
    manifest["metadata"]["generateName"] = "hello-"
    changed = patched(manifest, await house.mutate(manifest))
    assert changed["spec"]["resources"] == {"cpu": "250m", "memory": "128Mi"}


METADATA = st.fixed_dictionaries(
    {"name": st.just("hello")},
    optional={
        name: st.none()
        | st.dictionaries(
            st.sampled_from(["app", *LABELS, CREATED_BY, CHANGED_BY]), st.text(max_size=3)
        )
        for name in ("labels", "annotations")
    },
)
RESOURCES = st.none() | st.fixed_dictionaries(
    {}, optional={"cpu": st.none() | st.text(max_size=4), "memory": st.just("1Gi")}
)


@settings(deadline=None)  # other tests run beside it
@given(metadata=METADATA, resources=RESOURCES, trigger=st.booleans())
async def test_mutating_twice_is_mutating_once(
    metadata: dict[str, Any], resources: Any, *, trigger: bool
) -> None:
    manifest = http_trigger(host=None) if trigger else function(resources=resources)
    manifest["metadata"] = metadata
    house = House()
    once = patched(manifest, await house.mutate(manifest))
    again = await house.mutate(once)
    assert again.patch == ()
    assert not again.refused


@pytest.mark.parametrize("spec", [None, "text", [], {"runtime": 3}, {"source": {"inline": None}}])
async def test_a_wrong_shape_is_left_to_the_schema(house: House, spec: Any) -> None:
    judgement = await house.mutate({**function(), "spec": spec})
    assert judgement.patch == ()
    assert not judgement.refused


# ── validation ──


async def test_policy_s_verdict_is_the_answer(house: House) -> None:
    judgement = await house.validate(function(resources={"cpu": "3", "memory": "128Mi"}))
    assert judgement.refused
    assert [item.code for item in judgement.verdict.findings] == ["cpu-above-ceiling"]
    assert not (await house.validate(function())).refused


async def test_warnings_let_in_and_so_does_what_needs_an_approval(house: House) -> None:
    house.decider.findings = (Finding("a", "b", outcome=Outcome.WARN),)
    assert not (await house.validate(function())).refused
    house.decider.findings = (Finding("a", "b", outcome=Outcome.REQUIRE_APPROVAL),)
    judgement = await house.validate(function())
    assert not judgement.refused
    assert judgement.approval
    assert judgement.approval.seen_at is None


async def test_policy_hears_of_the_tenant_from_the_database_alone(house: House) -> None:
    house.stores.state.suffixes["shop.example.org"] = "demo"
    manifest = http_trigger()
    manifest["metadata"]["labels"] = {"funkhaus.dev/tenant": "rich"}
    await house.validate(manifest)
    (asked,) = house.decider.asked
    assert asked.facts.tenant == "demo"
    assert asked.facts.plan == "small"
    assert asked.facts.host_suffixes == (f"demo.{DOMAIN}", "shop.example.org")


@pytest.mark.parametrize(
    "requester",
    [
        "system:serviceaccount:demo--default:funkhaus-controller",
        "system:serviceaccount:funkhaus-system-2:funkhaus-controller",
        "system:serviceaccount:demo--default:funkhaus-system:funkhaus-controller",
        "funkhaus-controller",
        "fh:system:serviceaccount:funkhaus-system:funkhaus-controller",
    ],
)
async def test_b19_a_platform_s_account_name_elsewhere_is_not_the_platform(
    house: House, requester: str
) -> None:
    manifest = function()
    manifest["metadata"]["labels"] = LABELS | {"funkhaus.dev/approved": "yes"}
    await house.validate(manifest, requester=requester)
    await house.validate(manifest, requester=PLATFORM)
    theirs, ours = house.decider.asked
    assert theirs.owned != ours.owned


async def test_a_tenant_may_carry_only_what_the_platform_wrote(house: House) -> None:
    old = function()
    old["metadata"]["labels"] = {"funkhaus.dev/tenant": "stale", "funkhaus.dev/profile": "gpu"}
    old["metadata"]["annotations"] = {CREATED_BY: "fh:first", "mine": "x"}
    new = function(timeout=61)
    new["metadata"]["labels"] = {"funkhaus.dev/approved": "yes", "app": "x"}
    await house.validate(new)
    await house.validate(new, old=old)
    created, updated = house.decider.asked
    assert created.marks == updated.marks == Marks({"funkhaus.dev/approved": "yes"}, {})
    assert created.owned == Marks(LABELS, {CREATED_BY: USER, CHANGED_BY: USER})
    assert updated.owned == Marks(
        {**LABELS, "funkhaus.dev/profile": "gpu"}, {CREATED_BY: "fh:first", CHANGED_BY: USER}
    )


async def test_the_platform_s_own_processes_write_marks_but_never_another_tenant(
    house: House,
) -> None:
    manifest = function()
    manifest["metadata"]["labels"] = {"funkhaus.dev/tenant": "other", "funkhaus.dev/x": "y"}
    await house.validate(manifest, requester=PLATFORM)
    await house.validate(manifest, requester="system:serviceaccount:demo--default:funkhaus-system")
    ours, theirs = house.decider.asked
    assert ours.owned.labels == {**LABELS, "funkhaus.dev/x": "y"}
    assert "funkhaus.dev/x" not in theirs.owned.labels


# ── what is not judged ──


async def test_a_delete_passes_without_anybody_being_asked(house: House) -> None:
    house.stores.broken = UnavailableError()
    house.decider.error = UnavailableError()
    facts: dict[str, Any] = {"operation": Operation.DELETE, "old": function()}
    assert not (await house.validate({}, kind=FUNCTION, **facts)).refused
    assert not (await house.mutate({}, kind=FUNCTION, **facts)).refused


async def test_somebody_s_delete_is_on_record(house: House) -> None:
    facts: dict[str, Any] = {"operation": Operation.DELETE, "old": function(), "kind": FUNCTION}
    assert (await house.validate({}, **facts)).audited is True
    (row,) = house.stores.state.audit
    assert (row.action, row.outcome, row.subject) == ("function:delete", "allowed", USER)
    assert (row.before[:7], row.after) == ("sha256:", "")
    collector = "system:serviceaccount:kube-system:generic-garbage-collector"
    for who in (PLATFORM, collector):
        assert (await house.validate({}, **facts, requester=who)).audited is None
    await house.validate({}, **facts, dry_run=True)
    assert house.stores.state.audit == [row]


@pytest.mark.parametrize("change", ["spec", "labels", "annotations", "removed"])
async def test_any_change_of_what_is_judged_is_judged(house: House, change: str) -> None:
    old = function()
    old["metadata"]["labels"] = {"funkhaus.dev/tenant": "demo"}
    new = copy.deepcopy(old)
    if change == "spec":
        new["spec"]["source"]["inline"]["files"]["hello.py"] += "#"
    elif change == "removed":
        del new["metadata"]["labels"]
    else:
        new["metadata"][change] = {"funkhaus.dev/tenant": "other"}
    await house.validate(new, old=old)
    assert len(house.decider.asked) == 1


async def test_a_deletion_under_way_is_no_exemption(house: House) -> None:
    old = function()
    new = function(resources={"cpu": "9", "memory": "1Mi"})
    for manifest in (old, new):
        manifest["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    assert (await house.validate(new, old=old)).refused


# ── doubts ──


@pytest.mark.parametrize("namespace", ["default", "kube-system", "demo--other", "demo", ""])
async def test_a_namespace_of_no_tenant_is_refused(house: House, namespace: str) -> None:
    for judgement in (
        await house.mutate(function(), namespace=namespace),
        await house.validate(function(), namespace=namespace),
    ):
        assert judgement.refused
        assert isinstance(judgement.error, ForbiddenError)
        (finding,) = judgement.error.findings
        assert finding.code == "namespace-foreign"
        assert "funkhaus namespace create" in finding.message


async def test_a_deleted_namespace_is_no_tenant_s(house: House) -> None:
    namespace, _ = house.stores.state.namespaces["demo", "default"]
    house.stores.state.namespaces["demo", "default"] = (namespace, False)
    assert (await house.validate(function())).refused


async def test_b53_without_database_or_engine_nothing_gets_in(house: House) -> None:
    house.decider.error = TimedOutError("the policy engine did not answer within 1 s")
    assert isinstance((await house.validate(function())).error, TimedOutError)
    assert isinstance((await house.mutate(function())).error, TimedOutError)
    house.stores.broken = UnavailableError("no database")
    assert isinstance((await house.validate(function())).error, UnavailableError)
    assert isinstance((await house.mutate(function())).error, UnavailableError)


@pytest.mark.parametrize(
    ("manifest", "path"),
    [
        (function("A"), "metadata.name"),
        (function("a.b"), "metadata.name"),
        (function("a" * 64), "metadata.name"),
        (http_trigger("a" * 64), "metadata.name"),
        (http_trigger(function="Hello"), "spec.function"),
        ({**function(), "spec": {}}, "spec.runtime"),
        ({**function(), "spec": {**function()["spec"], "timeout": "1"}}, "spec.timeout"),
        ({**function(), "metadata": {"name": "a", "labels": []}}, "metadata.labels"),
    ],
)
async def test_names_and_shapes_are_refused_with_their_path(
    house: House, manifest: dict[str, Any], path: str
) -> None:
    judgement = await house.validate(manifest)
    assert isinstance(judgement.error, InvalidError)
    assert [item.path for item in judgement.error.findings] == [path]


async def test_a_kind_nobody_judges_is_refused(house: House) -> None:
    assert (await house.validate({**function(), "kind": "Runtime"})).refused


class Slow(FakeDecider):
    async def ready(self) -> str:
        await asyncio.sleep(60)
        return ""


async def test_b56_a_review_ends_at_its_deadline(house: House) -> None:
    service = ReviewService(
        house.stores,
        Slow(),
        LedgerService(house.stores, FakeClock()),
        house.cluster,
        FakeClock(),
        domain=DOMAIN,
        system_namespace="funkhaus-system",
        at_once=1,
    )
    reviews = [service.validate(review(function(), uid=str(n)), 0.05) for n in range(3)]
    judgements = await asyncio.gather(*reviews)
    assert all(isinstance(item.error, TimedOutError) for item in judgements)
    assert "0.05 s" in str(judgements[0].error)
    assert len(house.stores.state.audit) == 3


# ── the row of a refusal ──


async def test_a_refusal_leaves_a_row(house: House) -> None:
    judgement = await house.validate(function(resources={"cpu": "3", "memory": "1Mi"}), uid="r-1")
    assert judgement.audited
    (row,) = house.stores.state.audit
    assert (row.tenant, row.subject, row.token_id) == ("demo", USER, "token-7")
    assert (row.action, row.target) == ("function:create", "functions/demo--default/hello")
    assert (row.outcome, row.request_id) == ("denied", "r-1")
    assert row.detail["findings"][0]["code"] == "cpu-above-ceiling"
    assert row.detail["decision_id"] == "decision-1"
    assert row.detail["policy_revision"] == "sha256:fake"


async def test_a_refusal_for_want_of_an_answer_leaves_one_too(house: House) -> None:
    house.decider.error = UnavailableError("gone")
    await house.validate(function())
    (row,) = house.stores.state.audit
    assert row.detail["error"] == {"code": "unavailable", "message": "gone"}


async def test_what_is_let_in_leaves_one_of_its_own(house: House) -> None:
    """Kubectl and GitOps change things, too, and nobody else writes that down."""
    assert (await house.validate(function())).audited is True
    (row,) = house.stores.state.audit
    assert (row.outcome, row.before, row.after[:7]) == ("allowed", "", "sha256:")
    await house.mutate(function())
    await house.validate(function(), requester=PLATFORM)
    assert house.stores.state.audit == [row], "one of a write, none of the platform's own"


async def test_what_is_let_in_with_a_warning_is_on_record(house: House) -> None:
    house.decider.findings = (Finding("freeze-lifted", "on record", "spec", Outcome.WARN),)
    judgement = await house.validate(function())
    assert not judgement.refused
    assert judgement.audited is True
    (row,) = house.stores.state.audit
    assert (row.outcome, row.detail["findings"][0]["code"]) == ("allowed", "freeze-lifted")


async def test_the_question_says_what_changes_and_when(house: House) -> None:
    await house.validate(function())
    await house.validate(function(timeout=9), old=function())
    now = FakeClock().now()
    changes = [question.change for question in house.decider.asked]
    assert changes == [Change(Doing.CREATE, now), Change(Doing.UPDATE, now)]


async def test_other_annotations_travel_by_name(house: House) -> None:
    manifest = http_trigger()
    manifest["metadata"]["annotations"] = {"b": "x", "funkhaus.dev/created-by": USER, "a/b": "y"}
    await house.validate(manifest)
    assert house.decider.asked[-1].annotations == ("a/b", "b")


async def test_a_dry_run_leaves_none(house: House) -> None:
    judgement = await house.validate(function(resources={"cpu": "3"}), dry_run=True)
    assert judgement.refused
    assert judgement.audited is None
    assert house.stores.state.audit == []


async def test_a_row_that_is_lost_changes_nothing(house: House) -> None:
    house.stores.broken = UnavailableError("no database")
    judgement = await house.validate(function())
    assert judgement.refused
    assert judgement.audited is False


# ── the controller's second question ──


async def test_what_is_stored_is_judged_again(house: House) -> None:
    manifest = function(resources={"cpu": "3", "memory": "1Mi"})
    manifest["metadata"]["labels"] = {"funkhaus.dev/tenant": "other"}
    verdict = await house.service.judge_function(manifest, FACTS)
    assert verdict.denied
    (asked,) = house.decider.asked
    assert asked.facts.host_suffixes == (f"demo.{DOMAIN}",)
    assert asked.owned.labels == LABELS
    assert asked.change == Change(), "nothing changes, so no freeze holds it"
    assert (await house.service.judge_http_trigger(http_trigger(), FACTS)).findings == ()


async def test_and_gets_no_verdict_without_an_engine_or_a_shape(house: House) -> None:
    with pytest.raises(InvalidError):
        await house.service.judge_function({**function(), "spec": {}}, FACTS)
    house.decider.error = UnavailableError()
    with pytest.raises(UnavailableError):
        await house.service.judge_http_trigger(http_trigger(), FACTS)
