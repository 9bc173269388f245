"""What the handler returns, made into a response."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import bottle

from funkhaus_runtime.call import Answer, Header

if TYPE_CHECKING:
    from collections.abc import Iterable

TEXT: Header = ("Content-Type", "text/html; charset=UTF-8")
"""Of `str` and `bytes`, as Kubeless's Python runtime sends them: its functions return pages as plain strings."""
JSON: Header = ("Content-Type", "application/json")

_OURS = frozenset(
    {"connection", "content-length", "date", "keep-alive", "proxy-connection", "server", "te", "trailer",
     "transfer-encoding", "upgrade", "x-funkhaus-call-id"}
)  # fmt: skip
"""Headers the server writes: a function's own would break the connection's framing or the call's identity."""
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}")
_VALUE = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f\ud800-\udfff]{0,8190}")
_OK, _LOWEST, _HIGHEST = 200, 200, 599
_BODILESS = frozenset({204, 304})


class AnswerError(TypeError):
    """The handler returned what can't be answered; the message says what would do."""


def build(value: Any, response: bottle.BaseResponse, limit: int) -> Answer:  # noqa: ANN401 - whatever it returns
    """The answer for a handler's return value and the response object it may have filled in.

    `str` and bytes are sent as they are, `None` as an empty body, dicts, lists, numbers and booleans as JSON. A
    tuple `(body, status)` or `(body, status, headers)` overrides the response object, a Bottle `HTTPResponse`
    replaces it. Raises `AnswerError` for another kind, an impossible status or header, or a body over `limit` bytes.
    """
    status = None
    extra: Iterable[Header] = ()
    if isinstance(value, bottle.BaseResponse):
        response, value = value, value.body
    elif type(value) is tuple and len(value) in {2, 3} and type(value[1]) is int:
        value, status, *rest = value
        extra = _pairs(rest[0]) if rest else ()
    default, body = _body(value)
    if len(body) > limit:
        raise AnswerError(f"the answer has {len(body)} bytes; {limit} would pass")
    if status is None:
        status = response.status_code
    given = _set(response)
    if status == _OK and not given and not extra:
        return Answer(_OK, (default,) if default else (), body)
    return _checked(status, default, [*given, *extra], body)


def _body(value: Any) -> tuple[Header | None, bytes]:  # noqa: ANN401, PLR0911 - one kind after another
    if isinstance(value, str):
        try:
            return TEXT, value.encode()
        except UnicodeEncodeError as error:
            raise AnswerError(f"the text it returned can't be encoded: {error}") from None
    if isinstance(value, bytes):
        return TEXT, value
    if value is None:
        return None, b""
    if isinstance(value, bytearray | memoryview):
        return TEXT, bytes(value)
    if isinstance(value, dict | list | tuple | int | float):
        if (
            isinstance(value, list | tuple)
            and value
            and all(isinstance(part, bytes) for part in value)
        ):
            return TEXT, b"".join(value)  # what WSGI calls a body
        try:
            return JSON, json.dumps(value).encode()
        except (TypeError, ValueError, RecursionError) as error:
            raise AnswerError(
                f"the {type(value).__name__} it returned is not JSON: {error}"
            ) from None
    if callable(read := getattr(value, "read", None)):
        return _body(read())
    raise AnswerError(
        f"it returned a {type(value).__name__}; return str, bytes, a dict or list of JSON's kinds, None, "
        "(body, status[, headers]) or a bottle.HTTPResponse"
    )


def _set(response: bottle.BaseResponse) -> list[Header]:
    """The headers and cookies a function set, without the content type Bottle would add."""
    if not response._headers and not response._cookies:  # noqa: SLF001 - Bottle has no cheaper way to ask
        return []
    # Bottle hands WSGI its UTF-8 dressed as Latin-1; the server here takes text.
    pairs = [
        (name, value.encode("latin-1").decode("utf-8", "replace"))
        for name, value in response.headerlist
    ]
    return (
        pairs
        if "Content-Type" in response
        else [pair for pair in pairs if pair[0] != "Content-Type"]
    )


def _pairs(headers: Any) -> list[Header]:  # noqa: ANN401 - likewise
    try:
        items = headers.items() if isinstance(headers, Mapping) else headers
        return [(str(name), str(value)) for name, value in items]
    except (TypeError, ValueError):
        raise AnswerError(
            "the headers it returned are neither a dict nor pairs of name and value"
        ) from None


def _checked(status: int, default: Header | None, given: list[Header], body: bytes) -> Answer:
    if not _LOWEST <= status <= _HIGHEST:
        raise AnswerError(f"status {status} is not an answer's; {_LOWEST} to {_HIGHEST} would pass")
    headers = []
    for name, value in given:
        if not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
            raise AnswerError(
                f"header {name[:64]!r}: {value[:64]!r} has characters or a length HTTP does not carry"
            )
        lower = name.lower()
        if lower == "content-type":
            default = (name, value)
        elif lower not in _OURS:
            headers.append((name, value))
    if status in _BODILESS:
        return Answer(status, tuple(headers), b"")
    if default:
        headers.append(default)
    return Answer(status, tuple(headers), body)
