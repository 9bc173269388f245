"""Attempts on ServiceAccounts that stand for credentials: by members, by the cluster's people, with the API's account."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

from funkhaus.domain.errors import ForbiddenError, NotFoundError, PolicyError, UnavailableError
from funkhaus.domain.kinds import FUNCTION, POD, SECRET, SERVICE_ACCOUNT
from funkhaus.domain.kubectl_account import SECONDS
from funkhaus.domain.subject import Role
from funkhaus.kube import KubeCluster
from tests.support.chart import SYSTEM, with_token
from tests.support.members_house import MEMBERS, members_house, until
from tests.support.questions import function

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.support.members_house import Member, MembersHouse, Site

BLUE = "blue--default"
GITOPS = "gitops"
"""May do everything that RBAC can give, and is not the platform."""


@pytest.fixture
async def house(site: Site, tmp_path: Path) -> AsyncIterator[MembersHouse]:
    async with members_house(site, tmp_path) as made:
        yield made


@pytest.fixture
async def member(house: MembersHouse) -> Member:
    found = await house.holder(Role.OWNER)
    await until("its rights", lambda: found.may("get", "funkhaus.dev", "functions", BLUE))
    return found


@pytest.fixture
async def api(house: MembersHouse) -> KubeCluster:
    """Whoever holds the API server's account."""
    cluster = await KubeCluster.connect(str(house.site.api_config), manager="thief")
    house.opened.append(cluster)
    return cluster


async def gitops(house: MembersHouse) -> KubeCluster:
    """Somebody whom the cluster's people let do everything."""
    meta = {"name": GITOPS, "namespace": "default"}
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta}
    made = await house.admin.apply(account, force=True)
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": dict(meta)}
    await house.admin.request(
        "PATCH",
        f"/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/{GITOPS}",
        {"fieldManager": "chart", "force": "true"},
        content_type="application/apply-patch+yaml",
        body={
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": GITOPS},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
            "subjects": [{"kind": "ServiceAccount", **meta}],
        },
    )  # fmt: skip
    minted = await house.admin.mint(made, await house.admin.apply(secret, force=True), SECONDS)
    path = with_token(house.site.server, minted.text, house.folder / "gitops.yaml")
    cluster = await KubeCluster.connect(str(path), manager=GITOPS)
    house.opened.append(cluster)

    async def may() -> bool:
        try:
            return bool(await cluster.list(SECRET, SYSTEM) is not None)
        except ForbiddenError:
            return False

    await until("everything is allowed", may)
    return cluster


def account_named(name: str, namespace: str = MEMBERS) -> dict[str, Any]:
    meta = {"namespace": namespace, "name": name}
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta}


async def test_b23_a_member_steps_around_nothing(member: Member) -> None:
    """With the account's own token: no tokens, accounts, bindings, Secrets of it or of others; no impersonation."""
    binding = f"rolebinding/{member.account}-owner"
    for words in (
        ("create", "token", member.account, "-n", MEMBERS),
        ("create", "token", "default", "-n", BLUE),
        ("get", "serviceaccount", member.account, "-n", MEMBERS),
        ("get", "secret", member.account, "-n", MEMBERS),
        ("create", "serviceaccount", "fh-x", "-n", BLUE),
        ("delete", binding, "-n", BLUE),
        ("label", binding, "a=b", "-n", BLUE),
        ("create", "rolebinding", "more", "--clusterrole=admin", "--user=me", "-n", BLUE),
        ("get", "fn", "-n", BLUE, "--as=fh:somebody"),
        ("get", "fn", "-n", BLUE, f"--as=system:serviceaccount:{SYSTEM}:funkhaus-api"),
        ("get", "validatingadmissionpolicies"),
    ):
        done = await member.kubectl(*words)
        assert done.returncode != 0, words
        assert "orbidden" in done.stderr, (words, done.stderr)


