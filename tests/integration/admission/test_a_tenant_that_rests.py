"""A suspended tenant at kube-apiserver: changes are refused with the words, deletes and reads are not (B-72)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from funkhaus.domain.tenant import Suspension
from tests.support.admission_house import DEVELOPER, GITOPS, NAMESPACE, House
from tests.support.questions import function, http_trigger

if TYPE_CHECKING:
    from collections.abc import Iterator

SUSPENSION = Suspension(datetime(2026, 11, 24, tzinfo=UTC), "invoice 17 is unpaid", "Ada")
WORDS = 'tenant "demo" is suspended since 2026-11-24 by Ada: invoice 17 is unpaid.'
RESTING = (
    "--as=fh:0b9e", "--as-group=fh:demo:viewer", "--as-group=fh:demo:suspended", "--as-group=system:authenticated",
)  # fmt: skip
"""A developer, as the platform names one to kube-apiserver while the tenant rests."""
VIEWER = ("--as=fh:0c1d", "--as-group=fh:demo:viewer", "--as-group=system:authenticated")


@pytest.fixture
def resting(house: House) -> Iterator[House]:
    """Tenant demo with a function, suspended."""
    assert house.apply(function("asleep")).returncode == 0
    state = house.webhook.stores.state
    before = state.tenants["demo"]
    state.tenants["demo"] = replace(before, suspension=SUSPENSION)
    yield house
    house.webhook.stores.state.tenants["demo"] = before
    house.delete("function", "asleep")


@pytest.mark.usefixtures("gitops")
def test_changes_are_refused_with_the_words(resting: House) -> None:
    for who in (RESTING, GITOPS, ()):
        for manifest in (
            function("fresh"),
            function("asleep", timeout=61),
            http_trigger(function="asleep"),
        ):
            done = resting.kubectl("apply", "-f", "-", stdin=manifest, who=who)
            assert done.returncode == 1
            assert WORDS in done.stderr, (who, done.stderr)
            assert "funkhaus tenant resume demo" in done.stderr
    dry = resting.kubectl(
        "apply", "-f", "-", "--dry-run=server", stdin=function("fresh"), who=RESTING
    )
    assert WORDS in dry.stderr


def test_b72_a_token_that_was_known_before_is_refused_in_the_same_words(resting: House) -> None:
    """kube-apiserver may keep a token's groups for ten seconds: admission does not go by them."""
    assert WORDS in resting.apply(function("fresh")).stderr
    label = ("label", "function", "asleep", "-n", NAMESPACE, "app=x")
    assert WORDS in resting.kubectl(*label, who=DEVELOPER).stderr
    assert WORDS in resting.kubectl(*label, who=RESTING).stderr


def test_reads_and_deletes_stay_and_secrets_do_not(resting: House) -> None:
    at = ("-n", NAMESPACE)
    assert resting.kubectl("get", "function", "asleep", *at, who=RESTING).returncode == 0
    for verb, what in (("create", "secrets"), ("get", "secrets"), ("create", "configmaps")):
        done = resting.kubectl("auth", "can-i", verb, what, *at, who=RESTING)
        assert done.stdout.strip() == "no", (verb, what)
    assert resting.kubectl("delete", "function", "asleep", *at, who=VIEWER).returncode == 1
    gone = resting.kubectl("delete", "function", "asleep", *at, "--wait=false", who=RESTING)
    assert gone.returncode == 0, gone.stderr
