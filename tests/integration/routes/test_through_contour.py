"""Triggers as callers meet them: through a real Contour and Envoy, made by a controller with the rights of the chart."""

from __future__ import annotations

import asyncio
import json
import subprocess
import threading
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from funkhaus.domain.kinds import FUNCTION, HTTP_ROUTE, HTTP_TRIGGER, INGRESS
from funkhaus.manifests.trigger import EVENT_HEADERS, SLACK
from tests.integration.routes.conftest import GATEWAY
from tests.support import contour

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from tests.integration.test_controller import Stage
    from tests.support.contour import Answer, Edge

SECONDS = 60.0
"""Two controllers and a proxy have their turn in that, and a route's last seconds are `LINGER`."""
ACCOUNT = "system:serviceaccount:funkhaus-system:funkhaus-controller"


class Place:
    """A function that answers, and its trigger."""

    def __init__(self, edge: Edge, stage: Stage) -> None:
        self.edge, self.stage = edge, stage
        self.host = f"hello.{stage.tenant}.example.com"

    async def trigger(self, **spec: Any) -> None:
        """Write the trigger; what is not named is not there."""
        await self.stage.admin.apply(
            {
                "apiVersion": HTTP_TRIGGER.api_version,
                "kind": "HTTPTrigger",
                "metadata": {"namespace": self.stage.namespace, "name": "web"},
                "spec": {"function": "hello", **spec},
            }
        )

    async def call(self, path: str = "/", method: str = "GET", **headers: str) -> Answer:
        """One call through Envoy; status 0 where nobody listens yet."""
        try:
            return await asyncio.to_thread(self.edge.call, self.host, path, method, headers)
        except OSError:
            return contour.Answer(0, {}, b"{}")

    async def answers(self, status: int, path: str = "/", method: str = "GET") -> None:
        """Wait until a call is answered so."""

        async def so() -> bool:
            return (await self.call(path, method)).status == status

        await self.stage.until(so, SECONDS)

    async def is_there(self, kind: Any, *, there: bool = True) -> None:
        """Wait until the trigger has, or has not, an object of that kind."""

        async def so() -> bool:
            found = await self.stage.admin.get(kind, self.stage.namespace, "web")
            return (found is not None) is there

        await self.stage.until(so, SECONDS)

    async def ready(self) -> None:
        """Wait until the trigger says so of what it is now."""

        async def so() -> bool:
            live = await self.stage.admin.get(HTTP_TRIGGER, self.stage.namespace, "web")
            assert live is not None
            found = [
                item
                for item in (live.get("status") or {}).get("conditions") or []
                if item["type"] == "Ready" and item["status"] == "True"
            ]
            generation = live["metadata"]["generation"]
            return bool(found) and live["status"]["observedGeneration"] == generation

        await self.stage.until(so, SECONDS)


@asynccontextmanager
async def placed(edge: Edge, stage: Stage) -> AsyncIterator[Place]:
    """A controller at work, and a function whose public Service has somebody behind it."""
    async with stage.controller(gateway=GATEWAY, ingress_class=contour.CLASS):
        await stage.tenant_namespace()
        await stage.function()
        await stage.bring_up()
        await stage.until(lambda: stage.ready(FUNCTION, "hello"))
        with contour.echo("hello") as port:
            contour.answered(edge, stage.namespace, "hello", port)
            yield Place(edge, stage)


class Caller:
    """Calls without a pause, and keeps what did not go well."""

    def __init__(self, edge: Edge, host: str) -> None:
        self._edge, self._host = edge, host
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.count, self.failed = 0, list[str]()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                status = self._edge.call(self._host).status
            except OSError as error:
                self.failed.append(repr(error))
            else:
                self.failed += [] if status == 200 else [str(status)]
            self.count += 1

    @contextmanager
    def calling(self) -> Iterator[None]:
        """While the block runs."""
        self._thread.start()
        try:
            yield
        finally:
            self._stop.set()
            self._thread.join(30)


async def test_only_the_methods_that_are_named_get_through(edge: Edge, stage: Stage) -> None:
    async with placed(edge, stage) as place:
        await place.trigger(methods=["GET", "POST"], path="/shop")
        await place.ready()
        await place.is_there(HTTP_ROUTE)
        assert await stage.admin.get(INGRESS, stage.namespace, "web") is None
        await place.answers(200, "/shop")
        posted = await place.call("/shop/cart", "POST")
        assert (posted.status, posted.seen["name"], posted.seen["path"]) == (
            200,
            "hello",
            "/shop/cart",
        )
        for method in ("PUT", "DELETE", "PATCH", "HEAD"):
            assert (await place.call("/shop", method)).status == 404
        assert (await place.call("/shopping")).status == 404
        assert (await place.call("/")).status == 404


