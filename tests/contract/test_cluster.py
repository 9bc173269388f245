"""What every `Cluster` promises: the one over a real kube-apiserver and the one in memory sit the same exam."""

from __future__ import annotations

import asyncio
import secrets
from typing import TYPE_CHECKING, Any

import pytest

from funkhaus.domain.errors import ConflictError, InvalidError, NotFoundError
from funkhaus.domain.kinds import (
    CONFIG_MAP,
    DEPLOYMENT,
    FUNCTION,
    LEASE,
    NAMESPACE,
    SECRET,
    SERVICE_ACCOUNT,
    TENANT_NAMESPACE,
    Kind,
)
from funkhaus.kube import KubeCluster
from tests.support.cluster import MemoryCluster

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from funkhaus.ports import Cluster, Manifest

REVIEW = Kind("authentication.k8s.io/v1", "TokenReview", "tokenreviews", namespaced=False)
SPEC = {
    "runtime": "python3.11",
    "handler": "hello.handler",
    "source": {"inline": {"files": {"hello.py": "x"}}},
}


class Exam:
    """Two field managers on one cluster, and names nobody else uses."""

    def __init__(
        self, ours: Cluster, other: Cluster, speaks_for: Callable[[str], Awaitable[str]]
    ) -> None:
        self.ours, self.other, self.speaks_for = ours, other, speaks_for
        self.name = f"x{secrets.token_hex(4)}"

    def config_map(self, **data: str) -> Manifest:
        """A ConfigMap of this exam."""
        return {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"namespace": "default", "name": self.name},
            "data": data,
        }

    def function(self, **spec: Any) -> Manifest:
        """A Function of this exam."""
        return {
            "apiVersion": "funkhaus.dev/v1alpha1",
            "kind": "Function",
            "metadata": {"namespace": "default", "name": self.name},
            "spec": {**SPEC, **spec},
        }


@pytest.fixture(params=["memory", "kube"])
async def exam(request: pytest.FixtureRequest) -> AsyncIterator[Exam]:
    if request.param == "memory":
        memory = MemoryCluster("ours")

        async def remembered(text: str) -> str:
            return memory.speaks_for(text)

        yield Exam(memory, memory.twin("other"), remembered)
        return
    kubeconfig = str(request.getfixturevalue("apiserver").kubeconfig)
    ours = await KubeCluster.connect(kubeconfig, manager="ours")
    other = await KubeCluster.connect(kubeconfig, manager="other")

    async def reviewed(text: str) -> str:
        review = {"apiVersion": REVIEW.api_version, "kind": REVIEW.name, "spec": {"token": text}}
        answer = await other.request("POST", REVIEW.path(), body=review)
        return str((answer["status"].get("user") or {}).get("username", ""))

    yield Exam(ours, other, reviewed)
    await ours.close()
    await other.close()


async def test_absent_is_none(exam: Exam) -> None:
    assert await exam.ours.get(CONFIG_MAP, "default", exam.name) is None
    assert await exam.ours.delete(CONFIG_MAP, "default", exam.name) is False


async def test_apply_creates_and_gives_back_what_is_stored(exam: Exam) -> None:
    stored = await exam.ours.apply(exam.function())
    assert stored["metadata"]["uid"]
    assert stored["metadata"]["generation"] == 1
    assert stored["spec"]["runtime"] == "python3.11"
    assert (await exam.ours.get(FUNCTION, "default", exam.name)) == stored


