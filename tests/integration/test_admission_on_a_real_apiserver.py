"""The chart's admission on a real kube-apiserver, with the webhook, its RBAC and a real OPA; kubectl as a tenant.

No node: pods are judged, not run.
"""

from __future__ import annotations

import copy
import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from funkhaus.crd import revision as revision_crd
from funkhaus.domain.kinds import FUNCTION
from funkhaus.manifests import tenant as tenant_manifests
from funkhaus.manifests.labels import Owner
from funkhaus.manifests.pod import pod_spec
from tests.support import apiserver as kube
from tests.support import cases
from tests.support.questions import DOMAIN, function, http_trigger
from tests.support.webhook import Running, serving

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.apiserver import ApiServer

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "helm" / "funkhaus"
REGISTRY = "127.0.0.1:5050"
SYSTEM = "funkhaus-system"
DEVELOPER = ("--as=fh:0b9e", "--as-group=fh:demo:developer", "--as-group=system:authenticated")
NAMESPACE = "demo--default"


@dataclass
class House:
    """The apiserver, the webhook in front of it, and kubectl."""

    server: ApiServer
    webhook: Running

    def kubectl(
        self, *words: str, stdin: dict[str, Any] | None = None, who: tuple[str, ...] = ()
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["kubectl", f"--kubeconfig={self.server.kubeconfig}", *who, *words],
            input=json.dumps(stdin) if stdin else None,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def apply(self, manifest: dict[str, Any], *words: str) -> subprocess.CompletedProcess[str]:
        return self.kubectl("apply", "-f", "-", *words, stdin=manifest, who=DEVELOPER)

    def get(self, kind: str, name: str) -> dict[str, Any]:
        done = self.kubectl("get", kind, name, "-n", NAMESPACE, "-o", "json")
        assert done.returncode == 0, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def delete(self, kind: str, name: str) -> None:
        self.kubectl("delete", kind, name, "-n", NAMESPACE, "--ignore-not-found", "--wait=false")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, opa_url: str) -> Iterator[ApiServer]:
    """An apiserver with the whole chart, for processes outside, and tenant demo's namespace."""
    del opa_url  # skips or fails where tools are missing
    port = kube.free_port()
    with kube.running(tmp_path_factory.mktemp("admission"), "--allow-privileged=true") as started:
        started.kubectl("apply", "--server-side", "-f", str(CHART / "crds"))
        started.kubectl("wait", "crd", "--all", "--for=condition=Established", "--timeout=30s")
        started.kubectl("create", "namespace", SYSTEM)
        rendered = subprocess.run(
            [
                *("helm", "template", "funkhaus", str(CHART), "--namespace", SYSTEM),
                *("--set", "workloads=false", "--set", f"registry.host={REGISTRY}"),
                *("--set", f"webhook.url=https://127.0.0.1:{port}"),
            ],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        ).stdout
        install = (
            "apply",
            "--server-side",
            "--force-conflicts",
            "--field-manager=chart",
            "-f",
            "-",
        )
        started.kubectl(*install, stdin=rendered)
        for manifest in tenant_namespace():
            started.kubectl(*install, stdin=json.dumps(manifest))
        yield started


def tenant_namespace() -> list[dict[str, Any]]:
    from tests.support.webhook import demo_stores

    namespace, _ = demo_stores().state.namespaces["demo", "default"]
    place = tenant_manifests.site(namespace)
    owner = Owner(FUNCTION, "x", "0")
    made = [
        tenant_manifests.kubernetes_namespace(place, owner),
        *tenant_manifests.role_bindings(place, owner),
    ]
    for manifest in made:
        del manifest["metadata"]["ownerReferences"]
    return made


