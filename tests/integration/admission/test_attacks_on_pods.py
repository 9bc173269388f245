"""Pods as somebody who may do everything would make them in a tenant's namespace: what kube-apiserver itself refuses.

Nobody of a tenant makes any (`test_attacks_on_rights`); this is what is left when a controller is deceived. Pod Security
and the policies stand as the chart has them.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.admission_house import NAMESPACE, REGISTRY

from .test_backstop import pod

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

    from tests.support.admission_house import House
    from tests.support.attacker import Hands

PODS = f"/api/v1/namespaces/{NAMESPACE}/pods"
GITOPS = ("gitops", "system:authenticated")
DIGEST = "@sha256:" + "0" * 64
LARGE = {"limits": {"cpu": "8", "memory": "1Gi"}}


@pytest.fixture(scope="module")
def anybody(admin: Hands, house: House, gitops: None) -> Hands:
    """A user who may do everything and is not the platform."""
    del house, gitops
    account = {"metadata": {"name": "attacked"}}
    made = admin.ask("POST", f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts", account)
    assert made.status_code == 201, made.text
    return admin.acting_as(*GITOPS)


def make(hands: Hands, manifest: dict[str, Any]) -> httpx.Response:
    manifest["spec"]["serviceAccountName"] = "attacked"
    return hands.ask("POST", PODS, manifest, dryRun="All")


def container(**change: Any) -> dict[str, Any]:
    """A second container as fit as the first, in any place."""
    made = copy.deepcopy(pod()["spec"]["containers"][0]) | {"name": "second", "ports": []}
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        del made[probe]
    return made | change


def test_the_pod_itself_passes(anybody: Hands) -> None:
    for manifest in (pod(), pod(spec={"initContainers": [container()]})):
        answer = make(anybody, manifest)
        assert answer.status_code == 201, answer.text


@pytest.mark.parametrize(
    "image",
    [
        *(f"{REGISTRY}-evil/x{DIGEST}", f"{REGISTRY}.evil.com/x{DIGEST}", f"evil.com/{REGISTRY}/x{DIGEST}"),
        *(f"{REGISTRY}0/x{DIGEST}", f"127.0.0.1/x{DIGEST}", f"localhost:5050/x{DIGEST}"),
        *(f"x{DIGEST}", "x", f"library/x{DIGEST}", f"docker.io/library/x{DIGEST}", REGISTRY),
        *(f"{REGISTRY}/x", f"{REGISTRY}/x:latest", f"{REGISTRY}/x:sha256-0", f" {REGISTRY}/x{DIGEST}"),
        f"{REGISTRY.replace('127', 'EVIL')}/x{DIGEST}",
    ],
)  # fmt: skip
def test_b38_an_image_is_of_the_platform_s_registry_by_digest(anybody: Hands, image: str) -> None:
    for manifest in (
        pod(container={"image": image}),
        pod(spec={"initContainers": [container(image=image)]}),
        pod(spec={"containers": [*pod()["spec"]["containers"], container(image=image)]}),
    ):
        answer = make(anybody, manifest)
        assert answer.status_code in {403, 422}, answer.text
        assert "images of" in answer.text or "whitespace" in answer.text


ALONE = {"resources": {"limits": {"cpu": "1", "memory": "128Mi"}}}
UNBOUND: dict[str, dict[str, Any]] = {
    "none": pod(container={"resources": {}}),
    "at the pod alone": pod(spec=ALONE, container={"resources": {}}),
    "at one container alone": pod(
        spec={"containers": [*pod()["spec"]["containers"], container(resources={})]}
    ),
    "at the pod and one container": pod(
        spec={**ALONE, "containers": [*pod()["spec"]["containers"], container(resources={})]}
    ),
    "not at an init container": pod(spec={"initContainers": [container(resources={})]}),
    "not at a sidecar": pod(
        spec={"initContainers": [container(resources={}, restartPolicy="Always")]}
    ),
    "requests alone": pod(container={"resources": {"requests": {"cpu": "1", "memory": "1Mi"}}}),
}


@pytest.mark.parametrize("case", UNBOUND)
def test_b42_b43_every_container_has_its_limits(anybody: Hands, case: str) -> None:
    answer = make(anybody, copy.deepcopy(UNBOUND[case]))
    assert answer.status_code == 403, answer.text
    assert "every container of a tenant's pod has limits for cpu and memory" in answer.text


@pytest.fixture
def bounded(admin: Hands) -> Iterator[None]:
    """A quota of the namespace's, in force: its controller, which this cluster has not, would say so in the status."""
    quotas = f"/api/v1/namespaces/{NAMESPACE}/resourcequotas"
    hard = {"limits.cpu": "2", "limits.memory": "2Gi", "pods": "10"}
    quota = {"metadata": {"name": "bounded"}, "spec": {"hard": hard}}
    assert admin.ask("POST", quotas, quota).status_code == 201
    status = {"status": {"hard": hard, "used": dict.fromkeys(hard, "0")}}
    merge = "application/merge-patch+json"
    assert admin.ask("PATCH", f"{quotas}/bounded/status", status, merge).status_code == 200
    yield
    admin.ask("DELETE", f"{quotas}/bounded")


@pytest.mark.usefixtures("bounded")
@pytest.mark.parametrize("place", ["init", "sidecar", "second"])
def test_b42_the_largest_of_a_pod_counts_wherever_it_stands(anybody: Hands, place: str) -> None:
    large = container(resources=LARGE)
    if place == "second":
        manifest = pod(spec={"containers": [*pod()["spec"]["containers"], large]})
    else:
        large |= {"restartPolicy": "Always"} if place == "sidecar" else {}
        manifest = pod(spec={"initContainers": [large]})
    answer = make(anybody, manifest)
    assert answer.status_code == 403, answer.text
    assert "exceeded quota: bounded" in answer.text


def test_b12_the_scheduler_alone_chooses_a_node(anybody: Hands) -> None:
    answer = make(anybody, pod(spec={"nodeName": "node-1"}))
    assert answer.status_code == 403
    assert "placed by the scheduler" in answer.text
