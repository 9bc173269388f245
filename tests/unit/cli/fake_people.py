"""The part of the stand-in API that knows members, invitations and grants."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

import httpx

Document = dict[str, Any]
NOW = "2026-03-01T12:00:00Z"


def member(user: str, email: str = "", name: str = "", role: str = "developer") -> Document:
    return {
        "user": user, "email": email, "displayName": name, "role": role, "since": "2026-02-28T12:00:00Z",
        "issuer": "https://idp.example", "sub": user, "source": "direct", "group": "", "until": None,
    }  # fmt: skip


def invitation(invitation_id: str = "in1", **change: Any) -> Document:
    return {
        "id": invitation_id, "tenant": "demo", "email": "cem@example.com", "role": "developer", "state": "open",
        "invitedBy": "fh:7d1c", "createdAt": NOW, "expiresAt": "2026-03-08T12:00:00Z",
    } | change  # fmt: skip


def tenant_request(**change: Any) -> Document:
    return {
        "id": "tr1", "tenant": "acme", "plan": "large", "displayName": "", "reason": "the fair", "state": "pending",
        "requestedBy": "fh:7d1c", "requesterName": "Ada", "requesterEmail": "ada@example.com", "requestedAt": NOW,
        "decidedBy": "", "decidedAt": None, "note": "",
    } | change  # fmt: skip


def _part(request: httpx.Request, part: int) -> str:
    return unquote(request.url.raw_path.decode().partition("?")[0].split("/")[part])


def _items(items: list[Document]) -> httpx.Response:
    return httpx.Response(200, json={"items": items, "next": ""})


@dataclass
class FakePeople:
    """Who is in the tenant, who is invited, who has a platform role."""

    members: dict[str, Document] = field(default_factory=dict)
    invitations: dict[str, Document] = field(default_factory=dict)
    grants: list[Document] = field(default_factory=list)
    users: dict[str, Document] = field(default_factory=dict)
    rules: list[Document] = field(default_factory=list)
    left_invitations: int = 0
    left_tokens: list[Document] = field(default_factory=list)
    """What whoever is removed or demoted leaves."""

    def listMembers(self, _: httpx.Request) -> httpx.Response:  # noqa: N802 - operation ids
        return _items(list(self.members.values()))

    def listMemberRules(self, _: httpx.Request) -> httpx.Response:  # noqa: N802 - named as the contract names it
        return _items(self.rules)

    def putMember(self, request: httpx.Request) -> httpx.Response:  # noqa: N802 - named as the contract names it
        asked = json.loads(request.content)
        held = self.members.get(asked["user"], member(asked["user"]))
        self.members[asked["user"]] = held | {"role": asked["role"]}
        return httpx.Response(200, json=self.members[asked["user"]] | {"left": self._left(request)})

    def removeMember(self, request: httpx.Request) -> httpx.Response:  # noqa: N802 - named as the contract names it
        del self.members[_part(request, -1)]
        return httpx.Response(200, json=self._left(request))

    def _left(self, request: httpx.Request) -> Document:
        asked = request.url.params.get("revokeTokens") == "true"
        revoked = asked or b'"revokeTokens"' in request.content
        return {
            "invitationsRevoked": self.left_invitations,
            "tokens": self.left_tokens,
            "tokensRevoked": revoked and bool(self.left_tokens),
        }

    def listInvitations(self, _: httpx.Request) -> httpx.Response:  # noqa: N802 - named as the contract names it
        return _items(list(self.invitations.values()))

    def listMyInvitations(self, _: httpx.Request) -> httpx.Response:  # noqa: N802 - named as the contract names it
        return _items([item for item in self.invitations.values() if item["email"]])

    def invite(self, request: httpx.Request) -> httpx.Response:
        asked = json.loads(request.content)
        asked.pop("expiresInDays", None)
        self.invitations["in1"] = made = invitation(**asked)
        return httpx.Response(201, json=made | {"secret": "fh_inv_secret"})

    def revokeInvitation(self, request: httpx.Request) -> httpx.Response:  # noqa: N802 - named as the contract names it
        held = self.invitations[_part(request, -1)] | {"state": "revoked"}
        return httpx.Response(200, json=held)

    def acceptInvitation(self, _: httpx.Request) -> httpx.Response:  # noqa: N802 - named as the contract names it
        return httpx.Response(200, json={"tenant": "demo", "role": "developer"})

    def requestTenant(self, request: httpx.Request) -> httpx.Response:  # noqa: N802 - named as the contract names it
        asked = json.loads(request.content)
        return httpx.Response(
            201,
            json=tenant_request(
                tenant=asked.pop("id"), displayName=asked.pop("displayName"), **asked
            ),
        )

    def listMyTenantRequests(self, _: httpx.Request) -> httpx.Response:  # noqa: N802 - named as the contract names it
        return _items([tenant_request(state="rejected", note="too large")])

    def listPendingTenantRequests(self, _: httpx.Request) -> httpx.Response:  # noqa: N802 - named as the contract names it
        return _items([tenant_request(), tenant_request(id="tr2", requesterEmail="")])

    def approveTenantRequest(self, _: httpx.Request) -> httpx.Response:  # noqa: N802 - named as the contract names it
        return httpx.Response(200, json=tenant_request(state="approved"))

    def rejectTenantRequest(self, _: httpx.Request) -> httpx.Response:  # noqa: N802 - named as the contract names it
        return httpx.Response(200, json=tenant_request(state="rejected"))

    def withdrawTenantRequest(self, _: httpx.Request) -> httpx.Response:  # noqa: N802 - named as the contract names it
        return httpx.Response(200, json=tenant_request(state="withdrawn"))

    def listGrants(self, _: httpx.Request) -> httpx.Response:  # noqa: N802 - named as the contract names it
        return _items(self.grants)

    def grant(self, request: httpx.Request) -> httpx.Response:
        self.grants.append(json.loads(request.content) | {"email": "", "displayName": ""})
        return httpx.Response(204)

    def withdrawGrant(self, request: httpx.Request) -> httpx.Response:  # noqa: N802 - named as the contract names it
        gone = (_part(request, -2), _part(request, -1))
        self.grants = [item for item in self.grants if (item["user"], item["role"]) != gone]
        return httpx.Response(204)

    def listUsers(self, request: httpx.Request) -> httpx.Response:  # noqa: N802 - named as the contract names it
        beginning = request.url.params.get("email", "")
        return _items([item for item in self.users.values() if item["email"].startswith(beginning)])

    def getUser(self, request: httpx.Request) -> httpx.Response:  # noqa: N802 - named as the contract names it
        roles = {"roles": {"demo": "owner"}, "platformRoles": ["auditor"]}
        return httpx.Response(200, json=self.users[_part(request, -1)] | roles)

    def disableUser(self, request: httpx.Request) -> httpx.Response:  # noqa: N802 - named as the contract names it
        word = {"since": NOW, "by": "ada", **json.loads(request.content)}
        return httpx.Response(200, json=user(_part(request, -2)) | {"disabled": word})

    def enableUser(self, request: httpx.Request) -> httpx.Response:  # noqa: N802 - named as the contract names it
        return httpx.Response(200, json=user(_part(request, -2)))


def user(user_id: str, email: str = "eve@example.com", **change: Any) -> Document:
    who = {
        "email": email,
        "displayName": "",
        "issuer": "https://idp.example",
        "sub": "e",
        "createdAt": "2026-02-28T12:00:00Z",
        "lastSignInAt": "2026-03-01T11:00:00Z",
    }
    return {"id": user_id, **who, "disabled": None} | change
