"""The command line against the API itself, the cluster behind it in memory: that the two mean the same."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from funkhaus.domain.archive import sources_repository, unpack
from funkhaus.domain.cluster_address import ClusterAddress
from funkhaus.domain.errors import PolicyError
from funkhaus.domain.kinds import FUNCTION, HTTP_TRIGGER, SERVICE
from funkhaus.domain.subject import Role
from funkhaus.domain.verdict import Finding
from funkhaus.manifests import labels
from funkhaus.ports import Answer
from tests.support.api import World, serving
from tests.support.stores import MemoryStores

from .process import Ran, run

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from tests.support.dialer import Sent

PLACE = "blue--default"
SOURCE = "def handler(event, context):\n    return 'hello'\n"


class Shell:
    """Types commands as the holder of one token."""

    def __init__(self, url: str, home: Path, token: str) -> None:
        self.url, self.home, self.token = url, home, token

    async def __call__(self, *words: str, **environ: str) -> Ran:
        environ = {"FUNKHAUS_TOKEN": self.token} | environ
        return await asyncio.to_thread(run, self.url, self.home, *words, **environ)


@pytest.fixture
async def world() -> World:
    world = World(MemoryStores())
    await world.tenant("blue", "default")
    await world.tenant("red", "default")
    return world


@pytest.fixture
async def url(world: World) -> AsyncIterator[str]:
    async with serving(world.services()) as nobody:
        yield nobody.url


@pytest.fixture
async def funkhaus(world: World, url: str, tmp_path: Path) -> Shell:
    """An owner of blue."""
    return Shell(url, tmp_path, await world.token("blue", Role.OWNER))


@pytest.fixture
def hello(tmp_path: Path) -> Path:
    """Source, with another edition and something large beside it."""
    (tmp_path / "other.py").write_text("def other(event, context):\n    return 'other'\n")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "blob").write_bytes(b"\0" * 70_000)
    path = tmp_path / "hello.py"
    path.write_text(SOURCE)
    return path


async def deploy(funkhaus: Shell, hello: Path, *more: str) -> Ran:
    return await funkhaus(
        "function", "deploy", "hello", "-r", "python3.11", "--handler", "hello.handler", "-f", str(hello), *more
    )  # fmt: skip


def conditions(**states: str) -> list[dict[str, Any]]:
    return [
        {
            "type": kind,
            "status": status,
            "reason": "Because",
            "message": f"{kind} is {status}",
            "observedGeneration": 1,
            "lastTransitionTime": "2026-03-01T12:00:00Z",
        }
        for kind, status in states.items()
    ]


def put_status(world: World, status: dict[str, Any]) -> None:
    """Play the controller."""
    world.cluster.write_status(FUNCTION, PLACE, "hello", status)


READY = {
    "revision": "hello-0123456789",
    "urls": ["http://hello.blue.example.com/"],
    "replicas": {"desired": 1, "ready": 1, "summary": "1/1"},
    "conditions": conditions(Admitted="True", Built="True", Ready="True"),
}


async def soon(what: Callable[[], bool]) -> None:
    for _ in range(1000):
        if what():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it did not come true")


async def test_a_function_comes_changes_and_goes(
    funkhaus: Shell, world: World, hello: Path
) -> None:
    assert await deploy(funkhaus, hello, "-e", "A=1", "-e", "B=2", "--cpu", "100m") == (
        0, "Deployed function hello in blue/default.\n", "",
    )  # fmt: skip
    assert (await deploy(funkhaus, hello)).code == 1
    spec = world.cluster.find(FUNCTION, PLACE, "hello")["spec"]
    assert spec["source"] == {"inline": {"files": {"hello.py": SOURCE}}}

    changed = await funkhaus(
        "fn", "update", "hello", "-f", str(hello.with_name("other.py")), "--handler", "other.other",
        "-e", "A-", "--memory", "64Mi",
    )  # fmt: skip
    assert changed.code == 0, changed.err
    spec = world.cluster.find(FUNCTION, PLACE, "hello")["spec"]
    assert list(spec["source"]["inline"]["files"]) == ["other.py"]
    assert spec["env"] == [{"name": "B", "value": "2"}]
    assert spec["resources"] == {"cpu": "100m", "memory": "64Mi"}

    scaled = await funkhaus("autoscale", "create", "hello", "--max", "3", "--value", "70")
    assert scaled.out == "Function hello in blue/default scales from 1 to 3 replicas at 70 % CPU.\n"
    assert (await funkhaus("autoscale", "list", "-o", "name")).out == "hello\n"
    assert (await funkhaus("autoscale", "delete", "hello", "--yes")).code == 0
    assert (await funkhaus("autoscale", "list", "-o", "name")).out == ""

    assert (await funkhaus("function", "delete", "hello", "--yes")).code == 0
    assert world.cluster.named(FUNCTION, PLACE) == ()
    gone = await funkhaus("function", "describe", "hello")
    assert gone == (3, "", "Error: there is no function 'hello' in this namespace\n")


async def test_waiting_follows_the_controller(funkhaus: Shell, world: World, hello: Path) -> None:
    waiting = asyncio.create_task(deploy(funkhaus, hello, "--wait"))
    await soon(lambda: "hello" in world.cluster.named(FUNCTION, PLACE))
    put_status(world, {"conditions": conditions(Admitted="True", Built="Unknown")})
    await asyncio.sleep(1)
    put_status(world, READY)
    ran = await waiting
    assert ran.code == 0, ran.err
    assert ran.out.splitlines()[-1] == "URL: http://hello.blue.example.com/"
    assert "Built is Unknown" in ran.err


async def test_admission_speaks_through(funkhaus: Shell, world: World, hello: Path) -> None:
    found = [
        Finding(
            "cpu-above-ceiling", "3 is above the ceiling of 1", "spec.resources.cpu", passes="1"
        ),
        Finding("runtime-unknown", "there is no cobol74", "spec.runtime", passes=["python3.11"]),
    ]

    def refuse(_: dict[str, Any]) -> None:
        raise PolicyError("; ".join(item.sentence for item in found), findings=found)

    world.cluster.admission = refuse
    ran = await deploy(funkhaus, hello, "--cpu", "3")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.splitlines() == [
        "Error: The house rules refuse this",
        "  spec.resources.cpu: 3 is above the ceiling of 1",
        "    passes: 1",
        "  spec.runtime: there is no cobol74",
        "    passes: python3.11",
    ]
    assert world.cluster.named(FUNCTION, PLACE) == ()


async def test_a_dry_run_leaves_nothing(funkhaus: Shell, world: World, hello: Path) -> None:
    big = ("-f", str(hello.parent / "data"))
    ran = await deploy(funkhaus, hello, *big, "--dry-run", "-o", "json")
    assert ran.code == 0, ran.err
    assert world.cluster.named(FUNCTION, PLACE) == ()
    assert world.registry.archives == {}
    promised = json.loads(ran.out)["spec"]["source"]
    assert (await deploy(funkhaus, hello, *big)).code == 0
    assert world.cluster.find(FUNCTION, PLACE, "hello")["spec"]["source"] == promised
    stored = world.registry.archives[
        sources_repository("blue", "default"), promised["archive"]["digest"]
    ]
    assert unpack(stored) == {"blob": b"\0" * 70_000, "hello.py": SOURCE.encode()}


async def test_replacing_does_not_overrule_others_unless_told(
    funkhaus: Shell, world: World, hello: Path
) -> None:
    await deploy(funkhaus, hello, "--memory", "64Mi")
    live = world.cluster.find(FUNCTION, PLACE, "hello")
    world.cluster.put({**live, "spec": live["spec"] | {"resources": {"memory": "96Mi"}}})
    refused = await deploy(funkhaus, hello, "--memory", "128Mi", "--replace")
    assert refused.code == 1
    assert "resources" in refused.err
    forced = await deploy(funkhaus, hello, "--memory", "128Mi", "--replace", "--force")
    assert forced.code == 0, forced.err
    assert world.cluster.find(FUNCTION, PLACE, "hello")["spec"]["resources"] == {"memory": "128Mi"}


async def test_triggers(funkhaus: Shell, world: World) -> None:
    made = asyncio.create_task(
        funkhaus("trigger", "http", "create", "shop", "--function-name", "hello", "--path", "v1")
    )
    await soon(lambda: "shop" in world.cluster.named(HTTP_TRIGGER, PLACE))
    status = {"url": "http://hello.blue.example.com/v1", "conditions": conditions(Ready="True")}
    world.cluster.write_status(HTTP_TRIGGER, PLACE, "shop", status)
    ran = await made
    assert ran.out.splitlines()[-1] == "URL: http://hello.blue.example.com/v1"
    assert world.cluster.find(HTTP_TRIGGER, PLACE, "shop")["spec"] == {
        "function": "hello",
        "path": "/v1",
    }
    assert "yes" in (await funkhaus("trigger", "http", "list", "-A")).out
    assert (await funkhaus("trigger", "http", "delete", "shop", "--yes")).code == 0
    assert world.cluster.named(HTTP_TRIGGER, PLACE) == ()


async def test_calls(funkhaus: Shell, world: World, hello: Path) -> None:
    await deploy(funkhaus, hello)
    absent = await funkhaus("function", "call", "hello")
    assert absent.code == 5
    assert "does not serve yet" in absent.err
    port = {"port": 8080}
    meta = {"name": "hello", "namespace": PLACE}
    world.cluster.put(
        {"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": {"clusterIP": "10.96.0.9", "ports": [port]}}
    )  # fmt: skip
    assert world.cluster.named(SERVICE, PLACE) == ("hello",)

    async def answer(sent: Sent) -> Answer:
        return Answer(
            418 if "teapot" in sent.url else 200,
            (("Content-Type", "text/plain"),),
            sent.body or b"moin",
        )

    world.dialer.function = answer
    assert await funkhaus("function", "call", "hello") == (0, "moin", "")
    posted = await funkhaus(
        "fn", "call", "hello", "-d", '{"a": 1}', "-H", "X-A: b", "--path", "/x y?q=%20&r=1"
    )
    assert posted.out == '{"a": 1}'
    sent = world.dialer.sent[-1]
    assert (sent.method, sent.url) == ("POST", "http://10.96.0.9:8080/x%20y?q=%20&r=1")
    assert sent.header("x-a") == ["b"]
    assert sent.header("content-type") == ["application/json"]
    assert sent.header("authorization") == []
    refused = await funkhaus("fn", "call", "hello", "--path", "/teapot")
    assert (refused.code, refused.out) == (7, "moin")
    assert "HTTP 418" in refused.err


async def test_logs_and_description(funkhaus: Shell, world: World, hello: Path) -> None:
    await deploy(funkhaus, hello)
    none = await funkhaus("function", "logs", "hello")
    assert none.code == 1
    assert none.out == ""
    state = {
        "name": "function", "ready": False, "restartCount": 2, "state": {"waiting": {"reason": "CrashLoopBackOff"}},
        "lastState": {"terminated": {"reason": "OOMKilled", "exitCode": 137, "finishedAt": "2026-03-01T12:00:00Z"}},
    }  # fmt: skip
    meta = {"name": "hello-1", "namespace": PLACE, "labels": {labels.FUNCTION: "hello"}}
    status = {"phase": "Running", "containerStatuses": [state]}
    world.cluster.put({"apiVersion": "v1", "kind": "Pod", "metadata": meta, "status": status})
    world.cluster.log_lines[PLACE, "hello-1"] = [b"one\n", "zwölf\n".encode()]
    put_status(world, READY | {"conditions": conditions(Ready="False")})
    assert (await funkhaus("function", "logs", "hello", "--tail", "1")).out == "zwölf\n"
    page = (await funkhaus("function", "describe", "hello")).out
    for words in (
        "not ready: Ready is False",
        "CrashLoopBackOff  restarts: 2",
        "OOMKilled, exit code 137",
    ):
        assert words in page


async def test_a_tenant_from_nothing(funkhaus: Shell, world: World, tmp_path: Path) -> None:
    admin = Shell(funkhaus.url, tmp_path, await world.token("", None))
    assert (await admin("tenant", "create", "green", "--display-name", "Green")).code == 0
    assert (await admin("tenant", "create", "green")).code == 1
    issued = await admin("token", "create", "boss", "-t", "green", "--role", "owner", "-o", "name")
    green = Shell(funkhaus.url, tmp_path, issued.out.strip())
    made = asyncio.create_task(green("namespace", "create", "default"))
    await soon(lambda: ("green", "default") in world.memory.state.namespaces)
    world.settle(world.memory.state.namespaces["green", "default"][0])
    assert (await made)[:2] == (0, "Created namespace default of tenant green (green--default).\n")
    assert (await green("namespace", "list", "-o", "name")).out == "default\n"
    assert "owner of green" in (await green("whoami")).out
    assert (await green("function", "list")).err == "No functions in green/default.\n"

    child = json.loads((await green("token", "create", "ci", "-o", "json")).out)
    worker = Shell(funkhaus.url, tmp_path, child["token"])
    assert (await worker("namespace", "create", "more")).code == 4
    assert (await worker("function", "list", "-t", "blue")).code == 3
    assert (await green("token", "revoke", child["id"])).code == 0
    assert (await worker("whoami")).code == 4
    assert (await green("namespace", "delete", "default", "--yes")).code == 0
    assert {"green", "blue"} <= set((await admin("tenant", "list", "-o", "name")).out.split())
    assert (await green("tenant", "list", "-o", "name")).out == "green\n"


@pytest.mark.parametrize("name", ["Hello", "a" * 64, "a--b", "1a"])
async def test_names_are_refused_with_one_that_passes(
    funkhaus: Shell, world: World, tmp_path: Path, name: str
) -> None:
    admin = Shell(funkhaus.url, tmp_path, await world.token("", None))
    ran = await admin("tenant", "create", name)
    assert ran.code == 1
    assert name in ran.err
    assert "passes: " in ran.err


async def test_completion_of_what_is_there(funkhaus: Shell, hello: Path) -> None:
    await deploy(funkhaus, hello)
    ran = await funkhaus(
        _FUNKHAUS_COMPLETE="bash_complete",
        COMP_WORDS="funkhaus function describe he",
        COMP_CWORD="3",
    )
    assert ran == (0, "plain,hello\n", "")


async def test_kubectl_is_let_in_by_the_plugin_a_kubeconfig_names(
    world: World, tmp_path: Path
) -> None:
    world.cluster_address = ClusterAddress("https://kube.example.com", "")
    async with serving(world.services()) as nobody:
        token = await world.token("blue", Role.DEVELOPER)
        shell = Shell(nobody.url, tmp_path, token)
        ran = await shell("kubeconfig", "-o", "-")
        assert ran.code == 0, ran.err
        document = yaml.safe_load(ran.out)
        assert document["contexts"][0]["context"]["namespace"] == PLACE
        made = await shell(*document["users"][0]["user"]["exec"]["args"])
        credential = json.loads(made.out)["status"]["token"]
        review = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenReview",
            "spec": {"token": credential},
        }
        status = (await nobody.post("/internal/tokenreview", review)).json["status"]
        assert status["user"]["groups"] == ["fh:blue:developer"]
        assert token not in ran.out
