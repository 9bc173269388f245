"""The controller's promises on a real node: updates that nobody notices, repair of what is bent, nothing left behind."""

from __future__ import annotations

import threading
import time
from functools import partial
from typing import TYPE_CHECKING, Any, Self

import pytest

from .house import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from .house import Tenant

pytestmark = pytest.mark.cluster
SELECTED = "funkhaus.dev/function={}"
SMALL = ("--cpu", "100m", "--memory", "96Mi")
"""The node is small, and while an update runs both revisions are on it."""


@pytest.fixture(autouse=True)
def room(tenant: Tenant) -> Iterator[None]:
    """Every test gives the node its room back."""
    yield
    tenant.house.kubectl("delete", "fn,htr", "--all", "-n", tenant.cluster_namespace)


def source(folder: Path, answer: str, module: str = "fn") -> Path:
    path = folder / f"{module}.py"
    path.write_text(f"def handler(event, context):\n    return {answer!r}\n")
    return path


def function(tenant: Tenant, name: str) -> dict[str, Any]:
    return tenant.house.admin_json("get", "fn", name, "-n", tenant.cluster_namespace)  # type: ignore[no-any-return]


def condition(tenant: Tenant, name: str, kind: str) -> dict[str, str]:
    found = function(tenant, name).get("status", {}).get("conditions", [])
    return next((item for item in found if item["type"] == kind), {})


def explained(tenant: Tenant, name: str, kind: str, **wanted: str) -> str:
    """The message of a condition once it is as wanted."""

    def probe() -> str:
        found = condition(tenant, name, kind)
        return found["message"] if wanted.items() <= found.items() else ""

    return eventually(f"{kind} of {name} with {wanted}", probe, seconds=120)


def serving(tenant: Tenant, name: str) -> str:
    return str(function(tenant, name)["status"]["revision"])


def is_other_than(old: str, probe: Callable[[], str]) -> bool:
    return probe() not in {"", old}


def expose(tenant: Tenant, name: str) -> None:
    ran = tenant.cli("trigger", "http", "create", name, "--function-name", name)
    assert ran.code == 0, ran.err
    eventually(f"{name} answers", lambda: tenant.house.call(tenant.host(name)).status_code == 200)


class Caller:
    """Calls a function over and over, and remembers what came back."""

    def __init__(self, tenant: Tenant, name: str) -> None:
        self.answers: list[tuple[int, str]] = []
        self._tenant, self._host = tenant, tenant.host(name)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(30)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                answer = self._tenant.house.call(self._host)
                self.answers.append((answer.status_code, answer.text))
            except Exception as error:  # noqa: BLE001 - a broken connection is a failed call like any other
                self.answers.append((0, repr(error)))
            time.sleep(0.02)


def test_an_update_fails_no_call(tenant: Tenant, tmp_path: Path) -> None:
    tenant.deploy("update", source(tmp_path, "one"), *SMALL)
    expose(tenant, "update")
    old = serving(tenant, "update")
    with Caller(tenant, "update") as caller:
        eventually("calls", lambda: len(caller.answers) > 20)
        ran = tenant.cli(
            "function", "update", "update", "--from-file", str(source(tmp_path, "two")), "--wait"
        )
        assert ran.code == 0, ran.err
        eventually("the new answer", lambda: caller.answers[-1] == (200, "two"))
        # The old revision's replicas end while calls go on.
        eventually(
            "the end of the old revision",
            lambda: (
                not tenant.house.admin_json(
                    "get",
                    "pods",
                    "-n",
                    tenant.cluster_namespace,
                    "-l",
                    f"funkhaus.dev/revision={old}",
                )["items"]
            ),
        )
    failed = [answer for answer in caller.answers if answer not in {(200, "one"), (200, "two")}]
    assert not failed
    assert [text for _, text in caller.answers] == sorted(text for _, text in caller.answers)


def test_an_update_that_cannot_start_leaves_the_old_one_serving(
    tenant: Tenant, tmp_path: Path
) -> None:
    tenant.deploy("careful", source(tmp_path, "good"), *SMALL)
    expose(tenant, "careful")
    old = serving(tenant, "careful")
    broken = tmp_path / "fn.py"
    broken.write_text("import no_such_module\n\ndef handler(event, context): ...\n")
    with Caller(tenant, "careful") as caller:
        tenant.cli("function", "update", "careful", "--from-file", str(broken))
        said = explained(tenant, "careful", "Ready", status="False")
        assert "no_such_module" in said
        assert f"revision {old} goes on serving" in said
    assert set(caller.answers) == {(200, "good")}
    status = function(tenant, "careful")["status"]
    assert status["revision"] == old
    assert status["latestRevision"] != old
    fixed = source(tmp_path, "better")
    ran = tenant.cli("function", "update", "careful", "--from-file", str(fixed), "--wait")
    assert ran.code == 0, ran.err
    eventually("the fix", lambda: tenant.house.call(tenant.host("careful")).text == "better")


def test_the_autoscaler_knows_its_metric(tenant: Tenant, tmp_path: Path) -> None:
    tenant.deploy("scaled", source(tmp_path, "x"), *SMALL)
    ran = tenant.cli("autoscale", "create", "scaled", "--min", "1", "--max", "2", "--value", "60")
    assert ran.code == 0, ran.err

    def known() -> Any:
        found = tenant.kubectl("get", "hpa", "scaled", "-o", "jsonpath={.status.currentMetrics}")
        return found.code == 0 and "averageUtilization" in found.out

    eventually("a known metric", known, seconds=150)


