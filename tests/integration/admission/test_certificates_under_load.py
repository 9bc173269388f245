"""Authority and certificate are renewed while reviews flow through kube-apiserver: not one of them fails.

Two replicas behind one address, as behind a Service, share a Secret and the webhook configurations of a cluster of
their own. Every review begins with a handshake: on connections it keeps, kube-apiserver would look at a certificate once.
"""

from __future__ import annotations

import base64
import json
import socket
import ssl
import threading
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

import pytest
from cryptography import x509

from funkhaus_webhook.certificates import Lives
from tests.support import apiserver as kube
from tests.support import chart
from tests.support.admission_house import House, tenant_namespace, until_trusted
from tests.support.attacker import OWNER, hands
from tests.support.parts import is_well
from tests.support.questions import function
from tests.support.relay import relaying
from tests.support.webhook import Parting, serving

from .test_attacks_on_admission import PLACE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.support.apiserver import ApiServer
    from tests.support.webhook import Running

LIVES = Lives(authority=timedelta(hours=1), serving=timedelta(seconds=24))
"""So replicas look every 2.4 s, and renew the certificate every 16 s."""
OVERLAP = 3.0
CLIENTS = 4
SECONDS = 120
PATIENT = 10
"""Seconds for a review: what is shown here is no matter of time, on a machine that has more to do."""


class Load:
    """Clients that create and create, each once at a time, and what they heard."""

    def __init__(self, server: ApiServer) -> None:
        self._server = server
        self.stopping = threading.Event()
        self.through = 0
        self.failures: list[str] = []
        self._count = threading.Lock()

    def run(self) -> None:
        with hands(self._server) as admin:
            owner = admin.acting_as(*OWNER)
            while not self.stopping.is_set():
                answer = owner.ask("POST", f"{PLACE}/functions", function("load"), dryRun="All")
                with self._count:
                    if answer.status_code == 201:
                        self.through += 1
                    else:
                        self.failures.append(answer.text)
                        self.stopping.set()


@contextmanager
def loaded(server: ApiServer) -> Iterator[Load]:
    load = Load(server)
    threads = [threading.Thread(target=load.run) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    try:
        yield load
    finally:
        load.stopping.set()
        for thread in threads:
            thread.join(60)


def until(load: Load, there: Callable[[], object]) -> None:
    deadline = time.monotonic() + SECONDS
    while not there():
        assert not load.failures, load.failures
        assert time.monotonic() < deadline
        time.sleep(0.1)


def until_ready(replica: Running) -> None:
    host, port = replica.ops_address
    deadline = time.monotonic() + SECONDS
    while not is_well(f"http://{host}:{port}/readyz"):
        assert time.monotonic() < deadline
        time.sleep(0.1)


def served(replica: Running) -> x509.Certificate:
    """What a new connection is shown."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with (
        socket.create_connection(replica.address, timeout=20) as plain,
        context.wrap_socket(plain) as secure,
    ):
        shown = secure.getpeercert(binary_form=True)
    assert shown
    return x509.load_der_x509_certificate(shown)


@dataclass(frozen=True)
class Stage:
    """A cluster, and two replicas behind the port it asks."""

    house: House
    replicas: list[Running]
    port: int


@pytest.fixture
def stage(opa_url: str, tmp_path: Path) -> Iterator[Stage]:
    with ExitStack() as stack:
        server = stack.enter_context(kube.running(tmp_path))
        chart.prepare(server)
        relay = stack.enter_context(relaying())
        chart.apply(server, installed(relay.port))
        chart.fill(server)
        for manifest in tenant_namespace():
            chart.apply(server, json.dumps(manifest))
        kubeconfig = chart.kubeconfig_of(server, "funkhaus-webhook", tmp_path)
        replicas = [
            stack.enter_context(
                serving(
                    opa_url,
                    kubeconfig=str(kubeconfig),
                    lives=LIVES,
                    overlap=OVERLAP,
                    opa_timeout=PATIENT,
                    review_timeout=PATIENT,
                    kind=Parting,
                )
            )
            for _ in range(2)
        ]
        for replica in replicas:  # a Service has only those that are ready
            until_ready(replica)
        relay.targets = [replica.address[1] for replica in replicas]
        house = House(server, replicas[0])
        until_trusted(house)
        yield Stage(house, replicas, relay.port)


def installed(port: int) -> str:
    return chart.rendered("--set", f"webhook.timeoutSeconds={PATIENT}", port=port)


def authorities(replicas: list[Running]) -> set[x509.Name]:
    return {served(replica).issuer for replica in replicas}


def one_more(replicas: list[Running], seen: set[x509.Name]) -> bool:
    """Whether all serve by the same authority, and none of those."""
    now = authorities(replicas)
    return len(now) == 1 and not now & seen


def renew(house: House) -> None:
    """As an admin does who no longer trusts the key: what is missing is made anew."""
    house.server.kubectl("delete", "secret", "funkhaus-webhook-tls", "-n", chart.SYSTEM)


@pytest.mark.timeout(400)  # 40 s where nothing else runs
def test_b59_b60_no_review_fails_while_certificates_and_authorities_are_replaced(
    stage: Stage,
) -> None:
    house, replicas = stage.house, stage.replicas
    with loaded(house.server) as load:
        until(load, lambda: load.through > 20 and len(authorities(replicas)) == 1)
        seen = authorities(replicas)
        for _ in range(2):
            renew(house)
            until(load, partial(one_more, replicas, seen))
            seen = seen | authorities(replicas)
        certificates = {served(replica).serial_number for replica in replicas}
        # An upgrade of the chart takes nothing of it away either.
        chart.apply(house.server, installed(stage.port))
        until(
            load,
            lambda: not certificates & {served(replica).serial_number for replica in replicas},
        )
        before = load.through
        until(load, lambda: load.through > before + 20)
    assert not load.failures
    assert len(seen) == 3
    bundles = trusted(house)
    assert len(bundles) == 1, "every webhook trusts the same"
    assert {one.subject for one in bundles.pop()} == seen


def trusted(house: House) -> set[tuple[x509.Certificate, ...]]:
    """The authorities of every webhook of both configurations."""
    found = set()
    for kind in ("mutatingwebhookconfiguration", "validatingwebhookconfiguration"):
        document = json.loads(house.server.kubectl("get", kind, "funkhaus", "-o", "json"))
        for webhook in document["webhooks"]:
            pem = base64.b64decode(webhook["clientConfig"]["caBundle"])
            found.add(tuple(x509.load_pem_x509_certificates(pem)))
    return found
