"""The part of the stand-in API that knows approvals."""

from __future__ import annotations

import json
from typing import Any

import httpx

Document = dict[str, Any]
NOW = "2026-03-01T12:00:00Z"


def approval(**change: Any) -> Document:
    """One that waits for two people."""
    return {
        "id": "ap1", "tenant": "demo", "namespace": "default", "kind": "Function", "name": "hello", "uid": "u1",
        "state": "pending", "specDigest": "sha256:aa", "findingsDigest": "sha256:bb", "policyRevision": "sha256:cc",
        "findings": [
            {"code": "cpu-needs-approval", "outcome": "require_approval", "path": "spec.resources.cpu",
             "message": 'cpu "2" is above 1', "limit": "1", "value": "2"},
        ],
        "approvers": {
            "platformRoles": ["approver"], "tenantRoles": ["owner"], "people": 2, "days": 7,
            "words": "2 different people of: owner of the tenant, platform approver",
        },
        "requestedBy": "fh:ada", "requestedAt": NOW, "expiresAt": "2026-03-08T12:00:00Z", "votes": [],
        "decidedBy": "", "decidedAt": None, "reason": "", "endsAt": None,
    } | change  # fmt: skip


def vote(by: str, **change: Any) -> Document:
    return {"by": by, "at": NOW, "reason": "", "until": None} | change


class FakeApprovals:
    """One approval, `held`."""

    held: Document

    def listApprovals(self, _: httpx.Request) -> httpx.Response:  # noqa: N802 - operation ids
        return httpx.Response(200, json={"items": [self.held], "next": ""})

    def listPlatformApprovals(self, _: httpx.Request) -> httpx.Response:  # noqa: N802 - operation ids
        return httpx.Response(200, json={"items": [approval(tenant="acme")], "next": ""})

    def getApproval(self, _: httpx.Request) -> httpx.Response:  # noqa: N802 - operation ids
        return httpx.Response(200, json=self.held, headers={"ETag": '"a1"'})

    def approveChange(self, request: httpx.Request) -> httpx.Response:  # noqa: N802 - operation ids
        said = json.loads(request.content)
        votes = [*self.held["votes"], vote("fh:me", **said)]
        done = len(votes) >= self.held["approvers"]["people"]
        end = {"state": "approved", "decidedBy": "fh:me", "decidedAt": NOW} if done else {}
        self.held = self.held | {"votes": votes, "endsAt": said.get("until")} | end
        return httpx.Response(200, json=self.held)

    def rejectChange(self, request: httpx.Request) -> httpx.Response:  # noqa: N802 - operation ids
        reason = json.loads(request.content)["reason"]
        self.held = self.held | {
            "state": "rejected",
            "decidedBy": "fh:me",
            "decidedAt": NOW,
            "reason": reason,
        }
        return httpx.Response(200, json=self.held)

    def renewApproval(self, _: httpx.Request) -> httpx.Response:  # noqa: N802 - operation ids
        self.held = self.held | {"id": "ap2", "state": "pending"}
        return httpx.Response(200, json=self.held)
