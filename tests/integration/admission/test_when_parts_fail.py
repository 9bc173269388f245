"""Parts of the platform that end, hang and come back, under a kube-apiserver that a tenant writes to.

All of it is real: the webhook as the process it is, Postgres, OPA. Nobody lends a hand to what comes back, and the webhook
is the same process afterwards. What a tenant sees is in docs/failures.md.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import shutil
import ssl
import subprocess
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest
import yaml

from funkhaus.kube import KubeCluster
from funkhaus.policy.client import OpaDecider
from funkhaus.services.sweep import ARRIVAL, Sweep
from funkhaus.storage import PostgresStores, migrate, open_engine
from tests.support import admission, opa, postgres, webhook
from tests.support.admission_house import DEVELOPER, NAMESPACE, House, asking, until_trusted
from tests.support.clock import FakeClock
from tests.support.ports import free_port
from tests.support.questions import function, question
from tests.support.relay import relaying

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from funkhaus.domain.verdict import Verdict
    from tests.support.parts import Part

WAITING = 5
"""Seconds kube-apiserver waits for an answer, instead of 3: the webhook's own deadline is 2.5, and machines may be slow.
Its driver would wait for longer than both."""
SECONDS = 60
"""For what comes by itself, on a machine that has more to do."""


@dataclass
class Whole:
    """A platform of parts that can fail, in front of kube-apiserver."""

    house: House
    postgres: Part
    opa: Part
    webhook: Part
    port: int
    database: str

    def refused(self, *words: str) -> None:
        """Nothing gets in, and this is why, whoever asks first: a time-out of kube-apiserver's own says no such thing."""
        said = self.house.apply(function("refused")).stderr
        assert all(part in said for part in words), said
        gone = self.house.kubectl("get", "function", "refused", "-n", NAMESPACE)
        assert "not found" in gone.stderr

    def let_in(self, name: str, **spec: Any) -> None:
        """Until it is: nobody does anything for that."""
        deadline = time.monotonic() + SECONDS
        while (done := self.house.apply(function(name, **spec))).returncode:
            assert time.monotonic() < deadline, done.stderr

    def charges(self, name: str) -> list[tuple[int, int]]:
        """What a Function holds in the books: replicas in use, and asked for."""
        return asyncio.run(self._charges(name))

    async def _charges(self, name: str) -> list[tuple[int, int]]:
        connection = await asyncpg.connect(self.database.replace("+asyncpg", ""))
        try:
            rows = await connection.fetch(
                "SELECT used_replicas, asked_replicas FROM charges WHERE name = $1", name
            )
        finally:
            await connection.close()
        return [tuple(row) for row in rows]

    async def swept(self, later: timedelta) -> None:
        """A round of the sweeper, that much later."""
        engine = open_engine(self.database, pool=2, seconds=10, name="sweep")
        cluster = await KubeCluster.connect(str(self.house.server.kubeconfig), manager="sweep")
        try:
            clock = FakeClock(datetime.now(UTC) + later)
            await Sweep(PostgresStores(engine), cluster, clock).round()
        finally:
            await cluster.close()
            await engine.close()


def until(there: Callable[[], object]) -> None:
    deadline = time.monotonic() + SECONDS
    while not there():
        assert time.monotonic() < deadline


async def _furnished(url: str) -> None:
    await migrate.upgrade(url)
    engine = open_engine(url, pool=2, seconds=10, name="test")
    state = webhook.demo_stores().state
    namespace, _ = state.namespaces["demo", "default"]
    async with PostgresStores(engine).begin_platform() as platform:
        await platform.add_tenant(state.tenants["demo"])
    async with PostgresStores(engine).begin("demo") as work:
        await work.add_namespace(namespace)
    await engine.close()


@pytest.fixture(scope="module")
def whole(
    house: House, own_kubeconfig: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Whole]:
    """Postgres, OPA and the webhook, each a process of its own, and kube-apiserver asks that webhook."""
    folder = tmp_path_factory.mktemp("whole")
    with ExitStack() as stack:
        # Not below pytest's folder: Postgres is another user.
        place = stack.enter_context(
            tempfile.TemporaryDirectory(prefix="funkhaus-postgres-", ignore_cleanup_errors=True)
        )
        server = postgres.prepared(Path(place))
        database = server.url.format("postgres")
        from_server = server.part()
        opa_url, engine = opa.part(folder)
        port = free_port()
        process = webhook.part(
            folder, database=database, opa_url=opa_url, kubeconfig=own_kubeconfig, port=port
        )
        for part in (from_server, engine, process):
            stack.callback(part.kill)
            part.start()
            if part is from_server:
                asyncio.run(_furnished(database))
        stack.enter_context(asking(house, port, seconds=WAITING))
        until_trusted(house)
        yield Whole(house, from_server, engine, process, port, database)


# ── the policy engine ──


def test_b51_opa_ends_and_comes_back(whole: Whole) -> None:
    same = whole.webhook.pid
    whole.opa.kill()
    whole.refused("the policy engine can't be reached; try again")
    whole.opa.start()
    whole.let_in("after-opa")
    assert whole.webhook.pid == same


def test_b51_opa_hangs_and_goes_on(whole: Whole) -> None:
    same = whole.webhook.pid
    with whole.opa.held():
        whole.refused("the policy engine did not answer within 1 s; try again")
    whole.let_in("after-a-pause")
    assert whole.webhook.pid == same


# ── the database ──


