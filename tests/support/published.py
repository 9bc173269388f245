"""The published contract as an examiner of what the API really answers: used on every reply of the integration tests."""

from __future__ import annotations

import json
import re
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import yaml
from jsonschema import Draft202012Validator

if TYPE_CHECKING:
    from collections.abc import Mapping

WHERE = "platform/funkhaus_api/openapi.yaml"


@cache
def document() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(
        files("funkhaus_api").joinpath("openapi.yaml").read_text()
    )
    return loaded


def operations() -> list[dict[str, Any]]:
    """Every operation with its `method` and `path`."""
    return [
        {**entry[method], "method": method.upper(), "path": path}
        for path, entry in sorted(document()["paths"].items())
        for method in ("get", "post", "put", "patch", "delete")
        if method in entry
    ]


def resolved(node: Any) -> Any:
    while isinstance(node, dict) and "$ref" in node:
        target: Any = document()
        for part in node["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        node = target
    return node


@cache
def _patterns() -> list[tuple[re.Pattern[str], str]]:
    paths = sorted(document()["paths"], key=lambda path: path.count("{"))
    return [(re.compile(re.sub(r"{[^/]+}", "[^/]+", path) + r"\Z"), path) for path in paths]


def template_of(path: str) -> str | None:
    """The path pattern of the contract that a path is one of."""
    return next((found for pattern, found in _patterns() if pattern.match(path)), None)


@cache
def _validator(path: str, method: str, status: str, media: str) -> Draft202012Validator:
    answer = resolved(document()["paths"][path][method]["responses"][status])
    schema = answer["content"][media].get("schema", {})
    return Draft202012Validator({**schema, "components": document()["components"]})


def check(method: str, path: str, status: int, headers: Mapping[str, str], body: bytes) -> None:
    """Fail for an answer the contract does not announce, saying what to add to it."""
    template = template_of(path.partition("?")[0])
    verb = method.lower()
    if verb in {"head", "options"} or headers.get("Funkhaus-Answered-By") == "function":
        return  # promised for every path in the contract's introduction; the function's own
    if status == 400 and "X-Request-Id" not in headers:
        return  # what the HTTP parser refuses never reaches the application
    entry = document()["paths"].get(template or "", {})
    if verb not in entry:
        assert status in {400, 401, 404, 405, 406, 429}, (
            f"{method} {path} answers {status} and is not in {WHERE}: add the path with this operation"
        )
        return
    responses = entry[verb]["responses"]
    key = str(status) if str(status) in responses else "default"
    if status == 304:
        return
    assert key in responses and (key != "default" or status >= 400), (  # noqa: PT018
        f"{method} {template} answers {status}: add this response to {WHERE}"
    )
    content = resolved(responses[key]).get("content", {})
    media = headers.get("Content-Type", "").partition(";")[0]
    if "*/*" in content or (not content and not body):
        return
    assert media in content, (
        f"{method} {template} answers {status} as {media!r}: add the type to {WHERE}"
    )
    if media.endswith("json"):
        errors = sorted(
            f"{error.json_path}: {error.message:.200}"
            for error in _validator(template or "", verb, key, media).iter_errors(json.loads(body))
        )
        assert not errors, (
            f"{method} {template} answers {status} with what {WHERE} does not say: {errors}"
        )
