"""What only a real kube-apiserver says: schema errors, RBAC, impersonation, conflicts of names, and being away."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from funkhaus.domain.errors import (
    ForbiddenError,
    InvalidError,
    NotFoundError,
    PolicyError,
    TooLargeError,
    UnavailableError,
)
from funkhaus.domain.kinds import CONFIG_MAP, FUNCTION, POD, Kind
from funkhaus.domain.subject import PlatformRole, Role, Subject
from funkhaus.kube import Connection, KubeCluster
from tests.support.ports import free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.support.apiserver import ApiServer

REVIEW = Kind("authentication.k8s.io/v1", "SelfSubjectReview", "selfsubjectreviews", False)
OWNER = Subject("77", "ada lovelace+ł", token_id="t1", roles={"demo": Role.OWNER, "b": Role.VIEWER})


@pytest.fixture
async def cluster(apiserver: ApiServer) -> AsyncIterator[KubeCluster]:
    cluster = await KubeCluster.connect(str(apiserver.kubeconfig), manager="funkhaus-test")
    yield cluster
    await cluster.close()


def function(**spec: Any) -> dict[str, Any]:
    usual = {
        "runtime": "python3.11",
        "handler": "hello.handler",
        "source": {"inline": {"files": {"hello.py": "x"}}},
    }
    return {
        "apiVersion": "funkhaus.dev/v1alpha1",
        "kind": "Function",
        "metadata": {"namespace": "default", "name": "words"},
        "spec": usual | spec,
    }


@pytest.mark.parametrize(
    ("spec", "path", "words"),
    [
        ({"handler": "nodot"}, "spec.handler", "a handler is module.function"),
        ({"timout": 3}, "spec.timout", "there is no such field"),
        ({"timeout": "long"}, "spec.timeout", "expected numeric"),
        ({"env": [{"name": "A"}]}, "spec.env[0]", "exactly one of value"),
        ({"source": {"archive": {"digest": "x"}}}, "spec.source.archive.digest", "should match"),
    ],
)
async def test_a_schema_error_is_located(
    cluster: KubeCluster, spec: dict[str, Any], path: str, words: str
) -> None:
    with pytest.raises(InvalidError) as caught:
        await cluster.apply(function(**spec))
    (finding,) = caught.value.findings
    assert finding.path == path
    assert words in finding.message
    assert finding.sentence in caught.value.message


async def test_several_errors_come_at_once(cluster: KubeCluster) -> None:
    with pytest.raises(InvalidError) as caught:
        await cluster.apply(function(handler="nodot", source={}))
    assert {item.path for item in caught.value.findings} == {"spec.handler", "spec.source"}
    # Not an unknown field beside a wrong type: the apiserver walks a Go map and stops at the first unknown one.
    with pytest.raises(InvalidError) as caught:
        await cluster.apply(function(handler=4, timeout="long"))
    assert {item.path for item in caught.value.findings} == {"spec.handler", "spec.timeout"}


async def test_the_value_of_a_finding_is_what_was_asked(cluster: KubeCluster) -> None:
    with pytest.raises(InvalidError) as caught:
        await cluster.apply(function(handler="nodot"))
    assert caught.value.findings[0].value == "nodot"


async def test_a_subject_without_rights_is_forbidden(cluster: KubeCluster) -> None:
    with pytest.raises(ForbiddenError) as caught:
        await cluster.get(FUNCTION, "default", "x", subject=OWNER)
    assert not isinstance(caught.value, PolicyError)
    assert 'User "fh:77" cannot get resource "functions"' in caught.value.message


async def test_impersonation_carries_all_groups_and_the_token(cluster: KubeCluster) -> None:
    body = {"apiVersion": REVIEW.api_version, "kind": REVIEW.name}
    seen = await cluster.request("POST", REVIEW.path(), body=body, subject=OWNER)
    info = seen["status"]["userInfo"]
    assert info["username"] == "fh:77"
    assert set(info["groups"]) == {"fh:b:viewer", "fh:demo:owner", "system:authenticated"}
    assert info["extra"] == {
        "funkhaus.dev/token-id": ["t1"],
        "funkhaus.dev/subject": ["ada lovelace+%C5%82"],
    }


async def test_an_admins_group(cluster: KubeCluster) -> None:
    admin = Subject("1", "root", platform_roles=frozenset({PlatformRole.ADMIN}))
    body = {"apiVersion": REVIEW.api_version, "kind": REVIEW.name}
    seen = await cluster.request("POST", REVIEW.path(), body=body, subject=admin)
    assert "fh:platform:admin" in seen["status"]["userInfo"]["groups"]


async def test_a_quota_is_a_rule_of_the_house(cluster: KubeCluster) -> None:
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"namespace": "kube-public", "name": "none"},
        "spec": {"hard": {"services.nodeports": "0", "count/functions.funkhaus.dev": "0"}},
    }
    stored = await cluster.apply(quota)
    # There is no controller here that would fill in what is used.
    await cluster.apply_status(
        {**quota, "status": {"hard": quota["spec"]["hard"], "used": {  # type: ignore[index]
            "services.nodeports": "0", "count/functions.funkhaus.dev": "0"}}}
    )  # fmt: skip
    assert stored["metadata"]["uid"]
    manifest = function()
    manifest["metadata"]["namespace"] = "kube-public"
    with pytest.raises(PolicyError) as caught:
        await cluster.apply(manifest)
    assert caught.value.findings[0].code == "quota-exceeded"


async def test_pod_security_is_a_rule_of_the_house(cluster: KubeCluster) -> None:
    name = "podsec"
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    await cluster.apply(
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}
    )
    account = {"apiVersion": "v1", "kind": "ServiceAccount"}
    await cluster.apply({**account, "metadata": {"namespace": name, "name": "default"}})
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"namespace": name, "name": "x"},
        "spec": {"containers": [{"name": "c", "image": "i"}]},
    }
    with pytest.raises(PolicyError) as caught:
        await cluster.apply(pod, dry_run=True)
    assert caught.value.findings[0].code == "pod-security"


async def test_a_kind_that_is_not_installed_is_never_taken_for_an_absent_object(
    cluster: KubeCluster,
) -> None:
    kind = Kind("funkhaus.dev/v1alpha1", "Cartwheel", "cartwheels")
    with pytest.raises(UnavailableError, match="CRDs installed"):
        await cluster.get(kind, "default", "x")


async def test_an_object_too_large_says_so(cluster: KubeCluster) -> None:
    manifest = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"namespace": "default", "name": "big"},
        "data": {"x": "y" * 4_000_000},
    }
    with pytest.raises((TooLargeError, UnavailableError)):
        await cluster.apply(manifest)


async def test_long_lists_come_in_chunks(
    cluster: KubeCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("funkhaus.kube.client.CHUNK", 2)
    for number in range(5):
        meta = {"namespace": "default", "name": f"chunk-{number}", "labels": {"chunk": "yes"}}
        await cluster.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta})
    found = await cluster.list(CONFIG_MAP, "default", labels={"chunk": "yes"})
    assert [item["metadata"]["name"] for item in found] == [f"chunk-{n}" for n in range(5)]


async def test_the_log_of_no_pod_is_not_found(cluster: KubeCluster) -> None:
    with pytest.raises(NotFoundError):
        _ = [line async for line in cluster.logs("default", "nobody", container="function")]
    assert await cluster.list(POD, "default") == []


async def test_nobody_at_home_is_unavailable(tmp_path: Path, apiserver: ApiServer) -> None:
    text = apiserver.kubeconfig.read_text().replace(
        apiserver.url, f"https://127.0.0.1:{free_port()}"
    )
    away = tmp_path / "away.yaml"
    away.write_text(text)
    cluster = await KubeCluster.connect(str(away), manager="funkhaus-test")
    with pytest.raises(UnavailableError, match="can't be reached"):
        await cluster.get(FUNCTION, "default", "x")
    await cluster.close()


async def test_a_wrong_credential_is_the_platforms_problem(
    tmp_path: Path, apiserver: ApiServer
) -> None:
    text = apiserver.kubeconfig.read_text().replace("token: ", "token: not-")
    stranger = tmp_path / "stranger.yaml"
    stranger.write_text(text)
    cluster = await KubeCluster.connect(str(stranger), manager="funkhaus-test")
    with pytest.raises(UnavailableError, match="own credential"):
        await cluster.get(FUNCTION, "default", "x")
    await cluster.close()


async def test_a_connection_for_other_libraries(apiserver: ApiServer) -> None:
    connection = await Connection.of(str(apiserver.kubeconfig))
    assert connection.server == apiserver.url
    assert connection.token == "admin-of-this-test-run"
    assert connection.ca_path == str(apiserver.ca)


async def test_no_kubeconfig_says_what_to_set(tmp_path: Path) -> None:
    with pytest.raises(InvalidError, match="FUNKHAUS_KUBECONFIG"):
        await Connection.of(str(tmp_path / "none.yaml"))
