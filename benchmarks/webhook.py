"""What the webhook itself takes: reviews over HTTPS, as kube-apiserver posts them, beside a bare handler in the same run.

``PYTHONPATH=.:$PYTHONPATH python benchmarks/webhook.py [--seconds 10] [--rate 50] [--clients 20]`` needs no cluster:
it starts a Postgres and an OPA with the repository's policies, the webhook as a process over both, and an aiohttp handler
that reads a review and lets it in. One *admission* is what a create costs kube-apiserver: a review to mutate, then one to
validate, dry runs. Open loop for the times, the first seconds of each server apart; closed loop for the rate, and CPU per
admission. What is refused is counted: on a starved machine, reviews that took too long.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import secrets
import ssl
import sys
import tempfile
import time
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), *(str(ROOT / name) for name in ("platform", "webhook"))]

import aiohttp  # noqa: E402 - the checkout's own packages come first
import asyncpg  # noqa: E402 - after the path to it is set
import uvloop  # noqa: E402 - after the path to it is set
from aiohttp import web  # noqa: E402 - after the path to it is set
from tests.support import opa, postgres  # noqa: E402 - after the path to it is set
from tests.support.admission import admission_review  # noqa: E402 - after the path to it is set
from tests.support.cluster import MemoryCluster  # noqa: E402 - after the path to it is set
from tests.support.questions import DOMAIN, http_trigger  # noqa: E402 - after the path to it is set

from funkhaus import logs  # noqa: E402 - after the path to it is set
from funkhaus.domain.kinds import MUTATING_WEBHOOK, VALIDATING_WEBHOOK  # noqa: E402 - after the path to it is set
from funkhaus.domain.quota import Quota  # noqa: E402 - after the path to it is set
from funkhaus.domain.tenant import Namespace, Tenant  # noqa: E402 - after the path to it is set
from funkhaus.factory import SystemClock  # noqa: E402 - after the path to it is set
from funkhaus.policy.client import OpaDecider  # noqa: E402 - after the path to it is set
from funkhaus.settings import Webhook  # noqa: E402 - after the path to it is set
from funkhaus.storage import PostgresStores, migrate, open_engine  # noqa: E402 - after the path to it is set
from funkhaus_webhook.app import Server, World  # noqa: E402 - after the path to it is set
from funkhaus_webhook.certificates import Lives, new_identity  # noqa: E402 - after the path to it is set

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

PORT, OPS, BARE = 18_801, 18_802, 18_803
FIRST = 2.0
"""Seconds that count as the first ones."""
WIDE = Quota(*(10**9 for _ in Quota.__slots__))


def serve(url: str, opa_url: str) -> None:
    """The webhook as `python -m funkhaus_webhook` runs it, but for the cluster, which is in memory."""
    settings = Webhook(
        domain=DOMAIN,
        webhook_url="https://127.0.0.1",
        webhook_port=PORT,
        webhook_ops_port=OPS,
        opa_url=opa_url,
    )
    cluster = MemoryCluster("funkhaus-webhook")
    cluster.put({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "funkhaus-system"}})
    for kind in (MUTATING_WEBHOOK, VALIDATING_WEBHOOK):
        configuration = {
            "metadata": {"name": "funkhaus"},
            "webhooks": [{"name": "x", "clientConfig": {}}],
        }
        cluster.put({"apiVersion": kind.api_version, "kind": kind.name, **configuration})

    async def run() -> None:
        logs.configure("info")
        engine = open_engine(url, pool=settings.database_pool, seconds=5, name="bench")
        async with OpaDecider(opa_url, timeout=settings.opa_timeout) as decider:
            world = World(PostgresStores(engine), decider, cluster, SystemClock())
            await Server(settings, world, drain=0).run(asyncio.Event())

    uvloop.run(run())


def serve_bare(folder: Path) -> None:
    """What reading a review and letting it in costs over TLS."""

    async def handle(request: web.Request) -> web.Response:
        uid = json.loads(await request.read())["request"]["uid"]
        response = {"uid": uid, "allowed": True}
        return web.json_response(
            {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response}
        )

    async def run() -> None:
        app = web.Application()
        app.add_routes([web.post("/mutate", handle), web.post("/validate", handle)])
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        secure = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        secure.load_cert_chain(folder / "bare.pem")
        await web.TCPSite(runner, "127.0.0.1", BARE, ssl_context=secure).start()
        await asyncio.Event().wait()

    uvloop.run(run())


@asynccontextmanager
async def process(*words: str, ready: str) -> AsyncIterator[int]:
    """A server of this file in a process of its own; its pid once `ready` answers 200 or 405."""
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, __file__, *words), stderr=asyncio.subprocess.DEVNULL
    )
    try:
        async with asyncio.timeout(60), aiohttp.ClientSession() as session:
            while True:
                try:
                    async with session.get(ready, ssl=False) as answer:
                        if answer.status in {200, 405}:
                            break
                except aiohttp.ClientConnectionError:
                    pass
                await asyncio.sleep(0.1)
        yield child.pid
    finally:
        child.terminate()
        await child.wait()


class Rig:
    """kube-apiserver's side."""

    def __init__(self, session: aiohttp.ClientSession, port: int) -> None:
        self._session, self._url, self._count = session, f"https://127.0.0.1:{port}", 0
        self.refused = 0

    async def admit(self) -> float:
        """One admission; its milliseconds."""
        self._count += 1
        name = f"bench-{self._count}"
        manifest = http_trigger(name, host=f"{name}.demo.{DOMAIN}")
        began = time.perf_counter()
        for path in ("mutate", "validate"):
            review = admission_review(manifest, uid=secrets.token_hex(16), dryRun=True)
            async with self._session.post(f"{self._url}/{path}?timeout=5s", json=review) as answer:
                document: dict[str, Any] = await answer.json()
            self.refused += not document["response"]["allowed"]
        return (time.perf_counter() - began) * 1000

    async def open_loop(self, rate: float, seconds: float) -> list[tuple[float, float]]:
        """`rate` admissions a second, whether or not earlier ones are done: when each began, and what it took."""
        begin = time.perf_counter()

        async def one(at: float) -> tuple[float, float]:
            await asyncio.sleep(max(0.0, begin + at - time.perf_counter()))
            late = (time.perf_counter() - begin - at) * 1000  # ours, not the server's
            return at, await self.admit() + min(0.0, late)

        return await asyncio.gather(*(one(n / rate) for n in range(int(rate * seconds))))

    async def closed_loop(self, clients: int, seconds: float) -> int:
        """`clients` at once, each as fast as it is answered; how many admissions."""
        end, done = time.perf_counter() + seconds, 0

        async def client() -> None:
            nonlocal done
            while time.perf_counter() < end:
                await self.admit()
                done += 1

        await asyncio.gather(*(client() for _ in range(clients)))
        return done


