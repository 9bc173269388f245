"""The ConfigMap kube-apiserver's policies judge by follows the set in force, and comes back when somebody changes it."""

from __future__ import annotations

from datetime import UTC, datetime

from funkhaus.crd import tenant_namespace
from funkhaus.domain.kinds import CONFIG_MAP
from funkhaus.domain.policy_set import Activation, PolicySet
from funkhaus.domain.tenant import Namespace, NamespaceQuota, Tenant
from funkhaus.manifests.backstop import NAME
from funkhaus.policy.folder import read_folder
from funkhaus.services.bounds import COMPARED_EVERY, Bounds
from tests.support.cluster import MemoryCluster
from tests.support.opa import POLICIES
from tests.support.stores import MemoryStores

SYSTEM = "funkhaus-system"
QUOTA = NamespaceQuota(1, 1, 1, 1000, 1024)


class House:
    """A database, a cluster, and what keeps the bounds."""

    def __init__(self) -> None:
        self.stores, self.cluster = MemoryStores(), MemoryCluster("funkhaus-api")
        self.cluster.put({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SYSTEM}})
        self.rung = 0
        self.bounds = Bounds(
            self.stores, self.cluster, self.ring, domain="example.com", system_namespace=SYSTEM
        )

    def ring(self) -> None:
        self.rung += 1

    async def activate(self, policies: PolicySet) -> None:
        async with self.stores.begin_platform() as work:
            await work.policies.add(policies)
            at = datetime(2026, 1, 1, tzinfo=UTC)
            await work.policies.activate(Activation(policies.revision, at, "house", "why"))

    def data(self) -> dict[str, str]:
        found: dict[str, str] = self.cluster.find(CONFIG_MAP, SYSTEM, NAME)["data"]
        return found


def changed(policies: PolicySet, name: str, old: str, new: str) -> PolicySet:
    assert old in policies.files[name]
    return PolicySet({**policies.files, name: policies.files[name].replace(old, new)})


async def test_nothing_is_written_before_a_set_is_in_force() -> None:
    house = House()
    assert not await house.bounds.round()
    assert house.cluster.named(CONFIG_MAP, SYSTEM) == ()


async def test_each_set_in_force_is_written_once() -> None:
    house = House()
    first = read_folder(POLICIES)
    await house.activate(first)
    assert await house.bounds.round()
    assert (house.data()["revision"], house.data()["domain"]) == (first.revision, "example.com")
    assert not await house.bounds.round()
    second = changed(first, "data/hosts.yaml", "[cluster.local]", "[cluster.local, corp]")
    await house.activate(second)
    assert await house.bounds.round()
    assert house.data()["hosts.reserved_suffixes"] == "cluster.local\ncorp"
    assert house.data()["revision"] == second.revision


async def test_what_somebody_changed_comes_back_and_what_they_added_goes() -> None:
    house = House()
    await house.activate(read_folder(POLICIES))
    await house.bounds.round()
    wanted = house.data()
    patch = {"data": {"plan.small.cpu.max": "99", "plan.own.cpu.max": "99", "rules": None}}
    await house.cluster.merge_patch(CONFIG_MAP, SYSTEM, NAME, patch)
    assert [await house.bounds.round() for _ in range(COMPARED_EVERY)].count(True) == 1
    assert house.data() == wanted
    await house.cluster.delete(CONFIG_MAP, SYSTEM, NAME)
    assert [await house.bounds.round() for _ in range(COMPARED_EVERY)].count(True) == 1
    assert house.data() == wanted


async def test_namespaces_from_before_are_told_of_their_plan_once() -> None:
    house = House()
    house.stores.state.tenants["blue"] = Tenant("blue", "small")
    house.stores.state.suffixes["blue.example"] = "blue"
    for name in ("old", "gone"):
        await house.cluster.apply(tenant_namespace.manifest(Namespace("blue", name, QUOTA)))
    async with house.stores.begin("blue") as work:
        await work.add_namespace(Namespace("blue", "old", QUOTA))
    await house.bounds.round()
    await house.bounds.round()
    assert house.rung == 1
    (item,) = house.stores.state.outbox
    told = tenant_namespace.parse(item.manifest)
    assert (told.name, told.plan, told.host_suffixes) == ("old", "small", ("blue.example",))
