"""A decision of the policy engine as it is kept: enough to ask the same question of other rules, and nothing to leak.

`KEPT` is the one list of what may be stored of a question. A field that is not in it is left out, so that one somebody adds
to the questions is kept only once it is named here; `tests/unit/domain/test_decision.py` says when one is missing.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from funkhaus.domain.audit import canonical, storable
from funkhaus.domain.verdict import Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from funkhaus.domain.verdict import Finding, Verdict

INPUT_LIMIT = 16 * 1024
"""Bytes of a stored question; a longer one is not stored, and can't be asked again."""
ALLOWED = "allow"
"""The outcome of a verdict without findings; else it is the gravest finding's."""
_ANY: Any = ...
_MARKS = {"labels": _ANY, "annotations": _ANY}
KEPT: dict[str, Any] = {
    "kind": _ANY,
    "tenant": {"id": _ANY, "namespace": _ANY, "plan": _ANY, "host_suffixes": _ANY},
    "platform": {"gateway": _ANY},
    "object": {
        **_MARKS,
        "namespace": _ANY,
        "name": _ANY,
        "annotation_keys": _ANY,
        "runtime": _ANY,
        "handler": _ANY,
        # Names and sizes, and of an address its origin.
        "source": dict.fromkeys(
            ("archive", "files", "bytes", "origin", "sha256", "ref", "path"), _ANY
        ),
        "dependencies": {
            "bytes": _ANY,
            "packages": _ANY,
            "refused": [{"line": _ANY, "kind": _ANY}],  # no text
        },
        "env": [{"name": _ANY, "from": _ANY, "reference": _ANY}],  # no value
        "resources": {
            "cpu": {"text": _ANY, "millis": _ANY},
            "memory": {"text": _ANY, "bytes": _ANY},
        },
        "timeout": _ANY,
        "concurrency": _ANY,
        "scaling": {"min": _ANY, "max": _ANY, "cpu_percent": _ANY, "idle": _ANY},
        "function": _ANY,
        "host": _ANY,
        "path": _ANY,
        "tls_secret": _ANY,  # its name
        "methods": _ANY,
        "backends": [{"revision": _ANY, "weight": _ANY, "known": _ANY}],
        "kept": [_ANY],
        "schedule": {"text": _ANY, "interval": _ANY, "problem": _ANY},
        "time_zone": {"text": _ANY, "known": _ANY},
        "payload": {"bytes": _ANY},
        "history": {"successful": _ANY, "failed": _ANY},
    },
    "owned": _MARKS,
    "change": {"operation": _ANY, "at": _ANY},
}
"""What is stored of a question: names and sizes, no text of a source, no value of a variable, no payload."""


_TEXTS = (
    *("id", "revision", "namespace", "kind", "name", "review", "subject", "operation", "outcome"),
)


def masked(document: Any, kept: Any = None) -> Any:  # noqa: ANN401 - JSON
    """What of a question may be stored, by `KEPT`."""
    shape = KEPT if kept is None else kept
    if shape is _ANY:
        return document
    if isinstance(shape, list):
        items = document if isinstance(document, list) else []
        return [masked(item, shape[0]) for item in items]
    if not isinstance(document, dict):
        return None
    return {key: masked(document[key], inner) for key, inner in shape.items() if key in document}


def outcome_of(verdict: Verdict) -> str:
    """The gravest finding's outcome, or `ALLOWED`."""
    found = {finding.outcome for finding in verdict.findings}
    return next((outcome.value for outcome in Outcome if outcome in found), ALLOWED)


@dataclass(frozen=True, slots=True)
class Decision:
    """What was answered to one review: by which revision, about which object of whom, asked for by which cluster user.

    `namespace` is the tenant's own name for it, `review` the uid kube-apiserver gave the review. `outcome` and `findings`
    are the rules' alone: quota and hosts are judged after them. `input` is the question as JSON text, masked, with its
    ``sha256:…``; both are empty where it was too long. `asked` is the question itself, before `sealed`.
    """

    id: str
    revision: str
    tenant: str
    namespace: str
    kind: str
    name: str
    review: str
    subject: str
    operation: str
    outcome: str
    findings: tuple[Finding, ...]
    at: datetime
    dry_run: bool = False
    input: str = ""
    digest: str = ""
    sequence: int = 0
    asked: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    def sealed(self) -> Decision:
        """The same with its question masked, as text, and digested."""
        text = canonical(masked(self.asked)).decode(errors="replace")
        if len(raw := text.encode()) > INPUT_LIMIT:
            return replace(self, asked={})
        digest = f"sha256:{hashlib.sha256(raw).hexdigest()}"
        return replace(self, asked={}, input=text, digest=digest)

    def facts(self) -> dict[str, Any]:
        """What a database takes: findings as JSON, no character it can't hold."""
        return {
            **{name: storable(getattr(self, name)) for name in _TEXTS},
            "tenant_id": self.tenant,
            "findings": [storable(finding.as_json()) for finding in self.findings],
            "input": self.input,
            "digest": self.digest,
            "at": self.at.isoformat(),
            "dry_run": self.dry_run,
        }