def percentile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def measured(name: str, port: int, pid: int, options: argparse.Namespace) -> dict[str, float]:
    """One server, from cold."""
    connector = aiohttp.TCPConnector(ssl=False, limit=max(64, options.clients))
    async with aiohttp.ClientSession(connector=connector) as session:
        rig = Rig(session, port)
        taken = await rig.open_loop(options.rate, options.seconds)
        first = [value for at, value in taken if at < FIRST]
        warm = [value for at, value in taken if at >= FIRST]
        before = cpu_seconds(pid)
        done = await rig.closed_loop(options.clients, options.seconds)
        found = {
            "p50": percentile(warm, 0.5),
            "p99": percentile(warm, 0.99),
            "first_p99": percentile(first, 0.99),
            "rate": done / options.seconds,
            "cpu_ms": (cpu_seconds(pid) - before) / done * 1000,
            "refused": rig.refused,
        }
    print(f"{name:<8}", "  ".join(f"{key} {value:.1f}" for key, value in found.items()), flush=True)
    return found


async def run(server: str, opa_url: str, folder: Path, options: argparse.Namespace) -> None:
    database = f"bench_{secrets.token_hex(4)}"
    connection = await asyncpg.connect(server.format("postgres").replace("+asyncpg", ""))
    await connection.execute(f"CREATE DATABASE {database}")
    await connection.close()
    url = server.format(database)
    await migrate.upgrade(url)
    engine = open_engine(url, pool=2, seconds=10, name="prepare")
    stores = PostgresStores(engine)
    async with stores.begin_platform() as work:
        await work.add_tenant(Tenant("demo", "small"))
    async with stores.begin("demo") as inside:
        await inside.add_namespace(Namespace("demo", "default", WIDE))
        await inside.ledger.set_tenant_quota(WIDE)
    await engine.close()
    now = datetime.now(UTC)
    identity = new_identity(["127.0.0.1"], now, Lives())
    (folder / "bare.pem").write_bytes(identity.certificate + identity.key)
    for number in range(1, options.rounds + 1):
        print(f"round {number}: load {os.getloadavg()[0]:.1f}")
        async with process("bare", str(folder), ready=f"https://127.0.0.1:{BARE}/mutate") as pid:
            bare = await measured("bare", BARE, pid, options)
        ready = f"http://127.0.0.1:{OPS}/readyz"
        async with process("webhook", url, opa_url, ready=ready) as pid:
            webhook = await measured("webhook", PORT, pid, options)
        print(
            f"added p99 {webhook['p99'] - bare['p99']:.1f} ms, in the first {FIRST:g} s "
            f"{webhook['first_p99'] - bare['first_p99']:.1f} ms; rate {webhook['rate'] / bare['rate']:.0%} of bare, "
            f"CPU {webhook['cpu_ms'] / bare['cpu_ms']:.1f} x bare"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--rate", type=float, default=50, help="admissions a second")
    parser.add_argument("--clients", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=2)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="funkhaus-bench-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        with (
            postgres.serving(folder, durable=True) as server,
            opa.running(Path(tempfile.mkdtemp(dir=name))) as opa_url,
        ):
            asyncio.run(run(server, opa_url, folder, options))


if __name__ == "__main__":
    if sys.argv[1:2] == ["webhook"]:
        serve(sys.argv[2], sys.argv[3])
    elif sys.argv[1:2] == ["bare"]:
        serve_bare(Path(sys.argv[2]))
    else:
        main()