async def test_applying_the_same_again_changes_nothing(exam: Exam) -> None:
    first = await exam.ours.apply(exam.config_map(a="1"))
    again = await exam.ours.apply(exam.config_map(a="1"))
    assert again["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]


async def test_a_field_no_longer_applied_goes(exam: Exam) -> None:
    await exam.ours.apply(exam.config_map(a="1", b="2"))
    assert (await exam.ours.apply(exam.config_map(a="1")))["data"] == {"a": "1"}


async def test_fields_of_others_stay(exam: Exam) -> None:
    await exam.other.apply(exam.config_map(theirs="1"))
    assert (await exam.ours.apply(exam.config_map(ours="2")))["data"] == {
        "theirs": "1",
        "ours": "2",
    }
    assert (await exam.ours.apply(exam.config_map()))["data"] == {"theirs": "1"}


async def test_another_managers_field_is_a_conflict_unless_forced(exam: Exam) -> None:
    await exam.other.apply(exam.config_map(a="theirs"))
    with pytest.raises(ConflictError) as caught:
        await exam.ours.apply(exam.config_map(a="ours"))
    assert [finding.path for finding in caught.value.findings] == ["data.a"]
    assert (await exam.ours.apply(exam.config_map(a="ours"), force=True))["data"] == {"a": "ours"}
    with pytest.raises(ConflictError):
        await exam.other.apply(exam.config_map(a="theirs"))


async def test_what_a_merge_patch_wrote_is_not_applys_to_remove(exam: Exam) -> None:
    """The rule replicas live by: set by patch, never applied, so never lost by applying the rest."""
    await exam.ours.apply(exam.config_map(a="1"))
    await exam.ours.merge_patch(CONFIG_MAP, "default", exam.name, {"data": {"replicas": "3"}})
    assert (await exam.ours.apply(exam.config_map(a="2")))["data"] == {"a": "2", "replicas": "3"}


async def test_merge_patch_removes_with_null_and_needs_the_object(exam: Exam) -> None:
    await exam.ours.apply(exam.config_map(a="1", b="2"))
    patched = await exam.ours.merge_patch(CONFIG_MAP, "default", exam.name, {"data": {"a": None}})
    assert patched["data"] == {"b": "2"}
    with pytest.raises(NotFoundError):
        await exam.ours.merge_patch(CONFIG_MAP, "default", exam.name + "z", {"data": {}})


async def test_a_patch_with_an_old_resource_version_is_a_conflict(exam: Exam) -> None:
    stored = await exam.ours.apply(exam.config_map(a="1"))
    old = {"resourceVersion": stored["metadata"]["resourceVersion"]}
    await exam.ours.apply(exam.config_map(a="2"))
    patch = {"metadata": old, "data": {"a": "3"}}
    with pytest.raises(ConflictError):
        await exam.ours.merge_patch(CONFIG_MAP, "default", exam.name, patch)


async def test_dry_run_stores_nothing(exam: Exam) -> None:
    seen = await exam.ours.apply(exam.config_map(a="1"), dry_run=True)
    assert seen["data"] == {"a": "1"}
    assert await exam.ours.get(CONFIG_MAP, "default", exam.name) is None


async def test_of_many_new_ones_at_once_one_is_stored(exam: Exam) -> None:
    async def create(number: int) -> Manifest | None:
        manifest = exam.function(timeout=number, env=[{"name": f"V{number}", "value": "x"}])
        manifest["metadata"]["labels"] = {"number": str(number)}
        try:
            return await exam.ours.apply(manifest, new=True)
        except ConflictError:
            return None

    found = await asyncio.gather(*(create(number) for number in range(1, 21)))
    (first,) = [item for item in found if item]
    assert await exam.ours.get(FUNCTION, "default", exam.name) == first
    for manager in (exam.ours, exam.other):
        for dry_run in (False, True):
            with pytest.raises(ConflictError):
                await manager.apply(exam.function(timeout=99), new=True, dry_run=dry_run)
    assert await exam.ours.get(FUNCTION, "default", exam.name) == first
    # What was made so is applied as usual: what is not said any more goes.
    after = await exam.ours.apply(exam.function(timeout=30))
    assert "env" not in after["spec"]
    assert not after["metadata"].get("labels")


async def test_a_new_one_may_be_tried_and_follows_one_that_is_gone(exam: Exam) -> None:
    seen = await exam.ours.apply(exam.function(), new=True, dry_run=True)
    assert seen["spec"]["runtime"] == "python3.11"
    assert await exam.ours.get(FUNCTION, "default", exam.name) is None
    first = await exam.ours.apply(exam.function(), new=True)
    assert await exam.ours.delete(FUNCTION, "default", exam.name)
    second = await exam.ours.apply(exam.function(), new=True)
    assert first["metadata"]["uid"] != second["metadata"]["uid"]


async def test_with_a_uid_only_that_very_object_is_changed(exam: Exam) -> None:
    ghost = exam.config_map(a="1")
    ghost["metadata"]["uid"] = "7f000000-0000-4000-8000-000000000000"
    with pytest.raises(ConflictError):
        await exam.ours.apply(ghost)
    assert await exam.ours.get(CONFIG_MAP, "default", exam.name) is None
    await exam.ours.apply(exam.config_map(a="1"))
    with pytest.raises(ConflictError):
        await exam.ours.apply(ghost)


async def test_with_a_version_only_what_was_read_is_changed(exam: Exam) -> None:
    first = await exam.ours.apply(exam.config_map(a="1"))
    read = exam.config_map(a="2")
    read["metadata"]["resourceVersion"] = first["metadata"]["resourceVersion"]
    second = await exam.ours.apply(read, force=True)
    assert second["data"] == {"a": "2"}
    for manager in (exam.ours, exam.other):
        with pytest.raises(ConflictError):
            await manager.apply(read | {"data": {"a": "3"}}, force=True)
    assert await exam.ours.get(CONFIG_MAP, "default", exam.name) == second


async def test_what_is_replaced_has_nothing_left_of_others(exam: Exam) -> None:
    stored = await exam.ours.apply(exam.config_map(a="1"))
    await exam.other.merge_patch(CONFIG_MAP, "default", exam.name, {"data": {"b": "2"}})
    with pytest.raises(ConflictError):
        await exam.ours.replace({**stored, "data": {"a": "3"}})
    live = await exam.ours.get(CONFIG_MAP, "default", exam.name)
    assert live
    tried = await exam.ours.replace({**live, "data": {"a": "3"}}, dry_run=True)
    assert tried["data"] == {"a": "3"}
    assert await exam.ours.get(CONFIG_MAP, "default", exam.name) == live
    assert (await exam.ours.replace({**live, "data": {"a": "3"}}))["data"] == {"a": "3"}
    found = await exam.ours.get(CONFIG_MAP, "default", exam.name)
    assert found
    assert (found["data"], found["metadata"]["uid"]) == ({"a": "3"}, stored["metadata"]["uid"])


async def test_two_parts_of_an_object_are_applied_under_two_names(exam: Exam) -> None:
    await exam.ours.apply(exam.config_map(a="1"), manager="whole")
    await exam.ours.apply(exam.config_map(b="2"))
    await exam.ours.apply(exam.config_map(b="3"))
    found = await exam.ours.get(CONFIG_MAP, "default", exam.name)
    assert found
    assert found["data"] == {"a": "1", "b": "3"}


async def test_delete_with_a_uid_spares_a_successor(exam: Exam) -> None:
    stored = await exam.ours.apply(exam.config_map(a="1"))
    ghost = "7f000000-0000-4000-8000-000000000000"
    assert not await exam.ours.delete(CONFIG_MAP, "default", exam.name, uid=ghost)
    assert await exam.ours.get(CONFIG_MAP, "default", exam.name)
    uid = stored["metadata"]["uid"]
    assert await exam.ours.delete(CONFIG_MAP, "default", exam.name, uid=uid)
    assert await exam.ours.get(CONFIG_MAP, "default", exam.name) is None


async def test_a_status_is_written_apart_from_the_spec(exam: Exam) -> None:
    await exam.ours.apply({**exam.function(), "status": {"revision": "lost"}})
    stored = await exam.ours.get(FUNCTION, "default", exam.name)
    assert stored is not None
    assert "status" not in stored
    head = {key: value for key, value in exam.function().items() if key != "spec"}
    written = await exam.ours.apply_status({**head, "status": {"revision": "r1"}})
    assert written["status"] == {"revision": "r1"}
    assert written["spec"] == stored["spec"]
    assert written["metadata"]["generation"] == 1
    after = await exam.ours.apply(exam.function(timeout=7))
    assert after["status"] == {"revision": "r1"}
    assert after["metadata"]["generation"] == 2


async def test_the_status_of_nothing_is_not_found(exam: Exam) -> None:
    with pytest.raises(NotFoundError):
        await exam.ours.apply_status({**exam.function(), "status": {}})


async def test_conditions_are_merged_by_type(exam: Exam) -> None:
    def status(kind: str) -> Manifest:
        condition = {
            "type": kind,
            "status": "True",
            "reason": "R",
            "message": "m",
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        }
        head = {key: value for key, value in exam.function().items() if key != "spec"}
        return {**head, "status": {"conditions": [condition]}}

    await exam.ours.apply(exam.function())
    await exam.other.apply_status(status("Theirs"))
    written = await exam.ours.apply_status(status("Ours"))
    assert {item["type"] for item in written["status"]["conditions"]} == {"Ours", "Theirs"}


async def test_finalizers_hold_an_object_until_their_manager_lets_go(exam: Exam) -> None:
    manifest: Manifest = {
        "apiVersion": "funkhaus.dev/v1alpha1",
        "kind": "TenantNamespace",
        "metadata": {"name": f"{exam.name}--main"},
        "spec": {
            "tenant": exam.name,
            "name": "main",
            "quota": {"functions": 1, "triggers": 1, "replicas": 1, "cpu": "1", "memory": "1Gi"},
        },
    }
    name = manifest["metadata"]["name"]
    await exam.other.apply(manifest)
    held: Manifest = {**manifest, "metadata": {"name": name, "finalizers": ["funkhaus.dev/x"]}}
    del held["spec"]
    await exam.ours.apply(held)
    assert await exam.ours.delete(TENANT_NAMESPACE, "", name)
    going = await exam.ours.get(TENANT_NAMESPACE, "", name)
    assert going is not None
    assert going["metadata"]["deletionTimestamp"]
    await exam.ours.apply({**held, "metadata": {"name": name}})
    assert await exam.ours.get(TENANT_NAMESPACE, "", name) is None


async def test_list_selects_by_label_and_knows_its_limit(exam: Exam) -> None:
    for number in range(3):
        manifest = exam.config_map(n=str(number))
        manifest["metadata"] |= {"name": f"{exam.name}-{number}", "labels": {"exam": exam.name}}
        await exam.ours.apply(manifest)
    found = await exam.ours.list(CONFIG_MAP, "default", labels={"exam": exam.name})
    assert [item["data"]["n"] for item in found] == ["0", "1", "2"]
    assert {item["kind"] for item in found} == {"ConfigMap"}
    assert len(await exam.ours.list(CONFIG_MAP, labels={"exam": exam.name}, limit=2)) == 2
    assert await exam.ours.list(CONFIG_MAP, "kube-system", labels={"exam": exam.name}) == []


async def test_pages_are_all_of_a_list_once_by_name(exam: Exam) -> None:
    await exam.ours.apply(
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": exam.name}}
    )
    names = [f"n{number}" for number in range(5)]
    for name in reversed(names):
        manifest = exam.config_map(a="b")
        manifest["metadata"] |= {"namespace": exam.name, "name": name}
        await exam.ours.apply(manifest)
    seen, after = [], ""
    while True:
        page = await exam.ours.page(CONFIG_MAP, exam.name, limit=2, after=after)
        seen += [item["metadata"]["name"] for item in page.items]
        assert len(page.items) <= 2
        if not (after := page.after):
            break
    assert [name for name in seen if name in names] == names
    assert len(set(seen)) == len(seen)


async def test_keys_are_names_alone(exam: Exam) -> None:
    await exam.ours.apply(exam.config_map(a="1"))
    assert ("default", exam.name) in await exam.ours.keys(CONFIG_MAP)
    assert ("default", exam.name) in await exam.ours.keys(CONFIG_MAP, "default")
    assert ("default", exam.name) not in await exam.ours.keys(CONFIG_MAP, "kube-system")
    assert ("", "default") in await exam.ours.keys(NAMESPACE)


async def test_a_namespace_that_is_not_there_is_not_found(exam: Exam) -> None:
    manifest = exam.config_map(a="1")
    manifest["metadata"]["namespace"] = f"{exam.name}-absent"
    with pytest.raises(NotFoundError):
        await exam.ours.apply(manifest)


@pytest.mark.parametrize("name", ["../secrets", "a/b", "..", "a?b", "a%2fb"])
async def test_a_name_never_leads_elsewhere_in_the_api(exam: Exam, name: str) -> None:
    try:
        assert await exam.ours.get(CONFIG_MAP, "default", name) is None
    except InvalidError as error:
        assert error.findings[0].path == "metadata.name"  # noqa: PT017 - either answer is right


async def test_cluster_scoped_kinds_have_no_namespace(exam: Exam) -> None:
    found = await exam.ours.get(NAMESPACE, "", "default")
    assert found is not None
    assert "namespace" not in found["metadata"]
    assert await exam.ours.list(LEASE, "nowhere") == []


def bare(kind: Kind, name: str) -> Manifest:
    meta = {"namespace": "default", "name": name}
    return {"apiVersion": kind.api_version, "kind": kind.name, "metadata": meta}


async def test_a_minted_token_is_its_account_s_while_the_secret_is_there(exam: Exam) -> None:
    account = await exam.ours.apply(bare(SERVICE_ACCOUNT, exam.name))
    secret = await exam.ours.apply(bare(SECRET, exam.name))
    minted = await exam.ours.mint(account, secret, 600)
    again = await exam.ours.mint(account, secret, 600)
    assert minted.text != again.text
    assert minted.expires_at.tzinfo is not None
    username = f"system:serviceaccount:default:{exam.name}"
    assert await exam.speaks_for(minted.text) == username
    await exam.ours.delete(SECRET, "default", exam.name)
    # One kube-apiserver has not seen before: of those it has, it remembers for 10 s that they were good.
    assert await exam.speaks_for(again.text) == ""


async def test_no_token_of_what_is_not_there_or_another_by_now(exam: Exam) -> None:
    account = await exam.ours.apply(bare(SERVICE_ACCOUNT, exam.name))
    secret = await exam.ours.apply(bare(SECRET, exam.name))
    await exam.ours.delete(SECRET, "default", exam.name)
    with pytest.raises(NotFoundError):
        await exam.ours.mint(account, secret, 600)
    other = await exam.ours.apply(bare(SECRET, exam.name))
    assert other["metadata"]["uid"] != secret["metadata"]["uid"]
    with pytest.raises(ConflictError):
        await exam.ours.mint(account, secret, 600)
    await exam.ours.delete(SERVICE_ACCOUNT, "default", exam.name)
    with pytest.raises(NotFoundError):
        await exam.ours.mint(account, other, 600)


def deployment(exam: Exam, replicas: int) -> Manifest:
    """A Deployment of this exam."""
    container = {"name": "c", "image": "registry.test/x@sha256:" + "a" * 64}
    return {
        "apiVersion": DEPLOYMENT.api_version,
        "kind": DEPLOYMENT.name,
        "metadata": {"namespace": "default", "name": exam.name},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": exam.name}},
            "template": {
                "metadata": {"labels": {"app": exam.name}},
                "spec": {"containers": [container]},
            },
        },
    }


