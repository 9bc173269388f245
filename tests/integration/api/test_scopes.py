"""Every operation says which scope a token needs for it (`x-scope` in the contract), and that is what it needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from funkhaus.domain.permission import ROLE_PERMISSIONS, Permission
from funkhaus.domain.subject import Role
from tests.support.operations import OPERATIONS, ask
from tests.support.published import WHERE

if TYPE_CHECKING:
    from tests.support.api import Client, Reply, World

NONE = {
    "me": "a credential may learn what it is",
    "revokeOwnToken": "and end itself: whoever finds one can make it harmless",
    "rotateOwnToken": "and get another text, which may and lasts no more than the one before",
    "exchangeForKubectl": "refused to every token that is less than its role",
    "endSession": "sessions only, which have no scopes",
    "endOneSession": "likewise",
    "endOtherSessions": "likewise",
    "listMySessions": "a person's own: no token has one",
    "getCluster": "an address and its certificates, which every kubeconfig holds",
    "listMyInvitations": "offers to an address that a provider checked: no token has one",
    "listMyTenantRequests": "a person's own asks: no token has one",
    "requestTenant": "asked by a person who signed in, never by a token",
    "withdrawTenantRequest": "and taken back by that person alone",
    "acceptInvitation": "taken by a person who signed in, never by a token",
}
"""What needs no scope, and why."""


def refused(reply: Reply) -> str:
    """The permission that a token's scopes leave out, as the answer names it."""
    if reply.status != 403 or "among this token's scopes" not in reply.json["detail"]:
        return ""
    return str(reply.json["detail"]).split()[0]


@pytest.fixture
async def holder(world: World, nobody: Client) -> Any:
    """Whose token has these scopes: an owner's, or an admin's where owners don't hold the permission there."""

    async def made(name: str, permission: Permission | None, scopes: set[str]) -> Client:
        owners = ROLE_PERMISSIONS[Role.OWNER]
        own = permission is None or (permission in owners and "Platform" not in name)
        role = Role.OWNER if own else None
        token = await world.token("blue" if own else "", role, scopes=tuple(sorted(scopes)))
        return nobody.holding(token)

    return made


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_every_operation_names_its_scope(name: str) -> None:
    scope = OPERATIONS[name].get("x-scope")
    assert scope in {item.value for item in Permission} | {"none"}, (
        f"{name}: add `x-scope:` in {WHERE}, the permission its use case asks for"
    )
    assert (scope == "none") == (name in NONE), f"say in NONE why {name} needs no scope"


@pytest.mark.parametrize("name", sorted(set(OPERATIONS) - set(NONE)))
async def test_b70_the_scope_is_needed_and_suffices(name: str, holder: Any) -> None:
    permission = Permission(OPERATIONS[name]["x-scope"])
    others = {item.value for item in Permission} - {permission.value}
    without = await ask(await holder(name, permission, others), name)
    assert refused(without) == permission.value, without.body
    only = await ask(await holder(name, permission, {permission.value}), name)
    assert not refused(only), only.body


@pytest.mark.parametrize("name", sorted(NONE))
async def test_what_needs_no_scope(name: str, holder: Any) -> None:
    reply = await ask(await holder(name, None, {"runtime:read"}), name)
    assert not refused(reply), reply.body
    if name == "exchangeForKubectl":
        assert "its scopes leave out" in reply.problem(403, "forbidden")["detail"]


async def test_a_token_founds_nothing_and_takes_no_invitation(world: World, nobody: Client) -> None:
    wide = nobody.holding(await world.token("blue", Role.OWNER))
    (await wide.post("/v1/tenants", {"id": "green", "plan": "small"})).problem(403, "forbidden")
    (await wide.post("/v1/me/invitations/accept", {"id": "x"})).problem(403, "forbidden")
    (await wide.delete("/v1/me/session")).problem(403, "forbidden")
    assert (await wide.get("/v1/me/invitations")).json["items"] == []
