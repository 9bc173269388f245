"""Where people reach kube-apiserver: what the API says, and from what it knows."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import pytest
import yaml

from funkhaus.domain.cluster_address import ClusterAddress
from funkhaus.domain.errors import InvalidError
from funkhaus.domain.subject import Role
from funkhaus.factory import cluster_address
from funkhaus.settings import Api
from tests.support.api import serving

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.api import Client, World

CA = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
OTHER = CA.replace("MIIB", "MIIC")


async def test_whoever_has_a_credential_is_told(world: World) -> None:
    world.cluster_address = ClusterAddress("https://kube.example.com", CA)
    async with serving(world.services()) as nobody:
        (await nobody.get("/v1/cluster")).problem(401, "unauthenticated")
        viewer = nobody.holding(await world.token("blue", Role.VIEWER))
        assert (await viewer.get("/v1/cluster")).json == {
            "server": "https://kube.example.com",
            "certificateAuthority": CA,
        }


async def test_nobody_said_where(owner: Client) -> None:
    problem = (await owner.get("/v1/cluster")).problem(404, "not-found")
    assert "FUNKHAUS_CLUSTER_SERVER" in problem["detail"]


@pytest.fixture
def own(tmp_path: Path) -> str:
    """Path of a kubeconfig such as the API's, with a credential that must not get out."""
    data = base64.b64encode(CA.encode()).decode()
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "a",
        "clusters": [
            {"name": "a", "cluster": {"server": "https://own", "certificate-authority-data": data}}
        ],
        "users": [{"name": "a", "user": {"token": "secret"}}],
        "contexts": [{"name": "a", "context": {"cluster": "a", "user": "a"}}],
    }
    path = tmp_path / "kubeconfig"
    path.write_text(yaml.safe_dump(document))
    return str(path)


async def test_from_the_apis_own_kubeconfig_unless_said(own: str) -> None:
    public = "https://public"
    assert await cluster_address(Api(kubeconfig=own)) == ClusterAddress("https://own", CA)
    said = await cluster_address(Api(kubeconfig=own, cluster_server=public))
    assert said == ClusterAddress(public, CA)
    both = await cluster_address(Api(kubeconfig=own, cluster_server=public, cluster_ca=OTHER))
    assert both == ClusterAddress(public, OTHER)


async def test_a_pods_own_way_is_none_for_people() -> None:
    assert await cluster_address(Api()) is None


async def test_nor_is_a_proxy_beside_the_process(own: str, tmp_path: Path) -> None:
    path = tmp_path / "proxied"
    path.write_text((tmp_path / "kubeconfig").read_text().replace("https://own", "http://own"))
    assert await cluster_address(Api(kubeconfig=str(path))) is None
    assert await cluster_address(Api(kubeconfig=own)) is not None


async def test_settings_that_can_not_be(own: str) -> None:
    with pytest.raises(InvalidError, match="FUNKHAUS_CLUSTER_SERVER"):
        await cluster_address(Api(kubeconfig=own, cluster_server="http://public"))
