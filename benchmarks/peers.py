"""Admission beside a peer's: kube-apiserver without a webhook, with ours, and with Gatekeeper, in the same run.

``PYTHONPATH=.:$PYTHONPATH python benchmarks/peers.py [--seconds 7] [--rounds 2] [--tenants 1000]`` needs no cluster: it
starts an etcd and a kube-apiserver, Postgres, OPA and ``python -m funkhaus_webhook`` as a process; it compiles Gatekeeper
(``benchmarks/go-gatekeeper``, once, minutes) and starts it over the same kube-apiserver. What is measured are server-side
dry-run creates of a Function: the kind itself is ours to judge, and two twins of it, with the same schema in groups of
their own, are nobody's and Gatekeeper's.

Gatekeeper has three rules: CPU ceiling, runtime allow-list, replicas. We have all of ours, fill in defaults, find out whose
namespace it is among `--tenants`, and compute what the two quotas would be. Both are asked over HTTP/1.1, as behind a
Service: kube-apiserver speaks HTTP/2 to webhooks at loopback's own addresses alone, which is why Gatekeeper, which would
offer it, is asked at 0.0.0.0. Before anything is measured, each has to refuse what it should.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import secrets
import shutil
import ssl
import sys
import tempfile
import time
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [
    str(ROOT),
    str(ROOT / "benchmarks"),
    *(str(ROOT / name) for name in ("platform", "webhook", "controller", "cluster")),
]

import aiohttp  # noqa: E402 - the checkout's own packages come first
import asyncpg  # noqa: E402 - after the path to it is set
import gatekeeper  # noqa: E402 - after the path to it is set
import yaml  # noqa: E402 - after the path to it is set
from tests.support import apiserver as kube  # noqa: E402 - after the path to it is set
from tests.support import chart, opa, postgres  # noqa: E402 - after the path to it is set
from tests.support.admission_house import tenant_namespace  # noqa: E402 - after the path to it is set
from tests.support.ports import free_port  # noqa: E402 - after the path to it is set
from tests.support.questions import DOMAIN, function  # noqa: E402 - after the path to it is set

from funkhaus.domain.quota import Quota  # noqa: E402 - after the path to it is set
from funkhaus.domain.tenant import Namespace, Tenant  # noqa: E402 - after the path to it is set
from funkhaus.storage import PostgresStores, migrate, open_engine  # noqa: E402 - after the path to it is set
from funkhaus_webhook.certificates import Lives, new_identity  # noqa: E402 - after the path to it is set

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.support.apiserver import ApiServer

OURS, NOBODYS, THEIRS = "funkhaus.dev", "plain.example", gatekeeper.GROUP
MODES = {"no webhook": NOBODYS, "funkhaus": OURS, "gatekeeper": THEIRS}
CLIENTS = (1, 20, 200)
RATE = 50.0
"""Creates a second of the open loop."""
WIDE = Quota(*(10**9 for _ in Quota.__slots__))
BAD: tuple[dict[str, Any], ...] = (
    {"resources": {"cpu": "3", "memory": "128Mi"}},
    {"runtime": "cobol74"},
    {"scaling": {"min": 1, "max": 50, "cpuPercent": 80}},
)


@dataclass(frozen=True)
class Row:
    """What one loop saw: creates a second, and milliseconds."""

    rate: float
    p50: float
    p99: float
    failed: int

    def __str__(self) -> str:
        failed = f"  FAILED {self.failed}" if self.failed else ""
        return f"{self.rate:>6.0f}/s  p50 {self.p50:>7.1f}  p99 {self.p99:>7.1f}{failed}"


class Rig:
    """A user of kube-apiserver who may do everything."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session, self._url, self._count = session, url, 0

    async def create(self, group: str, **spec: Any) -> tuple[int, float]:  # noqa: ANN401 - a Function's fields
        """One dry-run create: its status and its milliseconds."""
        self._count += 1
        manifest = {
            **function(f"bench-{self._count}", **spec),
            "apiVersion": f"{group}/v1alpha1",
        }
        place = f"{self._url}/apis/{group}/v1alpha1/namespaces/demo--default/functions?dryRun=All"
        began = time.perf_counter()
        async with self._session.post(place, json=manifest) as answer:
            await answer.read()
            return answer.status, (time.perf_counter() - began) * 1000

    async def closed(self, group: str, clients: int, seconds: float) -> Row:
        """`clients` at once, each as fast as it is answered."""
        taken: list[tuple[int, float]] = []
        end = time.perf_counter() + seconds

        async def client() -> None:
            while time.perf_counter() < end:
                taken.append(await self.create(group))

        await asyncio.gather(*(client() for _ in range(clients)))
        return row(taken, seconds)

    async def opened(self, group: str, rate: float, seconds: float) -> Row:
        """`rate` a second, whether or not earlier ones are done."""
        begin = time.perf_counter()

        async def one(at: float) -> tuple[int, float]:
            await asyncio.sleep(max(0.0, begin + at - time.perf_counter()))
            return await self.create(group)

        taken = await asyncio.gather(*(one(n / rate) for n in range(int(rate * seconds))))
        return row(list(taken), seconds)


