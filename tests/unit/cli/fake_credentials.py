"""The part of the stand-in API that hands out credentials."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

import httpx

Document = dict[str, Any]
CA = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
KUBECTL = {"token": "fh_kct_secret", "expiresAt": "2026-03-01T12:10:00Z"}


def token(token_id: str, name: str, role: str, **change: Any) -> Document:
    return {
        "id": token_id, "name": name, "kind": "usr", "role": role, "subject": "7d1c", "lastFour": "wxyz",
        "createdAt": "2026-02-28T12:00:00Z", "expiresAt": "2026-05-29T12:00:00Z", "revokedAt": None,
        "lastUsedAt": None, "issuedBy": "fh:u1", "scopes": [], "namespaces": [], "cidrs": [],
    } | change  # fmt: skip


def session(session_id: str, **change: Any) -> Document:
    return {
        "id": session_id, "client": "funkhaus-cli/1.0", "lastFour": "wxyz", "createdAt": "2026-03-01T10:00:00Z",
        "lastUsedAt": "2026-03-01T11:55:00Z", "expiresAt": "2026-03-01T22:00:00Z", "current": False,
    } | change  # fmt: skip


def _part(request: httpx.Request, part: int) -> str:
    return unquote(request.url.raw_path.decode().partition("?")[0].split("/")[part])


@dataclass
class FakeCredentials:
    """Service accounts, rotations, and what a token does with itself."""

    accounts: dict[str, Document] = field(default_factory=dict)
    sessions: dict[str, Document] = field(default_factory=dict)
    cluster: Document = field(
        default_factory=lambda: {
            "server": "https://kube.example.com:6443",
            "certificateAuthority": CA,
        }
    )

    def issueToken(self, request: httpx.Request) -> httpx.Response:  # noqa: N802 - named as the contract names it
        asked = json.loads(request.content)
        limits = {key: asked.get(key, []) for key in ("scopes", "namespaces", "cidrs")}
        made = token("tk1", asked["name"], asked.get("role", "developer"), **limits)
        self.tokens: dict[str, Document]
        self.tokens["tk1"] = made
        return httpx.Response(201, json=made | {"token": "fh_usr_secret"})

    def rotateToken(self, request: httpx.Request) -> httpx.Response:  # noqa: N802 - named as the contract names it
        held = self.tokens[_part(request, -2)]
        return httpx.Response(200, json=held | {"token": "fh_usr_another"})

    def rotateOwnToken(self, _: httpx.Request) -> httpx.Response:  # noqa: N802 - named as the contract names it
        return httpx.Response(200, json=token("t1", "ada", "owner") | {"token": "fh_usr_mine"})

    def listAdminTokens(self, _: httpx.Request) -> httpx.Response:  # noqa: N802 - named as the contract names it
        return httpx.Response(
            200, json={"items": [token("ta1", "root", "", kind="adm")], "next": ""}
        )

    def revokeAdminToken(self, request: httpx.Request) -> httpx.Response:  # noqa: N802 - named as the contract names it
        ended = token(_part(request, -1), "root", "", kind="adm", revokedAt="2026-03-01T12:00:00Z")
        return httpx.Response(200, json=ended)

    def revokeOwnToken(self, _: httpx.Request) -> httpx.Response:  # noqa: N802 - named as the contract names it
        return httpx.Response(204)

    def listMySessions(self, _: httpx.Request) -> httpx.Response:  # noqa: N802 - named as the contract names it
        return httpx.Response(200, json={"items": list(self.sessions.values()), "next": ""})

    def endOneSession(self, request: httpx.Request) -> httpx.Response:  # noqa: N802 - named as the contract names it
        del self.sessions[_part(request, -1)]
        return httpx.Response(204)

    def endOtherSessions(self, _: httpx.Request) -> httpx.Response:  # noqa: N802 - named as the contract names it
        kept = {key: item for key, item in self.sessions.items() if item["current"]}
        ended = len(self.sessions) - len(kept)
        self.sessions = kept
        return httpx.Response(200, json={"ended": ended})

    def exchangeForKubectl(self, _: httpx.Request) -> httpx.Response:  # noqa: N802 - named as the contract names it
        return httpx.Response(201, json=KUBECTL)

    def getCluster(self, _: httpx.Request) -> httpx.Response:  # noqa: N802 - named as the contract names it
        return httpx.Response(200, json=self.cluster)

    def createServiceAccount(self, request: httpx.Request) -> httpx.Response:  # noqa: N802 - named as the contract names it
        asked = json.loads(request.content)
        made = {"id": "9", "tenant": "demo", "createdAt": "2026-02-28T12:00:00Z"} | asked
        self.accounts[asked["name"]] = made
        return httpx.Response(201, json=made)

    def listServiceAccounts(self, _: httpx.Request) -> httpx.Response:  # noqa: N802 - named as the contract names it
        items = list(self.accounts.values())
        return httpx.Response(200, json={"items": items, "next": ""})

    def deleteServiceAccount(self, request: httpx.Request) -> httpx.Response:  # noqa: N802 - named as the contract names it
        del self.accounts[_part(request, -1)]
        return httpx.Response(204)
