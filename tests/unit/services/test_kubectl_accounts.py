"""Accounts that stand for credentials: exactly the subject's rights, gone with the credential, whatever dies in between."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from funkhaus.domain.errors import (
    ConflictError,
    ForbiddenError,
    FunkhausError,
    NotFoundError,
    TooManyError,
    UnavailableError,
)
from funkhaus.domain.kinds import NAMESPACE, ROLE_BINDING, SECRET, SERVICE_ACCOUNT, Kind
from funkhaus.domain.kubectl_account import ACCOUNTS_LIMIT, PLACES_LIMIT, account_named
from funkhaus.domain.subject import PlatformRole, Role, Subject
from funkhaus.domain.tenant import Namespace, Suspension
from funkhaus.manifests import tenant as tenant_manifests
from funkhaus.manifests.labels import Owner, Site
from funkhaus.services.acts import Asker
from tests.support.api import QUOTA, World
from tests.support.stores import MemoryStores

if TYPE_CHECKING:
    from funkhaus.services.kubectl_accounts import KubectlAccounts
    from funkhaus_api.keys import Services

MEMBERS = "funkhaus-system-members"
HOUR = 3600


class House:
    """Tenants blue (namespaces default, shop) and red (default), on fakes."""

    def __init__(self, world: World, services: Services) -> None:
        self.world, self.cluster, self.services = world, world.cluster, services
        assert services.accounts
        self.accounts: KubectlAccounts = services.accounts

    async def holder(self, role: Role | None, tenant: str = "blue") -> Subject:
        """Whoever holds a new token."""
        text = await self.world.token(tenant, role)
        return await self.services.identities.of_token(text, "127.0.0.1")

    async def signed_in(self, sub: str = "ada", **roles: Role) -> Subject:
        """A user with a session and roles by tenant."""
        text = await self.world.session(sub)
        subject = await self.services.identities.of_token(text, "127.0.0.1")
        for tenant, role in roles.items():
            async with self.world.stores.begin(tenant) as work:
                await work.members.put(subject.id, role, self.world.clock.now())
        return await self.services.identities.of_token(text, "127.0.0.1")

    def bound(self, subject: Subject) -> set[tuple[str, str]]:
        """Namespace and ClusterRole of what the subject's account is bound to."""
        name = f"fh-{subject.id}-{subject.token_id}"
        found = set()
        for (kind, namespace, _), manifest in self.cluster.objects.items():
            if kind == ROLE_BINDING.name and manifest["subjects"][0]["name"] == name:
                assert manifest["subjects"] == [
                    {"kind": "ServiceAccount", "namespace": MEMBERS, "name": name}
                ]
                found.add((namespace, manifest["roleRef"]["name"].removeprefix("funkhaus-tenant-")))
        return found

    def left(self) -> list[tuple[str, str, str]]:
        """Everything of accounts that is in the cluster."""
        kinds = {SERVICE_ACCOUNT.name, SECRET.name, ROLE_BINDING.name}
        return sorted(key for key in self.cluster.objects if key[0] in kinds)


