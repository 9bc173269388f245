"""How long from an accepted change of the rules until every OPA judges by it.

Two replicas of the API on one Postgres, OPAs on both; changes go to one of them. What is timed begins when the API has
answered, and ends when the last OPA gives the new revision in a decision. What the API takes to check a set is beside it.

    . .local/dev && python benchmarks/policy_rollout.py [--changes 50] [--opas 4]
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.support import opa, postgres
from tests.support.api import World, serving
from tests.support.signing import TOKEN, feed, signer

from funkhaus.domain.errors import UnavailableError
from funkhaus.policy.client import OpaDecider
from funkhaus.policy.folder import read_folder
from funkhaus.storage import PostgresStores, migrate, open_engine
from funkhaus_api.keys import Limits

RULES = read_folder(opa.POLICIES)
SECONDS = 20.0


async def main(changes: int, opas: int) -> None:
    """Run, and print."""
    with (
        tempfile.TemporaryDirectory(prefix="funkhaus-rollout-") as folder,
        tempfile.TemporaryDirectory(
            prefix="funkhaus-postgres-", ignore_cleanup_errors=True
        ) as data,
        postgres.serving(Path(data), durable=True) as template,
    ):
        url = template.format("postgres")
        await migrate.upgrade(url)
        async with AsyncExitStack() as stack:
            await _measure(stack, url, Path(folder), changes, opas)


async def _measure(stack: AsyncExitStack, url: str, folder: Path, changes: int, opas: int) -> None:
    clients = []
    for number in range(2):
        engine = open_engine(url, pool=10, seconds=5, name=f"rollout-{number}")
        stack.push_async_callback(engine.close)
        world = World(PostgresStores(engine), feed=feed())
        services = world.services()
        await services.policies.come_with_the_release(RULES)
        clients.append(
            (
                world,
                await stack.enter_async_context(
                    serving(services, Limits(body=4 * 1024 * 1024, seconds=60))
                ),
            )
        )
    world, first = clients[0]
    admin = first.holding(await world.token("", None))
    deciders = []
    for number in range(opas):
        place = folder / f"opa-{number}"
        place.mkdir()
        started = opa.bundled(place, clients[number % 2][1].url, token=TOKEN, key=signer().public)
        address = await asyncio.to_thread(started.__enter__)
        stack.callback(started.__exit__, None, None, None)
        deciders.append(await stack.enter_async_context(OpaDecider(address, timeout=5)))
    await asyncio.gather(*[_followed(decider, RULES.revision) for decider in deciders])
    checked, rolled = [], []
    plans = RULES.files["data/plans.yaml"]
    for number in range(changes):
        changed = plans.replace("max: 300}", f"max: {200 + number}}}")
        body = {"files": {**RULES.files, "data/plans.yaml": changed}, "reason": "measured"}
        began = time.monotonic()
        done = await admin.post("/v1/policy/activations", body, headers={"If-Match": "*"})
        accepted = time.monotonic()
        if done.status != 201:
            raise SystemExit(done.body.decode())
        revision = done.json["revision"]
        await asyncio.gather(*[_followed(decider, revision) for decider in deciders])
        rolled.append(time.monotonic() - accepted)
        checked.append(accepted - began)
    _say("accepted, checks and tests of the set included", checked)
    _say(f"from there until all of {opas} OPAs at two replicas judge by it", rolled)


async def _followed(decider: OpaDecider, revision: str) -> None:
    async with asyncio.timeout(SECONDS):
        while True:
            try:
                if await decider.ready() == revision:
                    return
            except UnavailableError:
                pass  # nothing is loaded yet
            await asyncio.sleep(0.02)


def _say(what: str, seconds: list[float]) -> None:
    ordered = sorted(seconds)
    p99 = ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
    print(
        f"{what}: median {statistics.median(ordered) * 1000:.0f} ms, "
        f"p99 {p99 * 1000:.0f} ms, most {ordered[-1] * 1000:.0f} ms ({len(ordered)} changes)"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--changes", type=int, default=50)
    parser.add_argument("--opas", type=int, default=4)
    words = parser.parse_args()
    asyncio.run(main(words.changes, words.opas))
