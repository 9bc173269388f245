"""A write that comes twice with the same Idempotency-Key is carried out once."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from funkhaus.domain.errors import UnavailableError
from funkhaus.domain.subject import Role
from tests.support.api import serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.support.api import Client, Reply, World

NAMESPACES, TOKENS = "/v1/tenants/blue/namespaces", "/v1/tenants/blue/tokens"
FUNCTIONS = f"{NAMESPACES}/default/functions"
SPEC = {"runtime": "python3.11", "handler": "a.a"}


@pytest.fixture
async def client(any_world: World) -> AsyncIterator[Client]:
    """An owner of blue, on both kinds of stores."""
    async with serving(any_world.services()) as nobody:
        yield nobody.holding(await any_world.token("blue", Role.OWNER))


async def send(
    client: Client, path: str, body: Any, key: str = "k-1", method: str = "POST"
) -> Reply:
    return await client.ask(method, path, json=body, headers={"Idempotency-Key": key})


async def test_the_same_answer_again(client: Client) -> None:
    first = await send(client, NAMESPACES, {"name": "shop"})
    again = await send(client, NAMESPACES, {"name": "shop"}, '"k-1"')
    assert (first.status, again.status, again.body) == (201, 201, first.body)
    assert again.headers["Content-Type"] == first.headers["Content-Type"]
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.headers["X-Request-Id"] != first.headers["X-Request-Id"]
    (await send(client, NAMESPACES, {"name": "shop"}, "k-2")).problem(409, "conflict")


async def test_an_answer_without_a_body(client: Client) -> None:
    await client.post(NAMESPACES, {"name": "shop"})
    for replayed in (None, "true"):
        gone = await send(client, f"{NAMESPACES}/shop", None, method="DELETE")
        assert (gone.status, gone.body, gone.headers.get("Idempotency-Replayed")) == (
            204,
            b"",
            replayed,
        )


async def test_another_body_or_query(client: Client) -> None:
    await send(client, FUNCTIONS, {"name": "a", "spec": SPEC})
    other = await send(client, FUNCTIONS, {"name": "b", "spec": SPEC})
    assert other.problem(422, "idempotency-mismatch")["findings"][0]["path"] == "Idempotency-Key"
    dry = await send(client, f"{FUNCTIONS}?dryRun=true", {"name": "a", "spec": SPEC})
    dry.problem(422, "idempotency-mismatch")


async def test_the_key_is_its_subjects_and_its_paths(any_world: World, client: Client) -> None:
    assert (await send(client, NAMESPACES, {"name": "shop"})).status == 201
    other = client.holding(await any_world.token("blue", Role.OWNER))
    (await send(other, NAMESPACES, {"name": "shop"})).problem(409, "conflict")
    assert (await send(client, FUNCTIONS, {"name": "a", "spec": SPEC})).status == 201


async def test_a_refusal_keeps_nothing(client: Client) -> None:
    (await send(client, NAMESPACES, {"name": "A"})).problem(422, "invalid")
    assert (await send(client, NAMESPACES, {"name": "shop"})).status == 201


async def test_a_secret_is_shown_once_and_stored_nowhere(world: World, owner: Client) -> None:
    body = {"name": "ci", "role": "viewer"}
    first = await send(owner, TOKENS, body)
    assert first.json["token"].encode() not in str(world.memory.state.kept).encode()
    again = (await send(owner, TOKENS, body)).problem(409, "idempotency-answered")
    assert first.json["id"] in again["detail"]
    assert "fh_" not in str(again)
    named = [item for item in (await owner.get(TOKENS)).json["items"] if item["name"] == "ci"]
    assert len(named) == 1


async def test_while_the_first_is_under_way(client: Client) -> None:
    replies = await asyncio.gather(*[send(client, NAMESPACES, {"name": "shop"}) for _ in range(6)])
    done = [reply for reply in replies if reply.status == 201]
    assert done
    for reply in replies:
        if reply.status != 201:
            reply.problem(409, "idempotency-in-flight")
    assert len([reply for reply in done if "Idempotency-Replayed" not in reply.headers]) == 1


async def test_a_failure_keeps_nothing(world: World, owner: Client) -> None:
    world.cluster.failure = lambda verb, *_: UnavailableError() if verb == "apply" else None
    (await send(owner, FUNCTIONS, {"name": "a", "spec": SPEC})).problem(503, "unavailable")
    world.cluster.failure = lambda *_: None
    assert (await send(owner, FUNCTIONS, {"name": "a", "spec": SPEC})).status == 201


async def test_after_a_day_it_is_a_new_request(world: World, owner: Client) -> None:
    assert (await send(owner, NAMESPACES, {"name": "shop"})).status == 201
    world.clock.pass_seconds(24 * 3600 - 1)
    assert (await send(owner, NAMESPACES, {"name": "shop"})).status == 201
    world.clock.pass_seconds(1)
    (await send(owner, NAMESPACES, {"name": "shop"})).problem(409, "conflict")


@pytest.mark.parametrize("key", ["", '""', "x" * 256, "a\tb", "ü"])
async def test_keys_that_are_none(owner: Client, key: str) -> None:
    reply = await send(owner, NAMESPACES, {"name": "shop"}, key)
    assert reply.problem(400, "malformed")["findings"][0]["path"] == "Idempotency-Key"