@pytest.fixture
async def house() -> House:
    world = World(MemoryStores(), members=MEMBERS)
    world.cluster.now = world.clock.now
    world.cluster.put({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": MEMBERS}})
    await world.tenant("blue", "default", "shop")
    await world.tenant("red", "default")
    return House(world, world.services())


OWNER_OF_BLUE = {("blue--default", "owner"), ("blue--shop", "owner")}


async def test_a_token_is_kube_apiserver_s_own_and_bound_to_its_account(house: House) -> None:
    ada = await house.holder(Role.OWNER)
    text, ends = await house.services.kubectl.exchange(Asker(ada, "r"))
    username = house.cluster.speaks_for(text)
    assert username == f"system:serviceaccount:{MEMBERS}:fh-{ada.id}-{ada.token_id}"
    account = account_named(username.rpartition(":")[2])
    assert account is not None
    assert (account.username, account.credential_id) == (ada.username, ada.token_id)
    assert (ends - house.world.clock.now()).seconds == 600
    assert house.bound(ada) == OWNER_OF_BLUE
    (row,) = house.world.memory.state.audit
    assert (row.action, row.subject, row.outcome) == ("kubectl:exchange", ada.username, "done")


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("resting", [False, True])
async def test_an_account_is_bound_to_what_the_groups_are(
    house: House, role: Role, *, resting: bool
) -> None:
    if resting:
        async with house.world.stores.begin("blue") as work:
            word = Suspension(house.world.clock.now(), "unpaid", "Ada")
            await work.lifecycle.suspend(word)
    ada = await house.signed_in(blue=role, red=Role.VIEWER)
    await house.accounts.token(ada)
    places = [Site("blue--default", "blue", "default"), Site("blue--shop", "blue", "shop")]
    by_group = {
        (place.namespace, binding["roleRef"]["name"].removeprefix("funkhaus-tenant-"))
        for place in [*places, Site("red--default", "red", "default")]
        for binding in tenant_manifests.role_bindings(place, Owner(NAMESPACE, "x", "0"))
        if binding["subjects"][0]["name"] in ada.groups
    }
    assert house.bound(ada) == by_group


async def test_who_exchanges_again_changes_nothing(house: House) -> None:
    ada = await house.holder(Role.DEVELOPER)
    first, _ = await house.accounts.token(ada)
    house.cluster.writes.clear()
    second, _ = await house.accounts.token(ada)
    await house.accounts.round()
    assert await house.accounts.compare() == 0
    assert first != second
    assert house.cluster.writes == []


async def test_two_credentials_of_one_subject_have_each_its_own_rights(house: House) -> None:
    more = await house.holder(Role.OWNER)
    less = Subject(more.id, "Ada", str(uuid4()), {"blue": Role.VIEWER})
    await house.accounts.token(more)
    await house.accounts.token(less)
    assert house.bound(more) == OWNER_OF_BLUE
    assert house.bound(less) == {("blue--default", "viewer"), ("blue--shop", "viewer")}


async def test_no_search_for_bindings_but_the_one_a_minute(house: House) -> None:
    """Of those a cluster has a dozen for each tenant."""
    searches = 0

    def counted(verb: str, kind: Kind, *_: str) -> None:
        nonlocal searches
        searches += (verb, kind) == ("list", ROLE_BINDING)

    house.cluster.failure = counted
    ada = await house.signed_in(blue=Role.OWNER, red=Role.VIEWER)
    await house.accounts.token(ada)
    await house.accounts.round()
    await removed(house, ada)
    await house.accounts.round()
    assert house.bound(ada) == {("red--default", "viewer")}
    await logged_out(house, ada)
    await house.accounts.round()
    assert house.left() == []
    assert searches == 0
    await house.accounts.compare()
    assert searches == 1


@pytest.mark.parametrize("note", ["[", "{}", "7", "[7]", '["a"]', '["a/b/c"]', "changing"])
async def test_a_note_nobody_can_read_has_the_cluster_searched(house: House, note: str) -> None:
    ada = await house.signed_in(blue=Role.OWNER, red=Role.VIEWER)
    await house.accounts.token(ada)
    await removed(house, ada)
    patch = {"metadata": {"annotations": {"funkhaus.dev/bound": note}}}
    await house.cluster.merge_patch(SERVICE_ACCOUNT, MEMBERS, f"fh-{ada.id}-{ada.token_id}", patch)
    await house.accounts.round()
    assert house.bound(ada) == {("red--default", "viewer")}


# ── how it ends ──


async def revoked(house: House, subject: Subject) -> None:
    async with house.world.stores.begin_platform() as work:
        await work.revoke_platform_token(subject.token_id, house.world.clock.now())


async def logged_out(house: House, subject: Subject) -> None:
    await house.services.sessions.end(Asker(subject, "r"))


async def disabled(house: House, subject: Subject) -> None:
    async with house.world.stores.begin_platform() as work:
        word = Suspension(house.world.clock.now(), "left", "Ada")
        await work.users.disable(subject.id, word)


async def removed(house: House, subject: Subject) -> None:
    async with house.world.stores.begin("blue") as work:
        await work.members.remove(subject.id)


async def expired(house: House, subject: Subject) -> None:
    del subject
    house.world.clock.pass_seconds(31 * 24 * HOUR)


async def buried(house: House, subject: Subject) -> None:
    del subject
    async with house.world.stores.begin("blue") as work:
        await work.lifecycle.bury(house.world.clock.now())


async def test_nothing_is_left_of_a_credential_that_is_no_more(house: House) -> None:
    for end, signed_in in (
        (revoked, False),
        (logged_out, True),
        (disabled, True),
        (removed, True),
        (expired, False),
        (buried, False),
    ):
        ada = await (
            house.signed_in(end.__name__, blue=Role.DEVELOPER)
            if signed_in
            else house.holder(Role.OWNER)
        )
        text, _ = await house.accounts.token(ada)
        assert house.cluster.speaks_for(text), end
        await end(house, ada)
        await house.accounts.round()
        assert house.cluster.speaks_for(text) == "", end
        assert house.left() == [], end


async def test_rights_follow_roles_and_namespaces(house: House) -> None:
    ada = await house.signed_in(blue=Role.OWNER, red=Role.VIEWER)
    text, _ = await house.accounts.token(ada)
    red = {("red--default", "viewer")}
    assert house.bound(ada) == OWNER_OF_BLUE | red
    async with house.world.stores.begin("blue") as work:
        await work.members.put(ada.id, Role.VIEWER, house.world.clock.now())
        await work.remove_namespace("shop")
        await work.add_namespace(Namespace("blue", "lab", QUOTA))
    house.world.settle(Namespace("blue", "lab", QUOTA))
    await house.accounts.round()
    assert house.bound(ada) == {("blue--default", "viewer"), ("blue--lab", "viewer")} | red
    await removed(house, ada)
    await house.accounts.round()
    assert house.bound(ada) == red
    assert house.cluster.speaks_for(text)  # it is a member of red still


async def test_a_namespace_that_is_being_made_is_bound_once_it_is_there(house: House) -> None:
    ada = await house.holder(Role.OWNER)
    async with house.world.stores.begin("blue") as work:
        await work.add_namespace(Namespace("blue", "lab", QUOTA))
    await house.accounts.token(ada)
    assert house.bound(ada) == OWNER_OF_BLUE
    house.world.settle(Namespace("blue", "lab", QUOTA))
    house.world.clock.pass_seconds(6)
    await house.accounts.round()
    assert house.bound(ada) == OWNER_OF_BLUE | {("blue--lab", "owner")}


async def test_what_nobody_asks_for_any_more_goes(house: House) -> None:
    ada, bob = await house.holder(Role.OWNER), await house.holder(Role.OWNER)
    await house.accounts.token(ada)
    await house.accounts.token(bob)
    for _ in range(4):
        house.world.clock.pass_seconds(10 * 60)
        await house.accounts.token(ada)
        await house.accounts.round()
    assert house.bound(ada) == OWNER_OF_BLUE
    assert house.bound(bob) == set()
    assert all(ada.token_id in name for _, _, name in house.left())


async def test_what_belongs_to_no_account_is_found_and_removed(house: House) -> None:
    ada, bob = await house.holder(Role.OWNER), await house.holder(Role.VIEWER)
    await house.accounts.token(ada)
    await house.accounts.token(bob)
    name = f"fh-{ada.id}-{ada.token_id}"
    await house.cluster.delete(SERVICE_ACCOUNT, MEMBERS, name)  # somebody's, past the platform
    lost = f"fh-{bob.id}-{bob.token_id}-viewer"
    await house.cluster.delete(ROLE_BINDING, "blue--shop", lost)
    assert house.bound(ada) == OWNER_OF_BLUE
    assert await house.accounts.compare() == 3
    await house.accounts.round()
    assert house.bound(ada) == set()
    assert house.bound(bob) == {("blue--default", "viewer"), ("blue--shop", "viewer")}
    assert await house.accounts.compare() == 0


async def test_two_exchanges_at_once_both_end_well(house: House) -> None:
    ada = await house.holder(Role.OWNER)
    made = await asyncio.gather(*(house.accounts.token(ada) for _ in range(5)))
    assert len({text for text, _ in made}) == 5
    assert all(house.cluster.speaks_for(text) for text, _ in made)
    await house.accounts.round()
    assert house.bound(ada) == OWNER_OF_BLUE


async def test_an_account_that_ends_is_waited_for(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("funkhaus.services.kubectl_accounts.PAUSE", 0)
    ada = await house.holder(Role.OWNER)
    await house.accounts.token(ada)
    name = f"fh-{ada.id}-{ada.token_id}"
    note = {"metadata": {"annotations": {"funkhaus.dev/ending": "yes"}}}
    await house.cluster.merge_patch(SERVICE_ACCOUNT, MEMBERS, name, note)
    with pytest.raises(UnavailableError, match="being changed"):
        await house.accounts.token(ada)
    await house.accounts.round()
    assert house.left() == []
    await house.accounts.token(ada)
    assert house.bound(ada) == OWNER_OF_BLUE


@pytest.mark.parametrize("note", ["", "soon", "9999-12-31T23:59:59-23:00", "2026-01-01"])
async def test_a_note_that_is_none_ends_that_account_alone(house: House, note: str) -> None:
    ada, bob = await house.holder(Role.OWNER), await house.holder(Role.OWNER)
    await house.accounts.token(ada)
    await house.accounts.token(bob)
    patch = {"metadata": {"annotations": {"funkhaus.dev/kept-until": note}}}
    house.world.clock.pass_seconds(25 * HOUR)
    await house.accounts.token(bob)
    await house.cluster.merge_patch(SERVICE_ACCOUNT, MEMBERS, f"fh-{ada.id}-{ada.token_id}", patch)
    await house.accounts.round()
    assert house.bound(ada) == set()
    assert house.bound(bob) == OWNER_OF_BLUE


# ── limits ──


async def test_accounts_of_one_subject_are_bounded(house: House) -> None:
    first = await house.signed_in(blue=Role.VIEWER)
    await house.accounts.token(first)
    for _ in range(ACCOUNTS_LIMIT - 1):
        await house.accounts.token(await house.signed_in())
    last = await house.signed_in()
    with pytest.raises(TooManyError, match=f"{ACCOUNTS_LIMIT} of your tokens and sessions"):
        await house.accounts.token(last)
    await house.accounts.token(first)
    await logged_out(house, first)
    await house.accounts.round()
    await house.accounts.token(last)


async def test_bindings_of_one_account_are_bounded(house: House) -> None:
    ada = await house.holder(Role.VIEWER)
    async with house.world.stores.begin("blue") as work:
        for number in range(PLACES_LIMIT - 1):
            await work.add_namespace(Namespace("blue", f"n{number}", QUOTA))
    with pytest.raises(TooManyError, match=f"{PLACES_LIMIT + 1} RoleBindings; {PLACES_LIMIT} pass"):
        await house.accounts.token(ada)
    assert house.left() == []


async def test_who_has_no_role_gets_none(house: House) -> None:
    admin = await house.holder(None, "")
    assert admin.platform_roles == {PlatformRole.ADMIN}
    for nobody in (admin, await house.signed_in("stranger")):
        with pytest.raises(ForbiddenError, match="no role"):
            await house.accounts.token(nobody)
    assert house.left() == []


async def test_without_its_namespace_it_says_so(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("funkhaus.services.kubectl_accounts.PAUSE", 0)
    await house.cluster.delete(NAMESPACE, "", MEMBERS)
    ada = await house.holder(Role.OWNER)
    with pytest.raises(UnavailableError, match=MEMBERS):
        await house.accounts.token(ada)


@pytest.mark.parametrize("error", [ConflictError, NotFoundError, UnavailableError])
async def test_one_that_fails_stops_no_other(house: House, error: type[FunkhausError]) -> None:
    ada, bob = await house.holder(Role.OWNER), await house.holder(Role.OWNER)
    await house.accounts.token(ada)
    await house.accounts.token(bob)
    await revoked(house, ada)
    await revoked(house, bob)

    def failure(_: str, kind: Kind, __: str, name: str) -> FunkhausError | None:
        return error("no") if kind == SECRET and ada.token_id in name else None

    house.cluster.failure = failure
    done = await house.accounts.round()
    assert (done.found, done.ended) == (2, 1)
    assert done.failed == (error is UnavailableError)
    assert house.bound(bob) == set()
