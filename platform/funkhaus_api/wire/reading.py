"""Bodies and query strings, read within limits; what is wrong is said with its place."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel

from funkhaus.domain.errors import InvalidError, TooLargeError
from funkhaus.domain.verdict import Finding
from funkhaus_api.keys import BODY, LIMITS

if TYPE_CHECKING:
    from collections.abc import Collection

    from aiohttp import web

JSON_LIMIT = 2 * 1024 * 1024
"""Bytes of a JSON body: more than kube-apiserver stores."""
JSON_TYPES = ("application/json", "application/merge-patch+json")
BODY_SECONDS = 60.0
"""For a body to arrive."""
DIGITS_LIMIT = 9
_WORDS = {"extra_forbidden": "there is no such field", "missing": "is required"}
_CODES = {"extra_forbidden": "field-unknown", "missing": "field-missing"}


class MalformedError(InvalidError):
    """The request can't be read."""

    code = "malformed"


class MediaTypeError(InvalidError):
    """The body is of a type that is not read here."""

    code = "unsupported-media-type"


class Body(BaseModel):
    """A JSON object; its fields are camelCase on the wire."""

    model_config = ConfigDict(
        extra="forbid", strict=True, alias_generator=to_camel, populate_by_name=False
    )


B = TypeVar("B", bound=Body)


async def read_bytes(request: web.Request, limit: int) -> bytes:
    """The body, at most `limit` bytes; raises `TooLargeError` before it has read more than that."""
    limit = min(limit, request.config_dict[LIMITS].body)
    known: bytes | None = request.get(BODY)
    if known is not None:
        if len(known) > limit:
            raise _too_large(limit)
        return known
    if (request.content_length or 0) > limit:
        raise _too_large(limit)
    content = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in request.content.iter_any():
                content += chunk
                if len(content) > limit:
                    raise _too_large(limit)
    except TimeoutError as error:
        raise MalformedError(f"the body did not arrive within {BODY_SECONDS:g} s") from error
    return bytes(content)


def _too_large(limit: int) -> TooLargeError:
    return TooLargeError(f"the body has more than {limit} bytes, which is the limit here")


async def read_json(request: web.Request) -> dict[str, Any]:
    """A JSON object; raises `MediaTypeError`, `MalformedError` naming line and column, `TooLargeError`."""
    if "Content-Type" in request.headers and request.content_type not in JSON_TYPES:
        finding = Finding(
            "content-type",
            f"{' or '.join(JSON_TYPES)} passes",
            "Content-Type",
            value=request.content_type[:80],
            passes=list(JSON_TYPES),
        )
        raise MediaTypeError(finding.sentence, findings=[finding])
    document = parse(await read_bytes(request, JSON_LIMIT))
    if not isinstance(document, dict):
        raise MalformedError(f"the body has to be a JSON object, not {_kind(document)}")
    return document


async def read_body(request: web.Request, kind: type[B]) -> B:
    """A body of one kind; raises `InvalidError` with a finding for every field that is wrong, and as `read_json`."""
    try:
        return kind.model_validate(await read_json(request))
    except ValidationError as error:
        raise InvalidError.at(*(_finding(dict(item)) for item in error.errors())) from error


def parse(content: bytes) -> Any:  # noqa: ANN401 - JSON
    """Strict JSON: UTF-8, no key twice, no NaN; raises `MalformedError`."""
    if not content:
        raise MalformedError("the request has no body; a JSON object passes")
    try:
        document = json.loads(
            content.decode(), object_pairs_hook=_without_duplicates, parse_constant=_no_constant
        )
        if b"\\u" in content:
            _only_characters(document)
    except json.JSONDecodeError as error:
        raise MalformedError(
            f"the body is not JSON: {error.msg} at line {error.lineno}, column {error.colno}"
        ) from error
    except UnicodeDecodeError as error:
        raise MalformedError(f"the body is not UTF-8 at byte {error.start}") from error
    except (ValueError, RecursionError) as error:
        reason = "is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise MalformedError(f"the body can't be read: {reason}") from error
    return document


def legible(text: str) -> bool:
    """Whether it is made of characters a database takes: no NUL, no half of a surrogate pair."""
    return "\0" not in text and not any("\ud800" <= char <= "\udfff" for char in text)


def _only_characters(document: Any) -> None:  # noqa: ANN401 - JSON
    waiting = [document]
    while waiting:
        item = waiting.pop()
        if isinstance(item, str) and not legible(item):
            raise MalformedError("the body holds \\u0000 or half a character (\\ud800 to \\udfff)")
        if isinstance(item, dict):
            waiting += [*item, *item.values()]
        elif isinstance(item, list):
            waiting += item


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise MalformedError(f"the key {twice!r:.80} appears twice in one object")
    return document


def _no_constant(name: str) -> None:
    raise MalformedError(f"{name} is not JSON")


def _kind(value: object) -> str:
    kinds = {list: "a list", str: "a string", bool: "a boolean", type(None): "null"}
    return kinds.get(type(value), "a number")


def _finding(item: dict[str, Any]) -> Finding:
    path = ""
    for part in item["loc"]:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else str(part)
    kind, value = str(item["type"]), item.get("input")
    return Finding(
        code=_CODES.get(kind, "field-type" if kind.endswith("_type") else "field-value"),
        message=_WORDS.get(kind) or str(item["msg"])[:1].lower() + str(item["msg"])[1:],
        path=path,
        value=value if isinstance(value, str | int | float) and kind not in _CODES else None,
    )


class Query:
    """A query string of which every name is known; raises `InvalidError` for any other."""

    def __init__(self, request: web.Request, known: Collection[str] = ()) -> None:
        self._values = request.query
        if unknown := sorted(set(self._values) - set(known)):
            words = f"{', '.join(sorted(known))} pass" if known else "none passes here"
            raise InvalidError.at(
                *(Finding("query-unknown", f"there is no such query parameter; {words}", name)
                  for name in unknown)
            )  # fmt: skip

    def text(self, name: str, default: str = "") -> str:
        """The text of a parameter."""
        return self._values.get(name, default)

    def flag(self, name: str) -> bool:
        """``true`` or ``false``; absent is false."""
        text = self._values.get(name, "false")
        if text not in {"true", "false"}:
            raise InvalidError.at(Finding("query-value", "true or false passes", name, value=text))
        return text == "true"

    def count(self, name: str) -> int | None:
        """A whole number from 0 on; ``None`` when absent."""
        text = self._values.get(name)
        if text is None:
            return None
        if not (text.isascii() and text.isdigit() and len(text) <= DIGITS_LIMIT):
            message = "a whole number from 0 on passes"
            raise InvalidError.at(Finding("query-value", message, name, value=text[:80]))
        return int(text)

    def whole(self, name: str, default: int, *, most: int) -> int:
        """A whole number from 1 to `most`."""
        text = self._values.get(name)
        if text is None:
            return default
        if not (
            text.isascii()
            and text.isdigit()
            and len(text) <= DIGITS_LIMIT
            and 0 < int(text) <= most
        ):
            message = f"a whole number from 1 to {most} passes"
            raise InvalidError.at(
                Finding("query-value", message, name, limit=most, value=text[:80])
            )
        return int(text)
