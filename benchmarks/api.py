"""The API beside a bare aiohttp JSON handler, in the same run, with a real Postgres: ``python benchmarks/api.py``.

Prints requests per second of one process, the ratio, p99 of an authenticated list with 10 and with 10,000 tenants, and the
resident memory of the API process. Client and server share the machine, so only ratios mean anything.
"""

from __future__ import annotations

import asyncio
import json
import math
import os
import secrets
import statistics
import sys
import tempfile
import time
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "platform")]

import aiohttp  # noqa: E402 - the checkout's own packages come first
import asyncpg  # noqa: E402 - after the path to it is set
import uvloop  # noqa: E402 - after the path to it is set
from aiohttp import web  # noqa: E402 - after the path to it is set
from tests.support import postgres  # noqa: E402 - after the path to it is set
from tests.support.api import World  # noqa: E402 - after the path to it is set

from funkhaus import logs  # noqa: E402 - after the path to it is set
from funkhaus.storage import PostgresStores, migrate, open_engine  # noqa: E402 - after the path to it is set
from funkhaus_api.app import create_app  # noqa: E402 - after the path to it is set
from funkhaus_api.keys import Limits  # noqa: E402 - after the path to it is set

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

SECONDS, CLIENTS, ROUNDS = 3.0, 8, 5
FEW, MANY = 10, 10_000
BARE_SHARE, SLOWDOWN, MEBIBYTES = 0.25, 2.0, 200


def serve_api(url: str, port: int, token_file: Path) -> None:
    """One API process as `python -m funkhaus_api` runs it, but for the cluster, which is in memory."""

    async def run() -> None:
        logs.configure("info")
        world = World(PostgresStores(open_engine(url, pool=10, seconds=5, name="bench")))
        token_file.write_text(  # noqa: ASYNC240 - once, before anything is served
            await world.token("", None, days=365)
        )
        limits = Limits(2**20, 30, requests=10**9, failures=10**9)
        await _listen(create_app(world.services(), limits), port)

    uvloop.run(run())


def serve_bare(port: int) -> None:
    """What an aiohttp handler costs that answers the same bytes."""
    body = json.dumps(
        {"id": "x" * 36, "name": "Ada", "roles": {}, "groups": ["fh:platform:admin"]}
    ).encode()

    async def handle(_request: web.Request) -> web.Response:
        return web.Response(body=body, content_type="application/json")

    async def run() -> None:
        app = web.Application()
        app.add_routes([web.get("/v1/me", handle)])
        await _listen(app, port)

    uvloop.run(run())


async def _listen(app: web.Application, port: int) -> None:
    runner = web.AppRunner(app, access_log=None, auto_decompress=False)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    await asyncio.Event().wait()


