"""Processes full of admissions, killed in the middle of them: ask the ledger, then store objects as kube-apiserver does.

``python -m tests.support.ledger_worker URL SEED WORKERS`` goes on until it is ended itself, with its process group. It
writes a letter per finished admission, ``a`` let in, ``r`` refused, ``e`` an error, and ``k`` per process it killed.

The cluster is a table: an update is stored only on the version it was admitted against, a create
only where nothing is; every change gets a new version.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
import time
from typing import Any

import asyncpg
import uvloop

from funkhaus.domain.charge import Key
from funkhaus.domain.errors import FunkhausError
from funkhaus.domain.quota import Amounts
from funkhaus.factory import SystemClock
from funkhaus.services.ledger import LedgerService
from funkhaus.storage import PostgresStores, open_engine

TENANT = "blue"
NAMESPACES = ("default", "shop")
NAMES = 30
TASKS = 4
NAME = "ledger-worker"
"""Of its database sessions, so that they can be ended."""
OBJECTS = """
CREATE SEQUENCE versions;
CREATE TABLE objects (
    namespace text, name text, version bigint NOT NULL, replicas bigint NOT NULL, cpu_millis bigint NOT NULL,
    PRIMARY KEY (namespace, name)
)
"""


def amounts(replicas: int, cpu_millis: int) -> Amounts:
    """What a function of that size asks for."""
    return Amounts(functions=1, replicas=replicas, cpu_millis=cpu_millis)


class Worker:
    """One after the other: look, ask, perhaps store, perhaps delete."""

    def __init__(self, ledger: LedgerService, objects: asyncpg.Pool, chance: random.Random) -> None:
        self._ledger, self._objects, self._chance = ledger, objects, chance

    async def admit(self) -> str:
        """One admission and what follows."""
        chance = self._chance
        where, name = chance.choice(NAMESPACES), f"f{chance.randrange(NAMES)}"
        found = await self._objects.fetchrow(
            "SELECT version FROM objects WHERE namespace = $1 AND name = $2", where, name
        )
        base = found["version"] if found else 0
        replicas = chance.randint(1, 6)
        cpu = replicas * chance.choice((100, 250))
        asked = amounts(replicas, cpu)
        if await self._ledger.reserve(TENANT, Key("Function", where, name), asked, base):
            return "r"
        if chance.random() < 0.2:
            return "a"  # somebody else refuses it
        if chance.random() < 0.3:
            await asyncio.sleep(chance.random() / 50)
        await self._store(where, name, base, (replicas, cpu))
        if chance.random() < 0.15:
            await self._objects.execute(
                "DELETE FROM objects WHERE namespace = $1 AND name = $2", where, name
            )
        return "a"

    async def _store(self, where: str, name: str, base: int, size: tuple[int, int]) -> None:
        if base:
            await self._objects.execute(
                "UPDATE objects SET version = nextval('versions'), replicas = $4, cpu_millis = $5 "
                "WHERE namespace = $1 AND name = $2 AND version = $3",
                *(where, name, base, *size),
            )
        else:
            await self._objects.execute(
                "INSERT INTO objects VALUES ($1, $2, nextval('versions'), $3, $4) ON CONFLICT DO NOTHING",
                *(where, name, *size),
            )


async def work_for_ever(url: str, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - the same run again
    engine = open_engine(url, pool=TASKS, seconds=10, name=NAME)
    plain = url.replace("+asyncpg", "")
    objects = await asyncpg.create_pool(plain, min_size=1, max_size=TASKS, command_timeout=10)
    worker = Worker(LedgerService(PostgresStores(engine), SystemClock()), objects, chance)

    async def work() -> None:
        while True:
            try:
                letter = await worker.admit()
            except (FunkhausError, *_PASSING):
                letter = "e"
            os.write(1, letter.encode())

    await asyncio.gather(*(work() for _ in range(TASKS)))


_PASSING: tuple[Any, ...] = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    OSError,
    TimeoutError,
)
"""What a lost connection of the objects' own may look like."""


def nursery(url: str, seed: int, workers: int) -> None:
    """Fork workers (they need not import anything), kill one now and then, replace whoever died."""
    chance, children = random.Random(seed), set[int]()  # noqa: S311 - the same run again
    while True:
        while len(children) < workers:
            seed += 1
            child = os.fork()
            if not child:
                uvloop.run(work_for_ever(url, seed))
            children.add(child)
        time.sleep(chance.uniform(0.3, 0.9))
        victim = chance.choice(sorted(children))
        os.kill(victim, signal.SIGKILL)
        os.waitpid(victim, 0)
        children.remove(victim)
        os.write(1, b"k")


if __name__ == "__main__":
    nursery(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
