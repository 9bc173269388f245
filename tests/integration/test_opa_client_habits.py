"""The dangerous habits of the policy engine's client library, each shown on the library itself, and how we don't have them.

An upgrade that changes a habit fails here, so that somebody looks; one that brings it into what we use fails as well. The
numbers are those of the list in docs/failures.md.
"""

from __future__ import annotations

import ast
import asyncio
import json
import ssl
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from opa_client.errors import PatchDataError, RegoParseError, TypeException
from opa_client.opa_async import AsyncOpaClient

from funkhaus.domain.errors import TimedOutError, UnavailableError
from funkhaus.policy import client as ours
from funkhaus.policy.client import OpaDecider
from funkhaus_webhook import certificates
from funkhaus_webhook.certificates import Lives
from tests.support.opa import StandIn, hangs, says, standing_in
from tests.support.ports import free_port
from tests.support.questions import function, question

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

ROOT = Path(__file__).resolve().parents[2]
GOOD = b'{"result": {"findings": [], "revision": "r"}}'
CALLED = {"query_rule", "close_connection", "__aenter__"}
"""Of the library, all that is called: none of it writes, fetches, or asks for more than one rule."""


def library(url: str, **settings: Any) -> AsyncOpaClient:
    """The client as it comes, but for a shorter pause."""
    return AsyncOpaClient(host="127.0.0.1", port=int(url.rpartition(":")[2]), **settings)


@pytest.fixture
async def engine() -> AsyncIterator[tuple[str, StandIn]]:
    async with standing_in() as (url, stand_in):
        stand_in.answer = says(200, GOOD)
        yield url, stand_in


async def ask(url: str, deadline: float = 5) -> Any:
    async with OpaDecider(url, timeout=deadline) as decider:
        return await decider.decide(question(function()))


@pytest.mark.parametrize("status", [500, 502, 504])
async def test_1_2_it_asks_three_times_where_a_rule_fails_and_we_once(
    engine: tuple[str, StandIn], status: int
) -> None:
    url, stand_in = engine
    stand_in.answer = says(status, b"{}")
    async with library(url) as client:
        with pytest.raises(aiohttp.ClientResponseError):
            await client.query_rule({}, "a", "b")
    assert len(stand_in.asked) == 3
    stand_in.asked.clear()
    with pytest.raises(UnavailableError, match=f"failed with status {status}"):
        await ask(url)
    assert len(stand_in.asked) == 1


async def test_1_it_tries_a_closed_port_three_times_and_we_once() -> None:
    """A pause before each: 0.9 s for nothing, and as much again where packets are dropped."""
    url = f"http://127.0.0.1:{free_port()}"
    begin = time.monotonic()
    async with library(url) as client:
        with pytest.raises(aiohttp.ClientConnectionError):
            await client.query_rule({}, "a", "b")
    assert time.monotonic() - begin >= 0.9
    async with OpaDecider(url, timeout=5) as decider:
        assert decider._client.retries == 0


async def test_3_a_503_is_what_it_does_not_ask_again(engine: tuple[str, StandIn]) -> None:
    url, stand_in = engine
    stand_in.answer = says(503, b"{}")
    async with library(url) as client:
        with pytest.raises(aiohttp.ClientResponseError):
            await client.query_rule({}, "a", "b")
    assert len(stand_in.asked) == 1
    with pytest.raises(UnavailableError, match="failed with status 503"):
        await ask(url)


async def test_4_it_sends_writes_again_and_we_send_none(engine: tuple[str, StandIn]) -> None:
    """An appending patch would be done three times over."""
    url, stand_in = engine
    stand_in.answer = says(500, b'{"code": "x", "message": "y"}')
    async with library(url) as client:
        with pytest.raises(PatchDataError):
            await client.patch_data("list", [{"op": "add", "path": "/-", "value": 1}])
    assert [line.split()[0] for line in stand_in.asked] == ["PATCH"] * 3
    assert called() == CALLED


async def test_5_an_undefined_decision_is_handed_on_by_it_and_refused_by_us(
    engine: tuple[str, StandIn],
) -> None:
    url, stand_in = engine
    stand_in.answer = says(200, b"{}")
    async with library(url) as client:
        assert await client.query_rule({}, "a", "b") == {}
    with pytest.raises(UnavailableError, match="no such rule"):
        await ask(url)


async def test_6_it_quotes_no_path_and_ours_are_constants(engine: tuple[str, StandIn]) -> None:
    url, stand_in = engine
    async with library(url) as client:
        await client.query_rule({}, "tenants.a/../../secret?x=1", "rule")
    assert "/../../secret?x=1" in stand_in.asked[0] or "/secret?x=1" in stand_in.asked[0]
    stand_in.asked.clear()
    await ask(url)
    assert stand_in.asked == ["POST /v1/data/funkhaus/main/decision HTTP/1.1"]
    assert (ours.PACKAGE, ours.DECISION, ours.DEFAULTS) == ("funkhaus.main", "decision", "defaults")


