"""The waker over real sockets: calls in, a replica that starts late, its answers out."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from aiohttp import web

from funkhaus.domain.errors import UnavailableError
from funkhaus.domain.kinds import DEPLOYMENT, ENDPOINT_SLICE, INGRESS, POD, SERVICE
from funkhaus.manifests import labels
from funkhaus.manifests.trigger import host_mark
from funkhaus.services.waking import Times
from funkhaus.settings import Waker
from funkhaus_waker.app import Server, World
from tests.support.activity import FakeActivity
from tests.support.cluster import MemoryCluster

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

NS, HOST, REVISION = "demo--main", "hello.demo.example.com", "hello-0123456789"
SELECTED = {labels.FUNCTION: "hello", labels.REVISION: REVISION}
LOOPBACK, REPLICA = "127.0.0.1", "127.0.0.2"
"""Who calls, and the pod: a pod that calls is another matter."""
TIMES = Times(wake=20.0, awake=0.2, again=0.05, probe=0.005)
PATIENCE = aiohttp.ClientTimeout(total=60)


class Stage:
    """A sleeping function with a host, and its replica as soon as somebody wakes it."""

    def __init__(self) -> None:
        self.cluster, self.activity = MemoryCluster("funkhaus-waker"), FakeActivity()
        self.server: Server
        self.session: aiohttp.ClientSession
        self.cluster.put({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NS}})
        backend = {"service": {"name": "hello", "port": {"name": "http"}}}
        paths = {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}
        self.put(
            INGRESS,
            "web",
            {"rules": [{"host": HOST, "http": paths}]},
            {labels.HOST: host_mark(HOST)},
        )
        self.put(SERVICE, "hello", {"selector": SELECTED}, {labels.FUNCTION: "hello"})
        self.put(DEPLOYMENT, REVISION, {"replicas": 0}, SELECTED)
        self.put(ENDPOINT_SLICE, "hello-waker", {}, {labels.FUNCTION: "hello"})

    def put(
        self, kind: Any, name: str, spec: dict[str, Any], marked: dict[str, str], **more: Any
    ) -> None:
        self.cluster.put(
            {
                "apiVersion": kind.api_version,
                "kind": kind.name,
                "metadata": {"namespace": NS, "name": name, "labels": {**labels.MANAGED, **marked}},
                "spec": spec,
                **more,
            }
        )

    def start_replica(self) -> None:
        """As kubelet does, once the Deployment asks for one."""
        self.put(POD, "a", {}, SELECTED, status={"podIP": REPLICA, "phase": "Running"})
        self.activity.up.add(REPLICA)

    async def woken(self) -> None:
        async with asyncio.timeout(30):
            while not self.replicas:  # noqa: ASYNC110 - what is waited for is a dictionary
                await asyncio.sleep(0.005)

    @property
    def replicas(self) -> int:
        count: int = self.cluster.find(DEPLOYMENT, NS, REVISION)["spec"]["replicas"]
        return count

    def call(self, method: str = "GET", path: str = "/", **options: Any) -> Any:
        host, port = self.server.address
        options["headers"] = {"Host": HOST} | options.get("headers", {})
        return self.session.request(
            method, f"http://{host}:{port}{path}", timeout=PATIENCE, **options
        )

    async def metric(self, line: str) -> float:
        host, port = self.server.ops_address
        async with self.session.get(f"http://{host}:{port}/metrics") as answer:
            text = await answer.text()
        return sum(float(item.split()[-1]) for item in text.splitlines() if item.startswith(line))


@asynccontextmanager
async def staged(handler: Handler, **settings: Any) -> AsyncIterator[Stage]:
    stage = Stage()
    app = web.Application(client_max_size=64 * 1024 * 1024)
    app.router.add_route("*", "/{path:.*}", handler)
    replica = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await replica.setup()
    await web.TCPSite(replica, REPLICA, 0).start()
    stop = asyncio.Event()
    usual = {
        "waker_port": 0, "waker_ops_port": 0, "waker_drain": 0.01, "waker_callers": f"{LOOPBACK}/32"
    }  # fmt: skip
    times = settings.pop("times", TIMES)
    stage.server = Server(
        Waker(**(usual | settings)),
        World(stage.cluster, stage.activity),
        target_port=replica.addresses[0][1],
        times=times,
    )
    running = asyncio.create_task(stage.server.run(stop))
    await asyncio.wait_for(stage.server.listening.wait(), 30)
    async with aiohttp.ClientSession(
        auto_decompress=False, connector=aiohttp.TCPConnector(limit=0)
    ) as stage.session:
        yield stage
    stop.set()
    await asyncio.wait_for(running, 60)
    await replica.cleanup()


async def echo(request: web.Request) -> web.StreamResponse:
    """What came, as it came."""
    body = await request.read()
    response = web.Response(
        status=418,
        reason="Teapot",
        body=body or b"hello",
        headers={
            "X-Path": request.raw_path,
            "X-Method": request.method,
            "X-Host": request.host,
            "Keep-Alive": "timeout=5",
            "Connection": "X-Secret",
            "X-Secret": "1",
        },
    )
    response.headers.extend([("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")])
    for name in ("Te", "X-Drop", "Expect", "Proxy-Authorization", "Authorization"):
        response.headers[f"X-Had-{name}"] = str(name in request.headers)
    return response


async def test_fifty_first_calls_wait_and_are_answered_by_one_scale_up() -> None:
    async with staged(echo) as stage:
        wakes = await stage.metric("funkhaus_waker_wakes_total")

        async def one(number: int) -> tuple[int, str]:
            async with stage.call("POST", data=f"call {number}") as answer:
                return answer.status, await answer.text()

        calls = [asyncio.create_task(one(number)) for number in range(50)]
        await stage.woken()
        assert not any(call.done() for call in calls)
        stage.start_replica()
        assert await asyncio.gather(*calls) == [(418, f"call {number}") for number in range(50)]
        assert await stage.metric("funkhaus_waker_wakes_total") == wakes + 1
        assert await stage.metric("funkhaus_waker_calls_open") == 0


async def test_a_call_goes_there_and_back_as_it_is_but_for_what_is_of_one_hop() -> None:
    async with staged(echo) as stage:
        stage.start_replica()
        headers = {
            "Connection": "X-Drop, close", "X-Drop": "1", "Te": "trailers", "Proxy-Authorization": "x",
            "Authorization": "Bearer x",
        }  # fmt: skip
        async with stage.call(
            "PUT", "/a%2Fb?c=%20d", headers=headers, data=b"x" * 100_000
        ) as answer:
            assert (answer.status, answer.reason) == (418, "Teapot")
            assert await answer.read() == b"x" * 100_000
            said = answer.headers
        assert said["X-Path"] == "/a%2Fb?c=%20d"
        assert (said["X-Method"], said["X-Host"]) == ("PUT", HOST)
        assert said.getall("Set-Cookie") == ["a=1", "b=2"]
        assert said["X-Had-Authorization"] == "True"
        for name in ("Te", "X-Drop", "Proxy-Authorization"):
            assert said[f"X-Had-{name}"] == "False", name
        assert said["Connection"] == "close", "the next call finds the replica without us"
        assert {"Keep-Alive", "X-Secret"} & set(said) == set()


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "DELETE", "PATCH"])
async def test_every_method(method: str) -> None:
    async with staged(echo) as stage:
        stage.start_replica()
        async with stage.call(method) as answer:
            assert answer.status == 418
            assert answer.headers["X-Method"] == method
            assert await answer.read() == (b"" if method == "HEAD" else b"hello")


async def test_a_body_without_a_length_and_one_that_waits_to_be_asked_for() -> None:
    async def parts() -> AsyncIterator[bytes]:
        for _ in range(5):
            yield b"part "

    async with staged(echo) as stage:
        stage.start_replica()
        async with stage.call("POST", data=parts()) as answer:
            assert await answer.read() == b"part " * 5
        async with stage.call("POST", data=b"asked", expect100=True) as answer:
            assert await answer.read() == b"asked"
            assert answer.headers["X-Had-Expect"] == "False"


async def test_an_answer_is_passed_on_as_it_comes() -> None:
    go_on = asyncio.Event()

    async def slowly(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"first")
        await go_on.wait()
        await response.write(b"second")
        return response

    async with staged(slowly) as stage:
        stage.start_replica()
        async with stage.call() as answer:
            assert await answer.content.readany() == b"first"
            go_on.set()
            assert await answer.content.read() == b"second"


async def problem(stage: Stage, **options: Any) -> tuple[int, dict[str, Any], str | None]:
    async with stage.call(**options) as answer:
        assert answer.content_type == "application/problem+json"
        return (
            answer.status,
            await answer.json(content_type=None),
            answer.headers.get("Retry-After"),
        )


async def test_too_many_are_refused_at_once_and_those_who_wait_are_answered() -> None:
    async with staged(echo, waker_calls_function=3) as stage:
        calls = [asyncio.create_task(problem_free(stage)) for _ in range(3)]
        await stage.woken()
        async with asyncio.timeout(30):
            while await stage.metric("funkhaus_waker_calls_open") < 3:  # noqa: ASYNC110 - another task's
                await asyncio.sleep(0.01)
        status, said, retry = await problem(stage)
        assert (status, said["code"]) == (503, "too-many")
        assert "call again in 2 s" in said["detail"]
        assert retry == "2"
        stage.start_replica()
        assert await asyncio.gather(*calls) == [418] * 3


async def problem_free(stage: Stage) -> int:
    async with stage.call() as answer:
        await answer.read()
        return int(answer.status)


async def test_one_that_does_not_wake_in_time_is_said() -> None:
    async with staged(echo, times=Times(wake=0.2, again=0.05)) as stage:
        status, said, retry = await problem(stage)
        assert (status, said["code"]) == (503, "timed-out")
        assert "funkhaus function describe hello" in said["detail"]
        assert retry


async def test_no_such_function() -> None:
    async with staged(echo) as stage:
        status, said, _ = await problem(stage, headers={"Host": "other.demo.example.com"})
        assert (status, said["code"]) == (404, "not-found")
        for host in ("..", "a/b", "[", "x" * 300):
            status, _, _ = await problem(stage, headers={"Host": host})
            assert status == 404, host
        assert stage.replicas == 0


async def test_what_is_not_to_be_woken_is_not_woken() -> None:
    async with staged(echo) as stage:
        await stage.cluster.delete(ENDPOINT_SLICE, NS, "hello-waker")
        status, said, _ = await problem(stage)
        assert (status, said["code"]) == (503, "unavailable")
        assert stage.replicas == 0


async def test_a_pod_of_another_tenant_s_wakes_nothing_of_it() -> None:
    """Loopback is here the address of a pod of blue's: whatever host it names, it is led to blue's own namespace."""
    async with staged(echo, waker_callers="") as stage:
        blue = {"namespace": "blue--main", "name": "caller"}
        stage.cluster.put(
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "blue--main"}}
        )
        stage.cluster.put(
            {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": blue,
                "status": {"podIP": LOOPBACK, "phase": "Running"},
            }
        )
        for host in (HOST, "hello", f"hello.{NS}", f"hello.{NS}.svc.cluster.local:8080"):
            status, _, _ = await problem(stage, headers={"Host": host})
            assert status == 404, host
        assert stage.replicas == 0


async def test_who_is_no_pod_is_refused_in_words_and_counted() -> None:
    """As where pods' addresses are hidden behind their node's: such a call might be another tenant's."""
    async with staged(echo, waker_callers="192.0.2.0/24") as stage:
        before = await stage.metric('funkhaus_waker_calls_total{outcome="stranger"}')
        status, said, _ = await problem(stage)
        assert (status, said["code"]) == (403, "forbidden")
        assert LOOPBACK in said["detail"]
        assert "FUNKHAUS_WAKER_CALLERS" in said["detail"]
        assert await stage.metric('funkhaus_waker_calls_total{outcome="stranger"}') == before + 1
        assert stage.replicas == 0


