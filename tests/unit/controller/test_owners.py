"""From an object that changed to the objects that have to be looked at."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from funkhaus.domain.gateway import Gateway
from funkhaus.domain.kinds import TENANT_NAMESPACE
from funkhaus.domain.trigger import (
    CronJobTrigger,
    CronJobTriggerSpec,
    HTTPTrigger,
    HTTPTriggerSpec,
)
from funkhaus.manifests import build, cron, tenant
from funkhaus.manifests import function as functions
from funkhaus.manifests import trigger as triggers
from funkhaus.manifests.labels import Owner
from funkhaus_controller.agenda import Key
from funkhaus_controller.owners import Fresh, asks_for, concerned
from tests.unit.manifests.test_golden import FUNCTION, NAME, REVISION, SITE

FN = Key("Function", "demo--main", "hello")
BUILD = build.marks("hello", build.PACKAGES, "sha256:1")


def named(kind: str, name: str, **more: Any) -> dict[str, Any]:
    return {"kind": kind, "metadata": {"namespace": "demo--main", "name": name}, **more}


def called(kind: str) -> dict[str, Any]:
    """A Job or pod of a cron trigger's."""
    found = named(kind, "nightly-1")
    found["metadata"]["labels"] = cron.selected("nightly")
    return found


CRON = CronJobTrigger("demo--main", "nightly", CronJobTriggerSpec("hello", "@daily"), uid="1")
NIGHTLY = Key("CronJobTrigger", "demo--main", "nightly")


@pytest.mark.parametrize(
    ("manifest", "keys"),
    [
        (named("Function", "hello"), [FN]),
        (
            named("HTTPTrigger", "web", spec={"function": "hello"}),
            [Key("HTTPTrigger", "demo--main", "web"), FN],
        ),
        (named("HTTPTrigger", "web", spec={"function": 7}), [Key("HTTPTrigger", "demo--main", "web")]),
        ({"kind": "TenantNamespace", "metadata": {"name": "a--b"}}, [Key("TenantNamespace", "", "a--b")]),
        (functions.deployment(SITE, FUNCTION, REVISION), [FN]),
        ({"kind": "Job", "metadata": {"namespace": "demo--main", "labels": BUILD}}, [FN]),
        (functions.revision_service(SITE, FUNCTION, NAME), [FN]),
        (functions.revision_object(SITE, FUNCTION, REVISION), [FN]),
        ({"kind": "Pod", **functions.deployment(SITE, FUNCTION, REVISION)["spec"]["template"]}, []),
        (named("CronJobTrigger", "x", spec={"function": "hello"}), [Key("CronJobTrigger", "demo--main", "x")]),
        (
            triggers.http_route(
                SITE, HTTPTrigger("demo--main", "web", HTTPTriggerSpec("hello"), uid="1"),
                domain="example.com", gateway=Gateway("edge", "public"), timeout=60,
                led={"hello": 1}, since=datetime(2026, 1, 1, tzinfo=UTC),
            ),
            [Key("HTTPTrigger", "demo--main", "web")],
        ),
        (cron.cron_job(SITE, CRON, image="i", timeout=1, suspend=False), [NIGHTLY]),
        (called("Job"), [NIGHTLY]),
        (called("Pod"), [NIGHTLY]),
        (named("Job", "stranger"), []),
        (named("Pod", "stranger"), []),
        (named("Deployment", "stranger"), []),
        ({"kind": "Deployment"}, []),
    ],
)  # fmt: skip
def test_whose_business_it_is(manifest: dict[str, Any], keys: list[Key]) -> None:
    if manifest["kind"] == "Pod" and "funkhaus.dev/function" in manifest["metadata"].get(
        "labels", {}
    ):
        manifest["metadata"]["namespace"] = "demo--main"
        keys = [FN]
    assert list(concerned(manifest)) == keys


def test_what_a_namespace_owns_leads_to_the_cluster_scoped_owner() -> None:
    manifest = tenant.limit_range(SITE, Owner(TENANT_NAMESPACE, "demo--main", "1"))
    assert list(concerned(manifest)) == [Key("TenantNamespace", "", "demo--main")]


def test_an_ingress_leads_to_its_trigger() -> None:
    trigger = HTTPTrigger("demo--main", "web", HTTPTriggerSpec("hello"), uid="1")
    manifest = triggers.ingress(
        SITE, trigger, domain="example.com", ingress_class="contour", timeout=60
    )
    assert list(concerned(manifest)) == [Key("HTTPTrigger", "demo--main", "web")]


def test_who_names_whom() -> None:
    assert asks_for({"spec": {"function": "hello"}}, named("Function", "hello"))
    assert not asks_for({"spec": {"function": "other"}}, named("Function", "hello"))
    assert asks_for({"spec": {"runtime": "py"}}, named("Runtime", "py"))
    assert not asks_for({"spec": {"runtime": "py"}}, named("Function", "py"))
    assert not asks_for({}, named("Runtime", "py"))


def test_the_echo_of_our_own_status_is_no_news() -> None:
    fresh = Fresh()
    function = named("Function", "hello")
    function["metadata"] |= {"uid": "1", "generation": 1}
    assert fresh.is_news(function, deleted=False)
    assert not fresh.is_news({**function, "status": {"revision": "r"}}, deleted=False)
    function["metadata"]["generation"] = 2
    assert fresh.is_news(function, deleted=False)
    assert fresh.is_news(function, deleted=True)
    assert fresh.is_news(function, deleted=False)


def test_a_triggers_url_is_news_and_owned_objects_always_are() -> None:
    fresh = Fresh()
    trigger = named("HTTPTrigger", "web")
    trigger["metadata"] |= {"uid": "1", "generation": 1}
    assert fresh.is_news(trigger, deleted=False)
    assert fresh.is_news({**trigger, "status": {"url": "http://x/"}}, deleted=False)
    assert not fresh.is_news({**trigger, "status": {"url": "http://x/", "a": 1}}, deleted=False)
    deployment = named("Deployment", "d", status={})
    assert fresh.is_news(deployment, deleted=False)
    assert fresh.is_news(deployment, deleted=False)


def test_what_runs_for_a_trigger_is_its_functions_news_also_of_the_one_before() -> None:
    fresh = Fresh()
    pins = [{"revision": "before-0123456789", "replicas": 1}]
    trigger = named("HTTPTrigger", "web", spec={"function": "hello"})
    trigger["metadata"] |= {"uid": "1", "generation": 1}
    assert fresh.is_news(trigger, deleted=False)
    pinning = {**trigger, "status": {"pins": pins}}
    assert fresh.is_news(pinning, deleted=False)
    assert not fresh.is_news(pinning, deleted=False)
    assert list(concerned(pinning)) == [
        Key("HTTPTrigger", "demo--main", "web"),
        Key("Function", "demo--main", "before"),
        Key("Function", "demo--main", "hello"),
    ]
    assert fresh.is_news(trigger, deleted=False)
