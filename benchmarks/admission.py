"""What admission costs: server-side dry-run creates of HTTPTriggers, open loop, and of an ungoverned twin in the same run.

The twin is a kind made for the run with the same schema in another API group, which no webhook or policy of ours judges:
same apiserver, same namespace, same seconds. A dry run passes all admission and stores nothing, so neither the namespace's
quota nor the controller's work is part of the figure. Rounds alternate. Run against the local cluster only::

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

GROUP = "funkhaus.dev"
TWIN = "benchmark.example"
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


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

    def __init__(self, session: aiohttp.ClientSession, server: str, namespace: str) -> None:
        self.session = session
        self.server = server
        self.namespace = namespace
        self.count = 0

    async def create(self, group: str, host: str, into: Samples) -> None:
        self.count += 1
        name = f"bench-{os.getpid()}-{self.count}"
        body = {
            "apiVersion": f"{group}/v1alpha1",
            "kind": "HTTPTrigger",
            "metadata": {"name": name, "labels": {"benchmark": "admission"}},
            "spec": {"function": "not-there", "host": f"{name}.{host}"},
        }
        start = time.perf_counter()
        url = f"{self.server}/apis/{group}/v1alpha1/namespaces/{self.namespace}/httptriggers?dryRun=All"
        async with self.session.post(url, json=body) as answer:
            await answer.read()
            took = (time.perf_counter() - start) * 1000
        if answer.status == 201:
            into.milliseconds.append(took)
        else:
            into.failures[answer.status] = into.failures.get(answer.status, 0) + 1

    async def open_loop(self, group: str, host: str, rate: float, seconds: float) -> Samples:
        """Start `rate` creates a second whether or not earlier ones have answered."""
        samples = Samples()
        tasks = []
        begin = time.perf_counter()
        for index in range(int(rate * seconds)):
            delay = begin + index / rate - time.perf_counter()
            if delay > 0:
                await asyncio.sleep(delay)
            tasks.append(asyncio.create_task(self.create(group, host, samples)))
        await asyncio.wait_for(asyncio.gather(*tasks), timeout=seconds + 60)
        return samples

    async def closed_loop(self, group: str, host: str, clients: int, seconds: float) -> Samples:
        """`clients` at once, each as fast as it is answered."""
        samples = Samples()
        end = time.perf_counter() + seconds

        async def client() -> None:
            while time.perf_counter() < end:
                await self.create(group, host, samples)

        await asyncio.gather(*(client() for _ in range(clients)))
        return samples

    async def make_twin(self) -> None:
        """Serve the kind a second time, in a group of its own."""
        async with self.session.get(f"{self.server}{CRDS}/httptriggers.{GROUP}") as answer:
            spec = (await answer.json())["spec"]
        spec["group"] = TWIN
        spec["names"].pop("shortNames", None)
        meta = {"name": f"httptriggers.{TWIN}"}
        twin = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition"}
        body = twin | {"metadata": meta, "spec": spec}
        async with self.session.post(f"{self.server}{CRDS}", json=body) as made:
            await made.read()
        url = f"{self.server}/apis/{TWIN}/v1alpha1/namespaces/{self.namespace}/httptriggers"
        for _ in range(100):
            async with self.session.get(url) as answer:
                if answer.status == 200:
                    return
            await asyncio.sleep(0.1)
        raise TimeoutError("the twin kind is not served after 10 s")

    async def drop_twin(self) -> None:
        async with self.session.delete(f"{self.server}{CRDS}/httptriggers.{TWIN}") as gone:
            await gone.read()


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
        rig = Rig(session, cluster["server"], options.namespace)
        await rig.make_twin()
        try:
            for group in (GROUP, TWIN):  # warm both sides up, uncounted
                await rig.open_loop(group, host, 20, 2)
            added = []
            for number in range(1, options.rounds + 1):
                without = await rig.open_loop(TWIN, host, options.rate, options.seconds)
                governed = await rig.open_loop(GROUP, host, options.rate, options.seconds)
                print(without.row(f"round {number} ungoverned", options.seconds))
                print(governed.row(f"round {number} governed", options.seconds))
                added.append(governed.percentile(0.99) - without.percentile(0.99))
            print(f"added p99 per round: {', '.join(f'{value:.1f} ms' for value in added)}")
            if options.clients:
                without = await rig.closed_loop(TWIN, host, options.clients, options.seconds)
                governed = await rig.closed_loop(GROUP, host, options.clients, options.seconds)
                print(without.row(f"{options.clients} clients ungoverned", options.seconds))
                print(governed.row(f"{options.clients} clients governed", options.seconds))
                ratio = len(governed.milliseconds) / max(1, len(without.milliseconds))
                print(f"saturation: governed/ungoverned = {ratio:.2f}")
        finally:
            await rig.drop_twin()


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
