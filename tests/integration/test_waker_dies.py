"""Two wakers as processes, a real kube-apiserver, a real replica; one waker is killed while it holds a call."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import subprocess
import sys
import time
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from funkhaus.domain.kinds import DEPLOYMENT, ENDPOINT_SLICE, INGRESS, POD, SERVICE
from funkhaus.kube import KubeCluster
from funkhaus.manifests import labels
from funkhaus.manifests.trigger import host_mark
from tests.support.ports import free_port

from .test_waker_rights import deployment, waker

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from tests.support.apiserver import ApiServer

__all__ = ["waker"]
ROOT = Path(__file__).resolve().parents[2]
SECONDS = 150.0
AT_ONCE = 10.0
"""A caller hears of a dead waker by its connection, not by a time-out of 30 s."""


class Waker:
    """One waker process."""

    def __init__(self, kubeconfig: Path) -> None:
        self.port, self.ops = free_port(), free_port()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "funkhaus_waker"],
            env={
                **{
                    key: text for key, text in os.environ.items() if not key.startswith("FUNKHAUS_")
                },
                "PYTHONPATH": f"{ROOT / 'platform'}:{ROOT / 'controller'}",
                "FUNKHAUS_KUBECONFIG": str(kubeconfig),
                "FUNKHAUS_WAKER_HOST": "127.0.0.1",
                "FUNKHAUS_WAKER_PORT": str(self.port),
                "FUNKHAUS_WAKER_OPS_PORT": str(self.ops),
                "FUNKHAUS_WAKER_CALLERS": "127.0.0.1/32",
            },
            stdout=subprocess.DEVNULL,
        )

    async def call(self, host: str) -> httpx.Response:
        async with httpx.AsyncClient(timeout=SECONDS, trust_env=False) as client:
            return await client.get(f"http://127.0.0.1:{self.port}/", headers={"Host": host})

    async def held(self) -> int:
        async with httpx.AsyncClient(timeout=SECONDS, trust_env=False) as client:
            said = (await client.get(f"http://127.0.0.1:{self.ops}/metrics")).text
        lines = [
            line for line in said.splitlines() if line.startswith("funkhaus_waker_calls_open ")
        ]
        return int(float(lines[0].split()[1])) if lines else 0

    async def up(self) -> bool:
        with contextlib.suppress(httpx.TransportError):
            async with httpx.AsyncClient(timeout=SECONDS, trust_env=False) as client:
                return (await client.get(f"http://127.0.0.1:{self.ops}/healthz")).is_success
        return False

    def end(self) -> None:
        self.process.kill()
        self.process.wait(20)


async def until(probe: Callable[[], Awaitable[object]]) -> None:
    async with asyncio.timeout(SECONDS):
        while not await probe():  # noqa: ASYNC110 - what is waited for is in other processes
            await asyncio.sleep(0.05)


class Stage:
    """A function that sleeps, with a host of its own."""

    def __init__(self, admin: KubeCluster) -> None:
        self.admin = admin
        tenant = f"t{secrets.token_hex(4)}"
        self.namespace, self.host = f"{tenant}--main", f"hello.{tenant}.example.com"
        self.address = ".".join(["127", *(str(1 + secrets.randbelow(250)) for _ in range(3))])

    async def furnish(self) -> None:
        await self.admin.apply(
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.namespace}}
        )
        account = {"namespace": self.namespace, "name": "default"}
        await self.admin.apply(  # Kubernetes' controllers would have made it
            {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": account}
        )
        asleep = deployment(self.namespace, 0)
        asleep["metadata"]["labels"] = labels.MANAGED
        await self.admin.apply(asleep)
        backend = {"service": {"name": "hello", "port": {"name": "http"}}}
        paths = {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}
        rules = [{"host": self.host, "http": paths}]
        await self.put(INGRESS, "web", {labels.HOST: host_mark(self.host)}, spec={"rules": rules})
        port = {"name": "http", "port": 8080}
        selector = {"app": "hello", labels.REVISION: "hello"}
        service = {"ports": [port], "selector": selector}
        await self.put(SERVICE, "hello", {labels.FUNCTION: "hello"}, spec=service)
        await self.put(
            ENDPOINT_SLICE, "hello-waker", {labels.FUNCTION: "hello"},
            addressType="IPv4", endpoints=[{"addresses": ["10.222.0.1"]}], ports=[],
        )  # fmt: skip

    async def put(self, kind: Any, name: str, marked: dict[str, str], **more: Any) -> None:
        meta = {"namespace": self.namespace, "name": name, "labels": {**labels.MANAGED, **marked}}
        await self.admin.apply(
            {"apiVersion": kind.api_version, "kind": kind.name, "metadata": meta, **more}
        )

    async def replicas(self) -> tuple[int, int]:
        """As wanted, and how often the Deployment was changed."""
        live = await self.admin.get(DEPLOYMENT, self.namespace, "hello")
        assert live is not None
        return live["spec"]["replicas"], live["metadata"]["generation"]

    async def replica(self, folder: Path) -> subprocess.Popen[bytes]:
        """What the Deployment's controller and kubelet would do: a pod, and in it the runtime."""
        (folder / "hello.py").write_text("async def handler(event, context):\n    return 'awake'\n")
        process = subprocess.Popen(  # noqa: ASYNC220 - it starts at once
            [sys.executable, "-P", "-m", "funkhaus_runtime"],
            env={
                "PYTHONPATH": str(ROOT / "runtimes" / "python"),
                "MOD_NAME": "hello",
                "FUNC_HANDLER": "handler",
                "FUNKHAUS_HOST": self.address,
                "FUNKHAUS_FUNCTION_DIR": str(folder),
                "FUNKHAUS_TERMINATION_LOG": str(folder / "last"),
                "FUNKHAUS_DRAIN_SECONDS": "0",
            },
            stdout=subprocess.DEVNULL,
        )
        head = {"apiVersion": "v1", "kind": POD.name}
        meta = {"namespace": self.namespace, "name": "hello-1"}
        marked = {**meta, "labels": {"app": "hello", labels.REVISION: "hello"}}
        template = deployment(self.namespace, 0)["spec"]["template"]["spec"]
        await self.admin.apply({**head, "metadata": marked, "spec": template})
        status = {"podIP": self.address, "podIPs": [{"ip": self.address}], "phase": "Running"}
        await self.admin.apply_status({**head, "metadata": meta, "status": status})
        return process


