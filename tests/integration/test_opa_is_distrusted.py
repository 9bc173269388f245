"""OPA gone, slow, broken, empty, or saying something else than a verdict: there is no answer then, never a yes.

The dangerous habits of the client library are pinned here too, so that an upgrade can't bring them back unseen.
"""

from __future__ import annotations

import json
import shutil
import time
import urllib.error
import urllib.request
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from funkhaus.domain.errors import InvalidError, TimedOutError, UnavailableError
from funkhaus.policy.client import OpaDecider
from tests.support import opa
from tests.support.opa import hangs, says, standing_in
from tests.support.ports import free_port
from tests.support.questions import function, http_trigger, question

if TYPE_CHECKING:
    from pathlib import Path

GOOD = b'{"result": {"findings": [], "revision": "r"}}'
BROKEN = {
    "rule fails while it runs": says(500, b'{"code": "internal_error"}'),
    "bad gateway": says(502, b"<html>"),
    "unavailable": says(503, b"{}"),
    "not authorised": says(401, b'{"code": "unauthorized"}'),
    "no such path": says(404, b"{}"),
    "undefined decision": says(200, b"{}"),
    "null": says(200, b'{"result": null}'),
    "a bare yes": says(200, b'{"result": true}'),
    "findings of another shape": says(200, b'{"result": {"findings": {}, "revision": "r"}}'),
    "unknown outcome": says(
        200,
        b'{"result": {"revision": "r", "findings": [{"code": "a", "message": "b", "outcome": "ok"}]}}',
    ),
    "no revision": says(200, b'{"result": {"findings": []}}'),
    "broken-off JSON": says(200, GOOD[:20]),
    "broken-off body": says(200, GOOD, length=len(GOOD) + 10),
    "not JSON": says(200, b"yes", content_type="text/plain"),
    "not UTF-8": says(200, b'{"result": "\xff"}'),
    "empty": says(200, b""),
}


async def ask(url: str, deadline: float = 2) -> Any:
    async with OpaDecider(url, timeout=deadline) as decider:
        return await decider.decide(question(function()))


async def test_the_stand_in_itself_can_say_yes() -> None:
    async with standing_in() as (url, stand_in):
        stand_in.answer = says(200, GOOD)
        assert (await ask(url)).findings == ()


@pytest.mark.parametrize("case", BROKEN)
async def test_b51_a_broken_answer_is_none(case: str) -> None:
    async with standing_in() as (url, stand_in):
        stand_in.answer = BROKEN[case]
        with pytest.raises(UnavailableError) as raised:
            await ask(url)
    assert str(raised.value).startswith("the policy engine")


@pytest.mark.parametrize("case", ["rule fails while it runs", "bad gateway", "unavailable"])
async def test_b51_a_failure_is_not_asked_again(case: str) -> None:
    async with standing_in() as (url, stand_in):
        stand_in.answer = BROKEN[case]
        with pytest.raises(UnavailableError):
            await ask(url)
    assert len(stand_in.asked) == 1


async def test_b51_a_slow_answer_is_cut_at_the_deadline() -> None:
    async with standing_in() as (url, stand_in):
        stand_in.answer = hangs
        begin = time.monotonic()
        with pytest.raises(TimedOutError, match=r"did not answer within 0\.3 s"):
            await ask(url, deadline=0.3)
        assert time.monotonic() - begin < 10
    assert len(stand_in.asked) == 1


async def test_b51_a_closed_port_answers_at_once() -> None:
    begin = time.monotonic()
    with pytest.raises(UnavailableError, match="can't be reached"):
        await ask(f"http://127.0.0.1:{free_port()}")
    assert time.monotonic() - begin < 10


async def test_b62_no_tenant_s_text_reaches_the_url() -> None:
    good = question(function())
    hostile = replace(good, facts=replace(good.facts, tenant="../../x?y#", plan="a/../../b"))
    async with standing_in() as (url, stand_in):
        stand_in.answer = says(200, GOOD)
        async with OpaDecider(url, timeout=2) as decider:
            await decider.decide(hostile)
    assert stand_in.asked == ["POST /v1/data/funkhaus/main/decision HTTP/1.1"]


async def test_b51_b52_rules_without_their_data_are_not_believed(
    opa_url: str, tmp_path: Path
) -> None:
    del opa_url  # only so that this run has an OPA
    with opa.of_files(tmp_path) as url:
        with pytest.raises(UnavailableError, match="names no revision"):
            await ask(url)
        async with OpaDecider(url, timeout=2) as decider:
            with pytest.raises(UnavailableError):
                await decider.ready()


