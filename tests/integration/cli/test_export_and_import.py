"""A whole tenant to a directory and back, into another tenant; the API itself behind it, the cluster in memory."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from funkhaus.crd import conditions
from funkhaus.domain.group_rule import GroupRule
from funkhaus.domain.kinds import FUNCTION, HTTP_TRIGGER, NAMESPACE, TENANT_NAMESPACE
from funkhaus.domain.subject import Role
from tests.support.api import ISSUER, World, serving
from tests.support.stores import MemoryStores

from .process import Ran, run

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

SPEC: dict[str, Any] = {
    "runtime": "python3.11",
    "handler": "hello.handler",
    "source": {"inline": {"files": {"hello.py": "def handler(event, context):\n    return 1\n"}}},
    "env": [
        {"name": "PLAIN", "value": "1"},
        {"name": "PASSWORD", "secretKeyRef": {"name": "database", "key": "password"}},
        {"name": "MODE", "configMapKeyRef": {"name": "modes", "key": "mode"}},
    ],
}


class Shell:
    """Types commands as the holder of one token."""

    def __init__(self, url: str, home: Path, token: str) -> None:
        self.url, self.home, self.token = url, home, token

    async def __call__(self, *words: str) -> Ran:
        return await asyncio.to_thread(run, self.url, self.home, *words, FUNKHAUS_TOKEN=self.token)


@pytest.fixture
async def world() -> World:
    """Tenant blue with something of everything; ada and bob have signed in, and gus, who comes by a group rule."""
    world = World(MemoryStores())
    await world.tenant("blue", "default", "shop")
    for sub in ("ada", "bob"):
        await world.session(sub)
    async with world.stores.begin_platform() as platform:
        ada, bob = [
            user.id
            for user in sorted(
                [await platform.users.user(key) for key in world.memory.state.people.users],
                key=lambda user: user.sub,
            )
        ]
    async with world.stores.begin("blue") as work:
        await work.members.put(ada, Role.OWNER, world.clock.now())
        await work.members.put(bob, Role.DEVELOPER, world.clock.now())
    world.rules = (GroupRule(ISSUER, "blue-eyes", tenant="blue", role=Role.VIEWER),)
    await world.session("gus", groups=("blue-eyes",))
    return world


@asynccontextmanager
async def controlled(world: World) -> AsyncIterator[None]:
    """Play the controller until the block ends; the API delivers its outbox itself."""

    async def play() -> None:
        while True:
            for name in world.cluster.named(TENANT_NAMESPACE, ""):
                found = world.cluster.find(TENANT_NAMESPACE, "", name)
                if name not in world.cluster.named(NAMESPACE, ""):
                    made = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
                    world.cluster.put(made)
                if not conditions.is_true(found, conditions.READY):
                    ready = {"type": "Ready", "status": "True"}
                    ready["observedGeneration"] = found["metadata"]["generation"]
                    world.cluster.write_status(TENANT_NAMESPACE, "", name, {"conditions": [ready]})
            await asyncio.sleep(0.05)

    playing = asyncio.create_task(play())
    yield
    playing.cancel()
    with suppress(asyncio.CancelledError):
        await playing


@pytest.fixture
async def url(world: World) -> AsyncIterator[str]:
    def defaults(manifest: dict[str, Any]) -> None:  # what admission fills in
        if manifest["kind"] == HTTP_TRIGGER.name:
            tenant = manifest["metadata"]["namespace"].partition("--")[0]
            spec = manifest["spec"]
            spec.setdefault("host", f"{spec['function']}.{tenant}.example.com")

    world.cluster.admission = defaults
    async with serving(world.services()) as nobody, controlled(world):
        yield nobody.url


@pytest.fixture
async def funkhaus(world: World, url: str, tmp_path: Path) -> Shell:
    """A platform admin, who has furnished blue."""
    shell = Shell(url, tmp_path, await world.token("", None))
    async with serving(world.services()) as nobody:
        owner = nobody.holding(await world.token("blue", Role.OWNER))
        home = "/v1/tenants/blue/namespaces/default"
        zipped = _zip()
        header = {"Content-Type": "application/octet-stream"}
        digest = (await owner.ask("POST", f"{home}/archives", data=zipped, headers=header)).json[
            "digest"
        ]
        large = SPEC | {"source": {"archive": {"digest": digest}}, "env": []}
        labels = {"team": "a"}
        await owner.post(f"{home}/functions", {"name": "hello", "spec": SPEC, "labels": labels})
        await owner.post(f"{home}/functions", {"name": "large", "spec": large})
        web = {"function": "hello", "path": "/"}
        await owner.post(f"{home}/httptriggers", {"name": "web", "spec": web})
        own = {"function": "large", "host": "shop.example.org", "tls": {"secretName": "cert"}}
        await owner.post(f"{home}/httptriggers", {"name": "own", "spec": own})
        await owner.post("/v1/tenants/blue/serviceaccounts", {"name": "ci", "role": "developer"})
        await owner.post(
            "/v1/tenants/blue/invitations", {"email": "eve@example.com", "role": "viewer"}
        )
        quota = (await owner.get("/v1/tenants/blue/quota")).json["namespaces"][1]["hard"]
        share = "/v1/tenants/blue/namespaces/shop/quota"
        set_to = quota | {"functions": 7}
        assert (await owner.put(share, set_to, headers={"If-Match": "*"})).status == 200
    return shell


def _zip() -> bytes:
    import io
    import zipfile

    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as bundle:
        bundle.writestr(zipfile.ZipInfo("hello.py"), "def handler(event, context): ...\n")
    return made.getvalue()


def files(root: Path) -> dict[str, str]:
    return {
        str(path.relative_to(root)): path.read_bytes().decode("latin-1")
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


async def test_an_export_is_read_by_people_and_applied_by_kubectl(
    funkhaus: Shell, tmp_path: Path
) -> None:
    ran = await funkhaus("tenant", "export", "blue", str(tmp_path / "out"))
    assert (ran.code, "Wrote tenant blue" in ran.out) == (0, True), ran.err
    assert "Not in it, namespace default: Secret cert, database" in ran.err
    names = set(files(tmp_path / "out"))
    archives = {name for name in names if "/archives/" in name}
    assert len(archives) == 1
    assert names - archives == {
        "tenant.yaml",
        "namespaces/default/function-hello.yaml",
        "namespaces/default/function-large.yaml",
        "namespaces/default/httptrigger-own.yaml",
        "namespaces/default/httptrigger-web.yaml",
    }
    head = yaml.safe_load((tmp_path / "out/tenant.yaml").read_text())
    assert [item["sub"] for item in head["members"]] == ["ada", "bob"]
    assert head["serviceAccounts"] == [{"name": "ci", "role": "developer"}]
    assert head["invitations"] == [{"email": "eve@example.com", "role": "viewer"}]
    first, second = head["namespaces"]
    assert (first["secrets"], first["configMaps"]) == (["cert", "database"], ["modes"])
    assert second["quota"]["functions"] == 7
    hello = yaml.safe_load((tmp_path / "out/namespaces/default/function-hello.yaml").read_text())
    assert set(hello) == {"apiVersion", "kind", "metadata", "spec"}
    assert hello["metadata"] == {
        "name": "hello", "namespace": "blue--default", "labels": {"team": "a"},
    }  # fmt: skip
    assert hello["spec"] == SPEC
    again = await funkhaus("tenant", "export", "blue", str(tmp_path / "out"))
    assert (again.code, "exists already" in again.err) == (2, True)


async def test_imported_into_another_id_it_exports_the_same_but_for_ids(
    world: World, funkhaus: Shell, tmp_path: Path
) -> None:
    await funkhaus("tenant", "export", "blue", str(tmp_path / "blue"))
    dry = await funkhaus("tenant", "import", str(tmp_path / "blue"), "--as", "green", "--dry-run")
    assert dry.code == 0, dry.err
    assert "would be created  Function default/hello" in dry.out
    assert "green" not in world.memory.state.tenants
    ran = await funkhaus("tenant", "import", str(tmp_path / "blue"), "--as", "green")
    assert ran.code == 0, f"{ran.out}\n{ran.err}"
    assert "To be made by hand, namespace default: Secret cert, database" in ran.err
    assert world.cluster.find(HTTP_TRIGGER, "green--default", "web")["spec"]["host"] == (
        "hello.green.example.com"
    )
    await funkhaus("tenant", "export", "green", str(tmp_path / "green"))
    renamed = {
        name: text.replace("blue", "green") for name, text in files(tmp_path / "blue").items()
    }
    assert files(tmp_path / "green") == renamed
    again = await funkhaus("tenant", "import", str(tmp_path / "blue"), "--as", "green")
    assert again.code == 0, again.out
    assert {line.split("  ")[0] for line in again.out.splitlines()} == {"unchanged"}


async def test_what_was_changed_meanwhile_is_put_back(
    world: World, funkhaus: Shell, tmp_path: Path
) -> None:
    await funkhaus("tenant", "export", "blue", str(tmp_path / "blue"))
    await world.cluster.delete(FUNCTION, "blue--default", "hello")
    await world.cluster.merge_patch(FUNCTION, "blue--default", "large", {"spec": {"timeout": 9}})
    dry = await funkhaus("tenant", "import", str(tmp_path / "blue"), "--dry-run")
    assert "would be created  Function default/hello" in dry.out
    assert "hello" not in world.cluster.named(FUNCTION, "blue--default")
    ran = await funkhaus("tenant", "import", str(tmp_path / "blue"))
    assert "created    Function default/hello" in ran.out
    assert "unchanged  HTTPTrigger default/web" in ran.out


async def test_what_can_not_be_brought_is_said_and_the_rest_is_brought(
    world: World, funkhaus: Shell, tmp_path: Path
) -> None:
    await funkhaus("tenant", "export", "blue", str(tmp_path / "blue"))
    head = yaml.safe_load((tmp_path / "blue/tenant.yaml").read_text())
    stranger = {"issuer": "https://other.example", "sub": "zoe", "role": "viewer"}
    head["members"] += [stranger | {"email": "zoe@example.com"}, stranger | {"sub": "yan"}]
    head["namespaces"][1]["quota"]["functions"] = 5000
    (tmp_path / "blue/tenant.yaml").write_text(yaml.safe_dump(head))
    ran = await funkhaus("tenant", "import", str(tmp_path / "blue"), "--as", "green")
    assert ran.code == 1
    assert "created      invitation to zoe@example.com (viewer)" in ran.out
    assert "not brought  member yan (viewer): has not signed in here" in ran.out
    assert "not brought  quota of namespace shop: functions: tenant" in ran.out
    assert "created      Function default/hello" in ran.out
    assert "2 of" in ran.err
    assert "hello" in world.cluster.named(FUNCTION, "green--default")


async def test_approved_quota_is_said_and_the_shares_come_without_it(
    world: World, funkhaus: Shell, tmp_path: Path
) -> None:
    async with serving(world.services()) as nobody:
        boss = nobody.holding(await world.token("", None))
        owner = nobody.holding(await world.token("blue", Role.OWNER))
        more = {"extra": {"cpu": "20"}, "namespace": "shop", "reason": "the fair", "days": 7}
        requests = "/v1/tenants/blue/quota/requests"
        asked = (await owner.post(requests, more)).json["id"]
        assert (await boss.post(f"{requests}/{asked}/approve", {})).status == 200
    await funkhaus("tenant", "export", "blue", str(tmp_path / "blue"))
    head = yaml.safe_load((tmp_path / "blue/tenant.yaml").read_text())
    (approved,) = head["approvedQuota"]
    assert (approved["namespace"], approved["extra"]["cpu"]) == ("shop", "20")
    assert head["namespaces"][1]["quota"]["cpu"] == "4"
    ran = await funkhaus("tenant", "import", str(tmp_path / "blue"), "--as", "green")
    assert ran.code == 1
    (left,) = [line for line in ran.out.splitlines() if line.startswith("not brought")]
    assert "approved quota of namespace shop (the fair): it ends" in left
    assert "ask for it here" in left
    same = await funkhaus("tenant", "import", str(tmp_path / "blue"))
    assert same.code == 0, same.out
    assert {line.split("  ")[0] for line in same.out.splitlines()} == {"unchanged"}


async def test_who_may_not_found_a_tenant_brings_nothing(
    world: World, url: str, funkhaus: Shell, tmp_path: Path
) -> None:
    await funkhaus("tenant", "export", "blue", str(tmp_path / "blue"))
    owner = Shell(url, tmp_path, await world.token("blue", Role.OWNER))
    ran = await owner("tenant", "import", str(tmp_path / "blue"), "--as", "green")
    assert ran.code == 1
    assert "not brought  tenant green" in ran.out
    assert "green" not in world.memory.state.tenants


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("tenant.yaml", "[]", "one YAML object"),
        ("tenant.yaml", "funkhausExport: 2", "has to be 1"),
        ("tenant.yaml", "{funkhausExport: 1, id: x, plan: p, members: [1]}", "members has to be"),
        ("tenant.yaml", "a: [", "is not YAML"),
        ("namespaces/other/function-x.yaml", "{}", "names no namespace 'other'"),
        ("namespaces/default/function-hello.yaml", "kind: Pod", "kind has to be one of"),
        ("namespaces/default/function-hello.yaml", "{kind: Function}", "metadata.name"),
        ("namespaces/default/archives/zz", "x", "not the content its name says"),
    ],
)
async def test_a_directory_that_is_wrong_changes_nothing(
    world: World, funkhaus: Shell, tmp_path: Path, name: str, text: str, words: str
) -> None:
    await funkhaus("tenant", "export", "blue", str(tmp_path / "blue"))
    path = tmp_path / "blue" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    ran = await funkhaus("tenant", "import", str(tmp_path / "blue"), "--as", "green")
    assert (ran.code, words in ran.err) == (2, True), ran.err
    assert str(path) in ran.err
    assert "green" not in world.memory.state.tenants