@pytest.fixture(scope="module")
def own_kubeconfig(server: ApiServer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The webhook's kubeconfig: its ServiceAccount's token and nothing else."""
    token = server.kubectl("create", "token", "funkhaus-webhook", "-n", SYSTEM).strip()
    config = yaml.safe_load(server.kubeconfig.read_text())
    config["users"] = [{"name": "admin", "user": {"token": token}}]
    path = tmp_path_factory.mktemp("webhook") / "kubeconfig.yaml"
    path.write_text(yaml.safe_dump(config))
    return path


def webhook_port(server: ApiServer) -> int:
    found = json.loads(
        server.kubectl("get", "validatingwebhookconfiguration", "funkhaus", "-o", "json")
    )
    url: str = found["webhooks"][0]["clientConfig"]["url"]
    return int(url.rpartition(":")[2].split("/")[0])


@pytest.fixture(scope="module")
def house(server: ApiServer, own_kubeconfig: Path, opa_url: str) -> Iterator[House]:
    """All of it, once the webhook is trusted."""
    with serving(opa_url, kubeconfig=str(own_kubeconfig), port=webhook_port(server)) as running:
        found = House(server, running)
        _until_trusted(found)
        yield found


def _until_trusted(house: House) -> None:
    for _ in range(60):
        done = house.apply(function("probe"), "--dry-run=server")
        if done.returncode == 0:
            return
    raise AssertionError(done.stderr)


# ── what gets in ──


def test_a_function_gets_in_with_everything_filled_in(house: House) -> None:
    manifest = function("filled")
    del manifest["spec"]["resources"]
    assert house.apply(manifest).returncode == 0
    stored = house.get("function", "filled")
    assert stored["spec"]["resources"] == {"cpu": "250m", "memory": "128Mi"}
    assert stored["metadata"]["labels"] == {
        "funkhaus.dev/tenant": "demo",
        "funkhaus.dev/namespace": "default",
    }
    assert stored["metadata"]["annotations"]["funkhaus.dev/created-by"] == "fh:0b9e"


def test_applying_it_again_changes_nothing(house: House) -> None:
    manifest = function("again")
    del manifest["spec"]["resources"]
    house.apply(manifest)
    before = house.get("function", "again")["metadata"]["resourceVersion"]
    assert house.apply(manifest).stdout.strip().endswith("unchanged")
    assert house.get("function", "again")["metadata"]["resourceVersion"] == before


def test_server_side_appliers_meet_no_conflict_over_what_was_filled_in(house: House) -> None:
    manifest = function("shared")
    del manifest["spec"]["resources"]
    for manager in ("funkhaus-api", "gitops", "funkhaus-api"):
        done = house.apply(manifest, "--server-side", f"--field-manager={manager}")
        assert done.returncode == 0, done.stderr
    stored = house.get("function", "shared")
    assert stored["spec"]["resources"]["cpu"] == "250m"
    assert stored["metadata"]["annotations"]["funkhaus.dev/created-by"] == "fh:0b9e"


def test_a_trigger_gets_its_default_host(house: House) -> None:
    manifest = http_trigger("hosted")
    del manifest["spec"]["host"]
    assert house.apply(manifest).returncode == 0
    assert house.get("httptrigger", "hosted")["spec"]["host"] == f"hello.demo.{DOMAIN}"


# ── what does not ──


@pytest.mark.parametrize("case", cases.ALL)
def test_bad_input_is_refused_in_words(house: House, case: str) -> None:
    manifest, code = copy.deepcopy(cases.ALL[case])
    manifest["metadata"]["name"] = "bad"
    done = house.apply(manifest)
    assert done.returncode != 0
    if code == "handler-malformed":  # its shape: the schema's words
        assert "a handler is module.function" in done.stderr
        return
    verdicts = yaml.safe_load_all((ROOT / "tests/data/policy/verdicts.yaml").read_text())
    (said,) = (item["findings"] for item in verdicts if item["case"] == case)
    assert "Error from server (Forbidden)" in done.stderr
    assert 'admission webhook "validate.funkhaus.dev" denied the request' in done.stderr
    for finding in said:
        assert f"{finding['path']}: {finding['message']}" in done.stderr


@pytest.mark.parametrize("name", ["a" * 64, "a" * 41])
def test_a_long_name_is_refused(house: House, name: str) -> None:
    assert "at most 40 characters" in house.apply(function(name)).stderr


def test_a_name_with_a_dot_is_refused_by_its_field(house: House) -> None:
    done = house.apply(function("a.b"))
    assert 'The Function "a.b" is invalid' in done.stderr or "metadata.name" in done.stderr
    assert "is not a DNS label" in done.stderr


def test_several_mistakes_are_a_list(house: House) -> None:
    done = house.apply(function("bad", runtime="cobol74", timeout=0))
    assert "2 rules refuse this:" in done.stderr
    assert "\n  - spec.runtime: " in done.stderr


def test_an_update_is_judged_like_a_create(house: House) -> None:
    assert house.apply(function("grows")).returncode == 0
    patch = json.dumps({"spec": {"resources": {"cpu": "3"}}})
    for form in ("merge", "json"):
        text = (
            patch
            if form == "merge"
            else '[{"op":"replace","path":"/spec/resources/cpu","value":"3"}]'
        )
        done = house.kubectl(
            *("patch", "function", "grows", "-n", NAMESPACE, f"--type={form}", "-p", text),
            who=DEVELOPER,
        )
        assert "cpu-above" in done.stderr or "above the plan small's ceiling" in done.stderr
    assert house.get("function", "grows")["spec"]["resources"]["cpu"] == "250m"


def test_a_refusal_leaves_a_row_and_a_dry_run_none(house: House) -> None:
    audit = house.webhook.stores.state.audit
    before = len(audit)
    bad = function("bad", timeout=0)
    assert "timeout 0 s is below" in house.apply(bad, "--dry-run=server").stderr
    assert len(house.webhook.stores.state.audit) == before
    house.apply(bad)
    (row,) = house.webhook.stores.state.audit[before:]
    assert (row.tenant, row.subject, row.target) == (
        "demo",
        "fh:0b9e",
        f"functions/{NAMESPACE}/bad",
    )


def test_the_platform_s_marks_are_not_a_tenant_s_to_set(house: House) -> None:
    manifest = function("marked")
    manifest["metadata"]["labels"] = {"funkhaus.dev/tenant": "other"}
    assert "carries the tenant and namespace it lies in" in house.apply(manifest).stderr
    manifest["metadata"] |= {"labels": {}, "annotations": {"funkhaus.dev/approved": "yes"}}
    assert "only the platform sets labels and annotations" in house.apply(manifest).stderr
    manifest["metadata"]["annotations"] = {"funkhaus.dev/created-by": "fh:somebody-else"}
    done = house.apply(manifest)
    assert 'only the platform sets funkhaus.dev/created-by; "fh:0b9e" passes' in done.stderr


def test_a_finalizer_comes_off_though_policy_would_refuse_now(house: House) -> None:
    manifest = function("held")
    manifest["metadata"]["finalizers"] = ["example.com/hold"]
    assert house.apply(manifest).returncode == 0
    house.webhook.stores.state.tenants["demo"] = type(house.webhook.stores.state.tenants["demo"])(
        "demo", "no-such-plan"
    )
    try:
        assert (
            "request-plan" in (text := house.apply(function("held", timeout=2)).stderr)
            or "plan" in text
        )
        house.kubectl("delete", "function", "held", "-n", NAMESPACE, "--wait=false", who=DEVELOPER)
        done = house.kubectl(
            *("patch", "function", "held", "-n", NAMESPACE, "--type=merge"),
            *("-p", '{"metadata":{"finalizers":null}}'),
            who=DEVELOPER,
        )
        assert done.returncode == 0, done.stderr
    finally:
        house.webhook.stores.state.tenants["demo"] = type(
            house.webhook.stores.state.tenants["demo"]
        )("demo", "small")
    assert "NotFound" in house.kubectl("get", "function", "held", "-n", NAMESPACE).stderr


def test_status_is_not_asked_about(house: House) -> None:
    house.apply(function("observed"))
    done = house.kubectl(
        *("patch", "function", "observed", "-n", NAMESPACE, "--subresource=status"),
        *("--type=merge", "-p", '{"status":{"revision":"x"}}'),
    )
    assert done.returncode == 0, done.stderr
    denied = house.kubectl(
        *("patch", "function", "observed", "-n", NAMESPACE, "--subresource=status"),
        *("--type=merge", "-p", '{"status":{"revision":"y"}}'),
        who=DEVELOPER,
    )
    assert "functions/status" in denied.stderr


# ── places ──


def test_outside_of_tenants_namespaces_there_are_no_functions(house: House) -> None:
    manifest = function("stray")
    manifest["metadata"]["namespace"] = "default"
    done = house.kubectl("apply", "-f", "-", stdin=manifest)
    assert 'namespace "default" belongs to no tenant' in done.stderr
    assert "funkhaus namespace create" in done.stderr


def test_a_labelled_namespace_the_database_does_not_know_is_no_tenant_s(house: House) -> None:
    labels = {"funkhaus.dev/tenant": "demo", "funkhaus.dev/namespace": "forged"}
    forged = {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": "demo--forged", "labels": labels},
    }
    assert house.kubectl("apply", "-f", "-", stdin=forged).returncode == 0
    manifest = function("stray")
    manifest["metadata"]["namespace"] = "demo--forged"
    done = house.kubectl("apply", "-f", "-", stdin=manifest)
    assert 'namespace "demo--forged" belongs to no tenant' in done.stderr


GITOPS = ("--as=gitops", "--as-group=gitops")


@pytest.fixture(scope="module")
def gitops(house: House) -> None:
    """A user who may do everything and is not the platform."""
    house.kubectl(
        "create", "clusterrolebinding", "gitops", "--clusterrole=cluster-admin", "--user=gitops"
    )


@pytest.mark.usefixtures("gitops")
@pytest.mark.parametrize(
    "change",
    [
        {"funkhaus.dev/tenant": None},
        {"funkhaus.dev/tenant": "other"},
        {"funkhaus.dev/extra": "x"},
        {"pod-security.kubernetes.io/enforce": "privileged"},
        {"pod-security.kubernetes.io/enforce": None},
    ],
)
def test_a_namespace_s_labels_are_the_platform_s(house: House, change: dict[str, Any]) -> None:
    patch = json.dumps({"metadata": {"labels": change}})
    done = house.kubectl("patch", "namespace", NAMESPACE, "--type=merge", "-p", patch, who=GITOPS)
    assert "ValidatingAdmissionPolicy 'funkhaus-namespaces'" in done.stderr


@pytest.mark.usefixtures("gitops")
def test_other_namespaces_and_labels_are_free(house: House) -> None:
    assert house.kubectl("create", "namespace", "elsewhere", who=GITOPS).returncode == 0
    done = house.kubectl("label", "namespace", NAMESPACE, "team=x", who=GITOPS)
    assert done.returncode == 0, done.stderr


# ── the backstop, with nobody at the webhook's door ──


@pytest.fixture(scope="module")
def alone(server: ApiServer, house: House) -> Iterator[House]:
    """The same cluster after somebody deleted both webhook configurations."""
    kinds = ("mutatingwebhookconfiguration", "validatingwebhookconfiguration")
    saved = [json.loads(server.kubectl("get", kind, "funkhaus", "-o", "json")) for kind in kinds]
    for kind in kinds:
        server.kubectl("delete", kind, "funkhaus")
    _until_asked_no_more(house)
    yield house
    for configuration in saved:
        for key in ("resourceVersion", "uid", "creationTimestamp", "managedFields", "generation"):
            configuration["metadata"].pop(key, None)
        server.kubectl("create", "-f", "-", stdin=json.dumps(configuration))
    for _ in range(60):
        if house.apply(function("probe", timeout=0), "--dry-run=server").returncode:
            return


def _until_asked_no_more(house: House) -> None:
    for _ in range(60):
        if house.apply(function("probe", timeout=0), "--dry-run=server").returncode == 0:
            return
    raise AssertionError("the deleted webhook is still asked")


def test_marks_hold_without_the_webhook(alone: House) -> None:
    for kind, name in (("labels", "funkhaus.dev/tenant"), ("labels", "funkhaus.dev/profile")):
        manifest = function("forged")
        manifest["metadata"][kind] = {name: "other"}
        assert "ValidatingAdmissionPolicy 'funkhaus-marks'" in alone.apply(manifest).stderr
    manifest = function("forged")
    manifest["metadata"]["annotations"] = {"funkhaus.dev/approved": "yes"}
    assert "funkhaus-marks" in alone.apply(manifest).stderr
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
def test_a_function_s_pod_is_rescheduled_without_the_webhook(alone: House) -> None:
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
def test_the_backstop_alone_refuses_a_bad_pod(relaxed: House, case: str) -> None:
    change, words = BAD_PODS[case]
    said = make(relaxed, pod(**copy.deepcopy(change)))
    assert "ValidatingAdmissionPolicy 'funkhaus-pods'" in said
    assert words in said


@pytest.mark.usefixtures("service_account", "gitops")
def test_a_pod_takes_no_debug_container_and_no_resize(relaxed: House) -> None:
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
