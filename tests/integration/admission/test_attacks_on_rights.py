"""What nobody of a tenant may even try: RBAC refuses it before admission is asked, with whatever verb and subresource.

Each attempt is made as the tenant's owner and as the account a function's pod has, and leaves everything as it was. That an
attempt is one, and no slip of the pen, discovery says.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import pytest

from tests.support.admission_house import NAMESPACE, SYSTEM
from tests.support.attacker import ACCOUNT, FUNKHAUS, OWNER, Attempt

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.admission_house import House
    from tests.support.attacker import Hands

WRITES = ("create", "update", "patch", "delete", "deletecollection")
CHANGES = ("update", "patch")
APPS, BATCH, CORE = "apps/v1", "batch/v1", "v1"
NET, RBAC = "networking.k8s.io/v1", "rbac.authorization.k8s.io/v1"
ADMISSION = "admissionregistration.k8s.io/v1"


def each(
    verbs: str | tuple[str, ...],
    group_version: str,
    *resources: str,
    namespace: str = NAMESPACE,
    foreign: bool = False,
) -> Iterator[Attempt]:
    """Every verb on every resource."""
    for verb in (verbs,) if isinstance(verbs, str) else verbs:
        for resource in resources:
            yield Attempt(verb, group_version, resource, namespace, foreign=foreign)


everywhere = functools.partial(each, namespace="")
"""Of the cluster, or in all namespaces at once."""
abroad = functools.partial(each, namespace="kube-system")
at_home = functools.partial(each, namespace=SYSTEM)
"""In the platform's own namespace."""


@pytest.fixture(params=[OWNER, ACCOUNT], ids=["owner", "a function's account"])
def attacker(admin: Hands, house: House, request: pytest.FixtureRequest) -> Hands:
    """Somebody of the tenant's."""
    del house  # the chart and its webhook stand
    who: tuple[str, ...] = request.param
    return admin.acting_as(*who)


def refused(admin: Hands, attacker: Hands, *attempts: Iterator[Attempt]) -> None:
    """kube-apiserver's own refusal of each, and nothing is otherwise than before."""
    listed = [attempt for some in attempts for attempt in some]
    collections = {
        item.collection for item in listed if not item.foreign and "/" not in item.resource
    }
    before = {path: admin.versions(path) for path in collections}
    for attempt in listed:
        answer = attacker.attempt(attempt)
        assert (answer.status_code, answer.json()["reason"]) == (403, "Forbidden"), attempt
        resource = attempt.resource.partition("/")[0]
        assert f'cannot {attempt.verb} resource "{resource}' in answer.text.replace("\\", ""), (
            attempt
        )
        if not attempt.foreign:
            assert attempt.resource in _known(admin, attempt.base), attempt
    assert {path: admin.versions(path) for path in collections} == before


@functools.cache
def _known(admin: Hands, base: str) -> frozenset[str]:
    return frozenset(admin.resources(base))


def test_b01_a_running_pod_is_not_resized(admin: Hands, attacker: Hands) -> None:
    refused(admin, attacker, each(CHANGES, CORE, "pods/resize", "pods", "pods/status"))


def test_b02_no_debug_container_is_added(admin: Hands, attacker: Hands) -> None:
    refused(admin, attacker, each(CHANGES, CORE, "pods/ephemeralcontainers"))


def test_b03_nothing_of_kubernetes_is_scaled(admin: Hands, attacker: Hands) -> None:
    scales = ("deployments/scale", "replicasets/scale", "statefulsets/scale")
    refused(
        admin,
        attacker,
        each(CHANGES, APPS, *scales),
        each(CHANGES, APPS, "deployments", "replicasets", "statefulsets", "deployments/status"),
        each(CHANGES, CORE, "replicationcontrollers/scale", "replicationcontrollers"),
    )


def test_b03_functions_have_no_scale_of_their_own(admin: Hands, attacker: Hands) -> None:
    """Should one be added, this says that it wants judging."""
    assert "functions/scale" not in admin.resources(f"/apis/{FUNKHAUS}")
    for verb in CHANGES:
        attempt = Attempt(verb, FUNKHAUS, "functions/scale")
        assert attacker.attempt(attempt).status_code == 403


def test_b04_no_autoscaler_is_made_or_changed(admin: Hands, attacker: Hands) -> None:
    scalers = ("horizontalpodautoscalers", "horizontalpodautoscalers/status")
    refused(
        admin,
        attacker,
        each(CHANGES, "autoscaling/v2", *scalers),
        each(CHANGES, "autoscaling/v1", *scalers),
        each(WRITES, "autoscaling/v2", "horizontalpodautoscalers"),
        each(WRITES, "autoscaling/v1", "horizontalpodautoscalers"),
        each("create", "keda.sh/v1alpha1", "scaledobjects", "scaledjobs", foreign=True),
        each("create", "autoscaling.k8s.io/v1", "verticalpodautoscalers", foreign=True),
    )


