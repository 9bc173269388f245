"""A TenantNamespace becomes a guarded Namespace, and ends with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from funkhaus.domain.errors import UnavailableError
from funkhaus.domain.kinds import (
    CONFIG_MAP,
    CRON_JOB_TRIGGER,
    FUNCTION,
    HTTP_TRIGGER,
    LIMIT_RANGE,
    NAMESPACE,
    NETWORK_POLICY,
    RESOURCE_QUOTA,
    ROLE_BINDING,
    TENANT_NAMESPACE,
)

if TYPE_CHECKING:
    from tests.support.materials import House, Manifest

NAME = "acme--shop"


def ready(house: House, name: str = NAME) -> tuple[str, str]:
    status: Manifest = house.cluster.find(TENANT_NAMESPACE, "", name)["status"]
    (found,) = [item for item in status["conditions"] if item["type"] == "Ready"]
    return found["status"], found["reason"]


def _ready(house: House) -> list[Manifest]:
    status: Manifest = house.cluster.find(TENANT_NAMESPACE, "", NAME)["status"]
    return [item for item in status["conditions"] if item["type"] == "Ready"]


async def test_a_namespace_stands_with_all_its_guards(house: House) -> None:
    house.tenant_namespace(NAME)
    assert (await house.namespaces.reconcile("", NAME)).outcome == "done"
    labels = house.cluster.find(NAMESPACE, "", NAME)["metadata"]["labels"]
    assert labels["funkhaus.dev/tenant"] == "acme"
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
    assert len(house.cluster.named(NETWORK_POLICY, NAME)) == 8
    assert house.cluster.named(ROLE_BINDING, NAME) == (
        "funkhaus-admin",
        "funkhaus-developer",
        "funkhaus-owner",
        "funkhaus-suspended",
        "funkhaus-viewer",
    )
    assert house.cluster.named(RESOURCE_QUOTA, NAME) == ("funkhaus",)
    assert house.cluster.named(LIMIT_RANGE, NAME) == ("funkhaus",)
    assert ready(house) == ("True", "Made")
    house.cluster.writes.clear()
    await house.namespaces.reconcile("", NAME)
    assert house.cluster.writes == []


async def test_nobody_is_let_in_before_the_guards_stand(house: House) -> None:
    house.tenant_namespace(NAME)
    await house.namespaces.reconcile("", NAME)
    kinds = [kind for verb, kind, _ in house.cluster.writes if verb == "apply"]
    assert kinds.index("RoleBinding") > max(
        index for index, kind in enumerate(kinds) if kind in {"NetworkPolicy", "ResourceQuota"}
    )


async def test_a_loosened_guard_is_tightened(house: House) -> None:
    house.tenant_namespace(NAME)
    await house.namespaces.reconcile("", NAME)
    other = house.cluster.twin("kubectl")
    await other.delete(NETWORK_POLICY, NAME, "funkhaus-deny")
    house.cluster.find(RESOURCE_QUOTA, NAME, "funkhaus")["spec"]["hard"]["pods"] = "9999"
    labels = house.cluster.find(NAMESPACE, "", NAME)["metadata"]["labels"]
    labels["pod-security.kubernetes.io/enforce"] = "privileged"
    await house.namespaces.reconcile("", NAME)
    assert "funkhaus-deny" in house.cluster.named(NETWORK_POLICY, NAME)
    assert house.cluster.find(RESOURCE_QUOTA, NAME, "funkhaus")["spec"]["hard"]["pods"] == "30"
    labels = house.cluster.find(NAMESPACE, "", NAME)["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"


async def test_a_changed_quota_follows(house: House) -> None:
    house.tenant_namespace(NAME)
    await house.namespaces.reconcile("", NAME)
    house.tenant_namespace(NAME, replicas=1)
    await house.namespaces.reconcile("", NAME)
    assert house.cluster.find(RESOURCE_QUOTA, NAME, "funkhaus")["spec"]["hard"]["pods"] == "12"


async def test_its_end_is_the_namespaces_end(house: House) -> None:
    house.tenant_namespace(NAME)
    await house.namespaces.reconcile("", NAME)
    await house.cluster.delete(TENANT_NAMESPACE, "", NAME)
    result = await house.namespaces.reconcile("", NAME)
    assert result.outcome == "ending"
    assert result.after == 2
    assert (await house.namespaces.reconcile("", NAME)).outcome == "gone"
    assert not [key for key in house.cluster.objects if NAME in key]


async def test_a_namespace_that_takes_its_time_is_waited_for(house: House) -> None:
    house.tenant_namespace(NAME)
    await house.namespaces.reconcile("", NAME)
    house.cluster.find(NAMESPACE, "", NAME)["metadata"]["finalizers"] = ["kubernetes"]
    await house.cluster.delete(TENANT_NAMESPACE, "", NAME)
    for _ in range(3):
        assert (await house.namespaces.reconcile("", NAME)).outcome == "ending"
    assert ready(house) == ("False", "Ending")
    assert house.cluster.named(TENANT_NAMESPACE, "") == (NAME,)


async def test_foreign_finalizers_come_off_what_is_deleted_in_a_namespace_that_ends(
    house: House,
) -> None:
    house.tenant_namespace(NAME)
    await house.namespaces.reconcile("", NAME)
    house.cluster.find(NAMESPACE, "", NAME)["metadata"]["finalizers"] = ["kubernetes"]
    held = {"finalizers": ["evil.example/x", "funkhaus.dev/y", "foregroundDeletion"]}
    for kind in (FUNCTION, HTTP_TRIGGER, CRON_JOB_TRIGGER):
        for name in ("goes", "stays"):
            head = {"apiVersion": kind.api_version, "kind": kind.name}
            house.cluster.put({**head, "metadata": {"namespace": NAME, "name": name, **held}})
        await house.cluster.delete(kind, NAME, "goes")
    await house.namespaces.reconcile("", NAME)
    assert (
        house.cluster.find(FUNCTION, NAME, "goes")["metadata"]["finalizers"] == held["finalizers"]
    )
    await house.cluster.delete(TENANT_NAMESPACE, "", NAME)
    for _ in range(2):
        assert (await house.namespaces.reconcile("", NAME)).outcome == "ending"
    for kind in (FUNCTION, HTTP_TRIGGER, CRON_JOB_TRIGGER):
        left = house.cluster.find(kind, NAME, "goes")["metadata"]["finalizers"]
        assert left == ["funkhaus.dev/y", "foregroundDeletion"]
        untouched = house.cluster.find(kind, NAME, "stays")["metadata"]["finalizers"]
        assert untouched == held["finalizers"]


async def test_what_kubernetes_says_is_left_is_told(house: House) -> None:
    house.tenant_namespace(NAME)
    await house.namespaces.reconcile("", NAME)
    house.cluster.find(NAMESPACE, "", NAME)["metadata"]["finalizers"] = ["kubernetes"]
    await house.cluster.delete(TENANT_NAMESPACE, "", NAME)
    await house.namespaces.reconcile("", NAME)
    content = {"type": "NamespaceContentRemaining", "status": "True", "message": "1 secret"}
    house.cluster.write_status(NAMESPACE, "", NAME, {"conditions": [content]})
    await house.namespaces.reconcile("", NAME)
    (ending,) = _ready(house)
    assert ending["message"] == "the Namespace and all in it are being deleted"
    finalizers = {**content, "type": "NamespaceFinalizersRemaining", "message": "evil.example/x"}
    house.cluster.write_status(NAMESPACE, "", NAME, {"conditions": [content, finalizers]})
    await house.namespaces.reconcile("", NAME)
    (ending,) = _ready(house)
    assert ending["message"].endswith("Kubernetes says what is left: 1 secret; evil.example/x")


@pytest.mark.parametrize("name", ["kube-system--x", NAME])
async def test_a_strangers_namespace_is_neither_adopted_nor_deleted(
    house: House, name: str
) -> None:
    stranger = house.cluster.put(
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
    )
    house.tenant_namespace(name)
    assert (await house.namespaces.reconcile("", name)).outcome == "refused"
    assert ready(house, name) == ("False", "Conflict")
    await house.cluster.delete(TENANT_NAMESPACE, "", name)
    assert (await house.namespaces.reconcile("", name)).outcome == "gone"
    assert house.cluster.find(NAMESPACE, "", name) == stranger
    assert house.cluster.named(TENANT_NAMESPACE, "") == ()


def adopted(house: House, **meta: object) -> Manifest:
    """A Namespace that was there before its TenantNamespace, which says to adopt it."""
    live = house.cluster.put(
        {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"name": NAME, "labels": {"team": "a"}, **meta},
        }
    )
    wanted = house.tenant_namespace(NAME)
    wanted["spec"]["adopt"] = True
    house.cluster.put(wanted)
    return live


async def test_one_that_is_to_be_adopted_becomes_ours_and_keeps_what_it_has(house: House) -> None:
    before = adopted(house)
    house.cluster.put(
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"namespace": NAME, "name": "x"}}
    )
    assert (await house.namespaces.reconcile("", NAME)).outcome == "done"
    found = house.cluster.find(NAMESPACE, "", NAME)["metadata"]
    assert found["uid"] == before["metadata"]["uid"]
    assert (found["labels"]["team"], found["labels"]["funkhaus.dev/tenant"]) == ("a", "acme")
    assert house.cluster.find(CONFIG_MAP, NAME, "x")
    assert len(house.cluster.named(NETWORK_POLICY, NAME)) == 8
    assert ready(house) == ("True", "Made")
    house.cluster.writes.clear()
    await house.namespaces.reconcile("", NAME)
    assert house.cluster.writes == []


async def test_one_that_somebody_owns_is_not_adopted(house: House) -> None:
    owner = {"apiVersion": "v1", "kind": "X", "name": "x", "uid": "u", "controller": True}
    before = adopted(house, ownerReferences=[owner])
    assert (await house.namespaces.reconcile("", NAME)).outcome == "refused"
    assert ready(house) == ("False", "Conflict")
    assert house.cluster.find(NAMESPACE, "", NAME) == before


async def test_an_apiserver_that_falters_is_tried_again(house: House) -> None:
    house.tenant_namespace(NAME)
    house.cluster.failure = lambda verb, kind, _ns, _name: (
        UnavailableError("etcd is slow") if (verb, kind) == ("apply", RESOURCE_QUOTA) else None
    )
    with pytest.raises(UnavailableError):
        await house.namespaces.reconcile("", NAME)
    house.cluster.failure = lambda *_: None
    await house.namespaces.reconcile("", NAME)
    assert ready(house) == ("True", "Made")
