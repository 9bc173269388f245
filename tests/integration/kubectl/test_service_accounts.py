"""kubectl where kube-apiserver can't ask us: by tokens of ServiceAccounts that stand for credentials."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest

from funkhaus.domain.errors import ForbiddenError, FunkhausError, UnavailableError
from funkhaus.domain.kinds import FUNCTION, ROLE_BINDING, SECRET, SERVICE_ACCOUNT
from funkhaus.domain.subject import Role
from funkhaus.domain.tenant import Suspension
from tests.support.members_house import MEMBERS, members_house, until
from tests.support.questions import function

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    from tests.support.members_house import Member, MembersHouse, Site

BLUE, RED = "blue--default", "red--default"
RESOURCES = (
    ("funkhaus.dev", "functions"),
    ("funkhaus.dev", "httptriggers"),
    ("funkhaus.dev", "cronjobtriggers"),
    ("funkhaus.dev", "functionrevisions"),
    ("funkhaus.dev", "runtimes"),
    ("", "secrets"),
    ("", "configmaps"),
    ("", "pods"),
    ("", "pods/log"),
    ("", "pods/exec"),
    ("", "serviceaccounts"),
    ("", "serviceaccounts/token"),
    ("apps", "deployments"),
    ("batch", "cronjobs"),
    ("networking.k8s.io", "networkpolicies"),
    ("rbac.authorization.k8s.io", "rolebindings"),
)
VERBS = ("get", "list", "watch", "create", "update", "patch", "delete")


@pytest.fixture
async def house(site: Site, tmp_path: Path) -> AsyncIterator[MembersHouse]:
    async with members_house(site, tmp_path) as made:
        yield made


def a_function(name: str, **spec: Any) -> dict[str, Any]:
    manifest = function(name, **spec)
    manifest["metadata"]["namespace"] = BLUE
    return manifest


async def stored(house: MembersHouse, member: Member, name: str) -> dict[str, Any]:
    """A function, applied with the member's token as soon as kube-apiserver knows the webhook and the bindings."""

    async def applied() -> bool:
        done = await member.kubectl("apply", "-f", "-", stdin=a_function(name))
        return done.returncode == 0

    await until("a function by kubectl", applied)
    found = await house.admin.get(FUNCTION, BLUE, name)
    assert found is not None
    return found


def say(capsys: pytest.CaptureFixture[str], words: str) -> None:
    with capsys.disabled():  # a measurement is to be seen, also of a test that passes
        sys.stdout.write(f"\n{words}")