def test_b10_nothing_the_platform_made_is_deleted(admin: Hands, attacker: Hands) -> None:
    deletes = ("delete", "deletecollection")
    refused(
        admin,
        attacker,
        each("deletecollection", FUNKHAUS, "functions", "httptriggers", "cronjobtriggers"),
        each("deletecollection", CORE, "secrets", "configmaps"),
        each(deletes, FUNKHAUS, "functionrevisions"),
        each(deletes, APPS, "deployments", "replicasets"),
        each(deletes, BATCH, "cronjobs", "jobs"),
        each(deletes, NET, "ingresses", "networkpolicies"),
        each(deletes, RBAC, "rolebindings"),
        each(deletes, CORE, "pods", "serviceaccounts", "resourcequotas", "limitranges"),
        each("delete", CORE, "services"),
        each("create", CORE, "pods/eviction"),
        everywhere("delete", CORE, "namespaces", "nodes"),
        everywhere(deletes, FUNKHAUS, "tenantnamespaces", "runtimes"),
    )


def test_b11_nobody_gets_into_a_pod_or_through_one(admin: Hands, attacker: Hands) -> None:
    inside = ("exec", "attach", "portforward", "proxy")
    refused(
        admin,
        attacker,
        each(("get", "create"), CORE, *(f"pods/{way}" for way in inside)),
        each(("get", "create", "update", "patch", "delete"), CORE, "services/proxy", "pods/proxy"),
        everywhere(("get", "create"), CORE, "nodes/proxy"),
    )


def test_b12_nobody_chooses_a_node(admin: Hands, attacker: Hands) -> None:
    refused(
        admin,
        attacker,
        each("create", CORE, "pods/binding", "bindings", "pods"),
        everywhere(CHANGES, CORE, "nodes", "nodes/status"),
        everywhere("create", "scheduling.k8s.io/v1", "priorityclasses"),
        everywhere("create", "node.k8s.io/v1", "runtimeclasses"),
    )


def test_b25_nothing_of_the_cluster_s_is_made(admin: Hands, attacker: Hands) -> None:
    refused(
        admin,
        attacker,
        everywhere(WRITES, FUNKHAUS, "runtimes", "tenantnamespaces"),
        each(WRITES, FUNKHAUS, "functionrevisions"),
        each(CHANGES, FUNKHAUS, *(f"{kind}/status" for kind in ("functions", "httptriggers", "cronjobtriggers"))),
        everywhere(("create", "patch"), CORE, "namespaces", "persistentvolumes"),
        everywhere(CHANGES, CORE, "namespaces/finalize", "namespaces/status"),
        everywhere(WRITES, "apiextensions.k8s.io/v1", "customresourcedefinitions"),
        everywhere(WRITES, RBAC, "clusterroles", "clusterrolebindings"),
        everywhere("create", "storage.k8s.io/v1", "storageclasses", "volumeattachments"),
        everywhere(WRITES, "apiregistration.k8s.io/v1", "apiservices"),
    )  # fmt: skip


def test_b25_no_workload_is_made_beside_functions(admin: Hands, attacker: Hands) -> None:
    refused(
        admin,
        attacker,
        each(WRITES, APPS, "deployments", "replicasets", "statefulsets", "daemonsets"),
        each(WRITES, APPS, "controllerrevisions"),
        each(WRITES, BATCH, "jobs", "cronjobs"),
        each(WRITES, CORE, "pods", "replicationcontrollers", "podtemplates"),
        each(WRITES, CORE, "persistentvolumeclaims", "limitranges", "resourcequotas"),
        each(CHANGES, CORE, "resourcequotas/status"),
        each("create", "policy/v1", "poddisruptionbudgets"),
        each("create", "resource.k8s.io/v1", "resourceclaims", "resourceclaimtemplates"),
    )


def test_b26_other_namespaces_are_closed(admin: Hands, attacker: Hands) -> None:
    reads = ("get", "list")
    kinds = ("functions", "httptriggers", "cronjobtriggers")
    refused(
        admin,
        attacker,
        *(place((*reads, *WRITES), CORE, "secrets", "configmaps") for place in (abroad, at_home)),
        *(place((*reads, "create"), FUNKHAUS, *kinds) for place in (abroad, at_home)),
        everywhere("list", CORE, "secrets", "configmaps", "pods", "namespaces", "nodes"),
        everywhere("list", FUNKHAUS, *kinds, "functionrevisions", "tenantnamespaces"),
    )