async def test_b23_nothing_runs_and_nobody_else_mints_among_the_members(
    house: MembersHouse, member: Member
) -> None:
    """People who may do everything in the cluster don't become a member by a pod, a token, an account or a Secret."""
    somebody = await gitops(house)
    live = await house.admin.get(SERVICE_ACCOUNT, MEMBERS, member.account)
    secret = await house.admin.get(SECRET, MEMBERS, member.account)
    assert live is not None
    assert secret is not None
    with pytest.raises(PolicyError, match="only the platform's API server"):
        await somebody.mint(live, secret, SECONDS)
    forged = account_named(f"fh-{member.subject.id}-{house.world.clock.now():%s}")
    with pytest.raises(PolicyError, match="only the platform's API server"):
        await somebody.apply(forged, dry_run=True)
    generated = {"namespace": MEMBERS, "generateName": member.account[:-5]}
    with pytest.raises(PolicyError, match="only the platform's API server"):
        await somebody.request(
            "POST",
            SERVICE_ACCOUNT.path(MEMBERS),
            body={"apiVersion": "v1", "kind": "ServiceAccount", "metadata": generated},
        )
    note = {"metadata": {"annotations": {"funkhaus.dev/bound": "so it is"}}}
    with pytest.raises(PolicyError, match="only the platform's API server"):
        await somebody.merge_patch(SERVICE_ACCOUNT, MEMBERS, member.account, note)
    annotations = {"kubernetes.io/service-account.name": member.account}
    for name in ("fh-lasting", "lasting"):
        lasting = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"namespace": MEMBERS, "name": name, "annotations": annotations},
            "type": "kubernetes.io/service-account-token",
        }
        with pytest.raises(PolicyError):
            await somebody.apply(lasting)
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"namespace": MEMBERS, "name": "me"},
        "spec": {
            "serviceAccountName": member.account,
            "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [{
                "name": "c", "image": "r.example/x@sha256:0",
                "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
            }],
        },
    }  # fmt: skip
    with pytest.raises(PolicyError, match="nothing runs"):
        await somebody.apply(pod)
    assert await house.admin.list(POD, MEMBERS) == []


def binding(
    namespace: str, tenant: str, role: str, subjects: list[dict[str, str]]
) -> dict[str, Any]:
    labels = {"funkhaus.dev/for": "kubectl", "funkhaus.dev/tenant": tenant}
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"namespace": namespace, "name": "fh-thief", "labels": labels},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
        "subjects": subjects,
    }


async def test_b23_the_api_server_s_account_gives_no_more_than_members_roles(
    house: MembersHouse, api: KubeCluster
) -> None:
    """Whoever holds it binds accounts of members, in tenants' namespaces, to tenants' roles, and nothing else."""
    ours = [{"kind": "ServiceAccount", "namespace": MEMBERS, "name": "fh-x"}]
    theirs = [{"kind": "ServiceAccount", "namespace": SYSTEM, "name": "funkhaus-api"}]
    person = [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "thief"}]
    viewer = "funkhaus-tenant-viewer"
    for refused in (
        binding("kube-system", "blue", viewer, ours),
        binding(SYSTEM, "blue", viewer, ours),
        binding(MEMBERS, "blue", viewer, ours),
        binding(BLUE, "red", viewer, ours),
        binding(BLUE, "blue", viewer, theirs),
        binding(BLUE, "blue", viewer, person),
        binding(BLUE, "blue", viewer, [*ours, *person]),
    ):
        with pytest.raises(PolicyError):
            await api.apply(refused)
    for role in ("cluster-admin", "funkhaus-tenant-admin", "funkhaus-catalogue", "admin"):
        with pytest.raises(ForbiddenError):
            await api.apply(binding(BLUE, "blue", role, ours))
    owners = binding(BLUE, "blue", "funkhaus-tenant-owner", ours)
    owners["metadata"]["name"] = "funkhaus-owner"  # the controller's
    with pytest.raises(PolicyError):
        await api.apply(owners, force=True)
    bindings = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{BLUE}/rolebindings"
    with pytest.raises(PolicyError):
        await api.request("DELETE", f"{bindings}/funkhaus-owner")
    await api.apply(binding(BLUE, "blue", viewer, ours))
    await api.request("DELETE", f"{bindings}/fh-thief")
    controller = await house.admin.get(SERVICE_ACCOUNT, SYSTEM, "funkhaus-controller")
    secret = await api.apply(
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"namespace": MEMBERS, "name": "fh-x"}}
    )
    assert controller is not None
    with pytest.raises(ForbiddenError):
        await api.mint(controller, secret, SECONDS)
    with pytest.raises(ForbiddenError):
        await api.get(SECRET, MEMBERS, "fh-x")
    own = await api.apply(account_named("fh-x"))
    with pytest.raises(PolicyError, match="ten minutes"):
        await api.mint(own, secret, SECONDS + 1)
    with pytest.raises(PolicyError, match="die with their Secret"):
        await api.request(
            "POST",
            SERVICE_ACCOUNT.path(MEMBERS, "fh-x", "token"),
            body={
                "apiVersion": "authentication.k8s.io/v1",
                "kind": "TokenRequest",
                "spec": {"expirationSeconds": SECONDS},
            },
        )


