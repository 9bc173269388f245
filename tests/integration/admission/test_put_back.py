"""Who changes or deletes what admission stands on finds it counted at the next look, and back at the one after that.

On a real kube-apiserver, by the webhook's own account and its rights. The webhook of the house only counts meanwhile.
"""

from __future__ import annotations

import asyncio
import base64
import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from funkhaus.domain.errors import ForbiddenError
from funkhaus.domain.kinds import (
    ADMISSION_POLICY,
    ADMISSION_POLICY_BINDING,
    CONFIG_MAP,
    MUTATING_WEBHOOK,
    VALIDATING_WEBHOOK,
    Kind,
)
from funkhaus.factory import SystemClock
from funkhaus.kube import KubeCluster
from funkhaus.metrics import REGISTRY as METRICS
from funkhaus_webhook import guarding, wanted
from funkhaus_webhook.guarding import Guard
from funkhaus_webhook.wanted import Asked
from tests.support.admission_house import SYSTEM, House, until_trusted

from .conftest import webhook_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.support.apiserver import ApiServer

Patch = list[dict[str, Any]]
HOOK = "/webhooks/0"
ALWAYS = {"name": "never", "expression": "false"}


@dataclass
class Watch:
    """A guard on the cluster, the cluster as its admin, and who the webhook's authority is."""

    server: ApiServer
    cluster: KubeCluster
    guard: Guard

    def live(self, kind: Kind, name: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.server.kubectl("get", kind.plural, name, "-o=json"))
        return found

    def said(self, kind: Kind, name: str) -> Any:
        return self.live(kind, name)[wanted.body(kind)]

    def change(self, kind: Kind, name: str, patch: Patch) -> None:
        words = ("patch", kind.plural, name, "--type=json", "-p", json.dumps(patch))
        self.server.kubectl(*words)

    async def back(self, kind: Kind, name: str, before: Any) -> str:
        """What was found wrong with it alone, after it was put back to what it said before."""
        found = await self.guard.look()
        assert set(found) == {(kind, name)}
        assert metric(kind) == 1
        before_restored = restored(kind)
        await self.guard.look()
        assert self.said(kind, name) == before
        assert restored(kind) == before_restored + 1
        assert await self.guard.look() == {}
        assert metric(kind) == 0
        return "; ".join(found[kind, name])


def metric(kind: Kind) -> float:
    return METRICS.get_sample_value("funkhaus_admission_gaps", {"kind": kind.name}) or 0


def restored(kind: Kind) -> float:
    found = METRICS.get_sample_value("funkhaus_admission_restored_total", {"kind": kind.name})
    return found or 0


def authority_of(server: ApiServer) -> bytes:
    """What the house's webhook serves by: its Secret's."""
    secret = json.loads(
        server.kubectl("get", "secret", "funkhaus-webhook-tls", "-n", SYSTEM, "-o=json")
    )
    return base64.b64decode(secret["data"]["ca.crt"])


def guard_of(cluster: KubeCluster, server: ApiServer, *, restore: bool = True) -> Guard:
    authority = authority_of(server)
    return Guard(
        cluster,
        SystemClock(),
        namespace=SYSTEM,
        asked=Asked(f"https://127.0.0.1:{webhook_port(server)}", SYSTEM, "funkhaus-webhook"),
        authority=lambda: authority,
        restore=restore,
    )


@pytest.fixture
async def watch(server: ApiServer, house: House, own_kubeconfig: Path) -> AsyncIterator[Watch]:
    cluster = await KubeCluster.connect(str(own_kubeconfig), manager="funkhaus-webhook")
    guard = guard_of(cluster, server)
    assert await guard.look() == {}
    yield Watch(server, cluster, guard)
    for _ in range(3):
        left = await guard.look()
    assert left == {}
    await cluster.close()
    until_trusted(house)


def replaced(path: str, value: Any) -> Patch:
    return [{"op": "replace", "path": path, "value": value}]


def added(path: str, value: Any) -> Patch:
    return [{"op": "add", "path": path, "value": value}]


