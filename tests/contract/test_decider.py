"""What every `Decider` promises, asked of the fake and of a real OPA with the repository's policies."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from funkhaus.domain.errors import UnavailableError
from funkhaus.domain.question import Default
from funkhaus.policy.client import OpaDecider
from tests.support.decider import FakeDecider
from tests.support.ports import free_port
from tests.support.questions import DOMAIN, function, http_trigger, question

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from funkhaus.ports import Decider


@pytest.fixture(params=["fake", "opa"])
async def decider(request: pytest.FixtureRequest) -> AsyncIterator[Decider]:
    if request.param == "fake":
        yield FakeDecider()
        return
    async with OpaDecider(request.getfixturevalue("opa_url"), timeout=5) as real:
        yield real


@pytest.fixture(params=["fake", "opa"])
async def broken(request: pytest.FixtureRequest) -> AsyncIterator[Decider]:
    if request.param == "fake":
        fake = FakeDecider()
        fake.error = UnavailableError()
        yield fake
        return
    async with OpaDecider(f"http://127.0.0.1:{free_port()}", timeout=5) as real:
        yield real


@pytest.mark.parametrize("manifest", [function(), http_trigger()], ids=["function", "trigger"])
async def test_a_good_object_passes(decider: Decider, manifest: dict[str, object]) -> None:
    verdict = await decider.decide(question(manifest))
    assert verdict.findings == ()
    assert verdict.revision


async def test_a_bad_one_is_denied_with_all_the_facts(decider: Decider) -> None:
    verdict = await decider.decide(
        question(function(resources={"cpu": "3000m", "memory": "128Mi"}))
    )
    assert verdict.denied
    assert verdict.decision_id
    (finding,) = verdict.findings
    assert finding.as_json() == {
        "code": "cpu-above-ceiling",
        "outcome": "deny",
        "message": 'cpu "3000m" is above the plan small\'s ceiling of 1; at most 1 passes',
        "path": "spec.resources.cpu",
        "limit": "1",
        "value": "3000m",
        "passes": "1",
    }


async def test_a_function_s_defaults_are_the_plan_s(decider: Decider) -> None:
    assert set(await decider.defaults(question(function(resources={})))) == {
        Default(("spec", "resources", "cpu"), "250m"),
        Default(("spec", "resources", "memory"), "128Mi"),
    }


async def test_a_trigger_s_default_host_lies_in_the_first_suffix(decider: Decider) -> None:
    (host,) = await decider.defaults(question(http_trigger(function="shop")))
    assert host == Default(("spec", "host"), f"shop.demo.{DOMAIN}")


async def test_what_is_filled_in_passes(decider: Decider) -> None:
    (host,) = await decider.defaults(question(http_trigger()))
    cpu, memory = await decider.defaults(question(function()))
    resources = {cpu.path[-1]: cpu.value, memory.path[-1]: memory.value}
    for manifest in (function(resources=resources), http_trigger(host=host.value)):
        assert (await decider.decide(question(manifest))).findings == ()


async def test_the_revision_that_judges_is_known_beforehand(decider: Decider) -> None:
    assert await decider.ready() == (await decider.decide(question(function()))).revision


async def test_without_an_engine_there_is_no_verdict(broken: Decider) -> None:
    for ask in (broken.decide, broken.defaults):
        with pytest.raises(UnavailableError):
            await ask(question(function()))
    with pytest.raises(UnavailableError):
        await broken.ready()
