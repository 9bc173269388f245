"""What kube-apiserver checks itself, after somebody has deleted both webhook configurations. Pods are judged, not run."""

from __future__ import annotations

import copy
import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from funkhaus.crd import revision as revision_crd
from funkhaus.manifests.pod import pod_spec
from tests.support.admission_house import (
    GITOPS,
    NAMESPACE,
    REGISTRY,
    House,
)
from tests.support.questions import function

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.apiserver import ApiServer


SECONDS = 60.0
"""For kube-apiserver to hear of a configuration."""


# ── the backstop, with nobody at the webhook's door ──


@pytest.fixture(scope="module")
def alone(server: ApiServer, house: House) -> Iterator[House]:
    """The same cluster after somebody deleted both webhook configurations."""
    kinds = ("mutatingwebhookconfiguration", "validatingwebhookconfiguration")
    saved = [json.loads(server.kubectl("get", kind, "funkhaus", "-o", "json")) for kind in kinds]
    for kind in kinds:
        server.kubectl("delete", kind, "funkhaus")
    _until(house, "ValidatingAdmissionPolicy 'funkhaus-functions'")
    yield house
    for configuration in saved:
        server.kubectl("create", "-f", "-", stdin=json.dumps(_bare(configuration)))
    _until(house, 'admission webhook "mutate.funkhaus.dev" denied')


def _until(house: House, words: str) -> None:
    """Until what nobody lets in is refused in these words."""
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        done = house.apply(function("probe", timeout=0), "--dry-run=server")
        if words in done.stderr:
            return
        time.sleep(0.2)
    raise AssertionError(done.stderr or "it gets in")


def _bare(configuration: dict[str, Any]) -> dict[str, Any]:
    for key in ("resourceVersion", "uid", "creationTimestamp", "managedFields", "generation"):
        configuration["metadata"].pop(key, None)
    return configuration


def test_b59_marks_hold_without_the_webhook(alone: House) -> None:
    for kind, name in (
        ("labels", "funkhaus.dev/tenant"),
        ("labels", "funkhaus.dev/profile"),
        ("labels", "approvals.funkhaus.dev/approved"),
        ("annotations", "a.b.funkhaus.dev/approved"),
        ("annotations", "funkhaus.dev/created-by"),
    ):
        manifest = function("forged")
        manifest["metadata"][kind] = {name: "other"}
        assert "ValidatingAdmissionPolicy 'funkhaus-marks'" in alone.apply(manifest).stderr
    manifest = function("forged")
    manifest["metadata"]["annotations"] = {"funkhaus.dev/approved": "yes"}
    assert "funkhaus-marks" in alone.apply(manifest).stderr
    manifest["metadata"]["annotations"] = {"funkhaus.dev/changed-by": "fh:somebody-else"}
    assert "funkhaus-marks" in alone.apply(manifest).stderr
    manifest["metadata"]["annotations"] = {"funkhaus.dev/changed-by": "fh:0b9e"}
    assert alone.apply(manifest, "--dry-run=server").returncode == 0
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "s", "namespace": NAMESPACE, "labels": {"funkhaus.dev/tenant": "x"}},
    }
    assert "funkhaus-marks" in alone.apply(secret).stderr
    secret["metadata"]["labels"] = {"app": "x"}  # type: ignore[index]
    assert alone.apply(secret).returncode == 0


def pod(**change: Any) -> dict[str, Any]:
    """A function's pod as the controller's Deployment would have it made."""
    revision = revision_crd.parse(
        {
            "spec": {
                "function": "hello",
                "runtime": "python3.11",
                "runtimeImage": f"{REGISTRY}/python@sha256:{'0' * 64}",
                "handler": "hello.handler",
                "sourceDigest": "sha256:0",
                "image": f"{REGISTRY}/demo/hello@sha256:{'1' * 64}",
                "resources": {"cpu": "250m", "memory": "128Mi"},
                "timeout": 60,
                "concurrency": 8,
            }
        }
    )
    spec = pod_spec(revision)
    spec["serviceAccountName"] = "default"
    container = spec["containers"][0]
    spec |= change.pop("spec", {})
    container |= change.pop("container", {})
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "hello", "namespace": NAMESPACE, **change},
        "spec": spec,
    }


def make(house: House, manifest: dict[str, Any]) -> str:
    done = house.kubectl("create", "--dry-run=server", "-f", "-", stdin=manifest)
    return "" if done.returncode == 0 else done.stderr


@pytest.fixture(scope="module")
def service_account(server: ApiServer) -> None:
    """What the controller-manager would make; this cluster has none."""
    server.kubectl("create", "serviceaccount", "default", "-n", NAMESPACE)


@pytest.mark.usefixtures("service_account")
def test_b60_a_function_s_pod_is_rescheduled_without_the_webhook(alone: House) -> None:
    assert make(alone, pod()) == ""


def secured(**change: Any) -> dict[str, Any]:
    """The container of a function with part of its security context changed."""
    context = pod()["spec"]["containers"][0]["securityContext"] | change
    return {
        "container": {
            "securityContext": {key: item for key, item in context.items() if item is not None}
        }
    }