RULE = f"{HOOK}/rules/0"
WEAKER: dict[str, tuple[Patch, str]] = {
    "ignored": (
        replaced(f"{HOOK}/failurePolicy", "Ignore"),
        'failurePolicy is "Ignore", not "Fail"',
    ),
    "a kind less": (
        replaced(f"{RULE}/resources", ["functions"]),
        "rules[0].resources[1] is missing",
    ),
    "a verb less": (
        replaced(f"{RULE}/operations", ["CREATE"]),
        "rules[0].operations[1] is missing",
    ),
    "a scope of its own": (replaced(f"{RULE}/scope", "Cluster"), 'scope is "Cluster"'),
    "no rules": (replaced(f"{HOOK}/rules", []), "rules"),
    "another expression": (
        replaced(f"{HOOK}/matchConditions/0/expression", "false"),
        'matchConditions[changes-what-is-judged].expression is "false"',
    ),
    "one condition more": (added(f"{HOOK}/matchConditions/-", ALWAYS), "matchConditions[never]"),
    "some namespaces": (
        replaced(f"{HOOK}/namespaceSelector", {"matchLabels": {"judged": "yes"}}),
        "namespaceSelector",
    ),
    "some objects": (
        replaced(f"{HOOK}/objectSelector", {"matchLabels": {"judged": "yes"}}),
        "objectSelector",
    ),
    "no patience": (replaced(f"{HOOK}/timeoutSeconds", 1), "timeoutSeconds is 1, not 3"),
    "no patience to speak of": (replaced(f"{HOOK}/timeoutSeconds", 30), "timeoutSeconds is 30"),
    "exactly this version": (replaced(f"{HOOK}/matchPolicy", "Exact"), 'matchPolicy is "Exact"'),
    "somebody else asked": (
        replaced(f"{HOOK}/clientConfig/url", "https://127.0.0.1:1/mutate"),
        "clientConfig.url",
    ),
    "no webhook at all": (replaced("/webhooks", []), "webhooks is missing"),
    "a webhook of somebody's": (
        added(
            "/webhooks/-",
            {
                "name": "other.example.com",
                "clientConfig": {"url": "https://127.0.0.1:1/x"},
                "sideEffects": "None",
                "admissionReviewVersions": ["v1"],
            },
        ),
        "webhooks[other.example.com]",
    ),
}
"""What is changed of a webhook configuration, and how that is told."""


@pytest.mark.parametrize("kind", [MUTATING_WEBHOOK, VALIDATING_WEBHOOK], ids=lambda kind: kind.name)
@pytest.mark.parametrize("case", WEAKER)
async def test_b59_a_changed_configuration_is_seen_and_put_back(
    watch: Watch, kind: Kind, case: str
) -> None:
    patch, words = WEAKER[case]
    before = watch.said(kind, "funkhaus")
    watch.change(kind, "funkhaus", patch)
    assert words in await watch.back(kind, "funkhaus", before)


@pytest.mark.parametrize("kind", [MUTATING_WEBHOOK, VALIDATING_WEBHOOK], ids=lambda kind: kind.name)
async def test_b59_trusting_nobody_is_seen_and_mended_by_whoever_comes_first(
    watch: Watch, kind: Kind
) -> None:
    """The house's webhook looks after its authority itself, every 30 s."""
    before = watch.said(kind, "funkhaus")
    watch.change(kind, "funkhaus", [{"op": "remove", "path": f"{HOOK}/clientConfig/caBundle"}])
    for found in [await watch.guard.look() for _ in range(2)]:
        assert set(found) <= {(kind, "funkhaus")}
        assert "clientConfig.caBundle is missing" in "; ".join(
            found.get((kind, "funkhaus"), ["clientConfig.caBundle is missing"])
        )
    assert watch.said(kind, "funkhaus") == before