def test_what_somebody_bends_is_bent_back(tenant: Tenant, tmp_path: Path) -> None:
    tenant.deploy("bent", source(tmp_path, "x"), *SMALL)
    house, namespace = tenant.house, tenant.cluster_namespace
    revision = serving(tenant, "bent")

    def field(kind: str, name: str, path: str) -> str:
        found = house.kubectl("get", kind, name, "-n", namespace, "-o", f"jsonpath={path}")
        return found.out

    image = "{.spec.template.spec.containers[0].image}"
    before = field("deploy", revision, image)
    house.kubectl(
        "set", "image", f"deploy/{revision}", "function=127.0.0.1:5050/x:y", "-n", namespace
    )
    eventually("the image", lambda: field("deploy", revision, image) == before)
    patch = '{"spec":{"selector":{"funkhaus.dev/revision":"nowhere"}}}'
    house.kubectl("patch", "svc", revision, "-n", namespace, "--type=merge", "-p", patch)
    selected = "{.spec.selector.funkhaus\\.dev/revision}"
    eventually("the selector", lambda: field("svc", revision, selected) == revision)
    for kind, name in (("deploy", revision), ("svc", "bent"), ("networkpolicy", "funkhaus-deny")):
        uid = field(kind, name, "{.metadata.uid}")
        assert house.kubectl("delete", kind, name, "-n", namespace, "--wait=false").code == 0
        another = partial(field, kind, name, "{.metadata.uid}")
        eventually(f"{kind} {name}", partial(is_other_than, uid, another))
    eventually("ready again", lambda: condition(tenant, "bent", "Ready")["status"] == "True")


def test_a_strangers_object_is_never_adopted(tenant: Tenant, tmp_path: Path) -> None:
    house, namespace = tenant.house, tenant.cluster_namespace
    made = house.kubectl("create", "service", "clusterip", "taken", "--tcp=80", "-n", namespace)
    assert made.code == 0, made.err
    tenant.cli(
        "function", "deploy", "taken", "--runtime", "python3.11", "--handler", "fn.handler",
        "--from-file", str(source(tmp_path, "x")), *SMALL,
    )  # fmt: skip
    said = explained(tenant, "taken", "Ready", reason="Conflict")
    assert "a Service named 'taken' exists" in said
    service = house.admin_json("get", "svc", "taken", "-n", namespace)
    assert "ownerReferences" not in service["metadata"]
    house.kubectl("delete", "svc", "taken", "-n", namespace)
    eventually(
        "it heals", lambda: condition(tenant, "taken", "Ready")["status"] == "True", seconds=90
    )


def test_a_replica_that_ran_out_of_memory_is_explained(tenant: Tenant, tmp_path: Path) -> None:
    greedy = tmp_path / "fn.py"
    # An async handler runs in the server's own process: with it the whole replica goes.
    greedy.write_text(
        "async def handler(event, context):\n"
        "    shelf = []\n"
        "    while True:\n"
        "        shelf.append(bytearray(8 * 1024 * 1024))\n"
    )
    tenant.deploy("greedy", greedy, *SMALL)
    tenant.cli("function", "call", "greedy")
    said = explained(tenant, "greedy", "Degraded", reason="OOMKilled")
    assert "more than its 96Mi of memory" in said
    assert "raise spec.resources.memory" in said
    assert "96Mi" in tenant.cli("function", "describe", "greedy").out
    eventually("it serves again", lambda: condition(tenant, "greedy", "Ready")["status"] == "True")


def test_a_missing_secret_is_named(tenant: Tenant, tmp_path: Path) -> None:
    tenant.cli(
        "function", "deploy", "secretive", "--runtime", "python3.11", "--handler", "fn.handler",
        "--from-file", str(source(tmp_path, "x")), "--secret-env", "PASSWORD=vault/password", *SMALL,
    )  # fmt: skip
    assert "vault" in explained(tenant, "secretive", "Ready", reason="MissingReference")
    tenant.kubectl("create", "secret", "generic", "vault", "--from-literal=password=x")
    eventually(
        "it starts",
        lambda: condition(tenant, "secretive", "Ready")["status"] == "True",
        seconds=120,
    )


def test_deletion_leaves_nothing(tenant: Tenant, tmp_path: Path) -> None:
    tenant.deploy("gone", source(tmp_path, "x"), *SMALL)
    expose(tenant, "gone")
    kinds = "fn,fnrev,deploy,rs,pods,svc,hpa,ing,sa,endpointslices"
    selected = SELECTED.format("gone")

    def left() -> list[str]:
        items = tenant.house.admin_json(
            "get", kinds, "-n", tenant.cluster_namespace, "-l", selected
        )["items"]
        return [f"{item['kind']}/{item['metadata']['name']}" for item in items]

    assert left()
    assert tenant.cli("trigger", "http", "delete", "gone", "--yes").code == 0
    assert tenant.cli("function", "delete", "gone", "--yes").code == 0
    eventually("nothing left", lambda: not left(), seconds=90)
    assert tenant.house.call(tenant.host("gone")).status_code == 404