UNPRIVILEGED = "not privileged"
IMAGES, LIMITS, HOST, VOLUMES = "images of", "limits for", "of the host", "volumes only"
BAD_PODS: dict[str, tuple[dict[str, Any], str]] = {
    "another registry": ({"container": {"image": f"docker.io/x@sha256:{'0' * 64}"}}, IMAGES),
    "a registry that begins alike": (
        {"container": {"image": f"127.0.0.1:50500/x@sha256:{'0' * 64}"}},
        IMAGES,
    ),
    "a tag": ({"container": {"image": f"{REGISTRY}/x:latest"}}, IMAGES),
    "no limits": ({"container": {"resources": {}}}, LIMITS),
    "no limit for memory": ({"container": {"resources": {"limits": {"cpu": "1"}}}}, LIMITS),
    "privileged": (secured(privileged=True, allowPrivilegeEscalation=True), UNPRIVILEGED),
    "escalation": (secured(allowPrivilegeEscalation=True), UNPRIVILEGED),
    "escalation by default": (secured(allowPrivilegeEscalation=None), UNPRIVILEGED),
    "capabilities kept": (secured(capabilities={}), UNPRIVILEGED),
    "a capability": (
        secured(capabilities={"drop": ["ALL"], "add": ["NET_BIND_SERVICE"]}),
        UNPRIVILEGED,
    ),
    "as root": (secured(runAsNonRoot=False), UNPRIVILEGED),
    "unconfined": (secured(seccompProfile={"type": "Unconfined"}), UNPRIVILEGED),
    "no pod security": ({"spec": {"securityContext": {}}}, UNPRIVILEGED),
    "host network": ({"spec": {"hostNetwork": True}}, HOST),
    "host pid": ({"spec": {"hostPID": True}}, HOST),
    "host ipc": ({"spec": {"hostIPC": True}}, HOST),
    "host port": ({"container": {"ports": [{"containerPort": 80, "hostPort": 80}]}}, HOST),
    "host path": ({"spec": {"volumes": [{"name": "tmp", "hostPath": {"path": "/"}}]}}, VOLUMES),
    "a claim": (
        {"spec": {"volumes": [{"name": "tmp", "persistentVolumeClaim": {"claimName": "x"}}]}},
        VOLUMES,
    ),
    "a token": ({"spec": {"automountServiceAccountToken": True}}, "mount no token"),
    "a node of its choice": ({"spec": {"nodeName": "node-1"}}, "by the scheduler"),
    "a bad init container": (
        {"spec": {"initContainers": [{"name": "i", "image": "busybox"}]}},
        IMAGES,
    ),
    "an init container of its own mind": (
        {
            "spec": {
                "initContainers": [
                    {
                        "name": "i",
                        "image": f"{REGISTRY}/x@sha256:{'0' * 64}",
                        "resources": {"limits": {"cpu": "1", "memory": "1Mi"}},
                    }
                ]
            }
        },
        UNPRIVILEGED,
    ),
}


@pytest.fixture(scope="module")
def relaxed(server: ApiServer, alone: House) -> Iterator[House]:
    """Without Pod Security as well, so that the backstop has to stand alone."""
    label = "pod-security.kubernetes.io/enforce"
    server.kubectl("label", "namespace", NAMESPACE, f"{label}=privileged", "--overwrite")
    yield alone
    server.kubectl("label", "namespace", NAMESPACE, f"{label}=restricted", "--overwrite")


@pytest.mark.usefixtures("service_account")
@pytest.mark.parametrize("case", BAD_PODS)
def test_b12_b38_b42_the_backstop_alone_refuses_a_bad_pod(relaxed: House, case: str) -> None:
    change, words = BAD_PODS[case]
    said = make(relaxed, pod(**copy.deepcopy(change)))
    assert "ValidatingAdmissionPolicy 'funkhaus-pods'" in said
    assert words in said


@pytest.mark.usefixtures("service_account", "gitops")
def test_b01_b02_a_pod_takes_no_debug_container_and_no_resize(relaxed: House) -> None:
    manifest = pod()
    manifest["metadata"]["name"] = "stays"
    assert relaxed.kubectl("create", "-f", "-", stdin=manifest).returncode == 0
    debug = {"ephemeralContainers": [{"name": "d", "image": f"{REGISTRY}/x@sha256:{'0' * 64}"}]}
    for subresource, spec in (
        ("ephemeralcontainers", debug),
        (
            "resize",
            {
                "containers": [
                    {
                        "name": "function",
                        "resources": {"limits": {"cpu": "8"}, "requests": {"cpu": "8"}},
                    }
                ]
            },
        ),
    ):
        done = relaxed.kubectl(
            *(
                "patch",
                "pod",
                "stays",
                "-n",
                NAMESPACE,
                f"--subresource={subresource}",
                "--type=strategic",
            ),
            *("-p", json.dumps({"spec": spec})),
            who=GITOPS,
        )
        assert "ValidatingAdmissionPolicy 'funkhaus-pods'" in done.stderr, done
        assert ("debug" if subresource == "ephemeralcontainers" else "resized") in done.stderr
    label = relaxed.kubectl("label", "pod", "stays", "-n", NAMESPACE, "x=y", who=GITOPS)
    assert label.returncode == 0, label.stderr


def test_pods_elsewhere_are_nobody_s_business(relaxed: House) -> None:
    relaxed.kubectl("create", "serviceaccount", "default", "-n", "default")
    free = {"image": "docker.io/library/busybox", "resources": {}}
    manifest = pod(container=free, namespace="default")
    assert make(relaxed, manifest) == ""
