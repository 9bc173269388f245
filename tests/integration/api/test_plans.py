"""The plans there are, on memory and on a real Postgres."""

from __future__ import annotations

from typing import TYPE_CHECKING

from funkhaus.domain.subject import Role
from tests.support.api import serving

if TYPE_CHECKING:
    from tests.support.api import World


async def test_whoever_is_known_reads_what_plans_give(any_world: World) -> None:
    async with serving(any_world.services()) as nobody:
        (await nobody.get("/v1/plans")).problem(401, "unauthenticated")
        stranger = nobody.holding(await any_world.session("eve"))
        found = {item["id"]: item for item in (await stranger.get("/v1/plans")).json["items"]}
        assert {plan: item["selfService"] for plan, item in found.items()} == {
            "large": False, "medium": False, "small": True,
        }  # fmt: skip
        assert (found["small"]["namespaces"], found["small"]["tenantQuota"]["cpu"]) == (3, "12")
        assert found["small"]["namespaceQuota"]["cpu"] == "4"
        page = (await stranger.get("/v1/plans?limit=1")).json
        assert ([item["id"] for item in page["items"]], bool(page["next"])) == (["large"], True)
        narrow = await any_world.token("blue", Role.OWNER, scopes=("function:read",))
        (await nobody.holding(narrow).get("/v1/plans")).problem(403, "forbidden")