async def test_b51_an_empty_engine_is_not_believed(opa_url: str, tmp_path: Path) -> None:
    del opa_url
    shutil.copytree(opa.POLICIES / "system", tmp_path / "empty/system")
    with (
        opa.running(tmp_path, tmp_path / "empty") as url,
        pytest.raises(UnavailableError, match="no such rule"),
    ):
        await ask(url)


async def test_b51_a_rule_that_breaks_at_run_time_is_no_yes(opa_url: str, tmp_path: Path) -> None:
    """Two complete answers that contradict each other: OPA's own run-time error, a real 500."""
    del opa_url
    shutil.copytree(opa.POLICIES, tmp_path / "policies")
    rule = tmp_path / "policies/funkhaus/admission/cpu/cpu.rego"
    rule.write_text(
        rule.read_text()
        + '\nfindings contains _clash\n\n_clash := 1\n\n_clash := 2 if input.kind == "Function"\n'
    )
    with (
        opa.running(tmp_path, tmp_path / "policies") as url,
        pytest.raises(UnavailableError, match="failed with status 500"),
    ):
        await ask(url)


def with_a_rule(tmp_path: Path, text: str) -> Path:
    """The house's policies with something more in the rule about CPU."""
    folder = tmp_path / "policies"
    shutil.copytree(opa.POLICIES, folder)
    rule = folder / "funkhaus/admission/cpu/cpu.rego"
    rule.write_text(f"{rule.read_text()}\n{text}\n")
    return folder


EXPLODING = ("^(a+)+$", "^(a|a)*$", "^(a|aa)+$", "^(.*a){20}$", "^(([a-z])+.)+[A-Z]([a-z])+$")
"""Expressions that take an engine that tries every way for ever, at 64 KiB of text that nearly matches."""


@pytest.mark.parametrize("expression", EXPLODING)
async def test_b56_an_expression_takes_as_long_as_its_text(
    opa_url: str, tmp_path: Path, expression: str
) -> None:
    """An admin's expression is RE2's, which has no way back: the answer comes within the deadline of every review."""
    del opa_url
    finding = (
        'findings contains {"code": "cpu-exploded", "outcome": "warn", "path": "", "message": "m"} if {\n'
        '\ttext := concat("", [concat("", ["a" | some _ in numbers.range(1, 65536)]), "!"])\n'
        f"\tnot regex.match(`{expression}`, text)\n"
        "}"
    )
    with opa.running(tmp_path, with_a_rule(tmp_path, finding)) as url:
        verdict = await ask(url, deadline=30)
    assert "cpu-exploded" in {item.code for item in verdict.findings}


async def test_b51_b56_a_rule_without_end_is_cut_and_stops_nobody(
    opa_url: str, tmp_path: Path
) -> None:
    """OPA gives up what nobody waits for any more, and answers the next."""
    del opa_url
    finding = (
        'findings contains {"code": "cpu-endless", "outcome": "warn", "path": "", "message": "m"} if {\n'
        '\tinput.kind == "Function"\n'
        "\tcount([1 | some x in numbers.range(1, 30000); some y in numbers.range(1, 30000); x + y > 0]) > 1\n"
        "}"
    )
    with opa.running(tmp_path, with_a_rule(tmp_path, finding)) as url:
        for _ in range(4):
            with pytest.raises(TimedOutError, match=r"did not answer within 0\.5 s"):
                await ask(url, deadline=0.5)
        async with OpaDecider(url, timeout=20) as decider:
            verdict = await decider.decide(question(http_trigger()))
    assert "cpu-endless" not in {item.code for item in verdict.findings}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", "/v1/policies/evil"),
        ("PUT", "/v1/data/data/plans"),
        ("PATCH", "/v1/data/data"),
        ("GET", "/v1/data/data"),
        ("POST", "/v1/query"),
        ("POST", "/v1/data/funkhaus%2fmain"),
    ],
)
def test_b62_nobody_writes_policy_through_the_api(opa_url: str, method: str, path: str) -> None:
    request = urllib.request.Request(  # noqa: S310 - our own http address
        opa_url + path, data=json.dumps({"query": "data"}).encode(), method=method
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with pytest.raises(urllib.error.HTTPError) as refused:
        opener.open(request, timeout=5)
    assert refused.value.code == 401
    refused.value.close()


@pytest.mark.parametrize("url", ["127.0.0.1:8181", "ftp://x", "http://", "http://x/v1/data"])
def test_an_address_that_is_none_is_refused_at_the_start(url: str) -> None:
    with pytest.raises(InvalidError, match="FUNKHAUS_OPA_URL"):
        OpaDecider(url, timeout=1)
