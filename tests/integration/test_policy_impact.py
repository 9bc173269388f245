"""A change of a limit on the past and on what lives: by REST, with a real `opa` over the repository's own rules."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from funkhaus.domain.decision import Decision
from funkhaus.domain.errors import InvalidError, TimedOutError
from funkhaus.domain.policy_set import PolicySet
from funkhaus.domain.subject import Role
from funkhaus.policy import inputs
from funkhaus.policy.client import OpaDecider
from funkhaus.policy.folder import read_folder
from funkhaus.policy.trial import OpaTrial
from funkhaus_api.keys import Limits
from tests.support import cases, opa
from tests.support.api import Client, World, serving
from tests.support.questions import FULL_FACTS, cron_job_trigger, function, http_trigger, question
from tests.support.signing import feed
from tests.support.stores import MemoryStores

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

RULES = read_folder(opa.POLICIES)
PLANS = RULES.files["data/plans.yaml"]
STRICTER = {**RULES.files, "data/plans.yaml": PLANS.replace("max: 300}", "max: 30}")}
"""A minute is too long for the small plan."""
IMPACT = "/v1/policy/impact"
LIMITS = Limits(body=4 * 1024 * 1024, seconds=120)


@pytest.fixture
async def world(opa_url: str) -> World:
    del opa_url  # skips or fails where OPA is missing
    return World(MemoryStores(), feed=feed())


@pytest.fixture
async def admin(world: World) -> AsyncIterator[Client]:
    """An admin of a house with tenant demo, whose release's rules are in force."""
    services = world.services()
    await services.policies.come_with_the_release(RULES)
    await world.tenant("demo", "default")
    async with serving(services, LIMITS) as client:
        yield client.holding(await world.token("", None))


async def decided(
    world: World, manifest: dict[str, Any], *, revision: str = RULES.revision, days: float = 1
) -> Decision:
    """A decision of the past on a manifest: the rules in force let it in."""
    asked = inputs.document(question(manifest))
    made = Decision(
        id="d",
        revision=revision,
        tenant="demo",
        namespace="default",
        kind=manifest["kind"],
        name=manifest["metadata"]["name"],
        review="u",
        subject="fh:1",
        operation="CREATE",
        outcome="allow",
        findings=(),
        at=world.clock.now() - timedelta(days=days),
        asked=asked,
    ).sealed()
    async with world.stores.begin_platform() as work:
        await work.decisions.add([made])
    return made


async def test_what_would_be_refused_is_named_with_its_finding(admin: Client, world: World) -> None:
    for days in (1, 2, 9):
        await decided(world, function("slow", timeout=60), days=days)
    await decided(world, function("quick", timeout=20))
    await decided(world, http_trigger())
    world.cluster.put(function("slow", timeout=60))
    world.cluster.put(function("living", timeout=31))
    world.cluster.put(cron_job_trigger())
    answered = await admin.post(IMPACT, {"files": STRICTER, "reason": "as in an activation"})
    assert answered.status == 200, answered.body
    report = answered.json
    assert report["revision"] == PolicySet(STRICTER).revision
    assert report["active"] == RULES.revision
    assert (report["replayed"], report["judged"], report["unread"]) == (4, 3, 0)
    assert report["counts"]["denied"] == {"requests": 2, "live": 2}
    assert report["refuses"]
    living, slow = report["changes"]
    assert (slow["name"], slow["requests"], slow["live"]) == ("slow", 2, True)
    assert (living["name"], living["requests"], living["live"]) == ("living", 0, True)
    assert (slow["before"], slow["after"], slow["effect"]) == ("allow", "deny", "denied")
    (finding,) = slow["findings"]
    assert (finding["code"], finding["path"]) == ("timeout-above-ceiling", "spec.timeout")
    assert (finding["limit"], finding["value"]) == (30, 60)
    longer = (await admin.post(f"{IMPACT}?since=10d", {"files": STRICTER})).json
    assert longer["replayed"] == 5
    assert (await admin.get("/v1/policy/activations")).json["items"][0]["reason"] == (
        "comes with the release"
    ), "nothing was put in force"


async def test_a_request_of_other_rules_is_judged_by_both(admin: Client, world: World) -> None:
    """What was let in by older rules and is refused by today's is nothing the candidate would change."""
    await decided(world, function("big", resources={"cpu": "3", "memory": "64Mi"}), revision="old")
    report = (await admin.post(IMPACT, {"files": dict(RULES.files)})).json
    assert (report["replayed"], report["changes"], report["refuses"]) == (1, [], False)


