"""kube-apiserver without the webhook, or the webhook without OPA or database: nothing gets in, everything can go."""

from __future__ import annotations

from typing import TYPE_CHECKING

from funkhaus.domain.errors import UnavailableError
from tests.support.admission_house import (
    DEVELOPER,
    NAMESPACE,
    SYSTEM,
    House,
    asking,
    refused,
)
from tests.support.ports import free_port
from tests.support.questions import function
from tests.support.webhook import serving

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.attacker import Hands


# ── nobody to ask ──


def test_b60_without_a_webhook_nothing_gets_in_and_deletes_still_work(house: House) -> None:
    house.apply(function("goes"))
    with asking(house, free_port()):
        refused(house, 'failed calling webhook "mutate.funkhaus.dev"')
        done = house.kubectl(
            "delete", "function", "goes", "-n", NAMESPACE, "--timeout=10s", who=DEVELOPER
        )
        assert done.returncode == 0, done.stderr


def test_b60_without_a_webhook_everything_else_goes_on(house: House, admin: Hands) -> None:
    """What would bring it back, wherever it runs, asks it nothing: pods, nodes, Deployments, namespaces, its Secret."""
    meta = {"name": "goes-on"}
    pods = {"containers": [{"name": "c", "image": "x"}]}
    template = {"metadata": {"labels": {"a": "b"}}, "spec": pods}
    workload = {"selector": {"matchLabels": {"a": "b"}}, "template": template}
    with asking(house, free_port()):
        refused(house, 'failed calling webhook "mutate.funkhaus.dev"')
        for namespace in (SYSTEM, "kube-system", NAMESPACE):
            place = f"/namespaces/{namespace}"
            for path, spec in (
                (f"/apis/apps/v1{place}/deployments", workload),
                (f"/apis/apps/v1{place}/daemonsets", workload),
                (f"/api/v1{place}/secrets", {}),
                (f"/api/v1{place}/services", {"ports": [{"port": 80}]}),
            ):
                body = {"metadata": meta, "spec": spec} if spec else {"metadata": meta}
                answer = admin.ask("POST", path, body, dryRun="All")
                assert answer.status_code == 201, answer.text
        for path in ("/api/v1/namespaces", "/api/v1/nodes"):
            answer = admin.ask("POST", path, {"metadata": meta}, dryRun="All")
            assert answer.status_code == 201, answer.text


def test_b51_without_opa_nothing_gets_in(house: House, own_kubeconfig: Path) -> None:
    """By a second replica, which serves with the first one's certificate out of the Secret."""
    nowhere = f"http://127.0.0.1:{free_port()}"
    with (
        serving(nowhere, kubeconfig=str(own_kubeconfig)) as second,
        asking(house, second.address[1]),
    ):
        refused(house, "the policy engine can't be reached; try again")


def test_b53_without_a_database_nothing_gets_in(house: House) -> None:
    house.webhook.stores.broken = UnavailableError("the database can't be reached")
    try:
        refused(house, "the database can't be reached")
        assert "ServiceUnavailable" in house.apply(function("nobody")).stderr
    finally:
        house.webhook.stores.broken = None