@pytest.fixture
async def stage(apiserver: ApiServer) -> AsyncIterator[Stage]:
    admin = await KubeCluster.connect(str(apiserver.kubeconfig), manager="kubectl")
    made = Stage(admin)
    await made.furnish()
    yield made
    await admin.close()


@asynccontextmanager
async def running(*wakers: Waker) -> AsyncIterator[None]:
    try:
        for one in wakers:
            await until(one.up)
        yield
    finally:
        for one in wakers:
            one.end()


async def test_a_waker_that_is_killed_costs_its_callers_one_try_and_nobody_else_anything(
    stage: Stage,
    waker: Path,
    tmp_path: Path,
) -> None:
    first, second = Waker(waker), Waker(waker)
    async with running(first, second):
        lost = asyncio.create_task(first.call(stage.host))
        kept = asyncio.create_task(second.call(stage.host))

        async def both_wait() -> bool:
            wanted, _ = await stage.replicas()
            return wanted == 1 and await first.held() == 1 and await second.held() == 1

        await until(both_wait)
        began = time.monotonic()
        first.process.kill()
        with pytest.raises(httpx.TransportError):
            await lost
        assert time.monotonic() - began < AT_ONCE
        assert not kept.done()
        again = asyncio.create_task(second.call(stage.host))

        async def two_wait() -> bool:
            return await second.held() == 2

        await until(two_wait)
        replica = await stage.replica(tmp_path)
        try:
            assert [(await call).text for call in (kept, again)] == ["awake", "awake"]
        finally:
            replica.terminate()
            replica.wait(20)
        assert await stage.replicas() == (1, 2), "woken by one change"


async def test_one_that_comes_back_finds_what_the_killed_one_has_begun(
    stage: Stage,
    waker: Path,
    tmp_path: Path,
) -> None:
    killed = Waker(waker)
    async with running(killed):
        lost = asyncio.create_task(killed.call(stage.host))

        async def woken() -> bool:
            return await stage.replicas() == (1, 2)

        await until(woken)
        killed.process.kill()
        with pytest.raises(httpx.TransportError):
            await lost
    replica = await stage.replica(tmp_path)
    fresh = Waker(waker)
    try:
        async with running(fresh):
            assert (await fresh.call(stage.host)).text == "awake"
    finally:
        replica.terminate()
        replica.wait(20)
    assert await stage.replicas() == (1, 2), "nobody has changed it again"