@pytest.mark.parametrize("role", Role)
async def test_exactly_the_member_s_rights(
    house: MembersHouse, role: Role, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same as by the groups of the other way in, for every resource and verb, here, next door and elsewhere."""
    member = await house.holder(role)
    lines = []
    for group, resource in RESOURCES:
        allowed = []
        for verb in VERBS:
            for namespace in (BLUE, RED, MEMBERS, "funkhaus-system", "kube-system", ""):
                asked = (verb, group, resource, namespace)
                may = await member.may(*asked)
                assert may == await house.by_group(member.subject, *asked), asked
                if may and namespace == BLUE:
                    allowed.append(verb)
                assert not may or namespace == BLUE or resource == "runtimes", asked
        lines.append(f"  {resource:22} {' '.join(allowed) or '-'}")
    assert await member.may("create", "funkhaus.dev", "functions", BLUE) == (
        role in {Role.OWNER, Role.DEVELOPER}
    )
    say(capsys, "\n".join([f"{role.value} in its tenant's namespace:", *lines]))


async def test_admission_names_the_same_subject(house: MembersHouse) -> None:
    member = await house.holder(Role.DEVELOPER)
    found = await stored(house, member, "named")
    named = {
        key: who for key, who in found["metadata"]["annotations"].items() if key.endswith("-by")
    }
    assert named == {
        "funkhaus.dev/created-by": member.subject.username,
        "funkhaus.dev/changed-by": member.subject.username,
    }
    other = await house.holder(Role.OWNER)
    changed = await other.kubectl(
        "patch", "fn", "named", "-n", BLUE, "--type=merge", "-p", '{"spec": {"timeout": 7}}'
    )
    assert changed.returncode == 0, changed.stderr
    found = await house.admin.get(FUNCTION, BLUE, "named") or {}
    assert found["metadata"]["annotations"]["funkhaus.dev/created-by"] == member.subject.username
    assert found["metadata"]["annotations"]["funkhaus.dev/changed-by"] == other.subject.username
    forged = a_function("named", timeout=8)
    forged["metadata"]["annotations"] = {"funkhaus.dev/changed-by": member.subject.username}
    done = await other.kubectl(
        "apply", "--server-side", "--force-conflicts", "-f", "-", stdin=forged
    )
    assert "only the platform sets funkhaus.dev/changed-by" in done.stderr
    rows = [
        (row.subject, row.token_id, row.outcome)
        for row in house.world.memory.state.audit
        if row.target == f"functions/{BLUE}/named"
    ]
    assert (member.subject.username, member.subject.token_id, "allowed") in rows
    assert (other.subject.username, other.subject.token_id, "allowed") in rows
    assert (other.subject.username, other.subject.token_id, "denied") in rows


async def test_a_tenant_that_rests_says_so(house: MembersHouse) -> None:
    member = await house.holder(Role.OWNER)
    await stored(house, member, "resting")
    async with house.world.stores.begin("blue") as work:
        await work.lifecycle.suspend(Suspension(house.world.clock.now(), "unpaid", "Ada"))

    async def secrets_closed() -> bool:
        return not await member.may("create", "", "secrets", BLUE)

    await until("writers are viewers", secrets_closed)
    done = await member.kubectl("apply", "-f", "-", stdin=a_function("resting", timeout=9))
    assert done.returncode != 0
    assert "is suspended since" in done.stderr
    assert (await member.kubectl("get", "fn", "-n", BLUE)).returncode == 0


async def test_a_viewer_looks_and_a_neighbour_is_forbidden(house: MembersHouse) -> None:
    viewer = await house.holder(Role.VIEWER)

    async def lists() -> bool:
        return (await viewer.kubectl("get", "fn", "-n", BLUE)).returncode == 0

    await until("a viewer lists", lists)
    for words in (
        ("create", "secret", "generic", "x", "-n", BLUE),
        ("get", "fn", "-n", RED),
        ("get", "fn", "-A"),
        ("get", "secrets", "-n", MEMBERS),
        ("get", "serviceaccounts", "-n", MEMBERS),
        ("create", "token", viewer.account, "-n", MEMBERS),
        ("create", "token", "funkhaus-api", "-n", "funkhaus-system"),
    ):
        done = await viewer.kubectl(*words)
        assert done.returncode != 0, words
        assert "orbidden" in done.stderr, (words, done.stderr)
    done = await viewer.kubectl("apply", "-f", "-", stdin=a_function("not-a-viewer-s"))
    assert "orbidden" in done.stderr


async def ended(house: MembersHouse, member: Member) -> bool:
    """Whether nothing of the member's account is left in the cluster."""
    for kind in (SECRET, SERVICE_ACCOUNT):
        if await house.admin.get(kind, MEMBERS, member.account):
            return False
    bindings = await house.admin.list(ROLE_BINDING, labels={"funkhaus.dev/for": "kubectl"})
    return not [item for item in bindings if item["subjects"][0]["name"] == member.account]


async def test_b71_a_revoked_token_is_refused_at_once(
    house: MembersHouse, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("one token", "a session", "a member"):
        if name == "one token":
            member = await house.holder(Role.OWNER)
        else:
            session = await house.world.session(name.replace(" ", "-"))
            subject = await house.world.services().identities.of_token(session, "127.0.0.1")
            async with house.world.stores.begin("blue") as work:
                await work.members.put(subject.id, Role.OWNER, house.world.clock.now())
            member = await house.member(session)

        async def answers(asking: Member = member) -> str:
            try:
                await asking.cluster.list(FUNCTION, BLUE)
            except ForbiddenError:
                return "forbidden"
            except UnavailableError:  # how the adapter tells of a 401
                return "unauthorized"
            return "listed"

        await until("it works", lambda: _is(answers, "listed"))
        if name == "one token":
            gone = await member.api.delete("/v1/me/token")
        elif name == "a session":
            gone = await member.api.delete("/v1/me/session")
        else:
            boss = house.nobody.holding(await house.world.token("blue", Role.OWNER))
            gone = await boss.delete(f"/v1/tenants/blue/members/{member.subject.id}")
        assert gone.status < 300, gone.body
        refused = await until("it is refused", lambda: _is(answers, "forbidden", "unauthorized"), 0)
        unknown = await until("it is unknown", lambda: _is(answers, "unauthorized"))
        assert await ended(house, member)
        say(
            capsys,
            f"{name} taken away: refused after {refused:.3f} s, not even known after {refused + unknown:.1f} s",
        )


async def _is(answers: Callable[[], Awaitable[str]], *wanted: str) -> bool:
    return await answers() in wanted


async def test_a_new_namespace_and_a_changed_role_are_followed(house: MembersHouse) -> None:
    session = await house.world.session("bob")
    subject = await house.world.services().identities.of_token(session, "127.0.0.1")
    boss = house.nobody.holding(await house.world.token("blue", Role.OWNER))
    async with house.world.stores.begin("blue") as work:
        await work.members.put(subject.id, Role.VIEWER, house.world.clock.now())
    member = await house.member(session)
    await house.furnish("blue", "shop")

    async def may_create() -> bool:
        return await member.may("create", "funkhaus.dev", "functions", "blue--shop")

    async def may_look() -> bool:
        return await member.may("get", "funkhaus.dev", "functions", "blue--shop")

    await until("a viewer of the new namespace", may_look)
    assert not await may_create()
    await boss.post("/v1/tenants/blue/members", {"user": subject.id, "role": "developer"})
    await until("a developer", may_create)
    await boss.post("/v1/tenants/blue/members", {"user": subject.id, "role": "billing"})

    async def sees_nothing() -> bool:
        return not await may_look()

    await until("billing sees nothing", sees_nothing)
    with pytest.raises(FunkhausError):
        await member.cluster.list(FUNCTION, BLUE)