async def test_from_one_shape_to_the_other_and_back_no_call_is_lost(
    edge: Edge, stage: Stage
) -> None:
    async with placed(edge, stage) as place:
        await place.trigger()
        await place.answers(200)
        caller = Caller(edge, place.host)
        with caller.calling():
            await place.trigger(methods=["GET"])
            await place.is_there(INGRESS, there=False)
            await place.answers(404, method="PUT")
            await place.trigger()
            await place.is_there(INGRESS)
            await place.answers(200, method="PUT")
            await place.is_there(HTTP_ROUTE, there=False)
        assert caller.failed == []
        assert caller.count > 50
        await place.ready()


@pytest.mark.parametrize("spec", [{}, {"methods": ["GET"]}], ids=["an Ingress", "a route"])
async def test_nobody_from_outside_says_what_an_event_is_or_waits_less_than_the_function_may_take(
    edge: Edge, stage: Stage, spec: dict[str, Any]
) -> None:
    async with placed(edge, stage) as place:
        await place.trigger(**spec)
        await place.answers(200)
        forged = dict.fromkeys(EVENT_HEADERS, "forged")
        seen = (await place.call(**forged, other="kept")).seen["headers"]
        assert set(EVENT_HEADERS) & seen.keys() == set()
        assert seen["other"] == "kept"

        async def waits() -> bool:
            headers = (await place.call()).seen["headers"]
            return bool(headers["x-envoy-expected-rq-timeout-ms"] == str((123 + SLACK) * 1000))

        await stage.function(timeout=123)
        await stage.until(waits, SECONDS)


async def test_what_somebody_adds_to_a_route_is_taken_away_and_told(
    edge: Edge, stage: Stage
) -> None:
    async with placed(edge, stage) as place:
        await place.trigger(methods=["GET"])
        await place.ready()
        before = await stage.admin.get(HTTP_ROUTE, stage.namespace, "web")
        assert before is not None
        theirs = {"spec": {"hostnames": [place.host, "bank.example.org"]}}
        await stage.admin.merge_patch(HTTP_ROUTE, stage.namespace, "web", theirs)

        async def as_before() -> bool:
            live = await stage.admin.get(HTTP_ROUTE, stage.namespace, "web")
            return live is not None and live["spec"] == before["spec"]

        await stage.until(as_before)
        await stage.admin.delete(HTTP_ROUTE, stage.namespace, "web")
        await place.is_there(HTTP_ROUTE)
        await place.answers(200)


async def test_a_gateway_that_is_not_there_is_waited_for_in_words(edge: Edge, stage: Stage) -> None:
    del edge
    async with stage.controller(gateway="edge/nobody", ingress_class=contour.CLASS):
        await stage.tenant_namespace()
        await stage.function()
        await stage.bring_up()
        await stage.admin.apply(
            {
                "apiVersion": HTTP_TRIGGER.api_version,
                "kind": "HTTPTrigger",
                "metadata": {"namespace": stage.namespace, "name": "web"},
                "spec": {"function": "hello", "methods": ["GET"]},
            }
        )

        async def pending() -> bool:
            return await stage.reason(HTTP_TRIGGER, "web") == "RoutePending"

        await stage.until(pending)


RIGHTS = [
    (ACCOUNT, "create", "httproutes", True),
    (ACCOUNT, "delete", "httproutes", True),
    (ACCOUNT, "patch", "httproutes", True),
    (ACCOUNT, "patch", "httproutes/status", False),
    (ACCOUNT, "create", "gateways", False),
    (ACCOUNT, "get", "gateways", False),
    (ACCOUNT, "create", "referencegrants", False),
    *(
        ("fh:somebody", verb, resource, verb == "get" and resource == "httproutes")
        for verb in ("get", "create", "patch")
        for resource in ("httproutes", "gateways", "referencegrants")
    ),
]


def test_b33_routes_are_the_controllers_to_write_and_nobody_elses(edge: Edge) -> None:
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"namespace": "default", "name": "an-owner"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "funkhaus-tenant-owner"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "fh:somebody"}],
    }  # fmt: skip
    edge.apiserver.kubectl("apply", "--server-side", "-f", "-", stdin=json.dumps(binding))
    for who, verb, resource, allowed in RIGHTS:
        name, _, subresource = resource.partition("/")
        done = subprocess.run(
            ["kubectl", f"--kubeconfig={edge.apiserver.kubeconfig}", "auth", "can-i", verb,
             f"{name}.gateway.networking.k8s.io", f"--subresource={subresource}", "--as", who, "-n", "default"],
            capture_output=True, text=True, timeout=30, check=False,
        )  # fmt: skip
        said = (who, verb, resource, done.stderr)
        assert done.stdout.strip() == ("yes" if allowed else "no"), said


def test_b33_the_controller_writes_routes_in_tenants_namespaces_only(
    edge: Edge, stage: Stage
) -> None:
    route = {
        "apiVersion": HTTP_ROUTE.api_version,
        "kind": "HTTPRoute",
        "metadata": {"namespace": "kube-system", "name": "x"},
        "spec": {"hostnames": ["bank.example.org"]},
    }
    del edge
    done = subprocess.run(
        ["kubectl", f"--kubeconfig={stage.account}", "create", "--dry-run=server", "-f", "-"],
        input=json.dumps(route), capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert "tenants' namespaces only" in done.stderr
