"""The label vocabulary, shared by builders, selectors and policy, and how an object says whose it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from funkhaus.domain.kinds import Kind

MANAGED_BY = "app.kubernetes.io/managed-by"
MANAGER = "funkhaus"
MANAGED = {MANAGED_BY: MANAGER}
TENANT = "funkhaus.dev/tenant"
NAMESPACE = "funkhaus.dev/namespace"
PLAN = "funkhaus.dev/plan"
"""On a tenant's Namespace: by whose bounds kube-apiserver itself judges what is in it."""
HOST_SUFFIXES = "funkhaus.dev/host-suffixes"
"""Annotation of a tenant's Namespace: the suffixes granted beside the tenant's own, with commas between."""
FUNCTION = "funkhaus.dev/function"
REVISION = "funkhaus.dev/revision"
TRIGGER = "funkhaus.dev/trigger"
CALLER = "funkhaus.dev/caller"
"""On the platform's own pods in a tenant's namespace that call functions: the kind of trigger they do it for."""
COMPONENT = "app.kubernetes.io/component"
BUILD = "funkhaus.dev/build"
"""On a build's Job and pod: the function it is for."""
BUILD_OF = "funkhaus.dev/build-of"
"""On a build's Job and pod: what it makes, ``packages`` or ``source``."""
BUILD_KEY = "funkhaus.dev/build-key"
"""On a build's Job: the first digits of what it is of."""
HOST = "funkhaus.dev/host"
"""On an Ingress or HTTPRoute: the digest of its host (`funkhaus.manifests.trigger.host_mark`)."""
APPLIED = "funkhaus.dev/applied"
"""Annotation of what the platform keeps as it is: the digest of what it last said, so that a stranger's change is known."""
SWITCHED_AT = "funkhaus.dev/switched-at"
"""Annotation of the public Service: when it last changed its revision, RFC 3339 in UTC."""


@dataclass(frozen=True, slots=True)
class Site:
    """Where an object lies: the Kubernetes namespace, and the tenant and short name it stands for."""

    namespace: str
    tenant: str
    name: str

    @property
    def labels(self) -> dict[str, str]:
        """What every object of the platform in a tenant's namespace carries."""
        return {**MANAGED, TENANT: self.tenant, NAMESPACE: self.name}


@dataclass(frozen=True, slots=True)
class Owner:
    """The object that another one exists for: when it is gone, Kubernetes collects the other one."""

    kind: Kind
    name: str
    uid: str

    @property
    def reference(self) -> dict[str, Any]:
        """The entry of ``metadata.ownerReferences``."""
        return {
            "apiVersion": self.kind.api_version,
            "kind": self.kind.name,
            "name": self.name,
            "uid": self.uid,
            "controller": True,
            "blockOwnerDeletion": False,
        }

    def owns(self, manifest: Mapping[str, Any]) -> bool:
        """Whether `manifest` was made by the platform for this very owner; anything else is foreign."""
        meta = manifest.get("metadata") or {}
        labelled = (meta.get("labels") or {}).get(MANAGED_BY) == MANAGER
        references = meta.get("ownerReferences") or []
        return labelled and any(
            reference.get("uid") == self.uid and reference.get("controller")
            for reference in references
        )


def metadata(
    site: Site, name: str, owner: Owner, more: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Metadata of an object in a tenant's namespace; `more` are further labels."""
    return {
        "namespace": site.namespace,
        "name": name,
        "labels": {**site.labels, **(more or {})},
        "ownerReferences": [owner.reference],
    }
