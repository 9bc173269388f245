"""Creates of one name at the same time, through the API on a real kube-apiserver: one makes it, the others are told."""

from __future__ import annotations

import asyncio
import secrets
from typing import TYPE_CHECKING, Any

import pytest

from funkhaus.domain.kinds import CRON_JOB_TRIGGER, FUNCTION, HTTP_TRIGGER
from funkhaus.domain.subject import Role
from funkhaus.kube import KubeCluster
from tests.support.api import Client, World, serving
from tests.support.questions import cron_job_trigger, function, http_trigger
from tests.support.stores import MemoryStores

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from funkhaus.domain.kinds import Kind
    from tests.support.apiserver import ApiServer

AT_ONCE = 24
KINDS = [
    (FUNCTION, function),
    (HTTP_TRIGGER, http_trigger),
    (CRON_JOB_TRIGGER, cron_job_trigger),
]


class Ground:
    """An owner of a tenant of its own, whose namespace is in a real cluster."""

    def __init__(self, tenant: str, cluster: KubeCluster, owner: Client) -> None:
        self.tenant, self.cluster, self.owner = tenant, cluster, owner
        self.place = f"{tenant}--default"
        self.at = f"/v1/tenants/{tenant}/namespaces/default"


@pytest.fixture
async def ground(apiserver: ApiServer) -> AsyncIterator[Ground]:
    tenant = f"t{secrets.token_hex(4)}"
    world = World(MemoryStores())
    await world.tenant(tenant, "default")
    cluster = await KubeCluster.connect(str(apiserver.kubeconfig), manager="funkhaus-api")
    place = f"{tenant}--default"
    await cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": place}})
    rights = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"namespace": place, "name": "owner"},
        "roleRef": {
            "apiGroup": "rbac.authorization.k8s.io",
            "kind": "ClusterRole",
            "name": "cluster-admin",
        },
        "subjects": [
            {
                "apiGroup": "rbac.authorization.k8s.io",
                "kind": "Group",
                "name": f"fh:{tenant}:owner",
            }
        ],
    }
    await cluster.apply(rights)
    async with serving(world.services(cluster)) as nobody:
        yield Ground(tenant, cluster, nobody.holding(await world.token(tenant, Role.OWNER)))
    await cluster.close()


@pytest.mark.parametrize(("kind", "make"), KINDS)
async def test_one_is_made_and_the_others_hear_of_it(
    ground: Ground, kind: Kind, make: Callable[..., dict[str, Any]]
) -> None:
    collection = f"{ground.at}/{kind.plural}"
    spec = make()["spec"]

    def body(number: int) -> dict[str, Any]:
        return {"name": "one", "spec": spec, "labels": {"number": str(number)}}

    answers = await asyncio.gather(
        *(ground.owner.post(collection, body(number)) for number in range(AT_ONCE))
    )
    (made,) = [answer for answer in answers if answer.status == 201]
    for answer in answers:
        if answer is not made:
            said = answer.problem(409, "conflict")["detail"]
            assert said == f"{kind.name.lower()} 'one' exists already in namespace 'default'"
    stored = await ground.cluster.get(kind, ground.place, "one")
    assert stored is not None
    assert stored["metadata"]["labels"] == made.json["labels"]
    (entry,) = stored["metadata"]["managedFields"]
    assert (entry["manager"], entry["operation"]) == ("funkhaus-api", "Apply")
    # The next apply is of the same owner: what it leaves out is gone.
    again = await ground.owner.put(f"{collection}/one", {"spec": spec})
    assert again.status == 200, again.body
    assert not again.json["labels"]
