"""The ServiceAccount that stands for one credential in a cluster whose kube-apiserver can't ask us: its name says whom for.

The name is ``fh-<subject's uuid>-<credential's uuid>``. Only the API server makes accounts in the members' namespace, so
what kube-apiserver calls one of them by is as good as the platform's own word.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta

from funkhaus.domain.subject import PREFIX

ACCOUNT_PREFIX = "fh-"
CREDENTIAL_EXTRA = "authentication.kubernetes.io/credential-id"
"""What kube-apiserver adds to a user who came with a token it signed by request; a caller can't."""
ACCOUNTS_LIMIT = 20
"""Accounts of one subject: tokens and sessions that are used with kubectl at the same time."""
PLACES_LIMIT = 200
"""RoleBindings of one account."""
KEPT = timedelta(minutes=30)
"""How long an account stays that nobody asks a token for."""
SECONDS = 600
"""Life of its tokens: the least kube-apiserver gives out."""
_UUID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_NAME = re.compile(rf"{ACCOUNT_PREFIX}({_UUID})-({_UUID})")


@dataclass(frozen=True, slots=True)
class KubectlAccount:
    """For whom, and for which credential of theirs: the id of a session, or of a token."""

    subject_id: str
    credential_id: str

    @property
    def name(self) -> str:
        """Of the ServiceAccount, its Secret, and what its RoleBindings begin with."""
        return f"{ACCOUNT_PREFIX}{self.subject_id}-{self.credential_id}"

    @property
    def username(self) -> str:
        """What the subject is called everywhere."""
        return f"{PREFIX}{self.subject_id}"


def members_namespace(system_namespace: str) -> str:
    """Where the accounts lie; no tenant's, for those hold two hyphens in a row."""
    return f"{system_namespace}-members"


def account_user(namespace: str) -> str:
    """What kube-apiserver's names of a namespace's ServiceAccounts begin with."""
    return f"system:serviceaccount:{namespace}:"


def account_named(name: str) -> KubectlAccount | None:
    """The account of that name; ``None`` for a name of another shape."""
    match = _NAME.fullmatch(name)
    return KubectlAccount(match[1], match[2]) if match else None