async def test_what_is_freed_is_no_alarm(admin: Client, world: World) -> None:
    looser = {**RULES.files, "data/plans.yaml": PLANS.replace("max: 300}", "max: 900}")}
    world.cluster.put(function("patient", timeout=600))
    report = (await admin.post(IMPACT, {"files": looser})).json
    (change,) = report["changes"]
    assert (change["effect"], change["before"], change["after"]) == ("freed", "deny", "allow")
    assert not report["refuses"]


async def test_what_can_t_be_judged_again_is_counted(admin: Client, world: World) -> None:
    made = await decided(world, function())
    async with world.stores.begin_platform() as work:
        await work.decisions.add([replace(made, input="", digest="")])
    world.cluster.put({**function("odd"), "spec": {"runtime": 5}})
    report = (await admin.post(IMPACT, {"files": STRICTER})).json
    assert report["unread"] == 2


async def test_who_may_ask_and_what_is_refused(admin: Client, world: World) -> None:
    owner = admin.holding(await world.token("demo", Role.OWNER))
    (await owner.post(IMPACT, {"files": STRICTER})).problem(403, "forbidden")
    (await admin.post(IMPACT, {"files": {}})).problem(422, "invalid")
    for since in ("", "7", "d", "-1d", "0d", "366d", "1w"):
        (await admin.post(f"{IMPACT}?since={since}", {"files": STRICTER})).problem(422, "invalid")
    broken = {**RULES.files, "data/plans.yaml": PLANS.replace('max: "1"', "max: 1")}
    found = (await admin.post(IMPACT, {"files": broken})).problem(422, "invalid")["findings"]
    assert "plans.small.function.cpu.max" in {finding["path"] for finding in found}


# ── the trial itself ──


async def test_it_says_what_the_engine_says(opa_url: str) -> None:
    """Every case of the golden verdicts: a batch and an OPA that decides find the same."""
    manifests = [function(), http_trigger(), cron_job_trigger()]
    manifests += [manifest for manifest, _ in cases.ALL.values()]
    asked = [question(manifest) for manifest in manifests]
    trial = OpaTrial("opa", seconds=120)
    found = await trial.findings(RULES, [trial.question(one) for one in asked])
    async with OpaDecider(opa_url, timeout=5) as decider:
        for one, findings in zip(asked, found, strict=True):
            said = (await decider.decide(one)).findings
            assert sorted(map(repr, findings)) == sorted(map(repr, said))


async def test_a_question_kept_is_answered_as_the_question_asked(opa_url: str) -> None:
    """What is masked is nothing a rule looks at."""
    del opa_url
    trial = OpaTrial("opa", seconds=120)
    manifests = [manifest for manifest, _ in cases.ALL.values()]
    whole = [trial.question(question(manifest)) for manifest in manifests]
    kept = [
        Decision(
            *("d", "r", FULL_FACTS.tenant, "default", "Function", "x", "u", "fh:1", "CREATE"),
            *("allow", ()),
            World(MemoryStores()).clock.now(),
            asked=inputs.document(question(manifest)),
        )
        .sealed()
        .input
        for manifest in manifests
    ]
    assert list(await trial.findings(RULES, whole)) == list(await trial.findings(RULES, kept))


BREAKS = """
findings contains _clash

_clash := 1

_clash := 2 if input.kind == "Function"
"""


@pytest.mark.parametrize(
    ("name", "text", "code"),
    [
        ("cpu", RULES.files["funkhaus/admission/cpu/cpu.rego"] + BREAKS, "policy-fails"),
        ("cpu", "package funkhaus.admission.cpu\n\nx := http.send({})\n", "policy-fails"),
    ],
)
async def test_rules_that_break_say_nothing(opa_url: str, name: str, text: str, code: str) -> None:
    del opa_url
    trial = OpaTrial("opa", seconds=120)
    spoiled = PolicySet({**RULES.files, f"funkhaus/admission/{name}/{name}.rego": text})
    with pytest.raises(InvalidError) as raised:
        await trial.findings(spoiled, [trial.question(question(function()))])
    assert [finding.code for finding in raised.value.findings] == [code]


async def test_rules_that_answer_nothing_are_not_believed(opa_url: str) -> None:
    del opa_url
    trial = OpaTrial("opa", seconds=120)
    files = {**RULES.files, "funkhaus/main/main.rego": "package funkhaus.main\n\nx := 1\n"}
    with pytest.raises(InvalidError):
        await trial.findings(PolicySet(files), [trial.question(question(function()))])


async def test_a_trial_ends_in_time(opa_url: str) -> None:
    del opa_url
    slow = "package funkhaus.main\n\nfindings := {x | x := numbers.range(1, 300000000)[_]; x < 0}\n"
    trial = OpaTrial("opa", seconds=0.5)
    files = {**RULES.files, "funkhaus/main/main.rego": slow}
    with pytest.raises(TimedOutError):
        await trial.findings(PolicySet(files), [trial.question(question(function()))])
