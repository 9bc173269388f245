"""Domain errors as RFC 9457 problem documents; the only table from error to status."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from aiohttp import web

from funkhaus.domain.errors import (
    ConflictError,
    CursorError,
    ForbiddenError,
    FunkhausError,
    InvalidError,
    NotAcceptableError,
    NotFoundError,
    PendingError,
    PolicyError,
    PreconditionError,
    PreconditionMissingError,
    SchemaMismatchError,
    TimedOutError,
    TooLargeError,
    TooManyError,
    UnauthenticatedError,
    UnavailableError,
)
from funkhaus_api.problem_types import PATH, registry
from funkhaus_api.wire.reading import MalformedError, MediaTypeError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from funkhaus.domain.verdict import Finding

MEDIA_TYPE = "application/problem+json"
RETRY_SECONDS = 2
_STATUS: dict[type[FunkhausError], HTTPStatus] = {
    MalformedError: HTTPStatus.BAD_REQUEST,
    CursorError: HTTPStatus.BAD_REQUEST,
    InvalidError: HTTPStatus.UNPROCESSABLE_ENTITY,
    UnauthenticatedError: HTTPStatus.UNAUTHORIZED,
    PolicyError: HTTPStatus.FORBIDDEN,
    ForbiddenError: HTTPStatus.FORBIDDEN,
    NotFoundError: HTTPStatus.NOT_FOUND,
    ConflictError: HTTPStatus.CONFLICT,
    PreconditionError: HTTPStatus.PRECONDITION_FAILED,
    PreconditionMissingError: HTTPStatus.PRECONDITION_REQUIRED,
    NotAcceptableError: HTTPStatus.NOT_ACCEPTABLE,
    MediaTypeError: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    PendingError: HTTPStatus.CONFLICT,
    TooLargeError: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    TooManyError: HTTPStatus.TOO_MANY_REQUESTS,
    TimedOutError: HTTPStatus.GATEWAY_TIMEOUT,
    UnavailableError: HTTPStatus.SERVICE_UNAVAILABLE,
    SchemaMismatchError: HTTPStatus.SERVICE_UNAVAILABLE,
}
_AGAIN = {HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.GATEWAY_TIMEOUT}


def of_error(error: FunkhausError, request_id: str) -> web.Response:
    """The answer to an expected failure."""
    status = next(_STATUS[kind] for kind in type(error).__mro__ if kind in _STATUS)
    headers = {}
    if status is HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = 'Bearer realm="funkhaus"'
    if status in _AGAIN:
        headers["Retry-After"] = str(getattr(error, "retry_seconds", 0) or RETRY_SECONDS)
    return problem(status, error.code, error.message, request_id, error.findings, headers)


def of_http(error: web.HTTPException, request_id: str) -> web.Response:
    """The answer to what the HTTP library refuses by itself."""
    status = HTTPStatus(error.status)
    if isinstance(error, web.HTTPMethodNotAllowed):
        allowed = ", ".join(sorted(error.allowed_methods))
        return problem(
            status,
            "method-not-allowed",
            f"{error.method} does nothing here; {allowed} pass",
            request_id,
            headers={"Allow": allowed},
        )
    if isinstance(error, web.HTTPNotFound):
        return problem(status, NotFoundError.code, "there is no such path", request_id)
    if isinstance(error, web.HTTPRequestEntityTooLarge):
        return problem(status, TooLargeError.code, "the body is over the limit", request_id)
    return problem(status, InvalidError.code, error.reason, request_id)


def of_fault(request_id: str) -> web.Response:
    """The answer to a bug: nothing of it but the id it is logged under."""
    detail = f"something failed that never should; report request {request_id}"
    return problem(HTTPStatus.INTERNAL_SERVER_ERROR, "internal", detail, request_id)


def problem(
    status: HTTPStatus,
    code: str,
    detail: str,
    request_id: str,
    findings: Sequence[Finding] = (),
    headers: dict[str, str] | None = None,
) -> web.Response:
    """A problem document."""
    document: dict[str, Any] = {
        "type": f"{PATH}/{code}",
        "title": registry()[code].title if code in registry() else status.phrase,
        "status": status.value,
        "detail": detail,
        "code": code,
        "requestId": request_id,
        "findings": [finding.as_json() for finding in findings],
    }
    return web.Response(
        status=status.value,
        body=json.dumps(document, ensure_ascii=False).encode(errors="backslashreplace"),
        content_type=MEDIA_TYPE,
        headers=headers,
    )
