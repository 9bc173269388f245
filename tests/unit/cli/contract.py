"""The API's published contract as an examiner: of what the CLI asks, and of what the stand-in answers."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from jsonschema import Draft202012Validator

if TYPE_CHECKING:
    import httpx

CONTRACT = Path(__file__).resolve().parents[3] / "platform/funkhaus_api/openapi.yaml"


@cache
def document() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(CONTRACT.read_text())
    return loaded


def resolved(node: Any) -> Any:
    while isinstance(node, dict) and set(node) == {"$ref"}:
        target: Any = document()
        for part in node["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        node = target
    return node


def check(schema: dict[str, Any], value: Any, what: str) -> None:
    whole = {**schema, "components": document()["components"]}
    errors = [error.message for error in Draft202012Validator(whole).iter_errors(value)]
    assert not errors, f"{what}: {errors}"


@cache
def _patterns() -> list[tuple[re.Pattern[str], str]]:
    paths = sorted(document()["paths"], key=lambda path: path.count("{"))
    return [(re.compile(re.sub(r"{[^/]+}", "[^/]+", path) + r"\Z"), path) for path in paths]


def operation(request: httpx.Request) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The operation a request is for, and its parameters; fails for one the contract does not have."""
    path = request.url.raw_path.decode().partition("?")[0]
    template = next((found for pattern, found in _patterns() if pattern.match(path)), None)
    assert template is not None, f"the contract has no {path}"
    entry = document()["paths"][template]
    found = entry.get(request.method.lower())
    assert found, f"the contract has no {request.method} {template}"
    parameters = [*entry.get("parameters", []), *found.get("parameters", [])]
    return found, [resolved(item) for item in parameters]


def check_request(request: httpx.Request) -> None:
    found, parameters = operation(request)
    queries = {item["name"]: item["schema"] for item in parameters if item["in"] == "query"}
    for name, text in request.url.params.multi_items():
        assert name in queries, f"{found['operationId']} has no query parameter {name}"
        kind = queries[name].get("type")
        value = text if kind == "string" else json.loads(text)
        check(queries[name], value, name)
    for item in parameters:
        if item["in"] == "header" and item.get("required"):
            assert item["name"] in request.headers, (
                f"{found['operationId']} comes without {item['name']}"
            )
    bodies = resolved(found.get("requestBody", {})).get("content", {})
    if request.content:
        media = request.headers["content-type"].partition(";")[0]
        assert media in bodies or "*/*" in bodies, f"{found['operationId']} takes no {media}"
        schema = bodies.get(media, {}).get("schema", {})
        if media.endswith("json") and media in bodies:
            check(schema, json.loads(request.content), found["operationId"])
    else:
        assert not resolved(found.get("requestBody", {})).get("required"), found["operationId"]


def check_answer(request: httpx.Request, answer: httpx.Response) -> None:
    found, _ = operation(request)
    declared = found["responses"].get(str(answer.status_code), found["responses"].get("default"))
    assert declared is not None, f"{found['operationId']} never answers {answer.status_code}"
    content = resolved(declared).get("content", {})
    media = answer.headers.get("content-type", "").partition(";")[0]
    if media in content and media.endswith("json"):
        check(content[media]["schema"], json.loads(answer.content), found["operationId"])