WEAKER_POLICIES: dict[str, tuple[Kind, str, Patch, str]] = {
    "a policy ignored": (
        ADMISSION_POLICY, "funkhaus-marks", replaced("/spec/failurePolicy", "Ignore"), "failurePolicy",
    ),
    "an expression": (
        ADMISSION_POLICY, "funkhaus-pods", replaced("/spec/validations/0/expression", "true"),
        'spec.validations[0].expression is "true"',
    ),
    "a rule less": (
        ADMISSION_POLICY, "funkhaus-functions", [{"op": "remove", "path": "/spec/validations/3"}], "spec.validations[",
    ),
    "a kind less": (
        ADMISSION_POLICY, "funkhaus-marks", replaced("/spec/matchConstraints/resourceRules/0/resources", ["functions"]),
        "resourceRules[0].resources",
    ),
    "a condition": (
        ADMISSION_POLICY, "funkhaus-controller", added("/spec/matchConditions/-", ALWAYS), "matchConditions[never]",
    ),
    "what it reads": (
        ADMISSION_POLICY, "funkhaus-functions", replaced("/spec/paramKind/kind", "Secret"), 'paramKind.kind is "Secret"',
    ),
    "only told": (
        ADMISSION_POLICY_BINDING, "funkhaus-functions", replaced("/spec/validationActions", ["Audit"]),
        'spec.validationActions[0] is "Audit", not "Deny"',
    ),
    "bound elsewhere": (
        ADMISSION_POLICY_BINDING, "funkhaus-pods",
        added("/spec/matchResources", {"namespaceSelector": {"matchLabels": {"judged": "yes"}}}), "spec.matchResources",
    ),
    "other data": (
        ADMISSION_POLICY_BINDING, "funkhaus-http-triggers", replaced("/spec/paramRef/name", "mine"), "spec.paramRef.name",
    ),
    "no data, no matter": (
        ADMISSION_POLICY_BINDING, "funkhaus-functions", replaced("/spec/paramRef/parameterNotFoundAction", "Allow"),
        "parameterNotFoundAction",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", WEAKER_POLICIES)
async def test_b59_a_changed_policy_is_seen_and_put_back(watch: Watch, case: str) -> None:
    kind, name, patch, words = WEAKER_POLICIES[case]
    before = watch.said(kind, name)
    watch.change(kind, name, patch)
    assert words in await watch.back(kind, name, before)


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (MUTATING_WEBHOOK, "funkhaus"),
        (VALIDATING_WEBHOOK, "funkhaus"),
        (ADMISSION_POLICY, "funkhaus-functions"),
        (ADMISSION_POLICY, "funkhaus-pods"),
        (ADMISSION_POLICY, "funkhaus-controller"),
        (ADMISSION_POLICY_BINDING, "funkhaus-functions"),
        (ADMISSION_POLICY_BINDING, "funkhaus-pods"),
    ],
)
async def test_b59_a_deleted_one_is_back_whole(watch: Watch, kind: Kind, name: str) -> None:
    before = watch.said(kind, name)
    watch.server.kubectl("delete", kind.plural, name)
    assert await watch.back(kind, name, before) == "it is gone"
    events = json.loads(watch.server.kubectl("get", "events", "-n=default", "-o=json"))["items"]
    assert any(
        event["involvedObject"]["name"] == name
        and event["involvedObject"]["kind"] == kind.name
        and event["reason"] == "Repaired"
        and event["type"] == "Warning"
        for event in events
    )


async def test_b59_all_of_it_deleted_is_back(watch: Watch) -> None:
    objects = wanted.read(await watch.cluster.get(CONFIG_MAP, SYSTEM, wanted.NAME))
    before = {key: watch.said(*key) for key in objects}
    for kind, name in objects:
        watch.server.kubectl("delete", kind.plural, name)
    assert set(await watch.guard.look()) == set(objects)
    await watch.guard.look()
    assert {key: watch.said(*key) for key in objects} == before


