"""The part of the stand-in API that knows tenants, their namespaces and quotas."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import httpx

from .fake_answers import NOW, Document, name_in, stored


def tenant(id: str, **change: Any) -> Document:  # noqa: A002 - its name in the contract
    """A tenant that works."""
    made = {
        "plan": "small",
        "displayName": "",
        "state": "active",
        "suspension": None,
        "deletion": None,
    }
    return {"id": id, **made, **change}


LIMITS = {
    "functions": 20, "triggers": 20, "replicas": 20, "cpu": "4", "memory": "4Gi", "hosts": 20,
    "requestsPerSecond": 100, "buildsPerDay": 100,
}  # fmt: skip


TENANT_LIMITS = LIMITS | {"namespaces": 3, "tokens": 100}


def tenant_account(**change: Any) -> Document:
    """A tenant's own, with what is counted."""
    counts = {
        "namespaces": {"hard": 3, "used": 1, "left": 2},
        "tokens": {"hard": 100, "used": 4, "left": 96},
    }
    return {**account(), "hard": TENANT_LIMITS, "counts": counts} | change


def account(**change: Any) -> Document:
    """An account with one small function reserved."""
    nothing = {"functions": 0, "triggers": 0, "replicas": 0, "cpu": "0", "memory": "0", "hosts": 0}
    reserved = nothing | {"functions": 1, "replicas": 2, "cpu": "500m", "memory": "256Mi"}
    left = nothing | {"functions": 19, "replicas": 18, "cpu": "3500m", "memory": "3840Mi"}
    return {"hard": LIMITS, "used": nothing, "reserved": reserved, "left": left} | change


NO_LIMITS = {key: "0" if isinstance(value, str) else 0 for key, value in TENANT_LIMITS.items()}


def quota_request(**change: Any) -> Document:
    """A request that waits."""
    return {
        "id": "rq1", "tenant": "demo", "namespace": "default", "extra": NO_LIMITS | {"cpu": "2"},
        "reason": "the fair", "days": 7, "state": "pending", "requestedBy": "fh:1", "requestedAt": NOW,
        "decidedBy": "", "decidedAt": None, "note": "", "expiresAt": None,
    } | change  # fmt: skip


def quota(**change: Any) -> Document:
    """A tenant's books."""
    held = {key: account()[key] for key in ("used", "reserved")}
    return {
        "tenant": "demo",
        **tenant_account(),
        "override": None,
        "base": TENANT_LIMITS,
        "plan": "small",
        "approved": [],
        "namespaces": [{"name": "default", **account()}],
        "largest": [{"kind": "Function", "namespace": "default", "name": "hello", **held}],
    } | change


def namespace(name: str, **change: Any) -> Document:
    quota = {"functions": 20, "triggers": 20, "replicas": 50, "cpu": "10", "memory": "10Gi"}
    return {
        "name": name, "tenant": "demo", "clusterName": f"demo--{name}", "ready": True, "quota": quota,
    } | change  # fmt: skip


