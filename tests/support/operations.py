"""One request to each operation of the contract that is read without complaint, for tests that ask them all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .published import operations, resolved

if TYPE_CHECKING:
    from .api import Client, Reply

OPERATIONS = {item["operationId"]: item for item in operations() if item.get("security") != []}
"""What needs a credential, by operationId."""
QUOTA = {
    "functions": 1, "triggers": 1, "replicas": 1, "cpu": "1", "memory": "1Gi", "hosts": 1,
    "requestsPerSecond": 1, "buildsPerDay": 1,
}  # fmt: skip
NEW_OBJECT: dict[str, Any] = {"name": "x", "spec": {}}
BODIES: dict[str, Any] = {
    "acceptInvitation": {"id": "x"},
    "activatePolicies": {"revision": "x", "reason": "x"},
    "applyCronJobTrigger": {"spec": {}},
    "applyFunction": {"spec": {}},
    "applyHTTPTrigger": {"spec": {}},
    "approveChange": {},
    "approveQuotaRequest": {},
    "approveTenantRequest": {},
    "changePlan": {"plan": "medium", "reason": "x"},
    "createCronJobTrigger": NEW_OBJECT,
    "createFunction": NEW_OBJECT,
    "createHTTPTrigger": NEW_OBJECT,
    "createNamespace": {"name": "shop"},
    "createServiceAccount": {"name": "x", "role": "viewer"},
    "createTenant": {"id": "green", "plan": "small"},
    "disableUser": {"reason": "x"},
    "exchangeForKubectl": {},
    "grant": {"user": "x", "role": "auditor"},
    "invite": {"email": "a@example.com", "role": "viewer"},
    "issueToken": {"name": "x", "role": "viewer"},
    "overrideQuota": QUOTA | {"reason": "x", "days": 1},
    "policyImpact": {"files": {"x": "x"}},
    "putMember": {"user": "x", "role": "viewer"},
    "rejectChange": {"reason": "x"},
    "rejectQuotaRequest": {},
    "rejectTenantRequest": {},
    "renewApproval": {},
    "requestTenant": {"id": "green", "plan": "large", "reason": "x"},
    "requestQuota": {"namespace": "default", "extra": {"cpu": "1"}, "reason": "x", "days": 1},
    "promoteFunction": {},
    "rollbackFunction": {},
    "rotateOwnToken": {},
    "rotateToken": {},
    "scaleFunction": {"min": 1, "max": 1, "cpuPercent": 50},
    "setNamespaceQuota": QUOTA,
    "suspendTenant": {"reason": "x"},
    "updateCronJobTrigger": {"spec": {}},
    "updateFunction": {"spec": {}},
    "updateHTTPTrigger": {"spec": {}},
}
"""A body that is read without complaint, where one is."""
PLACES = {"namespace": "default", "role": "auditor"}
"""Path parameters that are something; every other one is x."""


async def ask(client: Client, name: str, *, tenant: str = "blue", **options: Any) -> Reply:
    """Ask an operation for something of `tenant`."""
    operation = OPERATIONS[name]
    path = operation["path"].replace("{tenant}", tenant)
    for part in path.split("{")[1:]:
        key = part.partition("}")[0]
        path = path.replace(f"{{{key}}}", PLACES.get(key, "x"))
    names = {resolved(item)["name"] for item in operation.get("parameters", [])}
    headers = ({"If-Match": "*"} if "If-Match" in names else {}) | options.pop("headers", {})
    options = {"json": BODIES.get(name)} | options
    return await client.ask(operation["method"], path, headers=headers, **options)
