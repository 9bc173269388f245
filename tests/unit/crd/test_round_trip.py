from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from typing import Any

import pytest

from funkhaus.crd import (
    conditions,
    cron_job_trigger,
    function,
    http_trigger,
    revision,
    runtime,
    tenant_namespace,
)
from funkhaus.domain.errors import InvalidError
from funkhaus.domain.function import (
    EnvVar,
    Function,
    FunctionSpec,
    Resources,
    RevisionSpec,
    Scaling,
    Source,
)
from funkhaus.domain.runtime import Builder, Runtime, RuntimeStatus
from funkhaus.domain.tenant import Namespace, NamespaceQuota
from funkhaus.domain.trigger import (
    CronJobTrigger,
    CronJobTriggerSpec,
    HTTPTrigger,
    HTTPTriggerSpec,
)

ENV = (EnvVar("A", value="1"), EnvVar("B", secret=("s", "k")), EnvVar("C", config_map=("c", "k")))
FUNCTION = Function(
    "demo--default",
    "hello",
    FunctionSpec(
        "python3.11",
        "hello.handler",
        Source(inline=(("hello.py", "x"),)),
        env=ENV,
        resources=Resources("250m", "128Mi"),
        timeout=5,
        concurrency=3,
        scaling=Scaling(1, 4, 70),
    ),
)
REVISION = RevisionSpec(
    "hello",
    "python3.11",
    "r/p@sha256:1",
    "hello.handler",
    "sha256:2",
    "r/f@sha256:3",
    ENV,
    Resources("1", "1Gi"),
    5,
    3,
)


def test_function() -> None:
    assert function.parse(function.manifest(FUNCTION)) == FUNCTION


def test_revision() -> None:
    assert revision.parse(revision.manifest("demo--default", REVISION)) == REVISION


def test_a_revision_with_its_source_asks_for_itself() -> None:
    assert revision.asked_for(REVISION) is None
    address = Source(url="https://files.example.com/a.zip", sha256="9")
    inside = dataclasses.replace(address, path="fn")
    git = Source(git="https://github.com/o/r", ref="main", path="fn")
    for source in (Source(archive="sha256:9"), FUNCTION.spec.source, address, inside, git):
        kept = dataclasses.replace(REVISION, source=source)
        assert revision.parse(revision.manifest("demo--default", kept)) == kept
        assert kept.digest == REVISION.digest, "the source's digest says what the source is"
        spec = function.parse_spec(revision.asked_for(kept) or {})
        assert (spec.source, spec.env, spec.timeout) == (source, ENV, 5)


def test_a_branch_is_asked_for_by_the_commit_it_was() -> None:
    git = Source(git="https://github.com/o/r", ref="main")
    kept = dataclasses.replace(REVISION, source=git, commit="c" * 40)
    assert revision.parse(revision.manifest("demo--default", kept)) == kept
    spec = function.parse_spec(revision.asked_for(kept) or {})
    assert spec.source == dataclasses.replace(git, ref="c" * 40)


def test_a_revision_with_packages() -> None:
    text = "requests==2 # why\n"
    kept = dataclasses.replace(
        REVISION,
        source=FUNCTION.spec.source,
        dependencies=text,
        packages_layer="sha256:3",
        packages_key="sha256:4",
    )
    assert revision.parse(revision.manifest("demo--default", kept)) == kept
    assert function.parse_spec(revision.asked_for(kept) or {}).dependencies == text
    spelt = dataclasses.replace(kept, dependencies="requests == 2", packages_key="sha256:5")
    assert spelt.digest == kept.digest != REVISION.digest
    assert dataclasses.replace(kept, packages_layer="sha256:6").digest != kept.digest


def test_http_trigger() -> None:
    for spec in (
        HTTPTriggerSpec("hello", "h.example.com", "/x", "tls"),
        HTTPTriggerSpec("hello", methods=("GET", "POST")),
    ):
        trigger = HTTPTrigger("n", "t", spec)
        assert http_trigger.parse(http_trigger.manifest(trigger)) == trigger


def test_a_method_that_is_no_text_is_named() -> None:
    manifest = {"metadata": {"name": "t"}, "spec": {"function": "f", "methods": ["GET", 7]}}
    with pytest.raises(InvalidError) as caught:
        http_trigger.parse(manifest)
    assert caught.value.findings[0].path == "spec.methods[1]"


def test_cron_job_trigger() -> None:
    spec = CronJobTriggerSpec(
        "hello", "@daily", "Europe/Berlin", '{"a": [1, "ü"]}', "Forbid", True, 5, 2
    )
    for trigger in (
        CronJobTrigger("n", "t", spec),
        CronJobTrigger("n", "t", CronJobTriggerSpec("f", "s")),
    ):
        assert cron_job_trigger.parse(cron_job_trigger.manifest(trigger)) == trigger


def test_runtime() -> None:
    entry = Runtime(
        "python3.11", "r/p@sha256:1", RuntimeStatus.DEPRECATED, "requirements.txt", ".py"
    )
    assert runtime.parse(runtime.manifest(entry)) == entry
    builds = dataclasses.replace(entry, builder=Builder("r/b@sha256:2", ("python3", "-m", "b")))
    assert runtime.parse(runtime.manifest(builds)) == builds


def test_tenant_namespace() -> None:
    namespace = Namespace("demo", "default", NamespaceQuota(5, 5, 10, 2500, 3 * 2**30))
    assert tenant_namespace.parse(tenant_namespace.manifest(namespace)) == namespace


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"runtime": 3}, "spec.runtime"),
        ({"handler": None}, "spec.handler"),
        ({"timeout": True}, "spec.timeout"),
        ({"env": [3]}, "spec.env[0].name"),
        ({"source": {"inline": {"files": {"a": 1}}}}, "spec.source.inline.files.a"),
        ({"scaling": []}, "spec.scaling"),
    ],
)
def test_a_wrong_type_is_located(change: dict[str, Any], path: str) -> None:
    manifest = function.manifest(FUNCTION)
    manifest["spec"] |= change
    with pytest.raises(InvalidError) as caught:
        function.parse(manifest)
    assert caught.value.findings[0].path == path


def test_scaling_makes_no_new_revision_and_content_does() -> None:
    assert revision.parse(revision.manifest("other", REVISION)).digest == REVISION.digest
    other = RevisionSpec(
        "hello",
        "python3.11",
        "r/p@sha256:9",
        "hello.handler",
        "sha256:2",
        "x",
        ENV,
        Resources("1", "1Gi"),
        5,
        3,
    )
    assert other.digest != REVISION.digest


def test_a_condition_keeps_its_transition_time_until_its_status_moves() -> None:
    early, late = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)
    first = conditions.merged(
        [], [conditions.Condition("Ready", status=False, reason="A", message="a")], 1, early
    )
    same = conditions.merged(
        first, [conditions.Condition("Ready", status=False, reason="B", message="b")], 2, late
    )
    moved = conditions.merged(
        same, [conditions.Condition("Ready", status=True, reason="C", message="c")], 3, late
    )
    assert first[0]["lastTransitionTime"] == same[0]["lastTransitionTime"] == "2026-01-01T00:00:00Z"
    assert same[0]["reason"] == "B"
    assert moved[0]["lastTransitionTime"] == "2026-01-02T00:00:00Z"
    assert conditions.is_true(
        {"metadata": {"generation": 3}, "status": {"conditions": moved}}, "Ready"
    )
    assert not conditions.is_true(
        {"metadata": {"generation": 4}, "status": {"conditions": moved}}, "Ready"
    )
