from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.support import apiserver as kube
from tests.support import callers, chart
from tests.support.admission_house import House, tenant_namespace, until_trusted
from tests.support.attacker import hands
from tests.support.ports import free_port
from tests.support.webhook import serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from funkhaus_cluster.pki import Pki
    from tests.support.apiserver import ApiServer
    from tests.support.attacker import Hands


@pytest.fixture(scope="session")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    """Who may ask the webhook."""
    return callers.made(tmp_path_factory.mktemp("callers"))


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory, opa_url: str, pki: Pki) -> Iterator[ApiServer]:
    """An apiserver with the whole chart, for processes outside, and tenant demo's namespace."""
    del opa_url  # skips or fails where tools are missing
    port = free_port()
    flags = ("--allow-privileged=true", callers.flag(pki, port))
    with kube.running(tmp_path_factory.mktemp("admission"), *flags) as started:
        chart.prepare(started)
        chart.apply(started, chart.rendered(port=port))
        chart.fill(started)
        for manifest in tenant_namespace():
            chart.apply(started, json.dumps(manifest))
        yield started


@pytest.fixture(scope="session")
def own_kubeconfig(server: ApiServer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The webhook's kubeconfig: its ServiceAccount's token and nothing else."""
    folder = tmp_path_factory.mktemp("webhook")
    return chart.kubeconfig_of(server, "funkhaus-webhook", folder)


def webhook_port(server: ApiServer) -> int:
    found = json.loads(
        server.kubectl("get", "validatingwebhookconfiguration", "funkhaus", "-o", "json")
    )
    url: str = found["webhooks"][0]["clientConfig"]["url"]
    return int(url.rpartition(":")[2].split("/")[0])


@pytest.fixture(scope="session")
def house(server: ApiServer, own_kubeconfig: Path, opa_url: str, pki: Pki) -> Iterator[House]:
    """All of it, once the webhook is trusted. It answers that apiserver alone."""
    with serving(
        opa_url,
        kubeconfig=str(own_kubeconfig),
        port=webhook_port(server),
        callers=str(pki.certificate(callers.AUTHORITY)),
    ) as running:
        found = House(server, running)
        until_trusted(found)
        yield found


@pytest.fixture(scope="session")
def gitops(house: House) -> None:
    """A user who may do everything and is not the platform."""
    house.kubectl(
        "create", "clusterrolebinding", "gitops", "--clusterrole=cluster-admin", "--user=gitops"
    )


@pytest.fixture(scope="session")
def admin(server: ApiServer) -> Iterator[Hands]:
    """Raw requests as the cluster's admin, to look with and to make others of."""
    with hands(server) as made:
        yield made
