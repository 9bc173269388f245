"""One exam for sessions, in memory and on a real Postgres."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from funkhaus.domain.errors import ConflictError
from funkhaus.domain.keyset import Moment
from funkhaus.domain.login import Login, Stage
from funkhaus.domain.subject import Role
from funkhaus.domain.tenant import Suspension
from funkhaus.domain.user import Session, User
from funkhaus.ports import Standing

from .test_users import ADA, BOB, HOUR, NOW, known, stores, url

if TYPE_CHECKING:
    from funkhaus.ports import Stores

__all__ = ["stores", "url"]


async def test_a_session_is_found_by_digest_with_its_user_and_revoked_once(stores: Stores) -> None:
    ada = await known(stores, ADA)
    session = Session(str(uuid4()), ada, ("staff", "ops"), "wxyz", NOW, NOW + HOUR)
    async with stores.begin_platform() as work:
        await work.sessions.add(session, b"digest")
        assert await work.sessions.get(session.id) == session
        for unknown in (str(uuid4()), "no-uuid"):
            assert await work.sessions.get(unknown) is None
    nobody = Standing(session, {}, frozenset(), frozenset())
    assert await stores.lookups.standing(b"digest") == nobody
    assert await stores.lookups.standing(b"other") is None
    async with stores.begin_platform() as work:
        await work.sessions.revoke(session.id, NOW)
        await work.sessions.revoke(session.id, NOW + HOUR)
        await work.sessions.revoke(str(uuid4()), NOW)
    revoked = replace(session, revoked_at=NOW)
    assert await stores.lookups.standing(b"digest") == replace(nobody, session=revoked)
    with pytest.raises(ConflictError):
        async with stores.begin_platform() as work:
            await work.sessions.add(replace(session, id=str(uuid4())), b"digest")


async def test_sessions_that_ended_are_forgotten_some_at_a_time(stores: Stores) -> None:
    ada = await known(stores, ADA)
    ends = [NOW, NOW, NOW, NOW + HOUR]
    made = [Session(str(uuid4()), ada, (), "1234", NOW - HOUR, end) for end in ends]
    named = Login(
        str(uuid4()), Stage.REDEEMED, "127.0.0.1", NOW, NOW + HOUR, session_id=made[2].id, user_id=ada.id
    )  # fmt: skip
    async with stores.begin_platform() as work:
        for number, item in enumerate(made):
            await work.sessions.add(item, b"%d" % number)
        await work.logins.add(named)
    async with stores.begin_platform() as work:
        assert await work.sessions.forget(NOW) == 0
        later = NOW + HOUR
        assert [await work.sessions.forget(later, limit=1) for _ in range(3)] == [1, 1, 0]
        kept = [await work.sessions.get(item.id) is not None for item in made]
        assert kept == [False, False, True, True]
        assert await work.logins.sweep(NOW + 2 * HOUR) == 1
        assert await work.sessions.forget(later) == 1


def a_session(user: User, **more: object) -> Session:
    made = Session(str(uuid4()), user, (), "1234", NOW, NOW + HOUR, client="funkhaus-cli/1")
    return replace(made, **more)  # type: ignore[arg-type]  # any field, by name


async def test_one_s_own_that_are_valid_in_pages(stores: Stores) -> None:
    ada, bob = await known(stores, ADA), await known(stores, BOB)
    begun = [a_session(ada, created_at=NOW - hours * HOUR) for hours in (3, 2, 2, 1)]
    over = [a_session(ada, revoked_at=NOW), a_session(ada, expires_at=NOW)]
    async with stores.begin_platform() as work:
        for number, item in enumerate([*begun, *over, a_session(bob)]):
            await work.sessions.add(item, b"%d" % number)
        found: list[Session] = []
        place = None
        while page := await work.sessions.page(ada.id, NOW, after=place, limit=1):
            found += page
            place = Moment.of(page[-1].created_at, page[-1].id)
        by_age = sorted(begun, key=lambda item: (item.created_at, item.id), reverse=True)
        assert found == by_age
        assert await work.sessions.page(str(uuid4()), NOW) == []


async def test_who_is_signed_in_with_a_group(stores: Stores) -> None:
    """By user: the newest that names one of the groups of its issuer; no member's, no disabled user's, none that ended."""
    rules = {ADA.issuer: {"devs", "ops"}, "https://other.example": {"staff"}}
    names = ("two", "one", "none", "over", "out", "in", "elsewhere")
    people = {name: await known(stores, replace(ADA, sub=name)) for name in names}
    people["other"] = await known(stores, replace(ADA, issuer="https://other.example"))

    def of(name: str, *groups: str, **more: object) -> Session:
        return a_session(people[name], groups=groups, **more)

    older, newer = of("two", "ops", created_at=NOW - HOUR), of("two", "x", "devs")
    one, other = of("one", "ops"), of("other", "staff")
    rest = [
        of("two", "x", created_at=NOW + HOUR), of("none", "x"), of("none"), of("over", "devs", revoked_at=NOW),
        of("over", "devs", expires_at=NOW), of("out", "devs"), of("in", "devs"), of("elsewhere", "staff"),
    ]  # fmt: skip
    async with stores.begin_platform() as work:
        for number, item in enumerate([older, newer, one, other, *rest]):
            await work.sessions.add(item, b"%d" % number)
        await work.users.disable(people["out"].id, Suspension(NOW, "left", "Ada"))
    for tenant, name in (("blue", "in"), ("red", "one")):
        async with stores.begin(tenant) as tenant_work:
            await tenant_work.members.put(people[name].id, Role.VIEWER, NOW)
    expected = sorted([newer, one, other], key=lambda item: item.user.id)
    async with stores.begin_platform() as work:
        assert await work.sessions.of_groups("blue", rules, NOW) == expected
        assert await work.sessions.of_groups("blue", {}, NOW) == []
        assert await work.sessions.of_groups("blue", rules, NOW, after="no-uuid") == []
        found: list[Session] = []
        while page := await work.sessions.of_groups(
            "blue", rules, NOW, after=found[-1].user.id if found else "", limit=1
        ):
            found += page
        assert found == expected


async def test_uses_are_noted_and_none_goes_back(stores: Stores) -> None:
    ada = await known(stores, ADA)
    session = a_session(ada)
    async with stores.begin_platform() as work:
        await work.sessions.add(session, b"1")
        await work.sessions.touch({session.id: NOW + HOUR, str(uuid4()): NOW})
        await work.sessions.touch({session.id: NOW})
        assert await work.sessions.get(session.id) == replace(session, last_used_at=NOW + HOUR)


async def test_all_of_somebody_s_end_but_the_one_they_keep(stores: Stores) -> None:
    ada, bob = await known(stores, ADA), await known(stores, BOB)
    own, bobs = [a_session(ada) for _ in range(3)], a_session(bob)
    over = a_session(ada, revoked_at=NOW - HOUR)
    async with stores.begin_platform() as work:
        for number, item in enumerate([*own, bobs, over]):
            await work.sessions.add(item, b"%d" % number)
        ended = await work.sessions.revoke_of(ada.id, NOW, keep=own[0].id)
        assert ended == sorted(item.id for item in own[1:])
        assert await work.sessions.page(ada.id, NOW) == [own[0]]
        assert await work.sessions.get(over.id) == over
        assert await work.sessions.revoke_of(ada.id, NOW) == [own[0].id]
        assert await work.sessions.revoke_of(ada.id, NOW) == []
        assert await work.sessions.page(bob.id, NOW) == [bobs]
