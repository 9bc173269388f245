"""Who puts a finalizer of their own on an object decides when it ends, and with it the namespace and the tenant."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.admission_house import NAMESPACE, House
from tests.support.attacker import OWNER, Hands
from tests.support.questions import cron_job_trigger, function, http_trigger

from .test_attacks_by_other_ways import APPLY, JSON_PATCH, MERGE
from .test_attacks_on_admission import PLACE

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def owner(admin: Hands, house: House) -> Hands:
    """The tenant's owner, at a webhook that is trusted."""
    del house
    return admin.acting_as(*OWNER)


def plain(kind: str) -> Callable[..., dict[str, Any]]:
    """Makes a Secret or a ConfigMap by name."""

    def make(name: str = "x") -> dict[str, Any]:
        return {"apiVersion": "v1", "kind": kind, "metadata": {"name": name}}

    return make


WRITTEN = {
    f"{PLACE}/functions": function,
    f"{PLACE}/httptriggers": http_trigger,
    f"{PLACE}/cronjobtriggers": cron_job_trigger,
    f"/api/v1/namespaces/{NAMESPACE}/secrets": plain("Secret"),
    f"/api/v1/namespaces/{NAMESPACE}/configmaps": plain("ConfigMap"),
}
"""All that members write: where, and how one is made."""
HOLDS = "would keep this object, and its namespace, from ending; leave it out"


def test_b83_every_kind_that_members_write_is_looked_at(admin: Hands, house: House) -> None:
    del house
    role = admin.ask("GET", "/apis/rbac.authorization.k8s.io/v1/clusterroles/funkhaus-tenant-owner")
    policy = admin.ask(
        "GET",
        "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies/funkhaus-finalizers",
    )
    written = {
        (group, resource)
        for rule in role.json()["rules"]
        if {"create", "update", "patch"} & set(rule["verbs"])
        for group in rule["apiGroups"]
        for resource in rule["resources"]
    }
    looked_at = {
        (group, resource)
        for rule in policy.json()["spec"]["matchConstraints"]["resourceRules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
    }
    assert written == looked_at
    assert {resource for _, resource in written} == {path.rpartition("/")[2] for path in WRITTEN}


@pytest.mark.parametrize("path", WRITTEN)
@pytest.mark.parametrize("finalizer", ["evil.example/x", "funkhaus.dev/namespace", "kubernetes/x"])
def test_b83_a_finalizer_of_one_s_own_is_refused(owner: Hands, path: str, finalizer: str) -> None:
    """Nobody would take it off, so that the namespace never ends and the tenant is never purged."""
    marked = {"finalizers": ["foregroundDeletion", finalizer]}
    born = WRITTEN[path]("attack")
    born["metadata"] |= marked
    for method, to, kind, query in (
        ("POST", path, "application/json", {}),
        ("PATCH", f"{path}/attack", APPLY, {"fieldManager": "x"}),
    ):
        answer = owner.ask(method, to, born, kind, **query)
        assert answer.status_code == 403, answer.text
        assert f'metadata.finalizers: \\"{finalizer}\\" {HOLDS}' in answer.text
    assert owner.ask("GET", f"{path}/attack").status_code == 404
    made = owner.ask("POST", path, WRITTEN[path]("attack"))
    assert made.status_code == 201, made.text
    before = made.json()
    try:
        whole = copy.deepcopy(before)
        whole["metadata"] |= marked
        lines = [{"op": "add", "path": "/metadata/finalizers", "value": [finalizer]}]
        for method, body, kind, query in (
            ("PUT", whole, "application/json", {}),
            ("PATCH", {"metadata": marked}, MERGE, {}),
            ("PATCH", lines, JSON_PATCH, {}),
            ("PATCH", born, APPLY, {"fieldManager": "x", "force": "true"}),
        ):
            answer = owner.ask(method, f"{path}/attack", body, kind, **query)
            assert answer.status_code == 403, (method, kind, answer.text)
            assert HOLDS in answer.text
        after = owner.ask("GET", f"{path}/attack").json()
        assert after["metadata"]["resourceVersion"] == before["metadata"]["resourceVersion"]
    finally:
        owner.ask("DELETE", f"{path}/attack")
    assert owner.ask("GET", f"{path}/attack").status_code == 404


@pytest.mark.usefixtures("gitops")
def test_b83_nor_does_who_applies_for_a_tenant_bring_one(admin: Hands, house: House) -> None:
    """GitOps may do everything, and its manifests are the tenant's; the cluster's own administrators still may."""
    del house
    path = f"/api/v1/namespaces/{NAMESPACE}/configmaps"
    born = plain("ConfigMap")("applied")
    born["metadata"]["finalizers"] = ["evil.example/x"]
    gitops = admin.acting_as("gitops", "gitops", "system:authenticated")
    answer = gitops.ask("POST", path, born)
    assert answer.status_code == 403, answer.text
    assert HOLDS in answer.text
    assert admin.ask("POST", path, born).status_code == 201
    assert gitops.ask("DELETE", f"{path}/applied").status_code == 200
    free = {"metadata": {"finalizers": None}}
    assert gitops.ask("PATCH", f"{path}/applied", free, MERGE).status_code == 200
    assert admin.ask("GET", f"{path}/applied").status_code == 404


@pytest.mark.parametrize("path", WRITTEN)
def test_b83_one_from_before_may_stay_and_comes_off(admin: Hands, owner: Hands, path: str) -> None:
    made = owner.ask("POST", path, WRITTEN[path]("old"))
    assert made.status_code == 201, made.text
    here = f"{path}/old"
    held = admin.ask("PATCH", here, {"metadata": {"finalizers": ["a.b/c", "d.e/f"]}}, MERGE)
    assert held.status_code == 200, held.text
    note = {"metadata": {"labels": {"note": "x"}, "finalizers": ["d.e/f", "a.b/c"]}}
    answer = owner.ask("PATCH", here, note, MERGE)
    assert answer.status_code == 200, answer.text
    more = {"metadata": {"finalizers": ["a.b/c", "d.e/f", "g.h/i"]}}
    assert owner.ask("PATCH", here, more, MERGE).status_code == 403
    assert owner.ask("DELETE", here).status_code == 200
    answer = owner.ask("PATCH", here, {"metadata": {"finalizers": ["d.e/f"]}}, MERGE)
    assert answer.status_code == 200, answer.text
    answer = owner.ask("PATCH", here, {"metadata": {"finalizers": None}}, MERGE)
    assert answer.status_code == 200, answer.text
    assert owner.ask("GET", here).status_code == 404