@dataclass
class FakeTenants:
    tenants: dict[str, Document] = field(default_factory=dict)
    namespaces: dict[str, Document] = field(default_factory=dict)
    suffixes: list[str] = field(default_factory=list)

    def listTenants(self, _: httpx.Request) -> httpx.Response:  # noqa: N802 - named as the contract names it
        return httpx.Response(200, json={"items": list(self.tenants.values()), "next": ""})

    def createTenant(self, request: httpx.Request) -> httpx.Response:  # noqa: N802 - named as the contract names it
        asked = tenant(**json.loads(request.content))
        self.tenants[asked["id"]] = asked
        return httpx.Response(201, json=asked)

    def getTenant(self, request: httpx.Request) -> httpx.Response:  # noqa: N802 - named as the contract names it
        return httpx.Response(200, json=stored(self.tenants, request), headers={"ETag": '"t1"'})

    def suspendTenant(self, request: httpx.Request) -> httpx.Response:  # noqa: N802 - named as the contract names it
        suspension = {"since": NOW, "by": "ada", **json.loads(request.content)}
        return self._tenant(request, state="suspended", suspension=suspension)

    def resumeTenant(self, request: httpx.Request) -> httpx.Response:  # noqa: N802 - named as the contract names it
        return self._tenant(request, state="active", suspension=None)

    def changePlan(self, request: httpx.Request) -> httpx.Response:  # noqa: N802 - named as the contract names it
        return self._tenant(request, plan=json.loads(request.content)["plan"])

    def listHostSuffixes(self, _: httpx.Request) -> httpx.Response:  # noqa: N802 - named as the contract names it
        return self._suffixes()

    def grantHostSuffix(self, request: httpx.Request) -> httpx.Response:  # noqa: N802 - named as the contract names it
        self.suffixes.append(name_in(request))
        return self._suffixes()

    def withdrawHostSuffix(self, request: httpx.Request) -> httpx.Response:  # noqa: N802 - named as the contract names it
        self.suffixes.remove(name_in(request))
        return self._suffixes()

    def _suffixes(self) -> httpx.Response:
        document = {"default": "demo.apps.example", "granted": sorted(self.suffixes)}
        return httpx.Response(200, json=document)

    def deleteTenant(self, request: httpx.Request) -> httpx.Response:  # noqa: N802 - named as the contract names it
        reason = request.url.params.get("reason", "")
        deletion = {
            "after": "2026-03-31T12:00:00Z", "askedAt": NOW, "askedBy": "ada", "reason": reason, "byPlatform": False,
        }  # fmt: skip
        return self._tenant(request, -1, state="deleting", deletion=deletion)

    def undeleteTenant(self, request: httpx.Request) -> httpx.Response:  # noqa: N802 - named as the contract names it
        return self._tenant(request, state="active", deletion=None)

    def _tenant(self, request: httpx.Request, part: int = -2, **change: Any) -> httpx.Response:
        held = stored(self.tenants, request, part=part)
        held.update(change)
        return httpx.Response(200, json=held)

    def listNamespaces(self, _: httpx.Request) -> httpx.Response:  # noqa: N802 - named as the contract names it
        return httpx.Response(200, json={"items": list(self.namespaces.values()), "next": ""})

    def createNamespace(self, request: httpx.Request) -> httpx.Response:  # noqa: N802 - named as the contract names it
        name = json.loads(request.content)["name"]
        self.namespaces[name] = namespace(name)
        return httpx.Response(201, json=self.namespaces[name] | {"ready": None})

    def adoptNamespace(self, request: httpx.Request) -> httpx.Response:  # noqa: N802 - named as the contract names it
        name = name_in(request, -2)
        self.namespaces[name] = namespace(name)
        return httpx.Response(201, json=self.namespaces[name] | {"ready": None})

    def getNamespace(self, request: httpx.Request) -> httpx.Response:  # noqa: N802 - named as the contract names it
        return httpx.Response(200, json=stored(self.namespaces, request))

    def deleteNamespace(self, request: httpx.Request) -> httpx.Response:  # noqa: N802 - named as the contract names it
        del self.namespaces[stored(self.namespaces, request)["name"]]
        return httpx.Response(204)

    def getQuota(self, _: httpx.Request) -> httpx.Response:  # noqa: N802 - named as the contract names it
        return httpx.Response(200, json=quota(), headers={"ETag": '"q1"'})

    def setNamespaceQuota(self, request: httpx.Request) -> httpx.Response:  # noqa: N802 - named as the contract names it
        hard = json.loads(request.content)
        return httpx.Response(200, json={"name": name_in(request, -2), **account(hard=hard)})

    def overrideQuota(self, request: httpx.Request) -> httpx.Response:  # noqa: N802 - named as the contract names it
        asked = json.loads(request.content)
        hard = {key: asked[key] for key in TENANT_LIMITS}
        return httpx.Response(200, json=tenant_account(hard=hard))

    def clearQuotaOverride(self, _: httpx.Request) -> httpx.Response:  # noqa: N802 - named as the contract names it
        return httpx.Response(200, json=tenant_account())

    def requestQuota(self, request: httpx.Request) -> httpx.Response:  # noqa: N802 - named as the contract names it
        asked = json.loads(request.content)
        return httpx.Response(
            201, json=quota_request(**asked | {"extra": NO_LIMITS | asked["extra"]})
        )

    def listQuotaRequests(self, _: httpx.Request) -> httpx.Response:  # noqa: N802 - named as the contract names it
        return httpx.Response(200, json={"items": [quota_request()], "next": ""})

    def listPendingQuotaRequests(self, _: httpx.Request) -> httpx.Response:  # noqa: N802 - named as the contract names it
        return httpx.Response(200, json={"items": [quota_request(tenant="acme")], "next": ""})

    def approveQuotaRequest(self, request: httpx.Request) -> httpx.Response:  # noqa: N802 - named as the contract names it
        return httpx.Response(
            200, json=quota_request(state="approved", **json.loads(request.content))
        )

    def rejectQuotaRequest(self, request: httpx.Request) -> httpx.Response:  # noqa: N802 - named as the contract names it
        return httpx.Response(
            200, json=quota_request(state="rejected", **json.loads(request.content))
        )

    def returnQuota(self, _: httpx.Request) -> httpx.Response:  # noqa: N802 - named as the contract names it
        return httpx.Response(200, json=quota_request(state="returned"))
