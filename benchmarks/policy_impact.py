"""How long an admin waits for `policy impact`: decisions of the past in Postgres, objects in the cluster, a candidate set.

``PYTHONPATH=.:$PYTHONPATH python benchmarks/policy_impact.py [--decisions 100000] [--objects 3000]`` needs no cluster: it
starts a Postgres with fsync, and `opa` is on PATH. A decision in twenty is a refusal; one in ten was made by older rules
and is judged by both sets.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import resource
import sys
import tempfile
import time
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "platform")]

from tests.support import cases, opa, postgres  # noqa: E402 - after the path to it is set
from tests.support.api import World  # noqa: E402 - after the path to it is set
from tests.support.questions import cron_job_trigger, function, http_trigger, question  # noqa: E402 - after the path to it is set
from tests.support.signing import feed  # noqa: E402 - after the path to it is set

from funkhaus import logs  # noqa: E402 - after the path to it is set
from funkhaus.domain.decision import Decision, outcome_of  # noqa: E402 - after the path to it is set
from funkhaus.domain.policy_set import PolicySet  # noqa: E402 - after the path to it is set
from funkhaus.domain.subject import PlatformRole, Subject  # noqa: E402 - after the path to it is set
from funkhaus.domain.verdict import Verdict  # noqa: E402 - after the path to it is set
from funkhaus.factory import SystemClock  # noqa: E402 - after the path to it is set
from funkhaus.policy import inputs  # noqa: E402 - after the path to it is set
from funkhaus.policy.folder import read_folder  # noqa: E402 - after the path to it is set
from funkhaus.policy.trial import OpaTrial  # noqa: E402 - after the path to it is set
from funkhaus.services.acts import Asker  # noqa: E402 - after the path to it is set
from funkhaus.storage import PostgresStores, migrate, open_engine  # noqa: E402 - after the path to it is set

RULES = read_folder(opa.POLICIES)
PLANS = RULES.files["data/plans.yaml"]
STRICTER = {**RULES.files, "data/plans.yaml": PLANS.replace("max: 300}", "max: 30}")}
TENANTS, NAMES, WEEK = 100, 200, timedelta(days=7)


async def decisions(count: int) -> list[Decision]:
    """Distinct objects of a hundred tenants over a week, answered as the rules in force answer."""
    good = [function(timeout=20), http_trigger(), cron_job_trigger(), function(timeout=60)]
    manifests = good * 5 + [next(iter(cases.ALL.values()))[0]]
    asked = [inputs.document(question(manifest)) for manifest in manifests]
    trial = OpaTrial("opa")
    found = await trial.findings(RULES, [trial.question(question(one)) for one in manifests])
    now, made = SystemClock().now(), []
    for number in range(count):
        kind = number % len(manifests)
        document = {
            **asked[kind],
            "object": {**asked[kind]["object"], "name": f"f{number % NAMES}"},
        }
        made.append(
            Decision(
                id=f"d{number}",
                revision="sha256:older" if number % 10 == 0 else RULES.revision,
                tenant=f"t{number % TENANTS}",
                namespace="default",
                kind=str(document["kind"]),
                name=f"f{number % NAMES}",
                review=f"u{number}",
                subject="fh:1",
                operation="CREATE",
                outcome=outcome_of(Verdict(found[kind])),
                findings=found[kind],
                at=now - WEEK * (number / count) * 0.99,
                asked=document,
            )
        )
    return made


async def main(count: int, objects: int) -> None:
    """Run and print."""
    logs.configure("error")
    with (
        tempfile.TemporaryDirectory(prefix="funkhaus-pg-", ignore_cleanup_errors=True) as data,
        postgres.serving(Path(data), durable=True) as template,
    ):
        url = template.format("postgres")
        await migrate.upgrade(url)
        async with AsyncExitStack() as stack:
            engine = open_engine(url, pool=5, seconds=60, name="impact")
            stack.push_async_callback(engine.close)
            world = World(PostgresStores(engine), feed=feed())
            world.clock.at = SystemClock().now()
            services = world.services()
            await services.policies.come_with_the_release(RULES)
            await world.tenant("demo", "default")
            began = time.monotonic()
            made = await decisions(count)
            for start in range(0, count, 1000):
                sealed = [one.sealed() for one in made[start : start + 1000]]
                async with world.stores.begin_platform() as work:
                    await work.decisions.add(sealed)
            size = sum(len(replace(one).sealed().input) for one in made[:1000]) / 1000
            print(f"{count} decisions of {size:.0f} bytes kept in {time.monotonic() - began:.1f} s")
            for number in range(objects):
                world.cluster.put(function(f"g{number}", timeout=60))
            asker = Asker(
                Subject("bench", "bench", platform_roles=frozenset({PlatformRole.ADMIN})), "bench"
            )
            began, before = time.monotonic(), _processor()
            report = await services.impact.report(asker, PolicySet(STRICTER), WEEK)
            took, spent = time.monotonic() - began, _processor()
    found = {effect.value: count.requests for effect, count in report.counts.items()}
    print(
        f"{report.replayed} requests and {report.judged} objects judged in {took:.1f} s; seconds of processor: ours "
        f"{spent[0] - before[0]:.1f}, opa {spent[1] - before[1]:.1f}; load {os.getloadavg()[0]:.1f}, "
        f"{len(os.sched_getaffinity(0))} processors; {found}, {report.cut} changes not listed"
    )


def _processor() -> tuple[float, float]:
    """Seconds of this process, and of those it ran."""
    ours, opas = (
        resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    return ours.ru_utime + ours.ru_stime, opas.ru_utime + opas.ru_stime


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--decisions", type=int, default=100_000)
    parser.add_argument("--objects", type=int, default=3000)
    words = parser.parse_args()
    asyncio.run(main(words.decisions, words.objects))
