"""A failed answer of kube-apiserver to one of our errors; written once, pure.

Server-side apply reports a type error of the patch itself as a bare 500 with prose, everything else as a Status with a
reason and, where it knows them, causes. Both become located findings.
"""

from __future__ import annotations

import json
import re
from http import HTTPStatus
from typing import Any

from funkhaus.crd import refusal
from funkhaus.domain.errors import (
    ConflictError,
    ForbiddenError,
    FunkhausError,
    InvalidError,
    NotFoundError,
    PolicyError,
    TimedOutError,
    TooLargeError,
    UnavailableError,
)
from funkhaus.domain.verdict import Finding

_WEBHOOK = re.compile(r'admission webhook "([^"]+)" denied the request: ?(.*)\Z', re.DOTALL)
_ADMISSION_POLICY = re.compile(
    r"ValidatingAdmissionPolicy '([^']+)'(?: with binding '[^']+')? denied request: ?(.*)\Z",
    re.DOTALL,
)
_QUOTA = re.compile(r"exceeded quota: (.*)\Z", re.DOTALL)
_POD_SECURITY = re.compile(r'violates PodSecurity "[^"]+": (.*)\Z', re.DOTALL)
_PATCH_TYPES = re.compile(r"failed to create typed patch object \([^)]*\): (.*)\Z", re.DOTALL)
_PATCH_ITEM = re.compile(r"^[ \t]*\.([^:\n]+): (.+)$", re.MULTILINE)
_STRICT = re.compile(r"strict decoding error: (.*)\Z", re.DOTALL)
_STRICT_ITEM = re.compile(r'unknown field "([^"]+)"')
_CAUSE = re.compile(
    r"(?:Invalid value|Unsupported value|Not found|Duplicate value|Forbidden|Required value|Too long|Too many)"
    r'(?:: (?:"(?P<text>(?:[^"\\]|\\.)*)"|(?P<number>-?\d+)|\{.*?\}|\[.*?\]|null))?(?:: )?(?P<rest>.*)\Z',
    re.DOTALL,
)
_NO_FIELD = "field not declared in schema"
_INVALID = HTTPStatus.UNPROCESSABLE_ENTITY
_KINDS: dict[int, type[FunkhausError]] = {
    HTTPStatus.BAD_REQUEST: InvalidError,
    HTTPStatus.FORBIDDEN: ForbiddenError,
    HTTPStatus.NOT_FOUND: NotFoundError,
    HTTPStatus.CONFLICT: ConflictError,
    HTTPStatus.GONE: ConflictError,
    _INVALID: InvalidError,
    HTTPStatus.REQUEST_TIMEOUT: TimedOutError,
    HTTPStatus.GATEWAY_TIMEOUT: TimedOutError,
    HTTPStatus.TOO_MANY_REQUESTS: UnavailableError,
}
_REFUSALS: dict[int, type[FunkhausError]] = {
    _INVALID: InvalidError,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: TooLargeError,
}
"""What a webhook's refusal is by its status, where it is not a rule's."""
_SAID: dict[int, tuple[type[FunkhausError], str]] = {
    HTTPStatus.UNAUTHORIZED: (
        UnavailableError,
        "kube-apiserver does not accept the platform's own credential",
    ),
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: (
        TooLargeError,
        "the object is larger than kube-apiserver accepts",
    ),
}
"""Answers whose own words would say nothing to who reads the error."""


def parse(body: bytes | str | None) -> dict[str, Any]:
    """The Status object of an answer's body; empty when it is something else (a proxy's page, plain text)."""
    try:
        document = json.loads(body or b"")
    except ValueError:
        return {}
    return document if isinstance(document, dict) and document.get("kind") == "Status" else {}


def names_an_object(status: dict[str, Any]) -> bool:
    """Whether a 404 speaks of an object, and not of a kind the API does not have."""
    return bool((status.get("details") or {}).get("name"))


def error(code: int, body: bytes | str | None) -> FunkhausError:
    """The error for a failed answer with this HTTP status."""
    status = parse(body)
    message = str(status.get("message") or "")
    if refused := _refusal(code, message, status):
        return refused
    if match := _PATCH_TYPES.search(message):
        return InvalidError.at(*_patch_findings(match[1]))
    if match := _STRICT.search(message):
        return InvalidError.at(*_strict_findings(match[1]))
    return _by_code(code, message, status)


