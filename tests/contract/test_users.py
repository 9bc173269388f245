"""One exam for users, members, invitations and sign-ins, in memory and on a real Postgres."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from funkhaus.domain.errors import ConflictError, NotFoundError
from funkhaus.domain.keyset import Moment
from funkhaus.domain.login import Login, Stage
from funkhaus.domain.member import Invitation
from funkhaus.domain.subject import PlatformRole, Role
from funkhaus.domain.tenant import Suspension, Tenant
from funkhaus.domain.token import Token, TokenKind
from funkhaus.domain.user import Identity, User
from funkhaus.storage import PostgresStores, open_engine
from tests.support.stores import MemoryStores

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from funkhaus.ports import Stores

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
ADA = Identity("https://idp.example", "ada", "ada@example.com", "Ada")
BOB = Identity("https://idp.example", "bob", "bob@example.com", "Bob")


@pytest.fixture(params=["memory", "postgres"])
def url(request: pytest.FixtureRequest) -> str:
    """The database's, or empty for the one in memory."""
    return "" if request.param == "memory" else str(request.getfixturevalue("database"))


@pytest.fixture
async def stores(url: str) -> AsyncIterator[Stores]:
    """With tenants blue and red."""
    engine = open_engine(url, pool=5, seconds=5, name="contract") if url else None
    two: Stores = PostgresStores(engine) if engine else MemoryStores()
    async with two.begin_platform() as platform:
        for tenant in ("blue", "red"):
            await platform.add_tenant(Tenant(tenant, "small"))
    yield two
    if engine:
        await engine.close()


async def known(stores: Stores, identity: Identity) -> User:
    async with stores.begin_platform() as work:
        return await work.users.signed_in(identity, NOW)


def an_invitation(**more: object) -> Invitation:
    made = Invitation(
        str(uuid4()), "blue", "bob@example.com", Role.DEVELOPER, "fh:1", NOW, NOW + HOUR
    )
    return replace(made, **more)  # type: ignore[arg-type]


def a_login(**more: object) -> Login:
    made = Login(str(uuid4()), Stage.SENT, "127.0.0.1", NOW, NOW + HOUR, state_digest=b"state")
    return replace(made, **more)  # type: ignore[arg-type]


async def test_a_user_is_an_issuer_and_a_sub_for_ever(stores: Stores) -> None:
    ada = await known(stores, ADA)
    async with stores.begin_platform() as work:
        again = await work.users.signed_in(
            replace(ADA, email="", display_name="Ada L."), NOW + HOUR
        )
        assert again == replace(ada, email="", display_name="Ada L.", last_login_at=NOW + HOUR)
        assert await work.users.user(ada.id) == again
        elsewhere = await work.users.signed_in(replace(ADA, issuer="https://other.example"), NOW)
        assert elsewhere.id != ada.id
        for unknown in (str(uuid4()), "no-uuid", ""):
            with pytest.raises(NotFoundError, match="once they have signed in"):
                await work.users.user(unknown)
            with pytest.raises(NotFoundError):
                await work.users.lock(unknown)


async def test_platform_roles_are_granted_and_withdrawn(stores: Stores) -> None:
    ada = await known(stores, ADA)
    async with stores.begin_platform() as work:
        assert await work.users.platform_roles(ada.id) == frozenset()
        for _ in range(2):
            await work.users.grant(ada.id, PlatformRole.AUDITOR, "fh:1", NOW)
        assert await work.users.platform_roles(ada.id) == {PlatformRole.AUDITOR}
        assert list(await work.users.grants()) == [(ada, PlatformRole.AUDITOR)]
        await work.users.withdraw(ada.id, PlatformRole.AUDITOR)
        with pytest.raises(NotFoundError):
            await work.users.withdraw(ada.id, PlatformRole.AUDITOR)
        with pytest.raises(NotFoundError):
            await work.users.grant(str(uuid4()), PlatformRole.AUDITOR, "fh:1", NOW)
        assert not await work.users.grants()


async def test_users_by_address_in_pages(stores: Stores) -> None:
    twin = replace(ADA, issuer="https://other.example")
    odd = Identity("https://idp.example", "odd", "a_a%@example.com")
    known_by = [
        await known(stores, item) for item in (BOB, ADA, twin, odd, replace(BOB, sub="x", email=""))
    ]
    in_order = sorted(known_by, key=lambda item: (item.email, item.id))
    async with stores.begin_platform() as work:
        found: list[User] = []
        place = ("", "")
        while page := await work.users.page(after=place, limit=2):
            found += page
            place = (page[-1].email, page[-1].id)
        assert found == in_order
        assert await work.users.page(after=("a", "no-uuid")) == []
        for email, subs in (
            ("ada@example.com", ["ada", "ada"]), ("a", ["odd", "ada", "ada"]), ("a_a%", ["odd"]), ("_", []), ("%", []),
            ("da@", []),
        ):  # fmt: skip
            assert [item.sub for item in await work.users.page(email=email)] == subs, email


