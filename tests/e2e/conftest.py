"""A house that runs, and tenants to live in it for one test module."""

from __future__ import annotations

import base64
import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from .house import House, Tenant, eventually
from .visitor import Visitor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@pytest.fixture(scope="session")
def house(kubeconfig: Path, tmp_path_factory: pytest.TempPathFactory) -> House:
    """The product on the local cluster, as `make up` left it."""
    cluster = yaml.safe_load(kubeconfig.read_text())["clusters"][0]["cluster"]
    ca = tmp_path_factory.mktemp("pki") / "ca.crt"
    if "certificate-authority-data" in cluster:
        ca.write_bytes(base64.b64decode(cluster["certificate-authority-data"]))
    else:
        ca.write_bytes(Path(cluster["certificate-authority"]).read_bytes())
    return House(
        server=cluster["server"],
        ca=ca,
        api=os.environ["FUNKHAUS_API"],
        ingress=os.environ.get("FUNKHAUS_INGRESS", "http://127.0.0.1:8088"),
        kubeconfig=kubeconfig,
        domain=os.environ.get("FUNKHAUS_DOMAIN", "127-0-0-1.nip.io"),
    )


@pytest.fixture(scope="session")
def admin_token() -> str:
    """The platform admin's token."""
    return Path(os.environ["FUNKHAUS_ADMIN_TOKEN_FILE"]).read_text().strip()


@pytest.fixture(scope="module")
def new_tenant(house: House, admin_token: str) -> Iterator[Callable[[], Tenant]]:
    """Makes tenants; their namespaces are gone when the module ends."""
    made: list[Tenant] = []

    def make() -> Tenant:
        tenant_id = f"t{secrets.token_hex(4)}"
        created = house.cli(admin_token, "tenant", "create", tenant_id)
        assert created.code == 0, created.err
        issued = house.cli(
            admin_token, "token", "create", "e2e", "--tenant", tenant_id, "--role", "owner"
        )
        assert issued.code == 0, issued.err
        tenant = Tenant(house, tenant_id, issued.out.strip())
        made.append(tenant)
        namespace = tenant.cli("namespace", "create", "default", "--tenant", tenant_id)
        assert namespace.code == 0, namespace.err
        eventually(
            f"namespace {tenant.cluster_namespace}",
            house.kubectl("get", "rolebinding", "-n", tenant.cluster_namespace).out.strip,
        )
        return tenant

    yield make
    for tenant in made:
        tenant.cli("namespace", "delete", "default", "--tenant", tenant.id, "--yes")


@pytest.fixture(scope="module")
def tenant(new_tenant: Callable[[], Tenant]) -> Tenant:
    """The module's own tenant."""
    return new_tenant()


@pytest.fixture(scope="session")
def new_visitor(house: House, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Visitor]:
    """Makes people of the identity provider of `make up`."""
    password = Path(os.environ["FUNKHAUS_ADMIN_TOKEN_FILE"]).with_name("idp-password").read_text()

    def make(address: str) -> Visitor:
        return Visitor(house, address, password.strip(), tmp_path_factory.mktemp("home"))

    return make


@pytest.fixture(scope="session")
def approver(new_visitor: Callable[[str], Visitor]) -> Visitor:
    """A platform admin who is nobody else: the admin's token stands behind the tokens of `new_tenant`."""
    ada = new_visitor("ada@example.com")
    ada.login()
    return ada


@pytest.fixture(scope="session")
def examples() -> Path:
    """The sample functions."""
    return EXAMPLES
