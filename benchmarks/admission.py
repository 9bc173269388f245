"""What admission costs: real creates of HTTPTriggers, open loop, in a tenant's namespace and beside it in the same run.

A namespace without the tenant label never reaches the webhook, so it is the baseline: same apiserver, same kind, same
seconds. Rounds alternate. Run against the local cluster only::

    . .local/env && python benchmarks/admission.py --namespace demo--default --rate 50 --seconds 20

Prints percentiles in milliseconds and what the webhook added; then a closed-loop saturation run with `--clients`.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import os
import ssl
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import yaml

BASELINE = "funkhaus-benchmark"
GROUP = "/apis/funkhaus.dev/v1alpha1"


@dataclass
class Samples:
    """Durations in milliseconds, and what did not answer 201."""

    milliseconds: list[float] = field(default_factory=list)
    failures: dict[int, int] = field(default_factory=dict)

    def row(self, name: str, seconds: float) -> str:
        cuts = (
            statistics.quantiles(self.milliseconds, n=1000)
            if len(self.milliseconds) > 1
            else [0.0] * 999
        )
        rate = len(self.milliseconds) / seconds
        return (
            f"{name:<28} {len(self.milliseconds):>6} {rate:>7.0f}/s  p50 {cuts[499]:>7.1f}  "
            f"p95 {cuts[949]:>7.1f}  p99 {cuts[989]:>7.1f}  max {max(self.milliseconds, default=0):>7.1f}"
            f"  failed {self.failures or 0}"
        )

    def percentile(self, share: float) -> float:
        ordered = sorted(self.milliseconds)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


class Rig:
    """A session with the apiserver as admin."""

    def __init__(self, session: aiohttp.ClientSession, server: str) -> None:
        self.session = session
        self.server = server
        self.count = 0

    async def create(self, namespace: str, host: str, into: Samples) -> None:
        self.count += 1
        name = f"bench-{os.getpid()}-{self.count}"
        body = {
            "apiVersion": "funkhaus.dev/v1alpha1",
            "kind": "HTTPTrigger",
            "metadata": {"name": name, "labels": {"benchmark": "admission"}},
            "spec": {"function": "not-there", "host": f"{name}.{host}"},
        }
        start = time.perf_counter()
        url = f"{self.server}{GROUP}/namespaces/{namespace}/httptriggers"
        async with self.session.post(url, json=body) as answer:
            await answer.read()
            took = (time.perf_counter() - start) * 1000
        if answer.status == 201:
            into.milliseconds.append(took)
        else:
            into.failures[answer.status] = into.failures.get(answer.status, 0) + 1

    async def open_loop(self, namespace: str, host: str, rate: float, seconds: float) -> Samples:
        """Start `rate` creates a second whether or not earlier ones have answered."""
        samples = Samples()
        tasks = []
        begin = time.perf_counter()
        for index in range(int(rate * seconds)):
            delay = begin + index / rate - time.perf_counter()
            if delay > 0:
                await asyncio.sleep(delay)
            tasks.append(asyncio.create_task(self.create(namespace, host, samples)))
        await asyncio.wait_for(asyncio.gather(*tasks), timeout=seconds + 60)
        return samples

    async def closed_loop(self, namespace: str, host: str, clients: int, seconds: float) -> Samples:
        """`clients` at once, each as fast as it is answered."""
        samples = Samples()
        end = time.perf_counter() + seconds

        async def client() -> None:
            while time.perf_counter() < end:
                await self.create(namespace, host, samples)

        await asyncio.gather(*(client() for _ in range(clients)))
        return samples

    async def clean(self, namespace: str) -> None:
        url = f"{self.server}{GROUP}/namespaces/{namespace}/httptriggers?labelSelector=benchmark%3Dadmission"
        async with self.session.delete(url, timeout=aiohttp.ClientTimeout(total=300)) as answer:
            await answer.read()


def client_tls(cluster: dict[str, str], user: dict[str, str], folder: Path) -> ssl.SSLContext:
    """An SSL context from a kubeconfig's embedded certificates."""
    context = ssl.create_default_context(
        cadata=base64.b64decode(cluster["certificate-authority-data"]).decode()
    )
    pem = folder / "client.pem"
    pem.write_bytes(
        base64.b64decode(user["client-certificate-data"])
        + b"\n"
        + base64.b64decode(user["client-key-data"])
    )
    context.load_cert_chain(pem)
    return context


async def run(options: argparse.Namespace, config: dict[str, object], folder: Path) -> None:
    cluster = config["clusters"][0]["cluster"]  # type: ignore[index]  # a kubeconfig
    user = config["users"][0]["user"]  # type: ignore[index]
    connector = aiohttp.TCPConnector(
        ssl=client_tls(cluster, user, folder), limit=max(options.clients, 64)
    )
    tenant = options.namespace.partition("--")[0]
    host = f"{tenant}.{options.domain}"
    async with aiohttp.ClientSession(
        connector=connector, timeout=aiohttp.ClientTimeout(total=30)
    ) as session:
        rig = Rig(session, cluster["server"])
        namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": BASELINE}}
        async with session.post(f"{rig.server}/api/v1/namespaces", json=namespace) as made:
            await made.read()
        try:
            await rig.open_loop(options.namespace, host, 20, 2)  # warm both sides up, uncounted
            await rig.open_loop(BASELINE, host, 20, 2)
            added = []
            for number in range(1, options.rounds + 1):
                without = await rig.open_loop(BASELINE, host, options.rate, options.seconds)
                governed = await rig.open_loop(
                    options.namespace, host, options.rate, options.seconds
                )
                print(without.row(f"round {number} without webhook", options.seconds))
                print(governed.row(f"round {number} governed", options.seconds))
                added.append(governed.percentile(0.99) - without.percentile(0.99))
            print(f"added p99 per round: {', '.join(f'{value:.1f} ms' for value in added)}")
            if options.clients:
                without = await rig.closed_loop(BASELINE, host, options.clients, options.seconds)
                governed = await rig.closed_loop(
                    options.namespace, host, options.clients, options.seconds
                )
                print(without.row(f"{options.clients} clients without webhook", options.seconds))
                print(governed.row(f"{options.clients} clients governed", options.seconds))
                ratio = len(governed.milliseconds) / max(1, len(without.milliseconds))
                print(f"saturation: governed/without = {ratio:.2f}")
        finally:
            await rig.clean(options.namespace)
            await rig.clean(BASELINE)
            async with session.delete(f"{rig.server}/api/v1/namespaces/{BASELINE}") as gone:
                await gone.read()


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--namespace", default="demo--default", help="a tenant's Kubernetes namespace"
    )
    parser.add_argument("--domain", default="127-0-0-1.nip.io")
    parser.add_argument("--rate", type=float, default=50, help="creates a second")
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--clients", type=int, default=20, help="of the saturation run; 0: none")
    options = parser.parse_args()
    config = yaml.safe_load(Path(os.environ["KUBECONFIG"]).read_text())
    if config["current-context"] != "funkhaus-local":
        print(
            "this sends load: only the local cluster's context `funkhaus-local` is accepted",
            file=sys.stderr,
        )
        return 2
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(run(options, config, Path(folder)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
