"""B-72: a user who was disabled comes in by no door, whatever they hold; on memory and on a real Postgres."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from funkhaus.domain.errors import ForbiddenError
from tests.support.api import Client, World, serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

WORDS = "your account is disabled since 2026-01-01 by Ada: left the company; ask Ada"


@pytest.fixture
async def house(any_world: World) -> AsyncIterator[Client]:
    async with serving(any_world.services()) as nobody:
        yield nobody


async def authenticated(nobody: Client, credential: str) -> bool:
    review = {
        "apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": {"token": credential},
    }  # fmt: skip
    status = (await nobody.post("/internal/tokenreview", review)).json["status"]
    return bool(status["authenticated"])


async def test_b72_sessions_kubectl_and_signing_in_end_at_once(
    any_world: World, house: Client
) -> None:
    boss = house.holding(await any_world.token("", None))
    eve = house.holding(await any_world.session("eve"))
    me = (await eve.get("/v1/me")).json
    assert (await eve.post("/v1/tenants", {"id": "eves"})).status == 201
    exchanged = (await eve.post("/v1/me/kubectl-credential", {})).json["token"]
    assert await authenticated(house, exchanged)
    path = f"/v1/users/{me['id']}/suspension"
    elsewhere = house.holding(await any_world.session("eve"))
    done = await boss.put(path, {"reason": "left the company"})
    assert (done.status, done.json["disabled"]["by"]) == (200, "Ada"), done.body
    for theirs in (eve, elsewhere):
        assert (await theirs.get("/v1/me")).problem(401, "unauthenticated")["detail"] == WORDS
    assert not await authenticated(house, exchanged)
    assert not await authenticated(house, eve.token)
    services = any_world.services()
    async with any_world.stores.begin_platform() as work:
        user = await work.users.user(me["id"])
        with pytest.raises(ForbiddenError, match="disabled since 2026-01-01"):
            await services.sessions.issue(work, user, ())
    assert (await boss.delete(path)).json["disabled"] is None
    for theirs in (eve, elsewhere):  # what was ended stays so: they sign in again
        assert "is over" in (await theirs.get("/v1/me")).problem(401, "unauthenticated")["detail"]
    assert not await authenticated(house, exchanged)
    again = house.holding(await any_world.session("eve"))
    assert (await again.get("/v1/me")).json["roles"] == {"eves": "owner"}


async def test_admins_disable_others_with_a_reason(any_world: World, house: Client) -> None:
    boss = house.holding(await any_world.token("", None))
    eve = house.holding(await any_world.session("eve"))
    key = (await eve.get("/v1/me")).json["id"]
    path = f"/v1/users/{key}/suspension"
    (await eve.put(path, {"reason": "x"})).problem(403, "forbidden")
    (await eve.delete(path)).problem(403, "forbidden")
    (await boss.put(path, {"reason": " "})).problem(422, "invalid")
    for unknown in ("00000000-0000-0000-0000-000000000000", "x"):
        there = f"/v1/users/{unknown}/suspension"
        (await boss.put(there, {"reason": "x"})).problem(404, "not-found")
        (await boss.delete(there)).problem(404, "not-found")
    await boss.post("/v1/platform/grants", {"user": key, "role": "admin"})
    (await eve.put(path, {"reason": "x"})).problem(409, "conflict")