async def test_7_it_carries_its_token_to_whatever_address_it_fetches_and_we_fetch_none(
    engine: tuple[str, StandIn],
) -> None:
    url, _ = engine
    heard: list[bytes] = []

    async def listening(writer: asyncio.StreamWriter) -> None:
        heard.append(writer.get_extra_info("peername") and b"asked")
        await says(404, b"")(writer)

    async with standing_in() as (elsewhere, other), library(url, token="secret") as client:
        other.answer = listening
        with pytest.raises(aiohttp.ClientResponseError):
            await client.update_policy_from_url(f"{elsewhere}/evil.rego", "evil")
        assert client._session is not None
        assert client._session.headers["Authorization"] == "Bearer secret"
        assert other.asked == ["GET /evil.rego HTTP/1.1"]
        assert heard
    assert "update_policy_from_url" not in called()
    async with OpaDecider(url, timeout=5) as decider:
        assert "Authorization" not in (decider._client.headers or {})


async def test_8_it_rewrites_a_policy_of_old_syntax_and_we_upload_none(
    engine: tuple[str, StandIn],
) -> None:
    url, stand_in = engine
    refusal = {
        "code": "invalid_parameter",
        "message": "error(s) occurred while compiling module(s)",
        "errors": [
            {"code": "rego_parse_error", "message": "`if` keyword is required before rule body"}
        ],
    }
    stand_in.answer = says(400, json.dumps(refusal).encode())
    async with library(url) as client:
        with pytest.raises(RegoParseError):
            await client.update_policy_from_string("package a\n\nallow { input.x }\n", "a")
    assert len(stand_in.asked) > 1, "it tried its own version"
    assert "update_policy_from_string" not in called()


async def test_9_it_does_nothing_before_it_is_entered_and_nor_do_we() -> None:
    with pytest.raises(AttributeError):
        await AsyncOpaClient(host="127.0.0.1", port=free_port()).query_rule({}, "a", "b")
    with pytest.raises(AttributeError):
        await OpaDecider(f"http://127.0.0.1:{free_port()}", timeout=1).decide(question(function()))


async def test_10_it_has_one_pool_of_connections_and_reviews_at_once_are_fewer(
    engine: tuple[str, StandIn],
) -> None:
    url, _ = engine
    async with OpaDecider(url, timeout=5) as decider:
        assert decider._client._connector is not None
        assert decider._client._connector.limit == 100


def test_11_12_15_what_asks_in_bulk_takes_dictionaries_only_or_drops_input_is_not_called() -> None:
    assert not called() & {"bulk_query_rule", "ad_hoc_query", "update_or_create_data"}


async def test_12_a_list_is_no_data_to_it(engine: tuple[str, StandIn]) -> None:
    url, _ = engine
    async with library(url) as client:
        with pytest.raises(TypeException):
            await client.update_or_create_data([1], "list")  # type: ignore[arg-type]  # the very mistake


async def test_13_its_time_out_is_per_attempt_and_ours_is_the_whole(
    engine: tuple[str, StandIn],
) -> None:
    url, stand_in = engine
    stand_in.answer = hangs
    with pytest.raises(TimedOutError, match=r"did not answer within 0\.2 s"):
        await ask(url, deadline=0.2)
    async with OpaDecider(url, timeout=0.2) as decider:
        assert decider._client.timeout == 0.2


async def test_14_over_https_it_trusts_the_system_s_authorities_and_no_others(
    tmp_path: Path,
) -> None:
    """So an engine with a certificate of one's own is refused, and not believed."""
    identity = certificates.new_identity(["127.0.0.1"], datetime.now(UTC), Lives())
    for name, pem in certificates.written(identity).items():
        (tmp_path / name).write_bytes(pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "tls.crt", tmp_path / "tls.key")
    stand_in = StandIn()
    stand_in.answer = says(200, GOOD)
    server = await asyncio.start_server(stand_in.serve, "127.0.0.1", 0, ssl=context)
    async with server:
        with pytest.raises(UnavailableError, match="can't be reached"):
            await ask(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    assert stand_in.asked == []


def called() -> set[str]:
    """The names of the library's client that its one importer uses."""
    tree = ast.parse(Path(ours.__file__).read_text())
    return {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Attribute)
        and node.value.attr == "_client"
    }


def test_nobody_else_imports_it() -> None:
    importers = {
        str(path.relative_to(ROOT))
        for root in ("platform", "webhook", "controller")
        for path in (ROOT / root).rglob("*.py")
        if "opa_client" in path.read_text() and "import" in path.read_text()
    }
    found = {name for name in importers if imports(ROOT / name)}
    assert found == {str(Path(ours.__file__).relative_to(ROOT))}


def imports(path: Path) -> bool:
    return any(
        isinstance(node, ast.ImportFrom) and str(node.module).startswith("opa_client")
        for node in ast.walk(ast.parse(path.read_text()))
    )
