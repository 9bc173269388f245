"""What stands for a credential in the cluster: a ServiceAccount, the Secret its tokens die with, and its RoleBindings.

The account keeps notes of its own, so that nothing of it has to be kept elsewhere: until when it stays, what it is bound
to, and that it is about to go.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from funkhaus.domain.kinds import ROLE_BINDING, SECRET, SERVICE_ACCOUNT
from funkhaus.manifests.labels import MANAGED
from funkhaus.manifests.tenant import members_groups, role_ref

if TYPE_CHECKING:
    from datetime import datetime

    from funkhaus.domain.kubectl_account import KubectlAccount
    from funkhaus.domain.subject import Subject
    from funkhaus.manifests.labels import Site

FOR_KUBECTL = {"funkhaus.dev/for": "kubectl"}
"""On all of it; the chart's admission policies hold the API server to what carries it."""
MEMBER = "funkhaus.dev/member"
"""The subject's id."""
CREDENTIAL = "funkhaus.dev/credential"
"""What kind of credential the account stands for: session or token."""
SESSION, TOKEN = "session", "token"
ACCOUNT = "funkhaus.dev/account"
"""On RoleBindings: the uid of the ServiceAccount, so that one made anew is not taken for the one before."""
KEPT_UNTIL, BOUND, ENDING = (
    "funkhaus.dev/kept-until",
    "funkhaus.dev/bound",
    "funkhaus.dev/ending",
)
"""The account's notes: an RFC 3339 time; a JSON list, or something else while it is not known; and whatever."""


def service_account(
    account: KubectlAccount, namespace: str, *, session: bool, kept_until: datetime
) -> dict[str, Any]:
    """The ServiceAccount."""
    return {
        "apiVersion": SERVICE_ACCOUNT.api_version,
        "kind": SERVICE_ACCOUNT.name,
        "metadata": {
            "namespace": namespace,
            "name": account.name,
            "labels": {
                **MANAGED,
                **FOR_KUBECTL,
                MEMBER: account.subject_id,
                CREDENTIAL: SESSION if session else TOKEN,
            },
            "annotations": {KEPT_UNTIL: kept_until.isoformat(), BOUND: "[]"},
        },
        "automountServiceAccountToken": False,
    }


def secret(account: dict[str, Any]) -> dict[str, Any]:
    """The Secret that a stored account's tokens are bound to; it holds nothing."""
    meta = account["metadata"]
    return {
        "apiVersion": SECRET.api_version,
        "kind": SECRET.name,
        "metadata": {
            "namespace": meta["namespace"],
            "name": meta["name"],
            "labels": {**MANAGED, **FOR_KUBECTL},
            "ownerReferences": [
                {
                    "apiVersion": SERVICE_ACCOUNT.api_version,
                    "kind": SERVICE_ACCOUNT.name,
                    "name": meta["name"],
                    "uid": meta["uid"],
                }
            ],
        },
        "type": "Opaque",
    }


def role_binding(account: dict[str, Any], place: Site, role: str) -> dict[str, Any]:
    """What binds a stored account to a role in one of a tenant's namespaces."""
    meta = account["metadata"]
    return {
        "apiVersion": ROLE_BINDING.api_version,
        "kind": ROLE_BINDING.name,
        "metadata": {
            "namespace": place.namespace,
            "name": binding_name(meta["name"], role),
            "labels": {**place.labels, **FOR_KUBECTL, ACCOUNT: meta["uid"]},
        },
        "roleRef": role_ref(role),
        "subjects": [
            {"kind": SERVICE_ACCOUNT.name, "namespace": meta["namespace"], "name": meta["name"]}
        ],
    }


def binding_name(account: str, role: str) -> str:
    """The RoleBinding's name."""
    return f"{account}-{role}"


def roles_of(subject: Subject, tenant: str) -> list[str]:
    """What is bound to the subject's groups in a tenant, and so to its account: the same at both doors."""
    groups = set(subject.groups)
    return [name for name, group in members_groups(tenant).items() if group in groups]