async def test_a_founder_is_an_owner_and_is_counted(stores: Stores) -> None:
    ada, bob = await known(stores, ADA), await known(stores, BOB)
    async with stores.begin_platform() as work:
        await work.users.lock(ada.id)
        await work.add_tenant(Tenant("green", "small"))
        await work.users.found(ada.id, "green", NOW)
    async with stores.begin_platform() as work:
        assert await work.users.founded(ada.id) == 1
        assert await work.users.founded(bob.id) == 0
        assert await work.users.roles(ada.id) == {"green": Role.OWNER}
    async with stores.begin("green") as tenant:
        await tenant.members.put(bob.id, Role.OWNER, NOW)
        await tenant.members.remove(ada.id)
    async with stores.begin_platform() as work:
        assert await work.users.founded(ada.id) == 1  # leaving what one founded frees no place
        assert await work.users.founded(bob.id) == 0


async def test_members_come_change_and_go(stores: Stores) -> None:
    ada, bob = await known(stores, ADA), await known(stores, BOB)
    async with stores.begin("blue") as work:
        await work.members.put(bob.id, Role.VIEWER, NOW)
        await work.members.put(ada.id, Role.OWNER, NOW)
        await work.members.put(bob.id, Role.BILLING, NOW + HOUR)
        assert {(m.email, m.role, m.since) for m in await work.members.page()} == {
            ("ada@example.com", Role.OWNER, NOW),
            ("bob@example.com", Role.BILLING, NOW),
        }
        assert await work.members.count() == 2
        assert await work.members.owners() == 1
        found = await work.members.find(bob.id)
        assert found is not None
        assert found.role is Role.BILLING
        for unknown in (str(uuid4()), "no-uuid"):
            assert await work.members.find(unknown) is None
            with pytest.raises(NotFoundError):
                await work.members.remove(unknown)
            with pytest.raises(NotFoundError):
                await work.members.put(unknown, Role.VIEWER, NOW)
    async with stores.begin("red") as work:
        assert not await work.members.page()
        assert await work.members.find(ada.id) is None
        assert await work.members.owners() == 0
        with pytest.raises(NotFoundError):
            await work.members.remove(ada.id)


async def test_an_invitation_is_taken_once_however_many_try(stores: Stores) -> None:
    bob = await known(stores, BOB)
    invitation = an_invitation()
    async with stores.begin("blue") as work:
        await work.members.invite(invitation, b"secret")
        assert list(await work.members.invitations()) == [invitation]
        assert await work.members.open_invitations(NOW) == 1
        assert await work.members.open_invitations(NOW + HOUR) == 0
    async with stores.begin_platform() as platform:
        assert await platform.users.invitation_by_digest(b"secret") == invitation
        assert await platform.users.invitation_by_digest(b"other") is None
        assert list(await platform.users.invitations_to("bob@example.com", NOW)) == [invitation]
        assert not await platform.users.invitations_to("", NOW)
        assert not await platform.users.invitations_to("bob@example.com", NOW + HOUR)

    async def take() -> bool:
        async with stores.begin("blue") as work:
            return await work.members.take(invitation.id, bob.id, NOW)

    assert sum(await asyncio.gather(*(take() for _ in range(5)))) == 1
    async with stores.begin("blue") as work:
        (taken,) = await work.members.invitations()
        assert taken.state(NOW) == "accepted"
        assert await work.members.withdraw(invitation.id, NOW) == taken


async def test_what_ended_is_not_taken(stores: Stores) -> None:
    bob = await known(stores, BOB)
    revoked, expired = an_invitation(), an_invitation()
    async with stores.begin("blue") as work:
        await work.members.invite(revoked, b"revoked")
        await work.members.invite(expired, b"expired")
        assert (await work.members.withdraw(revoked.id, NOW)).revoked_at == NOW
        assert (await work.members.withdraw(revoked.id, NOW + HOUR)).revoked_at == NOW
        assert not await work.members.take(revoked.id, bob.id, NOW)
        assert not await work.members.take(expired.id, bob.id, NOW + HOUR)
        assert not await work.members.take("no-uuid", bob.id, NOW)
        with pytest.raises(NotFoundError):
            await work.members.withdraw(str(uuid4()), NOW)
    async with stores.begin("red") as work:
        assert not await work.members.invitations()
        assert not await work.members.take(expired.id, bob.id, NOW)
        with pytest.raises(NotFoundError):
            await work.members.withdraw(expired.id, NOW)
        with pytest.raises(ValueError, match="'blue'"):
            await work.members.invite(an_invitation(), b"another")


