"""A build: a Job whose pod installs a function's dependencies and serves what came of it until the controller has it.

The pod holds no credential and reaches DNS and the package index (`funkhaus.manifests.network`). Its exit codes are
those of `funkhaus_build`: one the user has to mend ends the Job, any other is tried once more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from funkhaus.domain.kinds import FUNCTION, JOB
from funkhaus.domain.packages import FILES_LIMIT, UNPACKED_LIMIT
from funkhaus.manifests import labels
from funkhaus.manifests.labels import Owner, Site, metadata
from funkhaus.manifests.pod import CONTAINER_SECURITY, POD_SECURITY

if TYPE_CHECKING:
    from collections.abc import Mapping

    from funkhaus.domain.build import BuildRules, Index
    from funkhaus.domain.function import Function
    from funkhaus.domain.runtime import Builder

COMPONENT = "build"
"""Value of the label on every build, and the container's name."""
PORT = 8080
MENDABLE = 3
"""Exit code of a build that the user can mend."""
PASSING = frozenset({4, 5})
"""Of one that may go well later: nobody fetched the result, or the index was away."""
KEPT_SECONDS = 86_400
"""How long a build that failed is kept, and so not tried again for an unchanged function."""
RETRIES = 1
WORK = "/work"
GENERATION = "funkhaus.dev/generation"
"""Annotation of a Job: the generation of the Function that asked for it."""
_KEY_DIGITS = 40
_NAME_DIGITS = 8
_SECRET = "FUNKHAUS_BUILD_SECRET"  # noqa: S105 - the name of a variable


def owner(function: Function) -> Owner:
    """The Function a build is for."""
    return Owner(FUNCTION, function.name, function.uid)


def name(function: str, key: str) -> str:
    """The Job's name."""
    return f"{function}-build-{_digits(key)[:_NAME_DIGITS]}"


def marks(function: str, key: str) -> dict[str, str]:
    """The labels that say what a build is of, and for whom."""
    return {
        labels.COMPONENT: COMPONENT,
        labels.BUILD: function,
        labels.BUILD_KEY: _digits(key)[:_KEY_DIGITS],
    }


def is_of(job: Mapping[str, Any], key: str) -> bool:
    """Whether a Job builds what `key` is of."""
    carried: dict[str, str] = job["metadata"].get("labels") or {}
    return carried.get(labels.BUILD_KEY) == _digits(key)[:_KEY_DIGITS]


def secret_of(job: Mapping[str, Any]) -> str:
    """The key a build's result is vouched for with; empty where there is none."""
    for container in job["spec"]["template"]["spec"]["containers"]:
        for item in container.get("env") or []:
            if item.get("name") == _SECRET:
                return str(item.get("value") or "")
    return ""


def job(
    site: Site, function: Function, *, key: str, requirements: str, builder: Builder, rules: BuildRules, index: Index,
    secret: str,
) -> dict[str, Any]:  # fmt: skip
    """The Job. `requirements` is what pip reads."""
    marked = marks(function.name, key)
    meta = metadata(site, name(function.name, key), owner(function), marked)
    meta["annotations"] = {GENERATION: str(function.generation)}
    told = {
        "FUNKHAUS_BUILD_REQUIREMENTS": requirements,
        "FUNKHAUS_BUILD_INDEX_URL": index.url,
        **({"FUNKHAUS_BUILD_INDEX_CA": index.ca} if index.ca else {}),
        "FUNKHAUS_BUILD_BYTES_LIMIT": str(UNPACKED_LIMIT),
        "FUNKHAUS_BUILD_FILES_LIMIT": str(FILES_LIMIT),
        "FUNKHAUS_BUILD_PATIENCE": str(rules.seconds),
        "FUNKHAUS_BUILD_PORT": str(PORT),
        "FUNKHAUS_BUILD_WORK": WORK,
        _SECRET: secret,
    }
    return {
        "apiVersion": JOB.api_version,
        "kind": JOB.name,
        "metadata": meta,
        "spec": {
            "backoffLimit": RETRIES,
            "activeDeadlineSeconds": rules.seconds,
            "ttlSecondsAfterFinished": KEPT_SECONDS,
            "podReplacementPolicy": "Failed",
            "podFailurePolicy": {
                "rules": [
                    {
                        "action": "FailJob",
                        "onExitCodes": {
                            "containerName": COMPONENT,
                            "operator": "In",
                            "values": [MENDABLE],
                        },
                    }
                ]
            },
            "template": {
                "metadata": {"labels": {**site.labels, **marked}},
                "spec": _pod(builder, rules, told),
            },
        },
    }


def _pod(builder: Builder, rules: BuildRules, told: Mapping[str, str]) -> dict[str, Any]:
    amounts = {"cpu": rules.cpu, "memory": rules.memory, "ephemeral-storage": rules.disk}
    return {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 5,
        "securityContext": dict(POD_SECURITY),
        "containers": [
            {
                "name": COMPONENT,
                "image": builder.image,
                "imagePullPolicy": "IfNotPresent",
                "command": list(builder.command),
                "workingDir": WORK,
                "env": [{"name": key, "value": value} for key, value in told.items()],
                "ports": [{"name": "result", "containerPort": PORT, "protocol": "TCP"}],
                "resources": {"requests": amounts, "limits": dict(amounts)},
                "securityContext": dict(CONTAINER_SECURITY),
                "readinessProbe": {
                    "httpGet": {"path": "/healthz", "port": "result", "scheme": "HTTP"},
                    "periodSeconds": 1,
                    "timeoutSeconds": 2,
                    "failureThreshold": 1,
                    "successThreshold": 1,
                },
                "terminationMessagePolicy": "FallbackToLogsOnError",
                "volumeMounts": [{"name": "work", "mountPath": WORK}],
            }
        ],
        "volumes": [{"name": "work", "emptyDir": {"sizeLimit": rules.disk}}],
    }


def _digits(key: str) -> str:
    return key.removeprefix("sha256:")
