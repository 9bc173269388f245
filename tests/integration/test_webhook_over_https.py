"""The webhook as kube-apiserver meets it: over TLS, with a real OPA or a broken one behind it, and with hostile bodies."""

from __future__ import annotations

import asyncio
import http.client
import json
import ssl
import threading
import time
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from funkhaus.domain.errors import UnavailableError
from funkhaus.domain.kinds import MUTATING_WEBHOOK, VALIDATING_WEBHOOK
from funkhaus_webhook.certificates import Lives
from tests.support import callers
from tests.support.admission import admission_review, body
from tests.support.cluster import MemoryCluster
from tests.support.opa import StandIn, hangs, says, standing_in
from tests.support.ports import free_port
from tests.support.questions import function, http_trigger
from tests.support.webhook import Running, serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from funkhaus_cluster.pki import Pki

UID = admission_review(function())["request"]["uid"]
LIMIT = 256 * 1024


def cluster() -> MemoryCluster:
    """What the webhook needs of one: its namespace and its configurations."""
    made = MemoryCluster("funkhaus-webhook")
    made.put({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "funkhaus-system"}})
    for kind in (MUTATING_WEBHOOK, VALIDATING_WEBHOOK):
        made.put(
            {
                "apiVersion": kind.api_version,
                "kind": kind.name,
                "metadata": {"name": "funkhaus"},
                "webhooks": [{"name": "x", "clientConfig": {}}],
            }
        )
    return made


def connection(running: Running, pki: Pki | None = None) -> http.client.HTTPSConnection:
    trusting = ssl.create_default_context()
    if pki:
        trusting.load_cert_chain(pki.certificate(callers.CALLER), pki.key(callers.CALLER))
    trusting.check_hostname = False
    trusting.verify_mode = (
        ssl.CERT_NONE
    )  # whom kube-apiserver trusts is test_admission_on_a_real_apiserver's
    return http.client.HTTPSConnection(*running.address, context=trusting, timeout=20)


def post(
    running: Running,
    content: bytes,
    path: str = "/validate",
    content_type: str = "application/json",
    pki: Pki | None = None,
) -> tuple[int, bytes]:
    client = connection(running, pki)
    client.request("POST", path, content, {"Content-Type": content_type})
    answer = client.getresponse()
    said = answer.status, answer.read()
    client.close()
    return said


def respond(running: Running, content: bytes, path: str = "/validate") -> dict[str, Any]:
    status, text = post(running, content, path)
    assert status == 200, text
    found: dict[str, Any] = json.loads(text)["response"]
    return found


def get(running: Running, path: str) -> tuple[int, str]:
    client = http.client.HTTPConnection(*running.ops_address, timeout=10)
    client.request("GET", path)
    answer = client.getresponse()
    said = answer.status, answer.read().decode()
    client.close()
    return said


@contextmanager
def broken(answer: Any, **settings: Any) -> Iterator[tuple[Running, StandIn]]:
    """A webhook in front of a stand-in for OPA, which lives in a thread of its own."""
    ready = threading.Event()
    found: list[tuple[str, StandIn, asyncio.AbstractEventLoop, asyncio.Event]] = []

    async def main() -> None:
        async with standing_in() as (url, stand_in):
            stand_in.answer = answer
            stop = asyncio.Event()
            found.append((url, stand_in, asyncio.get_running_loop(), stop))
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=lambda: asyncio.run(main()))
    thread.start()
    assert ready.wait(10)
    url, stand_in, loop, stop = found[0]
    try:
        with serving(url, cluster=cluster(), **settings) as running:
            yield running, stand_in
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)


@pytest.fixture(scope="module")
def running(opa_url: str) -> Iterator[Running]:
    with serving(opa_url, cluster=cluster(), review_limit=LIMIT) as found:
        yield found


# ── a real OPA ──


