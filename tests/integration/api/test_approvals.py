"""Deciding on what is held: whose word counts, how many it takes, and on what exactly."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from funkhaus.domain.approval import Approval, ApprovalState, ApproverRule
from funkhaus.domain.subject import PlatformRole, Role
from tests.support.api import Client, World, serving
from tests.support.approvals import approval, put

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.support.api import Reply

APPROVALS = "/v1/tenants/blue/approvals"
OWNERS = ApproverRule(frozenset({PlatformRole.ADMIN}), frozenset({Role.OWNER}))
TWO = replace(OWNERS, people=2)


class House:
    """People of blue, signed in, and approvals that wait."""

    def __init__(self, world: World, nobody: Client) -> None:
        self.world, self.nobody = world, nobody

    async def person(self, name: str, role: Role | None = Role.OWNER) -> tuple[Client, str]:
        """Somebody who signed in, with a role in blue; and their cluster user."""
        client = self.nobody.holding(await self.world.session(name))
        user = (await client.get("/v1/me")).json["id"]
        if role:
            admin = self.nobody.holding(await self.world.token("", None))
            body = {"user": user, "role": role.value}
            assert (await admin.post("/v1/tenants/blue/members", body)).status == 200
        return client, f"fh:{user}"

    async def held(self, **change: Any) -> Approval:
        now = self.world.clock.now()
        usual: dict[str, Any] = {
            "rule": OWNERS, "requested_at": now, "expires_at": now + timedelta(days=7), "seen_at": now,
            "behind": (),
        }  # fmt: skip
        row = approval(**usual | change)
        await put(self.world.stores, row)
        return row

    async def decide(
        self, who: Client, row: Approval, verb: str = "approve", tag: str = "*", **body: Any
    ) -> Reply:
        body = body or ({"reason": "no"} if verb == "reject" else {})
        return await who.post(f"{APPROVALS}/{row.id}/{verb}", body, headers={"If-Match": tag})

    async def state(self, row: Approval) -> ApprovalState:
        async with self.world.stores.begin("blue") as work:
            return (await work.approvals.find(row.id)).state


@pytest.fixture
async def house(any_world: World) -> AsyncIterator[House]:
    async with serving(any_world.services()) as nobody:
        yield House(any_world, nobody)


async def test_what_waits_is_seen_and_approved_with_an_end(house: House) -> None:
    eve, name = await house.person("eve")
    row = await house.held()
    await house.held(seen_at=None)
    (item,) = (await eve.get(APPROVALS)).json["items"]
    shown = await eve.get(f"{APPROVALS}/{row.id}")
    assert item == shown.json
    assert (item["id"], item["state"], item["name"]) == (row.id, "pending", "hello")
    assert item["approvers"]["words"] == "one of: owner of the tenant, platform admin"
    until = (house.world.clock.now() + timedelta(days=30)).isoformat()
    answer = await house.decide(
        eve, row, tag=shown.headers["ETag"], reason=" a \n fine one", until=until
    )
    assert answer.status == 200, answer.body
    decided = answer.json
    assert (decided["state"], decided["decidedBy"], decided["endsAt"], decided["reason"]) == (
        "approved", name, until, "a fine one",
    )  # fmt: skip
    assert [vote["by"] for vote in decided["votes"]] == [name]
    for verb in ("approve", "reject"):
        (await house.decide(eve, row, verb)).problem(409, "conflict")
    assert (await eve.get(f"{APPROVALS}?state=pending")).json["items"] == []
    (await eve.get(f"{APPROVALS}?state=x")).problem(422, "invalid")


async def test_a_no_is_one_person_s_and_has_a_reason(house: House) -> None:
    eve, name = await house.person("eve")
    row = await house.held(rule=TWO)
    (await house.decide(eve, row, "reject", reason=" ")).problem(422, "invalid")
    answer = (await house.decide(eve, row, "reject", reason="too much")).json
    assert (answer["state"], answer["decidedBy"], answer["reason"]) == (
        "rejected",
        name,
        "too much",
    )


async def test_four_eyes_are_two_people(house: House) -> None:
    eve, _ = await house.person("eve")
    mia, _ = await house.person("mia")
    row = await house.held(rule=TWO)
    soon, late = ((house.world.clock.now() + timedelta(days=days)).isoformat() for days in (3, 30))
    assert (await house.decide(eve, row, until=late)).json["state"] == "pending"
    (await house.decide(eve, row)).problem(409, "conflict")
    decided = (await house.decide(mia, row, until=soon)).json
    assert (decided["state"], decided["endsAt"], len(decided["votes"])) == ("approved", soon, 2)


async def test_a_token_is_nobody_s_second_pair_of_eyes(house: House) -> None:
    eve, name = await house.person("eve")
    made = await eve.post("/v1/tenants/blue/tokens", {"name": "ci", "role": "owner"})
    token = house.nobody.holding(made.json["token"])
    row = await house.held(rule=TWO)
    assert (await house.decide(eve, row)).json["state"] == "pending"
    problem = (await house.decide(token, row)).problem(403, "forbidden")
    assert "signed in themselves" in problem["detail"]
    # Where one is enough a token's word is the word of who issued it.
    alone = await house.held()
    vote = (await house.decide(token, alone)).json["votes"][0]
    assert vote["by"] != name
    async with house.world.stores.begin("blue") as work:
        assert (await work.approvals.find(alone.id)).votes[0].person == name


async def test_nobody_approves_their_own_change_by_whatever_hand(house: House) -> None:
    eve, name = await house.person("eve")
    mia, _ = await house.person("mia")
    made = (await eve.post("/v1/tenants/blue/tokens", {"name": "ci", "role": "owner"})).json
    token = house.nobody.holding(made["token"])
    subject = f"fh:{(await token.get('/v1/me')).json['id']}"
    own, by_token = (
        await house.held(requested_by=name),
        await house.held(requested_by=subject, behind=(name,)),
    )
    for who, row in ((eve, own), (token, own), (eve, by_token), (token, by_token)):
        for verb in ("approve", "reject"):
            problem = (await house.decide(who, row, verb)).problem(403, "forbidden")
            assert "nobody approves their own change" in problem["detail"]
    async with house.world.stores.begin("blue") as work:
        assert await work.approvals.issuers(subject) == {name}
    for row in (own, by_token):
        assert (await house.decide(mia, row)).json["state"] == "approved"


async def test_who_gets_a_token_s_new_text_stands_behind_it(house: House) -> None:
    eve, _ = await house.person("eve")
    mia, name = await house.person("mia")
    made = (await eve.post("/v1/tenants/blue/tokens", {"name": "ci", "role": "owner"})).json
    rotated = (await mia.post(f"/v1/tenants/blue/tokens/{made['id']}/rotate", {})).json
    token = house.nobody.holding(rotated["token"])
    row = await house.held(requested_by=name)
    (await house.decide(token, row)).problem(403, "forbidden")


async def test_the_roles_are_those_of_the_rule(house: House) -> None:
    developer, _ = await house.person("dev", Role.DEVELOPER)
    viewer, _ = await house.person("vic", Role.VIEWER)
    owner, _ = await house.person("eve")
    stranger, _ = await house.person("sam", None)
    platform = ApproverRule(frozenset({PlatformRole.APPROVER, PlatformRole.ADMIN}))
    for_owners, for_platform = await house.held(), await house.held(rule=platform)
    problem = (await house.decide(developer, for_owners)).problem(403, "forbidden")
    assert "one of: owner of the tenant, platform admin" in problem["detail"]
    (await house.decide(viewer, for_owners)).problem(403, "forbidden")
    (await house.decide(owner, for_platform)).problem(403, "forbidden")
    (await house.decide(stranger, for_owners)).problem(404, "not-found")
    red = house.nobody.holding(await house.world.token("red", Role.OWNER))
    (await house.decide(red, for_owners)).problem(404, "not-found")
    (await red.get(f"/v1/tenants/red/approvals/{for_owners.id}")).problem(404, "not-found")
    assert (await red.get("/v1/tenants/red/approvals")).json["items"] == []
    approver, user = await house.person("pat", None)
    admin = house.nobody.holding(await house.world.token("", None))
    grant = {"user": user.removeprefix("fh:"), "role": "approver"}
    assert (await admin.post("/v1/platform/grants", grant)).status == 204
    (await house.decide(approver, for_owners)).problem(403, "forbidden")
    waiting = {item["id"] for item in (await approver.get("/v1/approvals")).json["items"]}
    assert waiting == {for_owners.id, for_platform.id}
    (await owner.get("/v1/approvals")).problem(403, "forbidden")
    assert (await house.decide(approver, for_platform)).json["state"] == "approved"
    assert (await house.decide(admin, for_owners)).json["state"] == "approved"


async def test_a_decision_is_on_what_was_read(house: House) -> None:
    eve, _ = await house.person("eve")
    mia, _ = await house.person("mia")
    row = await house.held(rule=TWO)
    path = f"{APPROVALS}/{row.id}"
    (await eve.post(f"{path}/approve", {})).problem(428, "precondition-required")
    tag = (await eve.get(path)).headers["ETag"]
    assert (await house.decide(mia, row)).json["state"] == "pending"
    (await house.decide(eve, row, tag=tag)).problem(412, "precondition-failed")
    assert (await house.decide(eve, row, tag=(await eve.get(path)).headers["ETag"])).status == 200


async def test_of_two_at_once_one_decides(house: House) -> None:
    eve, _ = await house.person("eve")
    mia, _ = await house.person("mia")
    for _ in range(3):
        row = await house.held()
        tag = (await eve.get(f"{APPROVALS}/{row.id}")).headers["ETag"]
        answers = await asyncio.gather(
            house.decide(eve, row, tag=tag), house.decide(mia, row, "reject", tag=tag)
        )
        assert sorted(answer.status for answer in answers) == [200, 412]
        winner = next(answer for answer in answers if answer.status == 200)
        assert (await house.state(row)).value == winner.json["state"]


async def test_what_can_not_be_decided(house: House) -> None:
    eve, _ = await house.person("eve")
    unseen, late = (
        await house.held(seen_at=None),
        await house.held(expires_at=house.world.clock.now()),
    )
    problem = (await house.decide(eve, unseen)).problem(409, "conflict")
    assert "not stored yet" in problem["detail"]
    problem = (await house.decide(eve, late)).problem(409, "conflict")
    assert "a change of the object asks anew" in problem["detail"]
    (await house.decide(eve, approval())).problem(404, "not-found")
    row = await house.held()
    for until in ("x", "2026-12-31T00:00:00", "2020-01-01T00:00:00Z", "2999-01-01T00:00:00Z"):
        found = (await house.decide(eve, row, until=until)).problem(422, "invalid")["findings"]
        assert [item["path"] for item in found] == ["until"]
    assert await house.state(row) is ApprovalState.PENDING


async def test_a_decision_is_on_record_and_told(world: World, nobody: Client) -> None:
    house = House(world, nobody)
    eve, name = await house.person("eve")
    row = await house.held()
    answer = await house.decide(eve, row, reason="fine")
    (done,) = [
        item
        for item in world.memory.state.audit
        if item.request_id == answer.headers["X-Request-Id"]
    ]
    assert (done.action, done.outcome, done.subject, done.target) == (
        "approval:approve", "done", name, row.id,
    )  # fmt: skip
    assert (done.uid, done.detail["specDigest"], done.detail["reason"]) == (
        row.uid, row.spec_digest, "fine",
    )  # fmt: skip
    assert done.before
    assert done.after not in {"", done.before}
    (told,) = world.memory.state.notifications.values()
    assert (told.event, told.payload["id"], told.payload["state"]) == (
        "approval.approved", row.id, "approved",
    )  # fmt: skip


async def test_a_token_for_one_namespace_sees_and_decides_there(house: House) -> None:
    eve, _ = await house.person("eve")
    order = {"name": "ci", "role": "owner", "namespaces": ["default"]}
    token = house.nobody.holding((await eve.post("/v1/tenants/blue/tokens", order)).json["token"])
    here = await house.held(key=replace(approval().key, namespace="default"))
    there = await house.held()
    assert [item["id"] for item in (await token.get(APPROVALS)).json["items"]] == [here.id]
    (await token.get(f"{APPROVALS}/{there.id}")).problem(403, "forbidden")
    (await house.decide(token, there)).problem(403, "forbidden")
    assert (await house.decide(token, here)).json["state"] == "approved"