def test_b23_no_right_and_no_token_is_given(admin: Hands, attacker: Hands) -> None:
    certificates = "certificates.k8s.io/v1"
    refused(
        admin,
        attacker,
        each(WRITES, RBAC, "roles", "rolebindings"),
        each("create", CORE, "serviceaccounts/token"),
        each(WRITES, CORE, "serviceaccounts"),
        at_home("create", CORE, "serviceaccounts/token", "serviceaccounts"),
        everywhere("create", "authentication.k8s.io/v1", "tokenreviews"),
        everywhere("create", "authorization.k8s.io/v1", "subjectaccessreviews"),
        everywhere(WRITES, certificates, "certificatesigningrequests"),
        everywhere(CHANGES, certificates, "certificatesigningrequests/approval"),
    )


def test_b33_no_way_in_but_a_trigger(admin: Hands, attacker: Hands) -> None:
    gateway = ("gateways", "httproutes", "grpcroutes", "listenersets", "referencegrants")
    refused(
        admin,
        attacker,
        each(WRITES, NET, "ingresses", "networkpolicies"),
        each(CHANGES, NET, "ingresses/status"),
        each(WRITES, CORE, "services", "endpoints"),
        each(CHANGES, CORE, "services/status"),
        each(WRITES, "discovery.k8s.io/v1", "endpointslices"),
        each("create", "gateway.networking.k8s.io/v1", *gateway, foreign=True),
        each("create", "gateway.networking.k8s.io/v1alpha2", "tlsroutes", "tcproutes", foreign=True),
        each("create", "route.openshift.io/v1", "routes", foreign=True),
        each("create", "projectcontour.io/v1", "httpproxies", "tlscertificatedelegations", foreign=True),
        each("create", "traefik.io/v1alpha1", "ingressroutes", foreign=True),
        each("create", "networking.istio.io/v1", "virtualservices", "gateways", foreign=True),
        each("create", "cert-manager.io/v1", "certificates", foreign=True),
    )  # fmt: skip


def test_b37_ingress_classes_stay_as_they_are(admin: Hands, attacker: Hands) -> None:
    refused(admin, attacker, everywhere(WRITES, NET, "ingressclasses"))


def test_b59_what_admission_stands_on_is_nobody_s_to_change(admin: Hands, attacker: Hands) -> None:
    policies = ("validatingadmissionpolicies", "validatingadmissionpolicybindings")
    hooks = ("validatingwebhookconfigurations", "mutatingwebhookconfigurations")
    refused(
        admin,
        attacker,
        everywhere(("get", "list", *WRITES), ADMISSION, *hooks, *policies),
        everywhere(CHANGES, ADMISSION, "validatingadmissionpolicies/status"),
        at_home(("get", *WRITES), CORE, "secrets"),
        each("create", "kyverno.io/v2", "policyexceptions", foreign=True),
    )


def test_b60_the_platform_is_not_stopped(admin: Hands, attacker: Hands) -> None:
    refused(
        admin,
        attacker,
        at_home(CHANGES, APPS, "deployments", "deployments/scale"),
        at_home(("delete", "deletecollection"), APPS, "deployments", "replicasets"),
        at_home(("delete", "deletecollection"), CORE, "pods"),
        at_home("delete", CORE, "services"),
        at_home("create", CORE, "pods/eviction", "pods"),
        at_home(WRITES, "policy/v1", "poddisruptionbudgets"),
        at_home(WRITES, "coordination.k8s.io/v1", "leases"),
        everywhere("delete", CORE, "nodes", "namespaces"),
    )


def test_b62_no_way_to_opa_and_its_files(admin: Hands, attacker: Hands) -> None:
    refused(
        admin,
        attacker,
        at_home(("get", "list", *WRITES), CORE, "configmaps", "secrets"),
        at_home(("get", "create"), CORE, "pods/proxy", "pods/portforward", "pods/exec"),
        at_home(("get", "create", "update"), CORE, "services/proxy"),
    )


def test_b05_nothing_is_said_in_the_platform_s_name(admin: Hands, attacker: Hands) -> None:
    """Events explain what became of a function, and a Lease says which controller works."""
    refused(
        admin,
        attacker,
        each(WRITES, CORE, "events"),
        each(WRITES, "events.k8s.io/v1", "events"),
        each(WRITES, "coordination.k8s.io/v1", "leases"),
    )


@pytest.mark.parametrize(
    "path", ["/metrics", "/logs/", "/debug/pprof/", "/configz", "/flagz", "/metrics/slis"]
)
def test_b82_kube_apiserver_s_own_pages_are_closed(attacker: Hands, path: str) -> None:
    answer = attacker.ask("GET", path)
    assert answer.status_code == 403
    assert "cannot get path" in answer.text
