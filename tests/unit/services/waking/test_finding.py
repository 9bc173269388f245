"""Which function a call is for; a tenant's pod reaches its own namespace's and no other."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from funkhaus.domain.errors import ForbiddenError, NotFoundError, UnavailableError
from funkhaus.domain.kinds import HTTP_ROUTE, INGRESS, POD, SERVICE
from funkhaus.manifests import labels
from funkhaus.manifests.trigger import host_mark
from funkhaus.services.waking import Callers, Finder, Target
from tests.support.cluster import MemoryCluster

if TYPE_CHECKING:
    from funkhaus.domain.errors import FunkhausError
    from funkhaus.domain.kinds import Kind

ENVOY, OWN, FOREIGN = "10.222.0.1", "10.244.0.7", "10.244.0.8"
HOST = "hello.demo.example.com"


@pytest.fixture
def cluster() -> MemoryCluster:
    made = MemoryCluster("funkhaus-waker")
    for namespace in ("demo--main", "demo--test", "blue--main", "projectcontour"):
        made.put({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    for namespace, name, address in (
        ("demo--main", "caller", OWN),
        ("blue--main", "caller", FOREIGN),
        ("projectcontour", "envoy", ENVOY),
    ):
        pod(made, namespace, name, address)
    route(made, "demo--main", "web", HOST, "/", "hello")
    route(made, "demo--test", "deeper", HOST, "/deep/er", "inner")
    return made


def finder_of(cluster: MemoryCluster) -> Finder:
    return Finder(cluster, Callers(cluster))


def pod(
    cluster: MemoryCluster, namespace: str, name: str, address: str, phase: str = "Running"
) -> None:
    cluster.put(
        {
            "apiVersion": "v1",
            "kind": POD.name,
            "metadata": {"namespace": namespace, "name": name},
            "status": {"podIP": address, "phase": phase},
        }
    )


def route(
    cluster: MemoryCluster, namespace: str, name: str, host: str, path: str, function: str
) -> None:
    backend = {"service": {"name": function, "port": {"name": "http"}}}
    cluster.put(
        {
            "apiVersion": INGRESS.api_version,
            "kind": INGRESS.name,
            "metadata": {
                "namespace": namespace,
                "name": name,
                "labels": {**labels.MANAGED, labels.HOST: host_mark(host)},
            },
            "spec": {
                "rules": [
                    {
                        "host": host,
                        "http": {
                            "paths": [{"path": path, "pathType": "Prefix", "backend": backend}]
                        },
                    }
                ]
            },
        }
    )


@pytest.mark.parametrize("host", [HOST, f"{HOST}:8088", HOST.upper(), f"{HOST}.", f"{HOST}.:80"])
async def test_by_host(cluster: MemoryCluster, host: str) -> None:
    assert await finder_of(cluster).find(ENVOY, host, "/", "GET") == Target("demo--main", "hello")


@pytest.mark.parametrize(
    ("path", "function"),
    [
        ("/x", "hello"),
        ("/deep", "hello"),
        ("/deep/er", "inner"),
        ("/deep/er/x", "inner"),
        ("/deep/ert", "hello"),
    ],
)
async def test_by_the_longest_path(cluster: MemoryCluster, path: str, function: str) -> None:
    assert (await finder_of(cluster).find(ENVOY, HOST, path, "GET")).function == function


@pytest.mark.parametrize(
    "host", ["", "other.demo.example.com", "hello", "hello.demo--main", "[::1]:80", "10.96.0.9"]
)
async def test_no_such_host(cluster: MemoryCluster, host: str) -> None:
    with pytest.raises(NotFoundError):
        await finder_of(cluster).find(ENVOY, host, "/", "GET")


async def test_an_ingress_of_another_host_under_the_same_mark_is_not_believed(
    cluster: MemoryCluster,
) -> None:
    route(cluster, "blue--main", "evil", "evil.example.com", "/longer", "evil")
    cluster.find(INGRESS, "blue--main", "evil")["metadata"]["labels"][labels.HOST] = host_mark(HOST)
    assert (await finder_of(cluster).find(ENVOY, HOST, "/longer", "GET")).function == "hello"


@pytest.mark.parametrize(
    "host",
    [
        "hello",
        "hello:8080",
        "hello.demo--main",
        "hello.demo--main.svc",
        "hello.demo--main.svc.cluster.local:8080",
    ],
)
async def test_a_pod_calls_its_neighbours_by_name(cluster: MemoryCluster, host: str) -> None:
    assert await finder_of(cluster).find(OWN, host, "/", "GET") == Target("demo--main", "hello")


@pytest.mark.parametrize(
    "host",
    [HOST, "hello.blue--main", "hello.demo--test", "hello.demo--test.svc.cluster.local", "hello.demo--main.example.com",
     "hello.demo--main.svcx", "10.96.0.1", ".demo--main", ""],
)  # fmt: skip
async def test_a_pod_calls_nobody_else_whatever_it_says(cluster: MemoryCluster, host: str) -> None:
    service(cluster, "demo--test", "hello", "10.96.0.1")
    try:
        found = await finder_of(cluster).find(OWN, host, "/", "GET")
    except NotFoundError:
        return
    assert found.namespace == "demo--main", found


async def test_the_same_name_is_another_function_from_another_namespace(
    cluster: MemoryCluster,
) -> None:
    finder = finder_of(cluster)
    assert (await finder.find(OWN, "hello", "/", "GET")).namespace == "demo--main"
    assert (await finder.find(FOREIGN, "hello", "/", "GET")).namespace == "blue--main"


async def test_an_address_is_a_pod_s_that_lives(cluster: MemoryCluster) -> None:
    pod(cluster, "demo--test", "ended", "10.244.0.9", "Succeeded")
    pod(cluster, "demo--main", "lives", "10.244.0.9")
    assert (
        await finder_of(cluster).find("10.244.0.9", "hello", "/", "GET")
    ).namespace == "demo--main"


def service(cluster: MemoryCluster, namespace: str, name: str, address: str) -> None:
    cluster.put(
        {
            "apiVersion": "v1",
            "kind": SERVICE.name,
            "metadata": {
                "namespace": namespace,
                "name": name,
                "labels": {**labels.MANAGED, labels.FUNCTION: name},
            },
            "spec": {"clusterIP": address},
        }
    )


async def test_the_api_calls_by_the_service_s_address(cluster: MemoryCluster) -> None:
    service(cluster, "demo--main", "hello", "10.96.0.1")
    found = await finder_of(cluster).find(ENVOY, "10.96.0.1:8080", "/", "GET")
    assert found == Target("demo--main", "hello")


async def test_a_burst_asks_once(cluster: MemoryCluster) -> None:
    asked: list[str] = []

    def ask(verb: str, kind: Kind, namespace: str, name: str) -> FunkhausError | None:
        asked.append(f"{verb} {kind.name}{namespace}{name}")
        return None

    cluster.failure = ask
    finder = finder_of(cluster)
    await asyncio.gather(*(finder.find(ENVOY, HOST, "/", "GET") for _ in range(50)))
    assert asked == ["list Pod", "list Ingress", "list HTTPRoute"]


async def test_a_failure_is_not_remembered(cluster: MemoryCluster) -> None:
    cluster.failure = lambda *_: UnavailableError("away")
    finder = finder_of(cluster)
    with pytest.raises(UnavailableError):
        await finder.find(ENVOY, HOST, "/", "GET")
    cluster.failure = lambda *_: None
    assert await finder.find(ENVOY, HOST, "/", "GET")


def http_route(cluster: MemoryCluster, name: str, function: str, *methods: str) -> None:
    path = {"type": "PathPrefix", "value": "/deep"}
    cluster.put(
        {
            "apiVersion": HTTP_ROUTE.api_version,
            "kind": HTTP_ROUTE.name,
            "metadata": {
                "namespace": "demo--main",
                "name": name,
                "labels": {
                    **labels.MANAGED,
                    labels.HOST: host_mark(HOST),
                    labels.FUNCTION: function,
                },
            },
            "spec": {
                "hostnames": [HOST],
                "rules": [
                    {
                        "matches": [{"path": path, "method": method} for method in methods]
                        or [{"path": path}],
                        "backendRefs": [
                            {"name": f"{function}-0123456789", "port": 8080, "weight": 90},
                            {"name": function, "port": 8080, "weight": 10},
                        ],
                    }
                ],
            },
        }
    )


async def test_by_an_http_route_and_its_methods(cluster: MemoryCluster) -> None:
    http_route(cluster, "reads", "reader", "GET", "HEAD")
    http_route(cluster, "writes", "writer", "POST")
    for method, function in (
        ("GET", "reader"),
        ("HEAD", "reader"),
        ("POST", "writer"),
        ("PUT", "hello"),
    ):
        assert (await finder_of(cluster).find(ENVOY, HOST, "/deep/x", method)).function == function


async def test_an_http_route_of_any_method(cluster: MemoryCluster) -> None:
    http_route(cluster, "all", "all")
    assert (await finder_of(cluster).find(ENVOY, HOST, "/deep", "PURGE")).function == "all"


@pytest.mark.parametrize("error", [NotFoundError, ForbiddenError])
async def test_without_a_gateway_there_are_no_routes(
    cluster: MemoryCluster, error: type[FunkhausError]
) -> None:
    cluster.failure = lambda _, kind, *__: error() if kind == HTTP_ROUTE else None
    assert (await finder_of(cluster).find(ENVOY, HOST, "/", "GET")).function == "hello"
