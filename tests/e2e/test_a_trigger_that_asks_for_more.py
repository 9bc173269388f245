"""What an Ingress can't say, on the node's own Gateway: methods, and event headers that nobody from outside sets.

And what only an Ingress can: a certificate of one's own.
"""

from __future__ import annotations

import os
import socket
import ssl
import subprocess
from typing import TYPE_CHECKING

import pytest

from .house import Tenant, eventually

if TYPE_CHECKING:
    from pathlib import Path

    from .house import House

pytestmark = pytest.mark.cluster
TLS_PORT = int(os.environ.get("FUNKHAUS_INGRESS_TLS_PORT", "8448"))
FORGED = {"event-id": "forged", "event-namespace": "forged", "event-time": "forged"}


@pytest.fixture(scope="module")
def telling(tenant: Tenant, tmp_path_factory: pytest.TempPathFactory) -> Tenant:
    """A function that tells what it was told of the event."""
    source: Path = tmp_path_factory.mktemp("source") / "tell.py"
    source.write_text(
        "def handler(event, context):\n"
        "    return {name: event[name] for name in event if name.startswith('event-')}\n"
    )
    tenant.deploy("tell", source)
    return tenant


def status(house: House, tenant: Tenant, method: str) -> int:
    return house.call(tenant.host("tell"), method=method).status_code


def test_only_the_methods_that_are_named_get_through(house: House, telling: Tenant) -> None:
    created = telling.cli("trigger", "http", "create", "tell", "--function-name", "tell", "--method", "GET")  # fmt: skip
    assert created.code == 0, created.err
    eventually("the route", lambda: status(house, telling, "GET") == 200)
    assert status(house, telling, "POST") == 404
    routes = telling.kubectl("get", "httproutes", "-o", "name")
    assert routes.out.split() == ["httproute.gateway.networking.k8s.io/tell"], routes.err
    assert house.admin_json("get", "ingress", "-n", telling.cluster_namespace)["items"] == []


def test_nobody_from_outside_says_what_an_event_is(house: House, telling: Tenant) -> None:
    for flags in (("--method", "GET"), ("--any-method",)):
        ran = telling.cli("trigger", "http", "update", "tell", *flags)
        assert ran.code == 0, ran.err
        told = eventually(
            "an answer",
            lambda: (
                (r := house.call(telling.host("tell"), headers=FORGED)).status_code == 200
                and r.json()
            ),
        )
        assert "forged" not in told.values()
        assert told["event-id"]


def test_every_method_gets_through_again(house: House, telling: Tenant) -> None:
    ran = telling.cli("trigger", "http", "update", "tell", "--any-method")
    assert ran.code == 0, ran.err
    eventually("the Ingress", lambda: status(house, telling, "POST") == 200)
    eventually(
        "the route's end",
        lambda: not telling.kubectl("get", "httproutes", "-o", "name").out.strip(),
    )
    assert status(house, telling, "GET") == 200


def test_a_certificate_of_ones_own_answers_beside_the_gateway(
    house: House, telling: Tenant, tmp_path: Path
) -> None:
    host = f"safe.{telling.id}.{house.domain}"
    key, certificate = tmp_path / "tls.key", tmp_path / "tls.crt"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
         "-keyout", str(key), "-out", str(certificate), "-days", "2", "-subj", f"/CN={host[:60]}",
         "-addext", f"subjectAltName=DNS:{host}"],
        check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    stored = telling.kubectl(
        "create", "secret", "tls", "safe", f"--key={key}", f"--cert={certificate}"
    )
    assert stored.code == 0, stored.err
    created = telling.cli(
        "trigger", "http", "create", "safe", "--function-name", "tell", "--hostname", host, "--tls-secret", "safe"
    )  # fmt: skip
    assert created.code == 0, created.err
    refused = telling.cli("trigger", "http", "update", "safe", "--method", "GET")
    assert "a route's certificate is its Gateway's" in refused.err
    context = ssl.create_default_context(cafile=str(certificate))

    def answered() -> bool:
        try:
            with (
                socket.create_connection(("127.0.0.1", TLS_PORT), timeout=5) as plain,
                context.wrap_socket(plain, server_hostname=host) as secure,
            ):
                secure.sendall(
                    f"GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode()
                )
                return secure.recv(64).startswith(b"HTTP/1.1 200 ")
        except OSError:
            return False

    eventually("the certificate", answered)
