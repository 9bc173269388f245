"""How long the first call of a function that sleeps takes, on the running house.

    . .local/dev && . .local/env && python benchmarks/cold_start.py --rounds 5 --functions 8 --cpu 1

Functions sleep side by side and are woken one after the other, each by one call through the ingress, on images the node
has.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import statistics
import subprocess
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path

ADMIN = os.environ.get("KUBECONFIG", "/var/lib/funkhaus/kubeconfig/admin.yaml")
INGRESS = os.environ.get("FUNKHAUS_INGRESS", "http://127.0.0.1:8088")
DOMAIN = os.environ.get("FUNKHAUS_DOMAIN", "127-0-0-1.nip.io")
SOURCE = "async def handler(event, context):\n    return 'awake'\n"


def run(*words: str) -> str:
    """What a command prints; ends the benchmark with its complaint."""
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=300)
    if done.returncode:
        raise SystemExit(f"{words}: {done.stderr}")
    return done.stdout


def kubectl(*words: str) -> dict[str, object]:
    """A JSON answer, as the cluster's admin."""
    return json.loads(run("kubectl", f"--kubeconfig={ADMIN}", *words, "-o", "json"))  # type: ignore[no-any-return]  # JSON


@dataclass
class Place:
    """The tenant that is measured in."""

    tenant: str

    @property
    def namespace(self) -> str:
        """Its Kubernetes namespace."""
        return f"{self.tenant}--default"

    def cli(self, *words: str) -> str:
        """`funkhaus` in it."""
        return run("funkhaus", *words, "--tenant", self.tenant, "--namespace", "default")

    def tidy(self, *words: str) -> None:
        """`funkhaus` in it, whatever comes of it."""
        where = ("--tenant", self.tenant, "--namespace", "default")
        subprocess.run(["funkhaus", *words, *where], capture_output=True, check=False, timeout=300)

    def asleep(self, name: str) -> bool:
        """Whether no pod is left."""
        found = kubectl("get", "fn", name, "-n", self.namespace)
        conditions = found["status"]["conditions"]  # type: ignore[index]  # JSON
        ready = next(item for item in conditions if item["type"] == "Ready")
        pods = kubectl("get", "pods", "-n", self.namespace, "-l", f"funkhaus.dev/function={name}")
        return ready["reason"] == "Asleep" and not pods["items"]

    def wake(self, name: str) -> float:
        """Seconds of the first call."""
        headers = {"Host": f"{name}.{self.tenant}.{DOMAIN}"}
        request = urllib.request.Request(INGRESS, headers=headers)  # noqa: S310 - the ingress
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        began = time.perf_counter()
        with opener.open(request, timeout=60) as answer:
            answer.read()
        return time.perf_counter() - began


def quantile(values: list[float], share: float) -> float:
    """By the nearest rank."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def main() -> None:
    """Deploy, let sleep, wake, and say how long it took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--functions", type=int, default=8)
    parser.add_argument("--cpu", default="1")
    parser.add_argument("--tenant", default="demo")
    parser.add_argument("--idle", default="10")
    parser.add_argument("--pause", type=float, default=1.0, help="between two wakes, seconds")
    asked = parser.parse_args()
    place, source = Place(asked.tenant), Path(f"/tmp/cold_{secrets.token_hex(4)}.py")  # noqa: S108 - its own name
    source.write_text(SOURCE)
    run_id = secrets.token_hex(2)
    names = [f"cold-{run_id}-{number}" for number in range(asked.functions)]
    found: list[float] = []
    try:
        for name in names:
            place.cli(
                *("function", "deploy", name, "--runtime", "python3.11", "--wait"),
                *("--handler", f"{source.stem}.handler", "--from-file", str(source)),
                *("--cpu", asked.cpu, "--memory", "64Mi"),
            )
            place.cli("trigger", "http", "create", name, "--function-name", name)
            place.cli("autoscale", "create", name, "--min", "0", "--max", "1", "--idle", asked.idle)
        for number in range(asked.rounds):
            while not all(place.asleep(name) for name in names):
                time.sleep(2)
            time.sleep(3)
            took = []
            for name in names:
                took.append(place.wake(name))
                time.sleep(asked.pause)
            found += took
            print(
                f"round {number + 1}: " + " ".join(f"{one:.2f}" for one in took),
                "load",
                os.getloadavg()[0],
                flush=True,
            )
    finally:
        for name in names:
            place.tidy("trigger", "http", "delete", name, "--yes")
            place.tidy("function", "delete", name, "--yes")
        source.unlink()
    print(
        f"{len(found)} cold starts at {asked.cpu} CPU: p50 {statistics.median(found):.2f} s, "
        f"p95 {quantile(found, 0.95):.2f} s, least {min(found):.2f} s, most {max(found):.2f} s"
    )


if __name__ == "__main__":
    main()