def test_both_questions_are_answered(running: Running) -> None:
    good = respond(running, body(function()))
    assert good["allowed"]
    assert good["uid"] == UID
    assert good["auditAnnotations"]["policy-revision"].startswith("sha256:")
    assert good["auditAnnotations"]["decision-id"]
    filled = respond(running, body(http_trigger(host=None)), "/mutate")
    assert filled["patchType"] == "JSONPatch"
    bad = respond(running, body(function(resources={"cpu": "3", "memory": "64Mi"})))
    assert not bad["allowed"]
    assert "above the plan small's ceiling of 1" in bad["status"]["message"]


def test_decisions_are_written_beside_the_answers(opa_url: str) -> None:
    made = cluster()
    with serving(opa_url, cluster=made) as running:
        source = {"inline": {"files": {"hello.py": "SECRET = 'never-in-a-row-5f2c'"}}}
        answers = [
            respond(running, body(function(source=source), uid="11111111-good")),
            respond(
                running,
                body(function(resources={"cpu": "3", "memory": "64Mi"}), uid="22222222-bad"),
            ),
        ]
    # Whatever waited was written when the webhook ended.
    rows = [row for _, row in sorted(running.stores.state.decisions.items())]
    assert [(row.review, row.outcome) for row in rows] == [
        ("11111111-good", "allow"),
        ("22222222-bad", "deny"),
    ]
    for answer, row in zip(answers, rows, strict=True):
        assert row.id == answer["auditAnnotations"]["decision-id"]
        assert row.revision == answer["auditAnnotations"]["policy-revision"]
        assert row.digest.startswith("sha256:")
        assert "never-in-a-row" not in row.input
    assert json.loads(rows[0].input)["object"]["source"]["files"]["hello.py"] > 0


def test_it_is_ready_and_says_what_it_does(running: Running) -> None:
    assert get(running, "/healthz") == (200, "ok\n")
    status, text = get(running, "/readyz")
    assert (status, json.loads(text)["ready"]) == (200, True)
    status, text = get(running, "/metrics")
    assert status == 200
    assert "funkhaus_admission_reviews_total" in text
    assert "funkhaus_webhook_certificate_expiry_timestamp_seconds 1." in text


def test_operations_are_not_on_the_reviews_port(running: Running) -> None:
    client = connection(running)
    for path in ("/metrics", "/readyz", "/validate"):
        client.request("GET", path)
        answer = client.getresponse()
        answer.read()
        assert answer.status in {404, 405}


# ── who may ask ──


def test_b57_who_is_not_kube_apiserver_is_not_answered(opa_url: str, tmp_path: Path) -> None:
    """A review somebody else makes up would hold quota of whomever it names."""
    ours, foreign = callers.made(tmp_path / "ours"), callers.made(tmp_path / "foreign")
    authority = str(ours.certificate(callers.AUTHORITY))
    with serving(opa_url, cluster=cluster(), callers=authority) as running:
        for pki in (None, foreign):
            with pytest.raises((ssl.SSLError, ConnectionError, http.client.RemoteDisconnected)):
                post(running, body(function()), pki=pki)
        assert running.stores.state.books.charges == {}
        assert post(running, body(function()), pki=ours)[0] == 200
        assert len(running.stores.state.books.charges) == 1


# ── OPA broken ──

BROKEN = {
    "undefined": (says(200, b"{}"), 503),
    "wrong shape": (says(200, b'{"result": true}'), 503),
    "no revision": (says(200, b'{"result": {"findings": []}}'), 503),
    "failing": (says(500, b"{}"), 503),
    "broken off": (says(200, b'{"result": {"find', length=200), 503),
    "slow": (hangs, 504),
}


@pytest.mark.parametrize("case", BROKEN)
def test_b51_a_broken_engine_refuses(case: str) -> None:
    answer, code = BROKEN[case]
    with broken(answer, opa_timeout=0.3) as (running, _):
        begin = time.monotonic()
        for path in ("/validate", "/mutate"):
            found = respond(running, body(function()), path)
            assert not found["allowed"]
            assert found["uid"] == UID
            assert found["status"]["code"] == code
            assert "the policy engine" in found["status"]["message"]
            assert "patch" not in found
        assert time.monotonic() - begin < 10  # and not the 30 s of one that hangs
        assert len(running.stores.state.audit) == 2
        status, text = get(running, "/readyz")
        assert status == 503
        assert "the policy engine" in json.loads(text)["checks"]["policy"]