async def test_the_oldest_of_the_largest_home_is_let_go(stores: Stores) -> None:
    def begun(number: int, home: str, **more: object) -> Login:
        at = NOW + timedelta(seconds=number)
        return a_login(state_digest=b"%d" % number, created_at=at, home=home, **more)

    first = begun(0, "192.0.2.1")
    others = [begun(number, "192.0.2.2") for number in (1, 2)]
    answered = begun(3, "192.0.2.2", stage=Stage.RETURNED)
    over = [begun(number, "192.0.2.3", expires_at=NOW) for number in (4, 5, 6)]
    async with stores.begin_platform() as work:
        for login in (first, *others, answered, *over):
            await work.logins.add(login)
        found = [await work.logins.waiting(NOW, home) for home in ("192.0.2.1", "192.0.2.2", "")]
        assert found == [1, 3, 0]
        for gone in (others[0], first, others[1]):  # of two that are as large, who began before
            assert await work.logins.let_go(NOW)
            assert gone.state_digest
            assert await work.logins.by_state(gone.state_digest) is None
        assert not await work.logins.let_go(NOW)
        assert await work.logins.waiting(NOW) == 1


async def test_what_somebody_made_ends_on_request(stores: Stores) -> None:
    account = str(uuid4())

    def a_token(tenant: str, by: str, **more: Any) -> Token:
        ends = more.pop("expires_at", NOW + HOUR)
        return Token(
            str(uuid4()), account, "ci", TokenKind.USER, tenant, "viewer", "1234", NOW, ends,
            issued_by=by, **more,
        )  # fmt: skip

    own, other = a_token("blue", "fh:bob"), a_token("blue", "fh:mia")
    over = [
        a_token("blue", "fh:bob", expires_at=NOW),
        a_token("blue", "fh:bob", revoked_at=NOW - HOUR),
    ]
    for number, token in enumerate([own, other, *over, a_token("red", "fh:bob")]):
        async with stores.begin(token.tenant) as work:
            await work.add_token(token, b"%d" % number)
    made = [
        replace(an_invitation(), invited_by=by)
        for by in ("fh:bob", f"fh:{account}", "fh:mia", "fh:bob")
    ]
    async with stores.begin("blue") as work:
        for number, item in enumerate(made):
            await work.members.invite(item, b"%d" % number)
        assert await work.tokens.issued_by("fh:bob", NOW) == [own]
        assert await work.tokens.issued_by("fh:bob", NOW, limit=0) == []
        await work.members.withdraw(made[3].id, NOW - HOUR)
        assert await work.members.withdraw_of("fh:bob", NOW) == 2
        assert await work.members.withdraw_of("fh:bob", NOW) == 0
        assert await work.members.open_invitations(NOW) == 1
        assert await work.tokens.revoke_issued("fh:bob", NOW) == 1
        assert await work.tokens.issued_by("fh:bob", NOW) == []
        assert (await work.tokens.get(own.id)).revoked_at == NOW
        assert (await work.tokens.get(other.id)).revoked_at is None
        assert (await work.tokens.get(over[1].id)).revoked_at == NOW - HOUR
    async with stores.begin("red") as work:
        assert len(await work.tokens.issued_by("fh:bob", NOW)) == 1


async def test_a_login_is_found_by_each_of_its_codes_and_saved_whole(stores: Stores) -> None:
    ada = await known(stores, ADA)
    device = a_login(state_digest=None, device_digest=b"device", user_code="BCDF-GHJK")
    async with stores.begin_platform() as work:
        await work.logins.add(a_login())
        await work.logins.add(device)
        assert await work.logins.by_device(b"device") == device
        assert await work.logins.by_user_code("BCDF-GHJK") == device
        assert await work.logins.by_state(b"device") is None
        assert await work.logins.by_code(b"state") is None
        changed = replace(
            device, stage=Stage.RETURNED, code_digest=b"code", user_id=ada.id, groups=("a", "b"),
            polled_at=NOW, poll_seconds=10, nonce="n", verifier="v",
        )  # fmt: skip
        await work.logins.save(changed)
        assert await work.logins.by_code(b"code") == changed
        assert await work.logins.waiting(NOW) == 2
        assert await work.logins.waiting(NOW + HOUR) == 0
    with pytest.raises(ConflictError):
        async with stores.begin_platform() as work:
            await work.logins.add(a_login())
    async with stores.begin_platform() as work:
        assert await work.logins.sweep(NOW) == 0
        assert await work.logins.sweep(NOW + 2 * HOUR) == 2
        assert await work.logins.by_state(b"state") is None