async def test_b19_an_account_of_the_same_name_in_a_tenant_s_namespace_is_somebody_else(
    house: MembersHouse, member: Member
) -> None:
    """Also where somebody bound it to the same role: what it writes is its own, never the member's."""
    twin = await house.admin.apply(account_named(member.account, BLUE))
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"namespace": BLUE, "name": "twin"}}
    minted = await house.admin.mint(twin, await house.admin.apply(secret), SECONDS)
    there = [{"kind": "ServiceAccount", "namespace": BLUE, "name": member.account}]
    await house.admin.apply(binding(BLUE, "blue", "funkhaus-tenant-developer", there), force=True)
    path = with_token(house.site.server, minted.text, house.folder / "twin.yaml")
    cluster = await KubeCluster.connect(str(path), manager="twin")
    house.opened.append(cluster)
    manifest = function("twin")
    manifest["metadata"]["namespace"] = BLUE

    async def applied() -> bool:
        try:
            await cluster.apply(manifest)
        except (ForbiddenError, UnavailableError):
            return False
        return True

    await until("the twin writes", applied)
    found = await house.admin.get(FUNCTION, BLUE, "twin") or {}
    who = f"system:serviceaccount:{BLUE}:{member.account}"
    assert found["metadata"]["annotations"]["funkhaus.dev/created-by"] == who
    assert {
        row.subject for row in house.world.memory.state.audit if row.target.endswith("/twin")
    } == {who}
    named = function("twin-2")
    named["metadata"] |= {
        "namespace": BLUE,
        "annotations": {"funkhaus.dev/created-by": member.subject.username},
    }
    with pytest.raises(PolicyError):
        await cluster.apply(named)


async def test_b71_a_token_past_its_time_is_refused(house: MembersHouse, member: Member) -> None:
    """Signed by kube-apiserver's own key: only the time tells it from one that is good."""
    claims = json.loads(
        json.dumps(jwt.decode(member.token, _key(house), algorithms=["RS256"]).claims)
    )
    assert claims["exp"] - claims["iat"] == SECONDS
    assert claims["kubernetes.io"]["secret"]["name"] == member.account
    header = {
        "alg": "RS256",
        "kid": jwt.decode(member.token, _key(house), algorithms=["RS256"]).header["kid"],
    }
    now = int(time.time())
    for shift, passes in ((-30, True), (-SECONDS - 60, False)):
        times = {"iat": now + shift, "nbf": now + shift, "exp": now + shift + SECONDS}
        token = jwt.encode(header, {**claims, **times}, _key(house), algorithms=["RS256"])
        path = with_token(house.site.server, token, house.folder / f"{shift}.yaml")
        cluster = await KubeCluster.connect(str(path), manager="late")
        house.opened.append(cluster)
        if passes:
            await cluster.list(FUNCTION, BLUE)
            continue
        with pytest.raises(
            UnavailableError, match="does not accept"
        ):  # how the adapter tells of a 401
            await cluster.list(FUNCTION, BLUE)


def _key(house: MembersHouse) -> RSAKey:
    return RSAKey.import_key(house.site.signing_key.read_text())


async def test_b71_an_account_made_anew_lends_no_old_token_its_name(
    house: MembersHouse, member: Member
) -> None:
    """The same names, after somebody deleted both past the platform: the token before is bound to the uids before."""
    await house.admin.delete(SECRET, MEMBERS, member.account)
    await house.admin.delete(SERVICE_ACCOUNT, MEMBERS, member.account)
    again = await house.member(member.api.token)
    assert again.account == member.account
    assert again.token != member.token
    await until("it works anew", lambda: again.may("get", "funkhaus.dev", "functions", BLUE))

    async def refused() -> bool:
        try:
            await member.cluster.list(FUNCTION, BLUE)
        except UnavailableError:
            return True
        except (ForbiddenError, NotFoundError):
            pass
        return False

    await until("the token before is unknown", refused, 0.2)