@asynccontextmanager
async def process(*words: str, port: int) -> AsyncIterator[asyncio.subprocess.Process]:
    """A server of this file in a process of its own, answering."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, __file__, *words, stdout=asyncio.subprocess.DEVNULL
    )
    try:
        async with asyncio.timeout(30), aiohttp.ClientSession() as session:
            while True:
                try:
                    async with session.get(f"http://127.0.0.1:{port}/v1/me"):
                        break
                except aiohttp.ClientConnectionError:
                    await asyncio.sleep(0.1)
        yield child
    finally:
        child.terminate()
        await child.wait()


async def load(port: int, path: str, token: str, clients: int = CLIENTS) -> dict[str, float]:
    """Requests one after another from each client; per second, and p50 and p99 in milliseconds."""
    took: list[float] = []
    end = time.perf_counter() + SECONDS
    connector = aiohttp.TCPConnector(limit=clients)
    headers = {"Authorization": f"Bearer {token}"} if token else {}

    async def ask(session: aiohttp.ClientSession) -> None:
        while time.perf_counter() < end:
            began = time.perf_counter()
            async with session.get(f"http://127.0.0.1:{port}{path}") as answer:
                await answer.read()
                assert answer.status == 200, answer.status  # noqa: S101
            took.append(time.perf_counter() - began)

    async with aiohttp.ClientSession(connector=connector, headers=headers) as session:
        await asyncio.gather(*[ask(session) for _ in range(clients)])
    took.sort()
    return {
        "rps": len(took) / SECONDS,
        "p50": took[len(took) // 2] * 1000,
        "p99": took[math.ceil(len(took) * 0.99) - 1] * 1000,
    }


def cpu_seconds(pid: int) -> float:
    """User and system time a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident(pid: int) -> float:
    """MiB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


async def tenants(url: str, first: int, last: int) -> None:
    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    await connection.execute(
        "INSERT INTO tenants (tenant_id, plan_id, display_name) "
        "SELECT 't' || lpad(n::text, 6, '0'), 'small', 'T' FROM generate_series($1::int, $2::int) n",
        first,
        last,
    )
    await connection.execute("ANALYZE tenants")
    await connection.close()


async def measured(url: str, folder: Path) -> dict[str, Any]:
    bare_port, port, token_file = 18_790, 18_791, folder / "token"
    found: dict[str, Any] = {}
    await tenants(url, 1, FEW)
    async with (
        process("bare", str(bare_port), port=bare_port) as bare,
        process("api", url, str(port), str(token_file), port=port) as api,
    ):
        token = token_file.read_text()
        shares = []
        for _ in range(ROUNDS):  # by turns: what else the machine does hits both
            for name, at, pid in (("bare", bare_port, bare.pid), ("me", port, api.pid)):
                before = cpu_seconds(pid)
                found[name] = await load(at, "/v1/me", token)
                used = cpu_seconds(pid) - before
                found[name]["per_core"] = found[name]["rps"] * SECONDS / used
            shares.append(found["me"]["per_core"] / found["bare"]["per_core"])
        print("per core, of a bare handler, round by round:", *(f"{share:.0%}" for share in shares))
        found["share"] = statistics.median(shares)
        found["few"] = await load(port, "/v1/tenants?limit=10", token, 2)
        await tenants(url, FEW + 1, MANY)
        found["many"] = await load(port, "/v1/tenants?limit=10", token, 2)
        for _ in range(20):
            await load_once(port, token)
        found["resident"] = resident(api.pid)
    return found


async def load_once(port: int, token: str) -> None:
    """All tenants, page by page."""
    path = "/v1/tenants?limit=500"
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}) as session:
        for _ in range(MANY // 500 + 1):
            async with session.get(f"http://127.0.0.1:{port}{path}") as answer:
                document = await answer.json()
            if not document["next"]:
                return
            path = f"/v1/tenants?limit=500&continue={document['next']}"


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="funkhaus-bench-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        with postgres.serving(folder) as server:
            database = f"bench_{secrets.token_hex(4)}"
            url = server.format(database)
            asyncio.run(_prepared(server, database))
            found = asyncio.run(measured(url, folder))
    share = found["share"]
    slower = found["many"]["p99"] / found["few"]["p99"]
    for key in ("bare", "me", "few", "many"):
        print(key, {name: round(value, 2) for name, value in found[key].items()})
    print(f"GET /v1/me per core, of a bare handler: {share:.0%} (at least {BARE_SHARE:.0%})")
    print(
        f"p99 of a list with {MANY} tenants: {slower:.2f} x that with {FEW} (at most {SLOWDOWN:g})"
    )
    print(
        f"resident after listing {MANY} tenants 20 times: {found['resident']:.0f} MiB (at most {MEBIBYTES})"
    )
    return 0 if share >= BARE_SHARE and slower <= SLOWDOWN and found["resident"] <= MEBIBYTES else 1


async def _prepared(server: str, database: str) -> None:
    connection = await asyncpg.connect(server.format("postgres").replace("+asyncpg", ""))
    await connection.execute(f"CREATE DATABASE {database}")
    await connection.close()
    await migrate.upgrade(server.format(database))


if __name__ == "__main__":
    if sys.argv[1:2] == ["api"]:
        serve_api(sys.argv[2], int(sys.argv[3]), Path(sys.argv[4]))
    elif sys.argv[1:2] == ["bare"]:
        serve_bare(int(sys.argv[2]))
    else:
        sys.exit(main())