async def test_rescaling_happens_from_what_it_is_said_to_be_and_once(exam: Exam) -> None:
    await exam.other.apply(deployment(exam, 0))
    name = ("default", exam.name)
    done = await asyncio.gather(
        *(exam.ours.rescale(DEPLOYMENT, *name, was=0, to=1) for _ in range(8))
    )
    assert sorted(done) == [False] * 7 + [True]
    assert not await exam.ours.rescale(DEPLOYMENT, *name, was=0, to=2)
    found = await exam.ours.get(DEPLOYMENT, *name)
    assert found is not None
    assert found["spec"]["replicas"] == 1
    with pytest.raises(NotFoundError):
        await exam.ours.rescale(DEPLOYMENT, "default", f"{exam.name}-absent", was=0, to=1)


async def test_a_watch_begins_with_what_is_there_and_goes_on(exam: Exam) -> None:
    marked, labels = exam.config_map(a="1"), {"exam": exam.name}
    marked["metadata"]["labels"] = labels
    await exam.other.apply(marked)
    await exam.other.apply(
        {**exam.config_map(), "metadata": {"namespace": "default", "name": f"{exam.name}-b"}}
    )
    seen: list[tuple[str, bool]] = []
    async with asyncio.timeout(30):
        async for manifest, deleted in exam.ours.watch(
            CONFIG_MAP, "default", labels=labels, seconds=30
        ):
            assert manifest["metadata"]["name"] == exam.name
            seen.append((manifest["data"]["a"], deleted))
            if len(seen) == 1:
                await exam.other.apply({**marked, "data": {"a": "2"}})
            elif len(seen) == 2:
                await exam.other.delete(CONFIG_MAP, "default", exam.name)
            else:
                break
    assert seen == [("1", False), ("2", False), ("2", True)]


async def test_a_watch_ends_by_itself(exam: Exam) -> None:
    async with asyncio.timeout(30):
        found = [
            item
            async for item in exam.ours.watch(
                CONFIG_MAP, "default", labels={"exam": exam.name}, seconds=1
            )
        ]
    assert found == []


async def test_a_list_by_a_field(exam: Exam) -> None:
    await exam.ours.apply(exam.config_map(a="1"))
    found = await exam.ours.list(CONFIG_MAP, fields={"metadata.name": exam.name})
    assert [item["metadata"]["name"] for item in found] == [exam.name]
