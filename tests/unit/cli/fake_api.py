"""An API server in memory behind an httpx transport. It keeps the contract on both sides, and misbehaves on demand."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx

from . import contract
from .fake_answers import NOW, Document, Refusal, name_in, stored
from .fake_approvals import FakeApprovals, approval
from .fake_credentials import FakeCredentials
from .fake_people import FakePeople
from .fake_tenants import LIMITS, FakeTenants

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TOKEN = "fh_usr_0123456789abcdefghijklmnopqrstuvw"


def finding(**facts: Any) -> Document:
    return {"code": "a-rule", "outcome": "deny", "message": "is wrong", "path": ""} | facts


def function(name: str = "hello", **change: Any) -> Document:
    """A function that serves, as the API shows it."""
    document: Document = {
        "name": name,
        "namespace": "default",
        "tenant": "demo",
        "labels": {},
        "generation": 1,
        "createdAt": "2026-03-01T11:55:00Z",
        "spec": {
            "runtime": "python3.11",
            "handler": "hello.handler",
            "source": {
                "inline": {"files": {"hello.py": "def handler(event, context): return 'x'\n"}}
            },
            "resources": {"cpu": "250m", "memory": "128Mi"},
            "timeout": 180,
            "concurrency": 8,
            "scaling": {"min": 1, "max": 1, "cpuPercent": 80},
        },
        "status": serving(name),
    }
    return document | change


def condition(
    kind: str, status: str, reason: str, message: str = "", generation: int = 1
) -> Document:
    return {
        "type": kind,
        "status": status,
        "reason": reason,
        "message": message,
        "observedGeneration": generation,
        "lastTransitionTime": "2026-03-01T11:59:00Z",
    }


def serving(name: str, generation: int = 1) -> Document:
    return {
        "observedGeneration": generation,
        "revision": f"{name}-0123456789",
        "latestRevision": f"{name}-0123456789",
        "urls": [],
        "replicas": {"desired": 1, "ready": 1, "summary": "1/1"},
        "conditions": [
            condition("Admitted", "True", "Admitted", "the house rules let it in", generation),
            condition("Built", "True", "Pushed", "", generation),
            condition("Degraded", "False", "AsExpected", "nothing is wrong", generation),
            condition("Ready", "True", "Serving", "it serves", generation),
        ],
    }


def trigger(name: str = "hello", function_name: str = "hello", **change: Any) -> Document:
    return {
        "name": name,
        "namespace": "default",
        "tenant": "demo",
        "labels": {},
        "generation": 1,
        "createdAt": "2026-03-01T11:55:00Z",
        "spec": {"function": function_name, "path": "/"},
        "status": {
            "url": f"http://{function_name}.demo.example.com/",
            "conditions": [condition("Ready", "True", "Serving")],
        },
    } | change


def cron_trigger(name: str = "nightly", **change: Any) -> Document:
    """A cron trigger whose last run failed."""
    return {
        "name": name,
        "namespace": "default",
        "tenant": "demo",
        "labels": {},
        "generation": 1,
        "createdAt": "2026-03-01T11:00:00Z",
        "spec": {
            "function": "hello",
            "schedule": "0 3 * * *",
            "timeZone": "UTC",
            "payload": {"a": {"b": 1, "c": 2}},
            "concurrencyPolicy": "Allow",
            "suspend": False,
            "successfulJobsHistoryLimit": 3,
            "failedJobsHistoryLimit": 1,
        },
        "status": {
            "nextRun": "2026-03-02T03:00:00Z",
            "lastRun": {
                "at": "2026-03-01T03:00:00Z", "result": "Failed", "exitCode": 200, "message": "500: it broke",
            },
            "running": 0,
            "missedRuns": 2,
            "conditions": [condition("Ready", "True", "Scheduled", "hello is called")],
        },
    } | change  # fmt: skip


def revision(digits: str, state: str = "kept", **change: Any) -> Document:
    """A revision that is kept, as the API shows it alone."""
    return {
        "name": f"hello-{digits}",
        "function": "hello",
        "state": state,
        "author": {"id": "fh:7d1c", "name": "Ada"},
        "createdAt": "2026-03-01T11:00:00Z",
        "servedAt": "2026-03-01T11:01:00Z",
        "image": "r.example/tenants/demo/default/hello@sha256:" + digits * 6 + "0123",
        "runtimeImage": "r.example/python@sha256:" + "0" * 64,
        "sourceDigest": "sha256:" + "1" * 64,
        "commit": None,
        "previous": "hello-0000000000",
        "changes": ["timeout 30 s → 31 s"],
        "spec": {
            "runtime": "python3.11",
            "handler": "hello.handler",
            "source": {
                "inline": {"files": {"hello.py": "def handler(event, context):\n    return 1\n"}}
            },
            "env": [],
            "resources": {"cpu": "250m", "memory": "128Mi"},
            "timeout": 30,
            "concurrency": 8,
        },
    } | change


@dataclass
class FakeApi(FakePeople, FakeTenants, FakeCredentials, FakeApprovals):
    """What it holds, what it was asked, and what it does when asked (`scripts`, by operation id, come first)."""

    functions: dict[str, Document] = field(default_factory=dict)
    held: Document = field(default_factory=approval)
    revisions: list[Document] = field(default_factory=list)
    triggers: dict[str, Document] = field(default_factory=dict)
    crons: dict[str, Document] = field(default_factory=dict)
    tokens: dict[str, Document] = field(default_factory=dict)
    roles: dict[str, str] = field(default_factory=lambda: {"demo": "owner"})
    archives: dict[str, bytes] = field(default_factory=dict)
    descriptions: dict[str, Document] = field(default_factory=dict)
    logs: dict[str, str] = field(default_factory=dict)
    loads: dict[str, Document] = field(default_factory=dict)
    requests: list[httpx.Request] = field(default_factory=list)
    scripts: dict[str, Callable[[httpx.Request], httpx.Response]] = field(default_factory=dict)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        request.read()
        self.requests.append(request)
        contract.check_request(request)
        operation = contract.operation(request)[0]["operationId"]
        try:
            if script := self.scripts.get(operation):
                answer = script(request)
            elif request.headers.get("authorization") != f"Bearer {TOKEN}":
                answer = _problem(Refusal(401, "unauthenticated", "No valid credential came."))
            else:
                answer = getattr(self, operation)(request)
        except Refusal as refusal:
            answer = _problem(refusal)
        contract.check_answer(request, answer)
        return answer

    def asked(self, method: str = "") -> Iterator[tuple[str, str, Any]]:
        """Method, path and JSON body of what was asked, except who is asking."""
        for request in self.requests:
            path = request.url.path
            if path != "/v1/me" and method in {"", request.method}:
                yield request.method, path, json.loads(request.content) if request.content else None

    # One method per operation of the contract.

    def me(self, _: httpx.Request) -> httpx.Response:
        return httpx.Response(
            200,
            json={
                "id": "7d1c", "name": "ada", "tokenId": "t1", "roles": self.roles, "platformRoles": [],
                "username": "fh:7d1c", "groups": ["fh:demo:owner"],
                "scopes": [], "namespaces": [], "cidrs": [], "suspended": [],
            },
        )  # fmt: skip

    def listPlans(self, _: httpx.Request) -> httpx.Response:  # noqa: N802 - operation ids
        gives = {
            "tokens": 100,
            "namespaces": 3,
            "namespaceQuota": LIMITS,
            "tenantQuota": LIMITS | {"cpu": "12"},
        }
        items = [
            {"id": "large", "selfService": False, **gives},
            {"id": "small", "selfService": True, **gives},
        ]
        return httpx.Response(200, json={"items": items, "next": ""})

    def listRuntimes(self, _: httpx.Request) -> httpx.Response:  # noqa: N802 - operation ids
        image = "registry/python@sha256:" + "0" * 64
        item = {
            "id": "python3.11", "status": "active", "image": image, "dependencyFile": "requirements.txt",
            "fileSuffix": ".py",
        }  # fmt: skip
        return httpx.Response(200, json={"items": [item], "next": ""})

    def listFunctions(self, request: httpx.Request) -> httpx.Response:  # noqa: N802 - named as the contract names it
        return _objects(self.functions, request)

    def listHTTPTriggers(self, request: httpx.Request) -> httpx.Response:  # noqa: N802 - named as the contract names it
        return _objects(self.triggers, request)

    def createFunction(self, request: httpx.Request) -> httpx.Response:  # noqa: N802 - named as the contract names it
        return _created(self.functions, function, request)

    def createHTTPTrigger(self, request: httpx.Request) -> httpx.Response:  # noqa: N802 - named as the contract names it
        return _created(self.triggers, trigger, request)

    def applyFunction(self, request: httpx.Request) -> httpx.Response:  # noqa: N802 - named as the contract names it
        made = function(name_in(request), **json.loads(request.content))
        return httpx.Response(200, json=_kept(self.functions, made, request))

    def applyHTTPTrigger(self, request: httpx.Request) -> httpx.Response:  # noqa: N802 - named as the contract names it
        made = trigger(name_in(request), **json.loads(request.content))
        return httpx.Response(200, json=_kept(self.triggers, made, request))

    def getFunction(self, request: httpx.Request) -> httpx.Response:  # noqa: N802 - named as the contract names it
        return httpx.Response(200, json=stored(self.functions, request))

    def getHTTPTrigger(self, request: httpx.Request) -> httpx.Response:  # noqa: N802 - named as the contract names it
        return httpx.Response(200, json=stored(self.triggers, request))

    def updateFunction(self, request: httpx.Request) -> httpx.Response:  # noqa: N802 - named as the contract names it
        held = dict(stored(self.functions, request))
        spec = merge(held["spec"], json.loads(request.content)["spec"])
        if spec != held["spec"]:
            held |= {"spec": spec, "generation": held["generation"] + 1}
            held["status"] = serving(held["name"], held["generation"])
        return httpx.Response(200, json=_kept(self.functions, held, request))

    def updateHTTPTrigger(self, request: httpx.Request) -> httpx.Response:  # noqa: N802 - named as the contract names it
        held = dict(stored(self.triggers, request))
        held["spec"] = merge(held["spec"], json.loads(request.content)["spec"])
        return httpx.Response(200, json=_kept(self.triggers, held, request))

    def deleteFunction(self, request: httpx.Request) -> httpx.Response:  # noqa: N802 - named as the contract names it
        del self.functions[stored(self.functions, request)["name"]]
        return httpx.Response(204)

    def deleteHTTPTrigger(self, request: httpx.Request) -> httpx.Response:  # noqa: N802 - named as the contract names it
        del self.triggers[stored(self.triggers, request)["name"]]
        return httpx.Response(204)

    def listCronJobTriggers(self, request: httpx.Request) -> httpx.Response:  # noqa: N802 - named as the contract names it
        return _objects(self.crons, request)

    def createCronJobTrigger(self, request: httpx.Request) -> httpx.Response:  # noqa: N802 - named as the contract names it
        return _created(self.crons, cron_trigger, request)

    def getCronJobTrigger(self, request: httpx.Request) -> httpx.Response:  # noqa: N802 - named as the contract names it
        return httpx.Response(200, json=stored(self.crons, request))

    def updateCronJobTrigger(self, request: httpx.Request) -> httpx.Response:  # noqa: N802 - named as the contract names it
        held = dict(stored(self.crons, request))
        held["spec"] = merge(held["spec"], json.loads(request.content)["spec"])
        return httpx.Response(200, json=_kept(self.crons, held, request))

    def deleteCronJobTrigger(self, request: httpx.Request) -> httpx.Response:  # noqa: N802 - named as the contract names it
        del self.crons[stored(self.crons, request)["name"]]
        return httpx.Response(204)

    def scaleFunction(self, request: httpx.Request) -> httpx.Response:  # noqa: N802 - named as the contract names it
        held = stored(self.functions, request, part=-2)
        held["spec"]["scaling"] = {"cpuPercent": 80} | json.loads(request.content)
        return httpx.Response(200, json=held)

    def unscaleFunction(self, request: httpx.Request) -> httpx.Response:  # noqa: N802 - named as the contract names it
        held = stored(self.functions, request, part=-2)
        held["spec"].pop("scaling")
        return httpx.Response(200, json=held)

    def describeFunction(self, request: httpx.Request) -> httpx.Response:  # noqa: N802 - named as the contract names it
        held = stored(self.functions, request, part=-2)
        whole = {
            "function": held,
            "revisions": [],
            "pods": [],
            "triggers": [],
            "cronTriggers": [],
            "events": [],
        }
        return httpx.Response(200, json=whole | self.descriptions.get(held["name"], {}))

    def functionLoad(self, request: httpx.Request) -> httpx.Response:  # noqa: N802 - named as the contract names it
        name = stored(self.functions, request, part=-2)["name"]
        nothing = dict.fromkeys(
            ("calls", "errors", "running", "p50Ms", "p95Ms", "cpuMilli", "memoryBytes")
        )
        rest = {"name": name, "total": nothing, "replicas": [], "unmeasured": ""}
        return httpx.Response(200, json=rest | self.loads.get(name, {}))

    def listRevisions(self, request: httpx.Request) -> httpx.Response:  # noqa: N802 - named as the contract names it
        stored(self.functions, request, part=-2)
        items = [{key: item[key] for key in item if key != "spec"} for item in self.revisions]
        return httpx.Response(200, json={"items": items, "next": ""})

    def getRevision(self, request: httpx.Request) -> httpx.Response:  # noqa: N802 - named as the contract names it
        asked = name_in(request)
        found = [item for item in self.revisions if asked in item["name"]]
        if not found:
            raise Refusal(404, "not-found", f"no revision {asked!r}")
        return httpx.Response(200, json=found[0])

    def rollbackFunction(self, request: httpx.Request) -> httpx.Response:  # noqa: N802 - named as the contract names it
        held = dict(stored(self.functions, request, part=-2))
        held |= {"generation": held["generation"] + 1}
        held["status"] = serving(held["name"], held["generation"])
        return httpx.Response(200, json=_kept(self.functions, held, request))

    def promoteFunction(self, request: httpx.Request) -> httpx.Response:  # noqa: N802 - named as the contract names it
        held = stored(self.functions, request, part=-2)
        revision = json.loads(request.content).get("revision") or self.revisions[0]["name"]
        done = request.url.params.get("dryRun") != "true"
        splits = [item for item in self.triggers.values() if item["spec"].pop("backends", None)]
        names = [item["name"] for item in splits]
        body = {"revision": revision, "done": done, "triggers": names, "function": held}
        return httpx.Response(200, json=body)

    def functionLogs(self, request: httpx.Request) -> httpx.Response:  # noqa: N802 - named as the contract names it
        name = stored(self.functions, request, part=-2)["name"]
        if name not in self.logs:
            raise Refusal(409, "conflict", f"function {name!r} has no replica")
        return httpx.Response(200, text=self.logs[name])

    def buildLogs(self, request: httpx.Request) -> httpx.Response:  # noqa: N802 - named as the contract names it
        name = stored(self.functions, request, part=-3)["name"]
        if name not in self.logs:
            raise Refusal(409, "conflict", f"function {name!r} has no build")
        return httpx.Response(200, text=self.logs[name])

    def uploadArchive(self, request: httpx.Request) -> httpx.Response:  # noqa: N802 - named as the contract names it
        digest = "sha256:" + hashlib.sha256(request.content).hexdigest()
        self.archives[digest] = request.content
        return httpx.Response(201, json={"digest": digest, "size": len(request.content)})

    def listTokens(self, _: httpx.Request) -> httpx.Response:  # noqa: N802 - named as the contract names it
        return httpx.Response(200, json={"items": list(self.tokens.values()), "next": ""})

    def revokeToken(self, request: httpx.Request) -> httpx.Response:  # noqa: N802 - named as the contract names it
        held = stored(self.tokens, request)
        held["revokedAt"] = NOW
        return httpx.Response(200, json=held)


def merge(before: Any, patch: Any) -> Any:
    """RFC 7396."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(before) if isinstance(before, dict) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = merge(merged.get(key), value)
    return merged


def _problem(refusal: Refusal) -> httpx.Response:
    headers = {"Content-Type": "application/problem+json", "X-Request-Id": "r-1"}
    return httpx.Response(refusal.status, content=json.dumps(refusal.document), headers=headers)


def _objects(store: dict[str, Document], request: httpx.Request) -> httpx.Response:
    place = name_in(request, -2)
    items = [item for item in store.values() if item["namespace"] == place]
    return httpx.Response(200, json={"items": items, "next": ""})


def _created(
    store: dict[str, Document], make: Callable[..., Document], request: httpx.Request
) -> httpx.Response:
    asked = json.loads(request.content)
    name = asked.pop("name")
    if name in store:
        raise Refusal(409, "conflict", f"there is a {name!r} already")
    return httpx.Response(201, json=_kept(store, make(name, **asked), request))


def _kept(store: dict[str, Document], made: Document, request: httpx.Request) -> Document:
    if request.url.params.get("dryRun") != "true":
        store[made["name"]] = made
    return made
