"""Asking anew for what was rejected or has expired: who may, how often, and that nobody approves their own that way."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from funkhaus.domain.approval import PENDING_LIMIT, Approval, ApprovalState
from funkhaus.domain.subject import PlatformRole, Role
from funkhaus.metrics import REGISTRY
from funkhaus_api.sweeping import sweep_once
from tests.support.api import Client, World, serving
from tests.support.approvals import approval, put

from .test_approvals import APPROVALS, House

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.support.api import Reply

OVER = [ApprovalState.REJECTED, ApprovalState.EXPIRED]


@pytest.fixture
async def house(any_world: World) -> AsyncIterator[House]:
    async with serving(any_world.services()) as nobody:
        yield House(any_world, nobody)


async def renew(who: Client, row: Approval | str, tag: str = "*", **body: Any) -> Reply:
    name = row if isinstance(row, str) else row.id
    return await who.post(f"{APPROVALS}/{name}/renew", body, headers={"If-Match": tag})


@pytest.mark.parametrize("state", OVER)
async def test_what_is_over_waits_again_under_another_id(
    house: House, state: ApprovalState
) -> None:
    dev, name = await house.person("dev", Role.DEVELOPER)
    eve, _ = await house.person("eve")
    row = await house.held(requested_by=name, state=state, reason="too much", decided_by="fh:eve")
    house.world.clock.pass_seconds(3600)
    answer = await renew(dev, row, reason="the fair is \n near")
    assert answer.status == 200, answer.body
    anew, now = answer.json, house.world.clock.now()
    assert anew["id"] != row.id
    assert (anew["state"], anew["requestedBy"], anew["reason"]) == ("pending", name, "")
    assert anew["requestedAt"] == now.isoformat()
    assert anew["expiresAt"] == (now + timedelta(days=row.rule.days)).isoformat()
    for kept in ("uid", "specDigest", "findingsDigest", "approvers", "namespace", "name"):
        assert anew[kept] == (await eve.get(f"{APPROVALS}/{row.id}")).json[kept]
    assert await house.state(row) is ApprovalState.SUPERSEDED
    path = f"{APPROVALS}/{anew['id']}"
    yes = await eve.post(f"{path}/approve", {}, headers={"If-Match": "*"})
    assert yes.json["state"] == "approved"


async def test_neither_who_asked_nor_who_renews_approves(house: House) -> None:
    eve, name = await house.person("eve")
    mia, other = await house.person("mia")
    ann, _ = await house.person("ann")
    row = await house.held(requested_by=name, behind=("fh:somebody",), state=ApprovalState.REJECTED)
    anew = (await renew(mia, row)).json
    for who in (eve, mia):
        problem = (
            await who.post(f"{APPROVALS}/{anew['id']}/approve", {}, headers={"If-Match": "*"})
        ).problem(403, "forbidden")
        assert "nobody approves their own change" in problem["detail"]
    async with house.world.stores.begin("blue") as work:
        found = await work.approvals.find(anew["id"])
    assert (found.requested_by, set(found.behind)) == (name, {"fh:somebody", other})
    again = await ann.post(f"{APPROVALS}/{anew['id']}/approve", {}, headers={"If-Match": "*"})
    assert again.json["state"] == "approved"


async def test_who_renews_by_a_token_stands_behind_it(house: House) -> None:
    eve, name = await house.person("eve")
    made = await eve.post("/v1/tenants/blue/tokens", {"name": "ci", "role": "developer"})
    token = house.nobody.holding(made.json["token"])
    row = await house.held(requested_by="fh:x", state=ApprovalState.EXPIRED)
    anew = (await renew(token, row)).json["id"]
    async with house.world.stores.begin("blue") as work:
        assert name in (await work.approvals.find(anew)).behind
    answer = await eve.post(f"{APPROVALS}/{anew}/approve", {}, headers={"If-Match": "*"})
    answer.problem(403, "forbidden")


async def test_only_who_may_write_objects_renews(house: House) -> None:
    viewer, _ = await house.person("vic", Role.VIEWER)
    stranger, _ = await house.person("sam", None)
    approver, user = await house.person("pat", None)
    admin = house.nobody.holding(await house.world.token("", None))
    grant = {"user": user.removeprefix("fh:"), "role": PlatformRole.APPROVER.value}
    assert (await admin.post("/v1/platform/grants", grant)).status == 204
    row = await house.held(state=ApprovalState.REJECTED)
    (await renew(viewer, row)).problem(403, "forbidden")
    (await renew(approver, row)).problem(404, "not-found")
    (await renew(stranger, row)).problem(404, "not-found")
    assert await house.state(row) is ApprovalState.REJECTED
    assert (await renew(admin, row)).status == 200


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (ApprovalState.PENDING, "still waits"),
        (ApprovalState.APPROVED, "is approved"),
        (ApprovalState.SUPERSEDED, "another was asked for since"),
        (ApprovalState.WITHDRAWN, "is gone"),
    ],
)
async def test_what_is_not_over_is_not_renewed(
    house: House, state: ApprovalState, words: str
) -> None:
    dev, _ = await house.person("dev", Role.DEVELOPER)
    row = await house.held(state=state)
    assert words in (await renew(dev, row)).problem(409, "conflict")["detail"]
    assert await house.state(row) is state


async def test_what_lapsed_a_moment_ago_is_over(house: House) -> None:
    """The sweeper comes every few seconds; nobody has to wait for it."""
    dev, _ = await house.person("dev", Role.DEVELOPER)
    now = house.world.clock.now()
    for row in (
        await house.held(expires_at=now),
        await house.held(
            key=replace(approval().key, name="b"), state=ApprovalState.APPROVED, ends_at=now
        ),
    ):
        assert (await renew(dev, row)).json["state"] == "pending"


async def test_of_one_content_the_latest_request_is_renewed(house: House) -> None:
    dev, _ = await house.person("dev", Role.DEVELOPER)
    now = house.world.clock.now()
    old = await house.held(state=ApprovalState.EXPIRED, requested_at=now - timedelta(days=9))
    latest = await house.held(state=ApprovalState.PENDING)
    problem = (await renew(dev, old)).problem(409, "conflict")
    assert latest.id in problem["detail"]


async def test_three_times_a_day_is_enough(house: House) -> None:
    dev, _ = await house.person("dev", Role.DEVELOPER)
    eve, _ = await house.person("eve")
    clock, name = house.world.clock, (await house.held(state=ApprovalState.REJECTED)).id
    for _ in range(2):
        clock.pass_seconds(60)
        name = (await renew(dev, name)).json["id"]
        no = {"reason": "no"}
        await eve.post(f"{APPROVALS}/{name}/reject", no, headers={"If-Match": "*"})
    problem = await renew(dev, name)
    (finding,) = problem.problem(429, "too-many")["findings"]
    assert (finding["code"], finding["limit"], finding["value"]) == ("approval-renewed-often", 3, 4)
    assert int(problem.headers["Retry-After"]) == 24 * 3600 - 120
    clock.pass_seconds(24 * 3600 - 120)
    dev, _ = await house.person("dev", Role.DEVELOPER)  # the session has ended
    assert (await renew(dev, name)).json["state"] == "pending"


async def test_no_more_wait_than_may(world: World, nobody: Client) -> None:
    house = House(world, nobody)
    dev, _ = await house.person("dev", Role.DEVELOPER)
    row = await house.held(state=ApprovalState.REJECTED)
    waiting = [approval(key=replace(row.key, name=f"f{number}")) for number in range(PENDING_LIMIT)]
    await put(world.stores, *waiting)
    (finding,) = (await renew(dev, row)).problem(403, "policy-denied")["findings"]
    assert finding["code"] == "approvals-waiting"
    assert await house.state(row) is ApprovalState.REJECTED


async def test_of_two_at_once_one_renews(house: House) -> None:
    dev, _ = await house.person("dev", Role.DEVELOPER)
    for number in range(3):
        row = await house.held(
            key=replace(approval().key, name=f"f{number}"), state=ApprovalState.REJECTED
        )
        tag = (await dev.get(f"{APPROVALS}/{row.id}")).headers["ETag"]
        answers = await asyncio.gather(*(renew(dev, row, tag) for _ in range(2)))
        assert sorted(answer.status for answer in answers) == [200, 412]


async def test_a_renewal_is_on_record_and_told(world: World, nobody: Client) -> None:
    house = House(world, nobody)
    dev, name = await house.person("dev", Role.DEVELOPER)
    row = await house.held(state=ApprovalState.REJECTED)
    answer = await renew(dev, row, reason="please")
    (done,) = [
        item
        for item in world.memory.state.audit
        if item.request_id == answer.headers["X-Request-Id"]
    ]
    assert (done.action, done.outcome, done.subject, done.target, done.uid) == (
        "approval:renew", "done", name, row.id, row.uid,
    )  # fmt: skip
    assert (done.detail["renews"], done.detail["id"]) == (row.id, answer.json["id"])
    assert done.detail["reason"] == "please"
    assert done.before != done.after
    (told,) = world.memory.state.notifications.values()
    assert (told.event, told.payload["id"]) == ("approval.requested", answer.json["id"])
    (await renew(dev, row)).problem(409, "conflict")
    assert [
        item.outcome for item in world.memory.state.audit if item.action == "approval:renew"
    ] == ["done", "denied"]


async def test_a_token_for_one_namespace_renews_there(house: House) -> None:
    eve, _ = await house.person("eve")
    order = {"name": "ci", "role": "developer", "namespaces": ["default"]}
    token = house.nobody.holding((await eve.post("/v1/tenants/blue/tokens", order)).json["token"])
    key = replace(approval().key, namespace="default")
    here = await house.held(key=key, state=ApprovalState.REJECTED)
    there = await house.held(state=ApprovalState.REJECTED)
    (await renew(token, there)).problem(403, "forbidden")
    assert (await renew(token, here)).status == 200


async def test_what_waits_is_a_metric(house: House) -> None:
    def shown() -> tuple[float | None, float | None]:
        count = REGISTRY.get_sample_value("funkhaus_approvals_waiting")
        return count, REGISTRY.get_sample_value("funkhaus_approvals_oldest_waiting_seconds")

    services = house.world.services()
    await sweep_once(services)
    assert shown() == (0, 0)
    row = await house.held(expires_at=house.world.clock.now() + timedelta(days=3650))
    await sweep_once(services)
    count, age = shown()
    assert count == 1
    assert age is not None
    assert age > 0 or row.requested_at > house.world.clock.now()
