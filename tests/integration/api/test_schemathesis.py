"""Schemathesis on the API over a socket, with a real Postgres behind it: no failure of ours, whatever is asked.

Examples are derived from the contract, not drawn: the same every time. Each tag has a database and a server of its own,
so that no order and no worker changes what is there. Every answer is held against the contract as well.
"""

from __future__ import annotations

import asyncio
import threading
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from funkhaus.domain.subject import Role
from funkhaus.storage import PostgresStores, open_engine
from funkhaus_api.keys import Limits
from tests.support.api import World, serving
from tests.support.databases import temporary
from tests.support.published import document

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

EXAMPLES = 6
"""Of each operation and each mode; made to fit the contract, and made not to."""
SECONDS = 10
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
KNOWN = {
    "tenant": "blue", "namespace": "default", "function": "hello", "trigger": "web", "code": "invalid",
    "role": "auditor", "account": "ci",
}  # fmt: skip
"""What is there: half of the requests are about it."""
TAGS = [tag["name"] for tag in document()["tags"]]
SPEC = {
    "runtime": "python3.11",
    "handler": "a.a",
    "source": {"inline": {"files": {"a.py": "x"}}},
}
Place = tuple[str, tuple[str, ...]]


@asynccontextmanager
async def furnished(postgres: str) -> AsyncIterator[Place]:
    """An API's address, and tokens of an owner and an admin."""
    async with temporary(postgres) as url:
        engine = open_engine(url, pool=5, seconds=5, name="schemathesis")
        world = World(PostgresStores(engine))
        for tenant in ("blue", "red"):
            await world.tenant(tenant, "default")
        for kind, name, spec in (
            ("Function", "hello", SPEC),
            ("HTTPTrigger", "web", {"function": "hello", "host": "web.example.com"}),
        ):
            meta = {"namespace": "blue--default", "name": name}
            version = "funkhaus.dev/v1alpha1"
            world.cluster.put({"apiVersion": version, "kind": kind, "metadata": meta, "spec": spec})
        limits = Limits(100_000, SECONDS, 10**6, 10**6)
        async with serving(world.services(), limits) as nobody:
            yield nobody.url, (await world.token("blue", Role.OWNER), await world.token("", None))
        await engine.close()


@pytest.fixture
def house(postgres: str) -> Iterator[Place]:
    """The same on a thread of its own: schemathesis waits for its answers."""
    loop, ready, end = asyncio.new_event_loop(), threading.Event(), asyncio.Event()
    made: list[Place] = []

    async def live() -> None:
        async with furnished(postgres) as place:
            made.append(place)
            ready.set()
            await end.wait()

    def run() -> None:
        try:
            loop.run_until_complete(live())
        finally:
            ready.set()
            loop.close()

    thread = threading.Thread(target=run)
    thread.start()
    ready.wait()
    assert made, "the API did not start"
    yield made[0]
    loop.call_soon_threadsafe(end.set)
    thread.join()


def operations(tag: str) -> list[Any]:
    schema = schemathesis.openapi.from_dict(document())
    return [found.ok() for found in schema.include(tag=tag).get_all_operations()]


def sleeps(answer: Any) -> bool:
    """A function that no pod runs here: the one 503 that is an answer."""
    return answer.status_code == 503 and b"does not serve yet" in answer.content


@pytest.mark.parametrize("tag", TAGS)
def test_nothing_that_is_asked_fails_us(house: Place, tag: str) -> None:
    url, tokens = house
    session = requests.Session()
    session.trust_env = False
    for operation in operations(tag):
        for mode in GenerationMode:

            @settings(
                max_examples=EXAMPLES,
                derandomize=True,
                database=None,
                deadline=None,
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            )
            @given(
                case=operation.as_strategy(generation_mode=mode),
                there=st.booleans(),
                token=st.sampled_from(tokens),
            )
            def ask(case: Any, there: bool, token: str) -> None:  # noqa: FBT001 - drawn
                if there:
                    case.path_parameters = {
                        name: KNOWN.get(name, value) for name, value in case.path_parameters.items()
                    }
                answer = case.call(
                    base_url=url,
                    session=session,
                    headers={"Authorization": f"Bearer {token}"},
                    timeout=2 * SECONDS,
                    allow_redirects=False,
                )
                if not sleeps(answer):
                    case.validate_response(answer, checks=CHECKS)

            try:
                ask()
            except Unsatisfiable:  # an operation that takes anything has nothing to get wrong
                assert mode is GenerationMode.NEGATIVE, operation.label
    session.close()
