"""Requests nobody would think of, made from the contract by chance: no failure of ours, and no answer it does not announce.

What `test_schemathesis.py` does not send: bodies that are no JSON, keys twice, deep nests, and headers beside the contract.

The client holds every answer against openapi.yaml (`tests.support.published`). The seeds are fixed, so that a failure is
the same one next time; its message has the request.
"""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import aiohttp
import pytest

from funkhaus.domain.kinds import FUNCTION, HTTP_TRIGGER
from funkhaus.domain.subject import Role
from funkhaus_api.keys import Limits
from tests.support.api import serving
from tests.support.published import document, resolved

if TYPE_CHECKING:
    from tests.support.api import World

REQUESTS = 30
"""Of each operation."""
METHODS = ("get", "post", "put", "patch", "delete")
OPERATIONS = [
    (method, path)
    for path, entry in sorted(document()["paths"].items())
    for method in METHODS
    if method in entry
]
KNOWN = {
    "tenant": "blue",
    "namespace": "default",
    "function": "hello",
    "trigger": "web",
    "code": "invalid",
}
ODD: list[Any] = [
    None, True, False, 0, -1, 2**63, 1.5, 1e308, "", " ", "a" * 300, "\u0000", "ü\u202e", "../..", "%2e%2e", "a/b", "';--",
    [], {}, [[]], [None], {"": ""}, {"a": {"b": {"c": []}}}, "2026-02-30T00:00:00Z", "fh_usr_x", "1e9", "9" * 40, "\ud800",
]  # fmt: skip
KINDS = {"Function": FUNCTION, "HTTPTrigger": HTTP_TRIGGER}
HEADERS = [
    {"If-Match": '"x"'}, {"If-Match": "*"}, {"If-Match": "x"}, {"If-None-Match": "*"}, {"Idempotency-Key": "k"},
    {"Idempotency-Key": ""}, {"Accept": "text/html"}, {"Accept": ";"}, {"Content-Type": "text/plain"},
    {"Content-Type": "application/json; charset=utf-16"}, {"Content-Encoding": "gzip"}, {"Range": "bytes=0-1"},
    {"X-Forwarded-For": "nonsense"}, {"Expect": "nonsense"},
]  # fmt: skip


def there(world: World) -> None:
    """The function and the trigger that most requests name, also after a delete."""
    spec = {
        "runtime": "python3.11",
        "handler": "a.a",
        "source": {"inline": {"files": {"a.py": "x"}}},
    }
    for kind, name, held in (
        ("Function", "hello", spec),
        ("HTTPTrigger", "web", {"function": "hello"}),
    ):
        meta = {"namespace": "blue--default", "name": name}
        if not world.cluster.named(KINDS[kind], "blue--default"):
            world.cluster.put(
                {
                    "apiVersion": "funkhaus.dev/v1alpha1",
                    "kind": kind,
                    "metadata": meta,
                    "spec": held,
                }
            )


def made(dice: random.Random, schema: dict[str, Any], depth: int = 0) -> Any:  # noqa: PLR0911
    """A value that mostly fits a schema."""
    schema = resolved(schema)
    if dice.random() < 0.15 or depth > 4:
        return dice.choice(ODD)
    if "enum" in schema:
        return dice.choice(schema["enum"])
    if "allOf" in schema:
        return made(dice, schema["allOf"][0], depth)
    kind = schema.get("type")
    kind = dice.choice(kind) if isinstance(kind, list) else kind
    if kind == "object":
        required = schema.get("required", [])
        document = {
            name: made(dice, item, depth + 1)
            for name, item in schema.get("properties", {}).items()
            if dice.random() < (0.9 if name in required else 0.5)
        }
        if dice.random() < 0.1:
            document[dice.choice(["surprise", "", "id"])] = dice.choice(ODD)
        return document
    if kind == "array":
        return [made(dice, schema.get("items", {}), depth + 1) for _ in range(dice.randrange(3))]
    if kind == "integer":
        return dice.choice([0, 1, 2, 3, 80, 100, 500, -1, schema.get("maximum", 7)])
    if kind == "boolean":
        return dice.choice([True, False])
    return dice.choice(
        ["hello", "web", "default", "a", "python3.11", "hello.handler", "100m", "64Mi", "x" * 40]
    )


def body(dice: random.Random, content: dict[str, Any]) -> tuple[bytes | None, dict[str, str]]:
    if not content or dice.random() < 0.05:
        return None, {}
    media, entry = dice.choice(sorted(content.items()))
    if not media.endswith("json"):
        return dice.randbytes(dice.randrange(200)), {"Content-Type": "application/octet-stream"}
    if dice.random() < 0.05:
        return dice.choice([b"", b"{", b"\xff", b"[" * 5000, b'{"a":1,"a":2}', b"1e999"]), {
            "Content-Type": media
        }
    return json.dumps(made(dice, entry.get("schema", {}))).encode(), {"Content-Type": media}


def address(dice: random.Random, path: str, parameters: list[dict[str, Any]]) -> str:
    query = []
    for item in parameters:
        if item["in"] == "path":
            usual = KNOWN.get(item["name"], "00000000-0000-4000-8000-000000000000")
            value = usual if dice.random() < 0.8 else str(dice.choice(ODD)) or "-"
            path = path.replace(f"{{{item['name']}}}", _quoted(value))
        elif item["in"] == "query" and dice.random() < 0.4:
            value = made(dice, item.get("schema", {}))
            text = json.dumps(value) if isinstance(value, bool | dict | list) else str(value)
            query.append(f"{item['name']}={_quoted(text)}")
    if dice.random() < 0.05:
        query.append("surprise=1")
    return path + ("?" + "&".join(query) if query else "")


def _quoted(text: str) -> str:
    return quote(text.encode("utf-8", "surrogatepass"), safe="")


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
async def test_nothing_surprises_the_api(world: World, method: str, path: str) -> None:
    dice = random.Random(f"{method} {path}")  # noqa: S311 - no secret
    entry = document()["paths"][path]
    operation = entry[method]
    parameters = [
        resolved(item) for item in [*entry.get("parameters", []), *operation.get("parameters", [])]
    ]
    content = resolved(operation.get("requestBody", {})).get("content", {})
    answered: list[int] = []
    async with serving(world.services(), Limits(100_000, 5, 10**6, 10**6)) as nobody:
        tokens = [
            await world.token("blue", Role.OWNER),
            await world.token("", None),
            await world.token("red", Role.VIEWER),
        ]
        for _ in range(REQUESTS):
            there(world)
            url = address(dice, path, parameters)
            data, headers = body(dice, content)
            if dice.random() < 0.2:
                headers |= dice.choice(HEADERS)
            client = nobody.holding(dice.choice(tokens))
            try:
                reply = await client.ask(method.upper(), url, data=data, headers=headers)
            except (aiohttp.InvalidURL, ValueError):
                continue  # this client can't even send it
            what = f"{method.upper()} {url} {headers} {data!r:.300}: {reply.status} {reply.body[:300]!r}"
            asleep = path.endswith("/call") and b"does not serve yet" in reply.body
            assert reply.status < 500 or asleep, what
            answered.append(reply.status)
    assert len(answered) > REQUESTS / 2