def row(taken: list[tuple[int, float]], seconds: float) -> Row:
    good = sorted(took for status, took in taken if status == 201) or [0.0]
    return Row(
        len(good) / seconds,
        good[len(good) // 2],
        good[min(len(good) - 1, int(0.99 * len(good)))],
        sum(status != 201 for status, _ in taken),
    )


def twins(server: ApiServer) -> None:
    """Serve Functions in two more groups."""
    crd = yaml.safe_load((chart.CHART / "crds/functions.yaml").read_text())
    names = {key: value for key, value in crd["spec"]["names"].items() if key != "shortNames"}
    for group in (NOBODYS, THEIRS):
        spec = {**crd["spec"], "group": group, "names": names}
        twin = {**crd, "metadata": {"name": f"functions.{group}"}, "spec": spec}
        chart.apply(server, yaml.safe_dump(twin))
    server.kubectl("wait", "crd", "--all", "--for=condition=Established", "--timeout=30s")


def tail(log: Path) -> str:
    return log.read_text()[-3000:]


@asynccontextmanager
async def process(
    argv: list[str], ready: str, log: Path, environment: dict[str, str]
) -> AsyncIterator[int]:
    """A program; its pid once `ready` answers 200."""
    with log.open("wb") as out:
        child = await asyncio.create_subprocess_exec(
            *argv, stdout=out, stderr=out, env={**os.environ, **environment}
        )
    try:
        async with aiohttp.ClientSession() as session:
            for _ in range(600):
                try:
                    async with session.get(ready, ssl=False) as answer:
                        if answer.status == 200:
                            break
                except aiohttp.ClientConnectionError:
                    pass
                if child.returncode is not None:
                    break
                await asyncio.sleep(0.1)
            else:
                raise RuntimeError(f"{argv[0]} is not ready:\n{tail(log)}")
        if child.returncode is not None:
            raise RuntimeError(f"{argv[0]} ended:\n{tail(log)}")
        yield child.pid
    finally:
        if child.returncode is None:
            child.terminate()
        await child.wait()


async def database(template: str, tenants: int) -> str:
    """A database with that many tenants; its URL."""
    name = f"bench_{secrets.token_hex(4)}"
    connection = await asyncpg.connect(template.format("postgres").replace("+asyncpg", ""))
    await connection.execute(f"CREATE DATABASE {name}")
    await connection.close()
    url = template.format(name)
    await migrate.upgrade(url)
    engine = open_engine(url, pool=4, seconds=10, name="prepare")
    stores = PostgresStores(engine)
    for number in range(tenants):
        tenant = "demo" if number == 0 else f"t{number}"
        async with stores.begin_platform() as work:
            await work.add_tenant(Tenant(tenant, "small"))
        async with stores.begin(tenant) as inside:
            await inside.add_namespace(Namespace(tenant, "default", WIDE))
            await inside.ledger.set_tenant_quota(WIDE)
    await engine.close()
    return url


async def refuses(rig: Rig, group: str) -> None:
    """Wait until good ones pass and each bad one does not. Raises `RuntimeError`."""
    said: list[int] = []
    for _ in range(120):
        said = [(await rig.create(group))[0], *[(await rig.create(group, **bad))[0] for bad in BAD]]
        if said[0] == 201 and all(400 <= status < 500 for status in said[1:]):
            return
        await asyncio.sleep(0.5)
    raise RuntimeError(f"{group}: one good and {len(BAD)} bad Functions are answered {said}")


def resident(pid: int) -> float:
    """MiB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


def pid_of(name: str, word: str) -> int:
    """The process that runs `name` with `word` among its words."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
        if Path(words[0]).name == name and any(word in one for one in words):
            return int(path.parent.name)
    return 0


async def compare(rig: Rig, options: argparse.Namespace) -> None:
    for group in MODES.values():
        await rig.closed(group, 4, 2)  # warm, uncounted
    for number in range(1, options.rounds + 1):
        print(f"round {number}: load {os.getloadavg()[0]:.1f}")
        for clients in (0, *CLIENTS):
            rows = {}
            for name, group in MODES.items():
                found = (
                    await rig.closed(group, clients, options.seconds)
                    if clients
                    else await rig.opened(group, RATE, options.seconds)
                )
                rows[name] = found
                what = f"{clients} clients" if clients else f"{RATE:g}/s"
                print(f"  {what:<12}{name:<12}{found}", flush=True)
            ours, theirs, bare = rows["funkhaus"], rows["gatekeeper"], rows["no webhook"]
            print(
                f"  {'':<12}added p99: funkhaus {ours.p99 - bare.p99:.1f} ms, gatekeeper {theirs.p99 - bare.p99:.1f} ms; "
                f"rate of gatekeeper's: {ours.rate / theirs.rate:.0%}"
            )


async def run(folder: Path, options: argparse.Namespace, stack: ExitStack) -> None:
    program = gatekeeper.program()
    port, ops, peer_port, peer_health = (free_port() for _ in range(4))
    server = stack.enter_context(kube.running(folder, "--allow-privileged=true"))
    url = await database(
        stack.enter_context(postgres.serving(folder, durable=True)), options.tenants
    )
    opa_url = stack.enter_context(opa.running(Path(tempfile.mkdtemp(dir=folder))))
    chart.prepare(server)
    chart.apply(server, chart.rendered(port=port))
    chart.apply_all(server, tenant_namespace())
    twins(server)
    chart.apply_all(server, [one for one in gatekeeper.shipped() if one["kind"] == "Namespace"])
    chart.apply_all(server, [one for one in gatekeeper.shipped() if one["kind"] != "Namespace"])
    identity = new_identity(["127.0.0.1", gatekeeper.HOST], datetime.now(UTC), Lives())
    certificates = folder / "certs"
    certificates.mkdir()
    (certificates / "tls.crt").write_bytes(identity.certificate)
    (certificates / "tls.key").write_bytes(identity.key)
    (certificates / "ca.crt").write_bytes(identity.authority)
    secure = ssl.create_default_context(cafile=str(server.ca))
    ours = process(
        [sys.executable, "-m", "funkhaus_webhook"],
        f"http://127.0.0.1:{ops}/readyz",
        folder / "webhook.log",
        {
            "FUNKHAUS_DATABASE_URL": url,
            "FUNKHAUS_OPA_URL": opa_url,
            "FUNKHAUS_DOMAIN": DOMAIN,
            "FUNKHAUS_KUBECONFIG": str(chart.kubeconfig_of(server, "funkhaus-webhook", folder)),
            "FUNKHAUS_WEBHOOK_URL": f"https://127.0.0.1:{port}",
            "FUNKHAUS_WEBHOOK_PORT": str(port),
            "FUNKHAUS_WEBHOOK_OPS_PORT": str(ops),
            "PYTHONPATH": os.pathsep.join(sys.path[:5]),
        },
    )
    theirs = process(
        [
            str(program),
            f"--port={peer_port}",
            "--host=127.0.0.1",
            f"--cert-dir={certificates}",
            "--disable-cert-rotation",
            f"--health-addr=127.0.0.1:{peer_health}",
            "--operation=webhook",
            "--operation=generate",
            "--operation=status",
            "--log-level=ERROR",
            "--debug-use-fake-pod",
            "--disable-opa-builtin={http.send}",
            f"--kubeconfig={server.kubeconfig}",
        ],
        f"http://127.0.0.1:{peer_health}/readyz",
        folder / "gatekeeper.log",
        {
            "POD_NAMESPACE": gatekeeper.NAMESPACE,
            "POD_NAME": "gatekeeper",
            "NAMESPACE": gatekeeper.NAMESPACE,
        },
    )
    async with ours as pid, theirs as peer:
        gatekeeper.rules(server)
        chart.apply_all(server, [gatekeeper.webhook(peer_port, identity.authority)])
        connector = aiohttp.TCPConnector(ssl=secure, limit=max(CLIENTS))
        async with aiohttp.ClientSession(
            connector=connector,
            headers={"Authorization": f"Bearer {kube.ADMIN_TOKEN}"},
            timeout=aiohttp.ClientTimeout(total=30),
        ) as session:
            rig = Rig(session, server.url)
            for group in (OURS, THEIRS):
                await refuses(rig, group)
            await compare(rig, options)
        engine = pid_of("opa", opa_url.removeprefix("http://"))
        print(
            f"resident: webhook {resident(pid):.0f} MiB + OPA {resident(engine):.0f} MiB with {options.tenants} tenants; "
            f"gatekeeper {resident(peer):.0f} MiB"
        )


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=7, help="of one loop")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--tenants", type=int, default=1000)
    options = parser.parse_args()
    if shutil.which("go") is None:
        print("go is not on PATH", file=sys.stderr)
        return 2
    with (
        tempfile.TemporaryDirectory(prefix="funkhaus-bench-", ignore_cleanup_errors=True) as name,
        ExitStack() as stack,
    ):
        asyncio.run(run(Path(name), options, stack))
    return 0


if __name__ == "__main__":
    sys.exit(main())
