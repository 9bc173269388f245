"""A build: a Job whose pod makes something for a function and serves what came of it until the controller has it.

It installs dependencies or fetches a source. The pod holds no credential and reaches DNS, and the package index or the
places sources come from (`funkhaus.manifests.network`). Its exit codes are those of `funkhaus_build`: one the user has to
mend ends the Job, any other is tried once more.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from funkhaus.domain.archive import ARCHIVE_LIMIT
from funkhaus.domain.archive import FILES_LIMIT as FILES
from funkhaus.domain.archive import UNPACKED_LIMIT as UNPACKED
from funkhaus.domain.kinds import FUNCTION, JOB
from funkhaus.domain.packages import FILES_LIMIT, UNPACKED_LIMIT
from funkhaus.domain.runtime import Builder
from funkhaus.manifests import labels
from funkhaus.manifests.labels import Owner, Site, metadata
from funkhaus.manifests.pod import CONTAINER_SECURITY, POD_SECURITY

if TYPE_CHECKING:
    from collections.abc import Mapping

    from funkhaus.domain.build import BuildRules, Index
    from funkhaus.domain.function import Function, Source
    from funkhaus.domain.upstream import Upstream

COMPONENT = "build"
"""Value of the label on every build, and the container's name."""
PACKAGES, SOURCE = "packages", "source"
"""What builds make."""
PORT = 8080
MENDABLE = 3
"""Exit code of a build that the user can mend."""
PASSING = frozenset({4, 5})
"""Of one that may go well later: nobody fetched the result, or the index was away."""
KEPT_SECONDS = 86_400
"""How long a build that failed is kept, and so not tried again for an unchanged function."""
RETRIES = 1
DISRUPTED = "DisruptionTarget"
"""Condition of a pod that ends through no fault of its own."""
WORK = "/work"
GENERATION = "funkhaus.dev/generation"
"""Annotation of a Job: the generation of the Function that asked for it."""
FETCHES = ("python3", "-P", "-m", "funkhaus_build.source")
"""What fetches a source, in a build image."""
_KEY_DIGITS = 40
_NAME_DIGITS = 8
_NAMES = {PACKAGES: "build", SOURCE: "source"}
_PREFIX = "FUNKHAUS_BUILD_"
_SECRET = "FUNKHAUS_BUILD_SECRET"  # noqa: S105 - the name of a variable


@dataclass(frozen=True, slots=True)
class Work:
    """What a build's pod does: `key` names what comes of it, `told` are `funkhaus_build`'s variables without prefix."""

    makes: str
    key: str
    builder: Builder
    told: Mapping[str, str]


def installing(key: str, requirements: str, builder: Builder, index: Index) -> Work:
    """Install packages; `requirements` is what pip reads."""
    told = {
        "REQUIREMENTS": requirements,
        "INDEX_URL": index.url,
        **({"INDEX_CA": index.ca} if index.ca else {}),
        "BYTES_LIMIT": str(UNPACKED_LIMIT),
        "FILES_LIMIT": str(FILES_LIMIT),
    }
    return Work(PACKAGES, key, builder, told)


def fetching(key: str, source: Source, builder: Builder, upstream: Upstream) -> Work:
    """Fetch what the source's address names, in the image of `builder`."""
    told = {
        **_asked(source),
        "SOURCE_NETWORKS": upstream.addresses,
        "SOURCE_PORTS": " ".join(str(port) for port in upstream.ports),
        **({"SOURCE_CA": upstream.ca} if upstream.ca else {}),
        "BYTES_LIMIT": str(ARCHIVE_LIMIT),
        "UNPACKED_LIMIT": str(UNPACKED),
        "FILES_LIMIT": str(FILES),
    }
    return Work(SOURCE, key, Builder(builder.image, FETCHES), told)


def _asked(source: Source) -> dict[str, str]:
    if source.git:
        return {"SOURCE_URL": source.git, "SOURCE_REF": source.ref, "SOURCE_PATH": source.path}
    return {"SOURCE_URL": source.url, "SOURCE_SHA256": source.sha256}


def owner(function: Function) -> Owner:
    """The Function a build is for."""
    return Owner(FUNCTION, function.name, function.uid)


def name(function: str, makes: str, key: str) -> str:
    """The Job's name."""
    return f"{function}-{_NAMES[makes]}-{_digits(key)[:_NAME_DIGITS]}"


def makes(job: Mapping[str, Any]) -> str:
    """What a build makes; those of before made packages and did not say so."""
    carried: dict[str, str] = job["metadata"].get("labels") or {}
    return carried.get(labels.BUILD_OF, PACKAGES)


def marks(function: str, makes: str, key: str) -> dict[str, str]:
    """The labels that say what a build is of, and for whom."""
    return {
        labels.COMPONENT: COMPONENT,
        labels.BUILD: function,
        labels.BUILD_OF: makes,
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
    site: Site, function: Function, work: Work, rules: BuildRules, secret: str
) -> dict[str, Any]:
    """The Job."""
    marked = marks(function.name, work.makes, work.key)
    meta = metadata(site, name(function.name, work.makes, work.key), owner(function), marked)
    meta["annotations"] = {GENERATION: str(function.generation)}
    told = {
        **work.told,
        "PATIENCE": str(rules.seconds),
        "PORT": str(PORT),
        "WORK": WORK,
    }
    variables = {f"{_PREFIX}{key}": value for key, value in told.items()} | {_SECRET: secret}
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
                    # A pod that was evicted or whose node went fails no build: there is another one, within the deadline.
                    {
                        "action": "Ignore",
                        "onPodConditions": [{"type": DISRUPTED, "status": "True"}],
                    },
                    {
                        "action": "FailJob",
                        "onExitCodes": {
                            "containerName": COMPONENT,
                            "operator": "In",
                            "values": [MENDABLE],
                        },
                    },
                ]
            },
            "template": {
                "metadata": {"labels": {**site.labels, **marked}},
                "spec": _pod(work.builder, rules, variables),
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
