"""Kubectl by `funkhaus kubeconfig`: no secret in the file, exactly the tenant's rights, and an end within seconds."""

from __future__ import annotations

import json
import os
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from .house import eventually, run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .house import House, Ran, Tenant

pytestmark = pytest.mark.cluster
SECONDS = 30
"""Until a revoked token is dead at every door."""


class Holder:
    """Somebody with a token of `tenant`'s and a kubeconfig written with it."""

    def __init__(self, tenant: Tenant, path: Path, role: str) -> None:
        issued = tenant.cli(
            "token", "create", "kubectl", "--tenant", tenant.id, "--role", role, "-o", "json"
        )
        assert issued.code == 0, issued.err
        document: dict[str, Any] = json.loads(issued.out)
        self.tenant, self.path = tenant, path
        self.token, self.token_id = str(document["token"]), str(document["id"])
        ran = tenant.house.cli(
            self.token, "kubeconfig", "--tenant", tenant.id, "--output", str(path)
        )
        assert (ran.code, ran.out) == (0, f"{path}\n"), ran.err

    def kubectl(self, *words: str) -> Ran:
        """Run kubectl with nothing but that file, and the token where every command looks for it."""
        env = os.environ | {"KUBECONFIG": str(self.path), "FUNKHAUS_TOKEN": self.token}
        # Where to ask is in the file.
        env.pop("FUNKHAUS_API", None)
        return run(["kubectl", "--request-timeout=20s", *words], env)

    def may(self, *words: str) -> bool:
        """What kube-apiserver says to `kubectl auth can-i`."""
        ran = self.kubectl("auth", "can-i", *words)
        answer = ran.out.split()[:1]
        assert answer in (["yes"], ["no"]), ran.err
        return answer == ["yes"]


@pytest.fixture(scope="module")
def neighbour(new_tenant: Callable[[], Tenant]) -> Tenant:
    return new_tenant()


@pytest.fixture
def owner(tenant: Tenant, tmp_path: Path) -> Holder:
    return Holder(tenant, tmp_path / "owner.kubeconfig", "owner")


def test_the_file_holds_no_secret(owner: Holder) -> None:
    text = owner.path.read_text()
    assert owner.path.stat().st_mode & 0o777 == 0o600
    assert "fh_" not in text
    assert "client-key" not in text


def test_exactly_the_tenants_rights(
    owner: Holder, tenant: Tenant, neighbour: Tenant, examples: Path
) -> None:
    tenant.deploy("hello", examples / "hello" / "hello.py")
    listed = owner.kubectl("get", "fn", "-o", "name")
    assert listed.code == 0, listed.err
    assert listed.out.split() == ["function.funkhaus.dev/hello"]
    for refused in (
        ("get", "fn", "-n", neighbour.cluster_namespace),
        ("get", "fn", "-A"),
        ("get", "nodes"),
        ("get", "secrets", "-n", "funkhaus-system"),
    ):
        ran = owner.kubectl(*refused)
        assert ran.code != 0, refused
        assert "Forbidden" in ran.err, ran.err
    assert owner.may("create", "functions.funkhaus.dev")
    assert not owner.may("create", "deployments.apps")
    assert not owner.may("create", "rolebindings.rbac.authorization.k8s.io")


def test_a_viewer_only_looks(tenant: Tenant, tmp_path: Path) -> None:
    viewer = Holder(tenant, tmp_path / "viewer.kubeconfig", "viewer")
    assert viewer.kubectl("get", "fn").code == 0
    assert not viewer.may("create", "functions.funkhaus.dev")
    assert not viewer.may("delete", "functions.funkhaus.dev")


def test_revoking_the_token_ends_kubectl_and_rest(
    house: House, tenant: Tenant, owner: Holder, capsys: pytest.CaptureFixture[str]
) -> None:
    """The credential of before is tried as well: the plugin gets no new one, which alone would look like an end."""
    made = house.cli(owner.token, "kubectl-credential")
    assert made.code == 0, made.err
    credential = json.loads(made.out)["status"]["token"]
    place = ("get", "fn", "-n", tenant.cluster_namespace)
    assert owner.kubectl("get", "fn").code == 0
    assert house.kubectl(*place, token=credential).code == 0
    assert house.rest(owner.token, "GET", "/v1/me").status_code == 200

    revoked = tenant.cli("token", "revoke", owner.token_id, "--tenant", tenant.id)
    since = time.monotonic()
    assert revoked.code == 0, revoked.err
    took: dict[str, float] = {}
    doors: dict[str, Callable[[], bool]] = {
        "REST": lambda: house.rest(owner.token, "GET", "/v1/me").status_code == 401,
        "kubectl": lambda: owner.kubectl("get", "fn").code != 0,
        "the credential it had": lambda: house.kubectl(*place, token=credential).code != 0,
    }
    for door, shut in doors.items():
        eventually(f"refusal by {door}", shut, seconds=SECONDS)
        took[door] = time.monotonic() - since
        with capsys.disabled():  # a measurement is to be seen, also of a test that passes
            sys.stdout.write(f"\n{door} refused {took[door]:.1f} s after the revocation")
    assert max(took.values()) <= SECONDS
    after = house.kubectl(*place, token=credential)
    assert "Unauthorized" in after.err or "logged in" in after.err, after.err
    assert "getting credentials" in owner.kubectl("get", "fn").err


@pytest.mark.parametrize(
    "limit", [("--scope", "function:read"), ("--for-namespace", "default"), ("--cidr", "127.0.0.0/8")]
)  # fmt: skip
def test_a_restricted_token_gets_no_kubectl(
    house: House, tenant: Tenant, owner: Holder, tmp_path: Path, limit: tuple[str, str]
) -> None:
    issued = tenant.cli("token", "create", "less", "--tenant", tenant.id, "--role", "owner", *limit)
    assert issued.code == 0, issued.err
    token, path = issued.out.strip(), tmp_path / "less.kubeconfig"
    ran = house.cli(token, "kubeconfig", "--tenant", tenant.id, "--output", str(path))
    assert ran.code != 0
    assert not path.exists()
    owner.token = token  # with the file of one who may
    asked = owner.kubectl("get", "fn")
    assert asked.code != 0
    assert "does not open kubectl" in asked.err
    assert house.kubectl("get", "fn", "-n", tenant.cluster_namespace, token=token).code != 0