async def test_who_is_disabled_is_read_as_written_and_signing_in_changes_nothing(
    stores: Stores,
) -> None:
    word = Suspension(NOW, "left", "Ada")
    async with stores.begin_platform() as work:
        user = await work.users.signed_in(
            Identity("https://idp.example", "eve", "eve@example.com"), NOW
        )
        assert user.disabled is None
        assert (await work.users.disable(user.id, word)).disabled == word
    async with stores.begin_platform() as work:
        again = await work.users.signed_in(
            Identity("https://idp.example", "eve", "eve@example.com"), NOW
        )
        assert again.disabled == word
        assert (await work.users.disable(user.id, None)).disabled is None
        assert (await work.users.user(user.id)).disabled is None
        with pytest.raises(NotFoundError):
            await work.users.disable(str(uuid4()), word)


# ── pages ──


async def test_members_and_grants_come_in_pages_by_user(stores: Stores) -> None:
    people = [await known(stores, replace(ADA, sub=f"u{count}")) for count in range(5)]
    ids = sorted(user.id for user in people)
    roles = [PlatformRole.ADMIN, PlatformRole.AUDITOR]
    for user in people:
        async with stores.begin("blue") as work:
            await work.members.put(user.id, Role.VIEWER, NOW)
        async with stores.begin_platform() as platform:
            for role in roles:
                await platform.users.grant(user.id, role, "fh:1", NOW)
    async with stores.begin("blue") as work:
        assert [item.user_id for item in await work.members.page(limit=2)] == ids[:2]
        assert [item.user_id for item in await work.members.page(after=ids[1])] == ids[2:]
        assert await work.members.page(after=ids[1].upper(), limit=1)
        assert not await work.members.page(after=ids[-1])
        assert not await work.members.page(after="no-uuid")
        assert await work.members.count() == 5
    async with stores.begin("red") as work:
        assert not await work.members.page(after=ids[0])
        assert await work.members.count() == 0
    every = [(user, role) for user in ids for role in roles]
    async with stores.begin_platform() as platform:
        found = await platform.users.grants(limit=3)
        assert [(user.id, role) for user, role in found] == every[:3]
        found = await platform.users.grants(after=(ids[1], "admin"))
        assert [(user.id, role) for user, role in found] == every[3:]
        assert not await platform.users.grants(after=("no-uuid", "admin"))


async def test_invitations_come_in_pages_newest_first(stores: Stores) -> None:
    """Those of one instant too, each once; what comes meanwhile is on no later page."""
    made = [
        an_invitation(created_at=NOW + timedelta(microseconds=count // 3)) for count in range(7)
    ]
    async with stores.begin("blue") as work:
        for count, item in enumerate(made):
            await work.members.invite(item, f"digest-{count}".encode())
    whole = sorted(made, key=lambda item: Moment.of(item.created_at, item.id), reverse=True)

    async def read(to_address: bool) -> list[Invitation]:  # noqa: FBT001 - which of two lists
        seen: list[Invitation] = []
        place: Moment | None = None
        while True:
            if to_address:
                async with stores.begin_platform() as platform:
                    page = await platform.users.invitations_to(
                        "bob@example.com", NOW, after=place, limit=2
                    )
            else:
                async with stores.begin("blue") as tenant:
                    page = await tenant.members.invitations(after=place, limit=2)
            if not page:
                return seen
            seen += page
            place = Moment.parse(str(Moment.of(page[-1].created_at, page[-1].id)))

    assert await read(to_address=False) == whole
    assert await read(to_address=True) == whole
    async with stores.begin("blue") as work:
        late = an_invitation(created_at=NOW + HOUR)
        await work.members.invite(late, b"late")
        place = Moment.of(whole[1].created_at, whole[1].id)
        assert list(await work.members.invitations(after=place)) == whole[2:]
    async with stores.begin_platform() as platform:
        found = platform.users.invitation_to
        assert await found("bob@example.com", made[0].id.upper()) == made[0]
        for email, key in (("", made[0].id), ("eve@example.com", made[0].id)):
            assert await found(email, key) is None
        assert await found("bob@example.com", "no-uuid") is None
