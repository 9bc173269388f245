"""The pod a function runs in. There is no raw PodSpec anywhere: this is the only shape."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from funkhaus.domain.function import DEFAULT_PORT, OPS_PORT

if TYPE_CHECKING:
    from funkhaus.domain.function import EnvVar, RevisionSpec

CONTAINER = "function"
USER = 65532
"""The ``nonroot`` user; the runtime images are built for it."""
POD_SECURITY: dict[str, Any] = {
    "runAsNonRoot": True,
    "runAsUser": USER,
    "runAsGroup": USER,
    "fsGroup": USER,
    "seccompProfile": {"type": "RuntimeDefault"},
}
CONTAINER_SECURITY: dict[str, Any] = {
    "allowPrivilegeEscalation": False,
    "privileged": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}
FUNCTION_DIR = "/function"
TMP_LIMIT = "64Mi"
GRACE_LIMIT = 600
"""Seconds a replica may take to end at most, however long a function's timeout is."""
DRAIN = 15
"""Seconds beside the running calls' timeout: the runtime goes on accepting while endpoints are withdrawn, then closes."""
STARTUP_TRIES = 60
"""Seconds a replica may take to import its code before it is restarted."""


def grace_period(timeout: int) -> int:
    """Seconds between SIGTERM and SIGKILL: enough for a call that has just begun, bounded."""
    return min(timeout + DRAIN, GRACE_LIMIT)


def pod_spec(revision: RevisionSpec) -> dict[str, Any]:
    """The pod of one replica: Pod Security level `restricted`, no token of any service account, a small writable /tmp."""
    return {
        "serviceAccountName": revision.function,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": grace_period(revision.timeout),
        "securityContext": dict(POD_SECURITY),
        "containers": [_container(revision)],
        "volumes": [{"name": "tmp", "emptyDir": {"sizeLimit": TMP_LIMIT}}],
    }


def _container(revision: RevisionSpec) -> dict[str, Any]:
    amounts = {"cpu": revision.resources.cpu, "memory": revision.resources.memory}
    return {
        "name": CONTAINER,
        "image": revision.image,
        "imagePullPolicy": "IfNotPresent",  # by digest, so that it can't have changed
        "env": _environment(revision),
        "ports": [
            {"name": "http", "containerPort": DEFAULT_PORT, "protocol": "TCP"},
            {"name": "ops", "containerPort": OPS_PORT, "protocol": "TCP"},
        ],
        "resources": {"requests": amounts, "limits": dict(amounts)},
        "securityContext": dict(CONTAINER_SECURITY),
        "startupProbe": _probe(period=1, failures=STARTUP_TRIES),
        "readinessProbe": _probe(period=5, failures=2),
        "livenessProbe": _probe(period=10, failures=6),
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],  # noqa: S108 - the function's own
    }


def _probe(*, period: int, failures: int) -> dict[str, Any]:
    """All three ask the same question on the port no trigger reaches; how long they wait differs."""
    return {
        "httpGet": {"path": "/healthz", "port": "ops", "scheme": "HTTP"},
        "periodSeconds": period,
        "timeoutSeconds": 5,
        "failureThreshold": failures,
        "successThreshold": 1,
    }


def _environment(revision: RevisionSpec) -> list[dict[str, Any]]:
    """The user's variables, then the contract with the runtime server, which wins where names meet."""
    module, _, function = revision.handler.rpartition(".")
    contract = {
        "MOD_NAME": module,
        "FUNC_HANDLER": function,
        "FUNC_TIMEOUT": str(revision.timeout),
        "FUNC_RUNTIME": revision.runtime,
        "FUNC_MEMORY_LIMIT": revision.resources.memory,
        "FUNC_PORT": str(DEFAULT_PORT),
        "FUNKHAUS_OPS_PORT": str(OPS_PORT),
        "FUNKHAUS_FUNCTION_NAME": revision.function,
        "FUNKHAUS_CONCURRENCY": str(revision.concurrency),
        "FUNKHAUS_FUNCTION_DIR": FUNCTION_DIR,
    }
    own = [_variable(item) for item in revision.env if item.name not in contract]
    return own + [{"name": name, "value": value} for name, value in contract.items()]


def _variable(item: EnvVar) -> dict[str, Any]:
    if item.secret:
        source = {"secretKeyRef": {"name": item.secret[0], "key": item.secret[1]}}
    elif item.config_map:
        source = {"configMapKeyRef": {"name": item.config_map[0], "key": item.config_map[1]}}
    else:
        return {"name": item.name, "value": item.value or ""}
    return {"name": item.name, "valueFrom": source}
