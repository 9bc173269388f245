"""What kube-apiserver holds functions and triggers to where nobody asks the webhook, and how it follows another set."""

from __future__ import annotations

import json
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from funkhaus.manifests import backstop
from tests.support.chart import SYSTEM
from tests.support.questions import function, http_trigger

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.integration.backstop.conftest import Ground

ABSENT_WEBHOOK = {
    "apiVersion": "admissionregistration.k8s.io/v1",
    "kind": "ValidatingWebhookConfiguration",
    "metadata": {"name": "away"},
    "webhooks": [
        {
            "name": "validate.funkhaus.dev",
            "clientConfig": {"url": "https://127.0.0.1:1/validate"},
            "failurePolicy": "Ignore",
            "sideEffects": "None",
            "timeoutSeconds": 1,
            "admissionReviewVersions": ["v1"],
            "rules": [
                {
                    "apiGroups": ["funkhaus.dev"],
                    "apiVersions": ["*"],
                    "resources": ["*"],
                    "operations": ["CREATE", "UPDATE"],
                }
            ],
        }
    ],
}
BEYOND = [
    (function("cpu", resources={"cpu": "99", "memory": "128Mi"}), 'cpu: "99" is not within the plan small'),
    (function("none", resources={}), 'cpu: "" is not within'),
    (function("many", scaling={"min": 1, "max": 99}), "replicas: "),
    (function("old", runtime="python2.7"), 'runtime: "python2.7" is none of the plan small'),
    (function("env", env=[{"name": "LD_PRELOAD", "value": "x.so"}]), "env: "),
    (http_trigger("host", host="hello.other.example"), 'hostname: "hello.other.example"'),
    (http_trigger("reserved", host="hello.cluster.local"), "hostname: "),
    (http_trigger("line", host="a.b\nc"), "hostname: "),
    (http_trigger("path", path="/a/./b"), "path: /a/./b is no plain path"),
]  # fmt: skip
CASES = pytest.mark.parametrize(
    ("manifest", "words"), BEYOND, ids=[manifest["metadata"]["name"] for manifest, _ in BEYOND]
)
DRY = "--dry-run=server"


def apply(
    ground: Ground, manifest: dict[str, Any], *words: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["kubectl", f"--kubeconfig={ground.server.kubeconfig}", "apply", "--server-side", "--force-conflicts",
         "-f", "-", *words],
        input=json.dumps(manifest), capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


@contextmanager
def bounds(ground: Ground, **changed: str | None) -> Iterator[None]:
    """The house's bounds with these keys changed, or taken away."""
    text = ground.server.kubectl("get", "configmap", backstop.NAME, "-n", SYSTEM, "-o", "json")
    found = json.loads(text)
    whole = {key: found[key] for key in ("apiVersion", "kind")} | {
        "metadata": {"name": backstop.NAME, "namespace": SYSTEM}
    }
    data = {key: value for key, value in {**found["data"], **changed}.items() if value is not None}
    try:
        ground.server.kubectl("replace", "-f", "-", stdin=json.dumps({**whole, "data": data}))
        yield
    finally:
        ground.server.kubectl(
            "replace", "-f", "-", stdin=json.dumps({**whole, "data": found["data"]})
        )
        until(ground, function("probe"), "")


def until(ground: Ground, manifest: dict[str, Any], words: str) -> None:
    """Until this is refused with these words, or with "" is let in; kube-apiserver hears of a change a moment later."""
    for _ in range(60):
        done = apply(ground, manifest, DRY)
        if (done.returncode == 0) if not words else (words in done.stderr):
            return
    raise AssertionError(done)


@CASES
def test_static_rules_hold_where_there_is_no_webhook(
    ground: Ground, manifest: dict[str, Any], words: str
) -> None:
    done = apply(ground, manifest)
    assert done.returncode != 0
    assert words in done.stderr


@pytest.fixture(scope="module")
def ignored(ground: Ground) -> Iterator[Ground]:
    """With a webhook that nobody can reach and that nobody insists on."""
    ground.server.kubectl("apply", "-f", "-", stdin=json.dumps(ABSENT_WEBHOOK))
    yield ground
    ground.server.kubectl("delete", "validatingwebhookconfiguration", "away")


@CASES
def test_static_rules_hold_where_the_webhook_is_ignored(
    ignored: Ground, manifest: dict[str, Any], words: str
) -> None:
    assert apply(ignored, function("fine"), DRY).returncode == 0
    assert words in apply(ignored, manifest).stderr


def test_a_change_is_judged_and_a_note_is_not(ground: Ground) -> None:
    manifest = function("kept")
    assert apply(ground, manifest).returncode == 0
    beyond = function("kept", timeout=301)
    assert (
        "timeout: 301 is not within the plan small's bounds: 1 to 300"
        in apply(ground, beyond).stderr
    )
    with bounds(ground, **{"plan.small.timeout.max": "30"}):
        until(ground, function("other"), "timeout: 60 is not within")
        noted = function("kept")
        noted["metadata"]["finalizers"] = ["example.com/kept"]
        assert apply(ground, noted).returncode == 0
        noted["metadata"]["finalizers"] = []
        assert apply(ground, noted).returncode == 0


def test_another_set_is_followed(ground: Ground) -> None:
    with bounds(ground, **{"plan.small.cpu.max": "8000m"}):
        until(ground, function("large", resources={"cpu": "8", "memory": "128Mi"}), "")
        until(ground, function("large", resources={"cpu": "8001m", "memory": "128Mi"}), "cpu: ")


def test_what_the_set_gave_up_is_not_held_on_to(ground: Ground) -> None:
    rules = "\n".join(rule for rule in backstop.RULES if rule != "timeout")
    with bounds(ground, rules=rules):
        until(ground, function("slow", timeout=9999), "")


@pytest.mark.parametrize(
    "key", ["plans", "revision", "plan.small.cpu.max", "plan.small.runtimes", "env.reserved_names"]
)
def test_what_is_missing_lets_nothing_in(ground: Ground, key: str) -> None:
    manifest = function("probe", env=[{"name": "A", "value": "1"}])
    with bounds(ground, **{key: None}):
        until(ground, manifest, "denied request: ")


def test_without_bounds_nothing_gets_in(ground: Ground) -> None:
    saved = json.loads(
        ground.server.kubectl("get", "configmap", backstop.NAME, "-n", SYSTEM, "-o", "json")
    )
    ground.server.kubectl("delete", "configmap", backstop.NAME, "-n", SYSTEM)
    try:
        until(ground, function("probe"), "no params found")
        until(ground, http_trigger("probe"), "no params found")
    finally:
        for key in ("resourceVersion", "uid", "creationTimestamp", "managedFields"):
            saved["metadata"].pop(key, None)
        ground.server.kubectl("create", "-f", "-", stdin=json.dumps(saved))
        until(ground, function("probe"), "")