async def test_what_was_put_back_keeps_its_authority_and_its_fields(watch: Watch) -> None:
    """The webhook applies authorities under its own name: that must not take away what it made under another."""
    watch.server.kubectl("delete", MUTATING_WEBHOOK.plural, "funkhaus")
    await watch.guard.look()
    await watch.guard.look()
    before = watch.said(MUTATING_WEBHOOK, "funkhaus")
    trusting = {
        "apiVersion": MUTATING_WEBHOOK.api_version,
        "kind": MUTATING_WEBHOOK.name,
        "metadata": {"name": "funkhaus"},
        "webhooks": [
            {
                "name": hook["name"],
                "clientConfig": {"caBundle": hook["clientConfig"]["caBundle"]},
            }
            for hook in before
        ],
    }
    await watch.cluster.apply(trusting, force=True)
    await watch.cluster.apply(trusting, force=True)
    assert watch.said(MUTATING_WEBHOOK, "funkhaus") == before


async def test_others_labels_stay(watch: Watch) -> None:
    watch.server.kubectl("label", ADMISSION_POLICY.plural, "funkhaus-pods", "team=red")
    before = watch.said(ADMISSION_POLICY, "funkhaus-pods")
    watch.change(ADMISSION_POLICY, "funkhaus-pods", replaced("/spec/failurePolicy", "Ignore"))
    await watch.back(ADMISSION_POLICY, "funkhaus-pods", before)
    assert watch.live(ADMISSION_POLICY, "funkhaus-pods")["metadata"]["labels"]["team"] == "red"
    watch.server.kubectl("label", ADMISSION_POLICY.plural, "funkhaus-pods", "team-")


async def test_b59_one_that_goes_on_changing_is_counted_and_waited_for(watch: Watch) -> None:
    """Put back is what two looks find the same: an upgrade that is under way is not fought."""
    before = watch.said(VALIDATING_WEBHOOK, "funkhaus")
    for seconds in (4, 5, 6):
        path = f"{HOOK}/timeoutSeconds"
        watch.change(VALIDATING_WEBHOOK, "funkhaus", replaced(path, seconds))
        assert set(await watch.guard.look()) == {(VALIDATING_WEBHOOK, "funkhaus")}
        assert watch.said(VALIDATING_WEBHOOK, "funkhaus")[0]["timeoutSeconds"] == seconds
    await watch.guard.look()
    assert watch.said(VALIDATING_WEBHOOK, "funkhaus") == before


async def test_b59_whoever_says_what_it_has_to_be_can_not_have_it_opened(watch: Watch) -> None:
    """Write access to the ConfigMap is no way to have the webhook's account ask somebody else."""
    found = json.loads(
        watch.server.kubectl("get", "configmap", wanted.NAME, "-n", SYSTEM, "-o=json")
    )
    key = "MutatingWebhookConfiguration.funkhaus"
    before = watch.said(MUTATING_WEBHOOK, "funkhaus")
    for spoil, words in (
        (lambda hook: hook.update(failurePolicy="Ignore"), "failurePolicy is not Fail"),
        (lambda hook: hook.update(clientConfig={"url": "https://192.0.2.1/x"}), "somebody else"),
        (lambda hook: hook.update(name="other.example.com"), "none of ours"),
    ):
        manifest = json.loads(found["data"][key])
        spoil(manifest["webhooks"][0])
        write(watch, {**found["data"], key: json.dumps(manifest)})
        for _ in range(3):
            said = await watch.guard.look()
            assert words in "; ".join(said[MUTATING_WEBHOOK, "funkhaus"])
        assert watch.said(MUTATING_WEBHOOK, "funkhaus") == before
    write(watch, found["data"])


async def test_b59_without_anybody_who_says_so_openings_are_seen_and_nothing_is_written(
    watch: Watch,
) -> None:
    found = json.loads(
        watch.server.kubectl("get", "configmap", wanted.NAME, "-n", SYSTEM, "-o=json")
    )
    watch.change(MUTATING_WEBHOOK, "funkhaus", replaced(f"{HOOK}/failurePolicy", "Ignore"))
    try:
        watch.server.kubectl("delete", "configmap", wanted.NAME, "-n", SYSTEM)
        for _ in range(3):
            said = await watch.guard.look()
            assert set(said) == {(CONFIG_MAP, wanted.NAME), (MUTATING_WEBHOOK, "funkhaus")}
        assert (metric(CONFIG_MAP), metric(MUTATING_WEBHOOK)) == (1, 1)
    finally:
        write(watch, found["data"])
    await watch.guard.look()
    await watch.guard.look()
    assert metric(CONFIG_MAP) == 0