def test_b53_postgres_ends_and_comes_back(whole: Whole) -> None:
    same = whole.webhook.pid
    whole.let_in("before-postgres")
    whole.postgres.kill()
    whole.refused("the database can't be reached: Connection refused; try again")
    whole.postgres.start()
    whole.let_in("after-postgres")
    assert whole.webhook.pid == same
    whole.webhook.until_ready()


def test_b53_postgres_hangs_and_goes_on(whole: Whole) -> None:
    """Connections that are open stay open, and nobody answers on them: the webhook does not wait for its driver."""
    same = whole.webhook.pid
    whole.let_in("before-the-pause")
    with whole.postgres.held():
        for _ in range(3):
            whole.refused("admission took longer than", "try again")
    whole.let_in("after-the-pause")
    assert whole.webhook.pid == same
    whole.webhook.until_ready()


# ── the webhook ──


def test_b56_a_review_of_10_mb_is_refused_and_the_next_is_judged(whole: Whole) -> None:
    """Straight to its door: kube-apiserver takes requests of 3 MiB. The body is dropped where the limit is reached."""
    same = whole.webhook.pid
    review = admission.admission_review(function("large", handler="x" * 10_000_000))
    answer = posted(whole, json.dumps(review).encode())
    assert answer["uid"] == review["request"]["uid"]
    assert (answer["allowed"], answer["status"]["code"]) == (False, 413)
    assert "its review is over 8388608 bytes" in answer["status"]["message"]
    assert posted(whole, admission.body(function("small"), dryRun=True))["allowed"]
    assert whole.charges("large") == []
    assert whole.webhook.pid == same


def posted(whole: Whole, content: bytes) -> dict[str, Any]:
    """The answer to a review that somebody posts who is not kube-apiserver."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    client = http.client.HTTPSConnection("127.0.0.1", whole.port, context=context, timeout=30)
    try:
        client.request("POST", "/validate", content, {"Content-Type": "application/json"})
        found: dict[str, Any] = json.loads(client.getresponse().read())["response"]
    finally:
        client.close()
    return found


def test_b61_two_replicas_of_different_revisions_each_say_theirs(
    whole: Whole, own_kubeconfig: Path, tmp_path: Path
) -> None:
    """What the elder lets in meanwhile is judged again before anything runs: the controller asks for itself."""
    policies = tmp_path / "policies"
    shutil.copytree(opa.POLICIES, policies)
    plans = policies / "data/plans.yaml"
    document = yaml.safe_load(plans.read_text())
    document["plans"]["small"]["function"]["timeout"]["max"] = 20
    plans.write_text(yaml.safe_dump(document))
    slow, port = function("slow", timeout=30), free_port()
    with ExitStack() as stack:
        opa_url, engine = opa.part(tmp_path, policies)
        other = webhook.part(
            tmp_path, database=whole.database, opa_url=opa_url, kubeconfig=own_kubeconfig, port=port
        )
        for part in (engine, other):
            stack.callback(part.kill)
            part.start()
        review = admission.body(slow, dryRun=True)
        elder, younger = posted(whole, review), posted(replace(whole, port=port), review)
        assert (elder["allowed"], younger["allowed"]) == (True, False)
        assert "above the plan small's ceiling of 20" in younger["status"]["message"]
        told = {said["auditAnnotations"]["policy-revision"] for said in (elder, younger)}
        assert len(told) == 2
        assert all(revision.startswith("sha256:") for revision in told)

        async def judged_by_the_controller() -> Verdict:
            async with OpaDecider(opa_url, timeout=20) as decider:
                return await decider.decide(question(slow))

        assert asyncio.run(judged_by_the_controller()).denied


def test_b60_the_webhook_ends_and_comes_back(whole: Whole) -> None:
    whole.webhook.kill()
    whole.refused('failed calling webhook "mutate.funkhaus.dev"')
    whole.webhook.start()
    whole.let_in("after-the-webhook")


def test_b60_the_webhook_hangs_and_goes_on(whole: Whole) -> None:
    with whole.webhook.held():
        whole.refused('failed calling webhook "mutate.funkhaus.dev"')
    whole.let_in("after-its-pause")


def test_b46_the_webhook_is_killed_between_its_yes_and_the_answer(whole: Whole) -> None:
    """Quota is held then, and nothing stored: the same ask again is the same reservation, another is given back."""
    for name in ("repeated", "given-up"):
        _killed_after_its_yes(whole, name)
        assert whole.charges(name) == [(0, 3)]
        whole.webhook.start()
        until_trusted(whole.house)
    whole.let_in("repeated")
    assert whole.charges("repeated") == [(0, 3)]
    asyncio.run(whole.swept(ARRIVAL + timedelta(seconds=30)))
    assert whole.charges("repeated") == [(3, 0)]
    assert whole.charges("given-up") == []


def _killed_after_its_yes(whole: Whole, name: str) -> None:
    kubeconfig = f"--kubeconfig={whole.house.server.kubeconfig}"
    with (
        relaying(whole.port) as relay,
        asking(whole.house, whole.port, relay.port, seconds=WAITING, trusted=False),
    ):
        until_trusted(whole.house)
        relay.keeping.set()
        with subprocess.Popen(
            ["kubectl", kubeconfig, *DEVELOPER, "create", "-f", "-"],
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
        ) as asked:
            assert asked.stdin
            asked.stdin.write(json.dumps(function(name)))
            asked.stdin.close()
            until(lambda: whole.charges(name))
            whole.webhook.kill()
            assert asked.stderr
            said = asked.stderr.read()
        assert asked.returncode
        assert 'failed calling webhook "validate.funkhaus.dev"' in said, said
    gone = whole.house.kubectl("get", "function", name, "-n", NAMESPACE)
    assert "not found" in gone.stderr
