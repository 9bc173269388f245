"""Refusals of the API server (RFC 9457 problems) as `Failure`: its own words, with our exit code."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from funkhaus_cli.failure import Exit, Failure

if TYPE_CHECKING:
    from collections.abc import Mapping

REQUEST_ID = "x-request-id"
_BY_STATUS = {
    401: Exit.NOT_ALLOWED,
    403: Exit.NOT_ALLOWED,
    404: Exit.NOT_FOUND,
    408: Exit.UNAVAILABLE,
    429: Exit.UNAVAILABLE,
    502: Exit.UNAVAILABLE,
    503: Exit.UNAVAILABLE,
    504: Exit.UNAVAILABLE,
}
_HINTS = {
    401: "funkhaus login, or set FUNKHAUS_TOKEN or --token-file; on the local cluster: . .local/env",
    429: "wait a little and try again",
}
_POLICY = "policy-denied"
_SERVER_ERROR = 500
_EXCERPT = 200


def failure(status: int, headers: Mapping[str, str], content: bytes) -> Failure:
    """The `Failure` of an answer that is no success."""
    problem = _problem(content)
    code = str(problem.get("code") or "")
    exit_code = Exit.REFUSED if code == _POLICY else _BY_STATUS.get(status, Exit.REFUSED)
    detail = str(problem.get("detail") or problem.get("title") or "") or _excerpt(status, content)
    findings = [item for item in problem.get("findings") or [] if isinstance(item, dict)]
    said = {"; ".join(words(item) for item in findings) for words in (_sentence, _message)}
    if findings and detail in said:
        # The findings follow below; what remains to say is what they did.
        detail = str(problem.get("title") or "refused").rstrip(".")
    if status >= _SERVER_ERROR and (request_id := headers.get(REQUEST_ID)):
        detail += f" (request {request_id})"
    return Failure(detail, exit_code, findings=findings, hint=_HINTS.get(status, ""), code=code)


def _sentence(finding: Mapping[str, Any]) -> str:
    path, message = finding.get("path"), _message(finding)
    return f"{path}: {message}" if path else message


def _message(finding: Mapping[str, Any]) -> str:
    return str(finding.get("message", ""))


def _problem(content: bytes) -> dict[str, Any]:
    try:
        document = json.loads(content)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def _excerpt(status: int, content: bytes) -> str:
    text = " ".join(content[:_EXCERPT].decode(errors="replace").split())
    return f"the API server answered with HTTP {status}" + (f": {text}" if text else "")