async def test_kube_apiserver_away_is_said() -> None:
    async with staged(echo) as stage:
        stage.cluster.failure = lambda *_: UnavailableError("kube-apiserver can't be reached")
        status, said, retry = await problem(stage)
        assert (status, said["code"]) == (503, "unavailable")
        assert retry
        host, port = stage.server.ops_address
        async with stage.session.get(f"http://{host}:{port}/readyz") as answer:
            assert answer.status == 503
        async with stage.session.get(f"http://{host}:{port}/healthz") as answer:
            assert answer.status == 200


async def test_a_body_over_the_limit_is_refused_said_or_not() -> None:
    async def parts() -> AsyncIterator[bytes]:
        for _ in range(5):
            yield b"x" * 1000

    async with staged(echo, waker_body_limit=2000) as stage:
        stage.start_replica()
        status, said, _ = await problem(stage, method="POST", data=b"x" * 2001)
        assert (status, said["code"]) == (413, "too-large")
        assert "at most 2000 bytes" in said["detail"]
        status, said, _ = await problem(stage, method="POST", data=parts())
        assert (status, said["code"]) == (413, "too-large")


async def test_an_answer_that_breaks_off_before_it_begins_is_said() -> None:
    async def ends(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    async with staged(ends) as stage:
        stage.start_replica()
        status, said, _ = await problem(stage)
        assert (status, said["code"]) == (502, "unavailable")


async def test_calls_under_way_are_answered_when_it_is_told_to_end() -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slowly(_: web.Request) -> web.StreamResponse:
        begun.set()
        await go_on.wait()
        return web.Response(text="done")

    async with staged(slowly) as stage:
        stage.start_replica()
        call = asyncio.create_task(text_of(stage))
        await asyncio.wait_for(begun.wait(), 30)
        asyncio.get_running_loop().call_later(0.3, go_on.set)
        stage.server._stopping = True
        assert await call == "done"


async def text_of(stage: Stage) -> str:
    async with stage.call() as answer:
        return str(await answer.text())