def test_b51_an_absent_engine_refuses_and_one_that_comes_back_does_not() -> None:
    with serving(f"http://127.0.0.1:{free_port()}", cluster=cluster()) as running:
        found = respond(running, body(function()))
        assert (found["allowed"], found["status"]["code"]) == (False, 503)
        assert "can't be reached" in found["status"]["message"]
    good = b'{"result": {"findings": [], "revision": "r"}}'
    with broken(says(500, b"{}")) as (running, stand_in):
        assert not respond(running, body(function()))["allowed"]
        stand_in.answer = says(200, good)
        assert respond(running, body(function()))["allowed"]


def test_b53_no_database_refuses(opa_url: str) -> None:
    with serving(opa_url, cluster=cluster()) as running:
        running.stores.broken = UnavailableError("the database can't be reached")
        for path in ("/validate", "/mutate"):
            found = respond(running, body(function()), path)
            assert (found["allowed"], found["status"]["code"]) == (False, 503)
        assert get(running, "/readyz")[0] == 503


def test_b51_many_at_once_behind_a_slow_engine_all_hear_a_no_in_time() -> None:
    with broken(hangs, opa_timeout=5.0, review_timeout=0.8) as (running, _):
        said: list[dict[str, Any]] = []
        askers = [
            threading.Thread(target=lambda: said.append(respond(running, body(function()))))
            for _ in range(100)
        ]
        for asker in askers:
            asker.start()
        for asker in askers:
            asker.join(20)  # the engine would keep them for 30 s
    assert len(said) == 100
    assert not any(found["allowed"] for found in said)


# ── hostile bodies ──


@pytest.mark.parametrize(
    "content", [b"", b"{", b"null", b"[]", b"\xff\xfe", b'{"kind":"Pod"}', b"[" * 100_000]
)
def test_what_is_no_review_is_a_bad_request(running: Running, content: bytes) -> None:
    assert post(running, content)[0] == 400


def test_another_content_type_is_not_read(running: Running) -> None:
    assert post(running, body(function()), content_type="text/plain")[0] == 415


def test_b56_a_review_over_the_limit_is_a_refusal_with_words(running: Running) -> None:
    big = function(source={"inline": {"files": {"hello.py": "#" * LIMIT}}})
    for path in ("/validate", "/mutate"):
        found = respond(running, body(big), path)
        assert (found["allowed"], found["uid"]) == (False, UID)
        assert found["status"]["code"] == 413
        assert f"over {LIMIT} bytes" in found["status"]["message"]


def test_and_without_a_uid_an_error(running: Running) -> None:
    assert post(running, b" " * (LIMIT + 10))[0] == 413


def test_the_limit_itself_passes(running: Running) -> None:
    content = body(function())
    assert respond(running, content + b" " * (LIMIT - len(content)))["allowed"]


def test_b56_a_body_that_never_ends_is_cut(running: Running) -> None:
    client = connection(running)
    client.putrequest("POST", "/validate")
    client.putheader("Content-Type", "application/json")
    client.putheader("Content-Length", "100")
    client.endheaders()
    client.send(b"{")
    answer = client.getresponse()
    assert answer.status == 408


# ── renewal under load ──


def test_a_new_certificate_drops_no_call(opa_url: str) -> None:
    """Certificates of a few seconds: while they are replaced, every call on old and new connections is answered."""
    made = cluster()
    with serving(opa_url, cluster=made, lives=Lives(serving=timedelta(seconds=3))) as running:
        staying = connection(running)
        content = body(function())
        seen, answered = set(), 0
        end = time.monotonic() + 6
        while time.monotonic() < end:
            fresh = connection(running)
            for client in (staying, fresh):
                client.request("POST", "/validate", content, {"Content-Type": "application/json"})
                assert json.loads(client.getresponse().read())["response"]["allowed"]
                answered += 1
            assert isinstance(fresh.sock, ssl.SSLSocket)
            seen.add(fresh.sock.getpeercert(binary_form=True))
            fresh.close()
    assert len(seen) >= 2
    assert answered > 20