def write(watch: Watch, data: dict[str, str]) -> None:
    manifest = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": wanted.NAME, "namespace": SYSTEM},
        "data": data,
    }
    watch.server.kubectl(
        *("apply", "--server-side", "--force-conflicts", "--field-manager=chart", "-f", "-"),
        stdin=json.dumps(manifest),
    )


async def test_b59_who_only_counts_writes_nothing(watch: Watch) -> None:
    counting = guard_of(watch.cluster, watch.server, restore=False)
    watch.change(MUTATING_WEBHOOK, "funkhaus", replaced(f"{HOOK}/failurePolicy", "Ignore"))
    for _ in range(3):
        assert set(await counting.look()) == {(MUTATING_WEBHOOK, "funkhaus")}
    assert watch.said(MUTATING_WEBHOOK, "funkhaus")[0]["failurePolicy"] == "Ignore"


async def test_b59_of_replicas_that_look_at_once_one_puts_back(watch: Watch) -> None:
    guards = [watch.guard, *(guard_of(watch.cluster, watch.server) for _ in range(2))]
    before = watch.said(MUTATING_WEBHOOK, "funkhaus")
    watch.server.kubectl("delete", MUTATING_WEBHOOK.plural, "funkhaus")
    count = restored(MUTATING_WEBHOOK)
    for _ in range(3):
        await asyncio.gather(*(guard.look() for guard in guards))
    assert watch.said(MUTATING_WEBHOOK, "funkhaus") == before
    assert restored(MUTATING_WEBHOOK) == count + 1


async def test_b59_it_is_back_within_a_minute_by_itself(watch: Watch) -> None:
    """By the pauses of the process, whose looks take no time worth counting here."""
    ending = asyncio.Event()
    keeping = asyncio.create_task(watch.guard.keep(ending))
    try:
        await asyncio.sleep(1)  # just after a look, when it takes longest
        before = watch.said(VALIDATING_WEBHOOK, "funkhaus")
        watch.server.kubectl("delete", VALIDATING_WEBHOOK.plural, "funkhaus")
        began = time.monotonic()
        while (
            watch.server.kubectl("get", VALIDATING_WEBHOOK.plural, "-o=name").count("/funkhaus")
            == 0
        ):
            assert time.monotonic() - began < 60
            await asyncio.sleep(1)
        assert time.monotonic() - began > guarding.LOOK_SECONDS
        assert watch.said(VALIDATING_WEBHOOK, "funkhaus") == before
    finally:
        ending.set()
        await keeping


async def test_a_process_that_ends_looks_no_more(watch: Watch) -> None:
    ending = asyncio.Event()
    ending.set()
    watch.server.kubectl("delete", ADMISSION_POLICY_BINDING.plural, "funkhaus-pods")
    await asyncio.wait_for(watch.guard.keep(ending, pause=0.01), 5)
    left = watch.server.kubectl("get", ADMISSION_POLICY_BINDING.plural, "-o=name")
    assert "/funkhaus-pods" not in left


async def test_b59_the_webhook_s_account_writes_nothing_else_of_admission(watch: Watch) -> None:
    """Nor does being allowed to read a ConfigMap called `*` let it read any."""
    for kind in (MUTATING_WEBHOOK, ADMISSION_POLICY):
        other = {
            "apiVersion": kind.api_version,
            "kind": kind.name,
            "metadata": {"name": "others"},
        }
        with pytest.raises(ForbiddenError):
            await watch.cluster.apply(other)
        with pytest.raises(ForbiddenError):
            await watch.cluster.delete(kind, "", "funkhaus")
    for namespace in ("default", SYSTEM):
        with pytest.raises(ForbiddenError):
            await watch.cluster.get(CONFIG_MAP, namespace, "kube-root-ca.crt")
        with pytest.raises(ForbiddenError):
            await watch.cluster.list(CONFIG_MAP, namespace)
