"""Reservations a second on one tenant's row, from eight clients, against the same update in raw asyncpg in the same run.

``PYTHONPATH=.:$PYTHONPATH python benchmarks/ledger.py [seconds]``. A server of its own is started for it,
which waits for the disk as a real one does.
"""

from __future__ import annotations

import asyncio
import contextlib
import pathlib
import sys
import tempfile
import time
from statistics import quantiles

import asyncpg
from tests.support.postgres import serving

from funkhaus.domain.charge import Key
from funkhaus.domain.quota import Amounts, Quota
from funkhaus.domain.tenant import Namespace, Tenant
from funkhaus.factory import SystemClock
from funkhaus.services.ledger import LedgerService
from funkhaus.storage import PostgresStores, migrate, open_engine

CLIENTS = 8
ASK = Amounts(1, 0, 1, 100, 1024, 0)
WIDE = Quota(*(10**12 for _ in Quota.__slots__))
RAW = """
UPDATE tenant_quotas SET
 reserved_functions = reserved_functions + $2, reserved_triggers = reserved_triggers + $3,
 reserved_replicas = reserved_replicas + $4, reserved_cpu_millis = reserved_cpu_millis + $5,
 reserved_memory_bytes = reserved_memory_bytes + $6, reserved_hosts = reserved_hosts + $7
WHERE tenant_id = $1 AND used_functions + reserved_functions + $2 <= functions
 AND used_triggers + reserved_triggers + $3 <= triggers AND used_replicas + reserved_replicas + $4 <= replicas
 AND used_cpu_millis + reserved_cpu_millis + $5 <= cpu_millis
 AND used_memory_bytes + reserved_memory_bytes + $6 <= memory_bytes AND used_hosts + reserved_hosts + $7 <= hosts
"""


async def measured(name: str, seconds: float, clients: list) -> float:  # type: ignore[type-arg]  # of coroutine functions
    """Every client calls in a closed loop; prints the rate and the times."""
    times: list[float] = []
    end = time.perf_counter() + seconds

    async def client(call) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
        while (begun := time.perf_counter()) < end:
            await call()
            times.append(time.perf_counter() - begun)

    await asyncio.gather(*(client(call) for call in clients))
    rate, cuts = len(times) / seconds, quantiles(times, n=100)
    print(f"{name:32} {rate:8.0f}/s   p50 {cuts[49] * 1e3:6.2f} ms   p99 {cuts[98] * 1e3:6.2f} ms")
    return rate


async def prepared(url: str) -> tuple[PostgresStores, object]:
    await migrate.upgrade(url)
    engine = open_engine(url, pool=CLIENTS, seconds=10, name="benchmark")
    stores = PostgresStores(engine)
    async with stores.begin_platform() as platform:
        for tenant in ("blue", "raw"):
            await platform.add_tenant(Tenant(tenant, "small"))
    for tenant in ("blue", "raw"):
        async with stores.begin(tenant) as work:
            await work.add_namespace(Namespace(tenant, "default", WIDE))
            await work.ledger.set_tenant_quota(WIDE)
    return stores, engine


async def main(url: str, seconds: float) -> None:
    stores, engine = await prepared(url)
    ledger, names = LedgerService(stores, SystemClock()), iter(range(10**9))
    plain = url.replace("+asyncpg", "")
    connections = [await asyncpg.connect(plain) for _ in range(CLIENTS)]

    async def reserve() -> None:
        key = Key("Function", "default", f"f{next(names)}")
        if found := await ledger.reserve("blue", key, ASK, 0):
            raise SystemExit(found[0].sentence)

    def raw(connection: asyncpg.Connection):  # type: ignore[no-untyped-def]  # noqa: ANN202
        async def call() -> None:
            async with connection.transaction():
                await connection.execute(RAW, "raw", 1, 0, 1, 100, 1024, 0)

        return call

    await measured("warm up", 1, [reserve] * CLIENTS)
    shares = []
    for _ in range(3):
        alone = await measured(
            "raw asyncpg, one row, one level", seconds, [raw(c) for c in connections]
        )
        shares.append(
            await measured("reservations, both levels", seconds, [reserve] * CLIENTS) / alone
        )
    print(f"share of raw asyncpg: {', '.join(f'{share:.0%}' for share in shares)}")
    async with stores.begin("blue") as work:
        account = await work.ledger.account()
        drift = await work.ledger.balance()
    made = next(names)
    print(
        f"{made} reserved, {account.reserved.functions} in the books, {drift} accounts out of balance"
    )
    for connection in connections:
        await connection.close()
    await engine.close()  # type: ignore[attr-defined]


if __name__ == "__main__":
    span = float(sys.argv[1]) if len(sys.argv) > 1 else 5.0
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="funkhaus-ledger-"))
        url = stack.enter_context(serving(pathlib.Path(folder), durable=True)).format("postgres")
        asyncio.run(main(url, span))