def _by_code(code: int, message: str, status: dict[str, Any]) -> FunkhausError:
    causes = _causes(status)
    if any(finding.path == "metadata.uid" for finding in causes):
        return ConflictError("the object was deleted and made anew in the meantime")
    if _has_cause(status, "NamespaceTerminating"):
        return ConflictError("the namespace is being deleted")
    if code == HTTPStatus.NOT_FOUND and not names_an_object(status):
        return UnavailableError(
            "kube-apiserver does not serve this kind: are the chart's CRDs installed?"
        )
    if code in _SAID:
        return _SAID[code][0](_SAID[code][1])
    other = InvalidError if code < HTTPStatus.INTERNAL_SERVER_ERROR else UnavailableError
    said = "; ".join(finding.sentence for finding in causes) if code == _INVALID else ""
    return _KINDS.get(code, other)(
        said or message or f"kube-apiserver answered {code}", findings=causes
    )


def _refusal(code: int, message: str, status: dict[str, Any]) -> FunkhausError | None:
    """A refusal by a rule and not by the schema or RBAC: whoever made it, the words are kept.

    Our webhook's status says which kind of refusal it is: an object of wrong shape, or no verdict to be had, is no rule's.
    """
    if match := _WEBHOOK.search(message):
        findings = refusal.findings(status) or _causes(status)
        if code >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return _KINDS.get(code, UnavailableError)(match[2] or message)
        findings = findings or (Finding(code=match[1], message=match[2] or "refused"),)
        kind = _REFUSALS.get(code, PolicyError)
        return kind("; ".join(item.sentence for item in findings), findings=findings)
    for pattern, rule in (
        (_ADMISSION_POLICY, ""),
        (_QUOTA, "quota-exceeded"),
        (_POD_SECURITY, "pod-security"),
    ):
        if match := pattern.search(message):
            finding = Finding(code=rule or match[1], message=match[pattern.groups])
            return PolicyError(finding.sentence, findings=[finding])
    return None


def _has_cause(status: dict[str, Any], reason: str) -> bool:
    causes = (status.get("details") or {}).get("causes") or []
    return any(cause.get("reason") == reason for cause in causes)


def _causes(status: dict[str, Any]) -> tuple[Finding, ...]:
    """One finding per distinct cause."""
    found: dict[tuple[str, str], Finding] = {}
    for cause in (status.get("details") or {}).get("causes") or []:
        finding = _cause(cause)
        found.setdefault((finding.path, finding.message), finding)
    return tuple(found.values())


def _cause(cause: dict[str, Any]) -> Finding:
    path = (
        str(cause.get("field") or "").removeprefix(".").removeprefix("<nil>")
    )  # a rule on the whole object
    reason, message = str(cause.get("reason") or "invalid"), str(cause.get("message") or "")
    match = _CAUSE.match(message)
    if not match:
        return Finding(code=reason, message=message, path=path)
    value: str | int | None = match["text"]
    if match["number"]:
        value = int(match["number"])
    text = match["rest"] or ("is required" if message.startswith("Required") else message)
    return Finding(code=_kebab(reason), message=text, path=path, value=value)


def _kebab(reason: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", reason).lower()


def _patch_findings(text: str) -> list[Finding]:
    findings = [
        Finding(
            code="field-unknown" if what == _NO_FIELD else "field-type",
            message="there is no such field" if what == _NO_FIELD else _readable(what),
            path=path,
        )
        for path, what in _PATCH_ITEM.findall(text)
    ]
    return findings or [Finding(code="invalid", message=text)]


def _readable(what: str) -> str:
    """Without the Go value a type error ends in."""
    return re.sub(r", got &value\.valueUnstructured\{Value:(.*)\}", r", got \1", what)


def _strict_findings(text: str) -> list[Finding]:
    findings = [
        Finding(code="field-unknown", message="there is no such field", path=path)
        for path in _STRICT_ITEM.findall(text)
    ]
    return findings or [Finding(code="invalid", message=text)]
