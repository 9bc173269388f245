"""A function's objects: what lives as long as the Function, and what lives as long as one revision."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from funkhaus.crd import revision as revision_crd
from funkhaus.domain.function import DEFAULT_PORT
from funkhaus.domain.kinds import (
    AUTOSCALER,
    DEPLOYMENT,
    FUNCTION,
    SERVICE,
    SERVICE_ACCOUNT,
    Kind,
)
from funkhaus.domain.names import revision_name
from funkhaus.domain.question import CREATED_BY
from funkhaus.manifests import labels
from funkhaus.manifests.labels import Owner, Site, metadata
from funkhaus.manifests.pod import pod_spec

if TYPE_CHECKING:
    from datetime import datetime

    from funkhaus.domain.function import Function, RevisionSpec, Scaling


def owner(function: Function) -> Owner:
    """The Function as the owner of everything made for it."""
    return Owner(FUNCTION, function.name, function.uid)


def pod_labels(site: Site, function: str, revision: str) -> dict[str, str]:
    """Labels of a revision's pods; the last two are what selects them."""
    return {**site.labels, labels.FUNCTION: function, labels.REVISION: revision}


def _head(kind: Kind) -> dict[str, Any]:
    return {"apiVersion": kind.api_version, "kind": kind.name}


def service_account(site: Site, function: Function) -> dict[str, Any]:
    """An identity of its own for every function; its token is not mounted and it is bound to nothing."""
    return {
        **_head(SERVICE_ACCOUNT),
        "metadata": metadata(
            site, function.name, owner(function), {labels.FUNCTION: function.name}
        ),
        "automountServiceAccountToken": False,
    }


def public_service(
    site: Site, function: Function, revision: str, switched_at: datetime
) -> dict[str, Any]:
    """The Service triggers and neighbours use. Its selector is the one place that says which revision serves."""
    meta = metadata(site, function.name, owner(function), {labels.FUNCTION: function.name})
    meta["annotations"] = {labels.SWITCHED_AT: switched_at.strftime("%Y-%m-%dT%H:%M:%SZ")}
    return {**_head(SERVICE), "metadata": meta, "spec": _service_spec(function.name, revision)}


def revision_object(site: Site, function: Function, revision: RevisionSpec) -> dict[str, Any]:
    """The FunctionRevision: immutable, so that what ran can run again."""
    manifest = revision_crd.manifest(site.namespace, revision)
    manifest["metadata"] = metadata(
        site, manifest["metadata"]["name"], owner(function), {labels.FUNCTION: function.name}
    )
    if function.author:
        manifest["metadata"]["annotations"] = {CREATED_BY: function.author}
    return manifest


def deployment(site: Site, function: Function, revision: RevisionSpec) -> dict[str, Any]:
    """The Deployment of one revision. It never says `replicas`: see `funkhaus.services.revisions`."""
    name = revision_name(revision.function, revision.digest)
    selected = {labels.FUNCTION: function.name, labels.REVISION: name}
    return {
        **_head(DEPLOYMENT),
        "metadata": metadata(site, name, owner(function), selected),
        "spec": {
            "selector": {"matchLabels": selected},
            "revisionHistoryLimit": 1,
            "progressDeadlineSeconds": 120,
            "strategy": {
                "type": "RollingUpdate",
                "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0},
            },
            "template": {
                "metadata": {"labels": pod_labels(site, function.name, name)},
                "spec": {
                    **pod_spec(revision),
                    "topologySpreadConstraints": [
                        {
                            "maxSkew": 1,
                            "topologyKey": "kubernetes.io/hostname",
                            "whenUnsatisfiable": "ScheduleAnyway",
                            "labelSelector": {"matchLabels": selected},
                        }
                    ],
                },
            },
        },
    }


def revision_service(site: Site, function: Function, revision: str) -> dict[str, Any]:
    """The Service of one revision's pods: for splits, and for asking a revision that doesn't serve yet."""
    selected = {labels.FUNCTION: function.name, labels.REVISION: revision}
    return {
        **_head(SERVICE),
        "metadata": metadata(site, revision, owner(function), selected),
        "spec": _service_spec(function.name, revision),
    }


def _service_spec(function: str, revision: str) -> dict[str, Any]:
    return {
        "type": "ClusterIP",
        "selector": {labels.FUNCTION: function, labels.REVISION: revision},
        "ports": [
            {"name": "http", "port": DEFAULT_PORT, "targetPort": "http", "protocol": "TCP"},
        ],
    }


def scales(scaling: Scaling) -> bool:
    """Whether an autoscaler decides the number of replicas."""
    return scaling.least < scaling.max


def autoscaler(
    site: Site, function: Function, revision: str, most: int, *, own: bool = False
) -> dict[str, Any]:
    """The HorizontalPodAutoscaler of the revision that serves, under the function's name, or of another one that a trigger
    names, under its `own`: at least one replica (it leaves alone what sleeps), at most `most`
    (`funkhaus.domain.quota.replicas_within`).
    """
    scaling = function.spec.scaling
    return {
        **_head(AUTOSCALER),
        "metadata": metadata(
            site,
            revision if own else function.name,
            owner(function),
            {labels.FUNCTION: function.name},
        ),
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": revision},
            "minReplicas": min(scaling.least, most),
            "maxReplicas": most,
            "metrics": [
                {
                    "type": "Resource",
                    "resource": {
                        "name": "cpu",
                        "target": {
                            "type": "Utilization",
                            "averageUtilization": scaling.cpu_percent,
                        },
                    },
                }
            ],
        },
    }
