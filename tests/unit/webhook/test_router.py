from __future__ import annotations

import json
from typing import Any

import pytest

from funkhaus.domain.errors import InvalidError, UnavailableError
from funkhaus.domain.tenant import Namespace, NamespaceQuota, Tenant
from funkhaus.metrics import REGISTRY
from funkhaus.services.ledger import LedgerService
from funkhaus.services.reviews import Judgement, Review, ReviewService
from funkhaus_webhook.reviewing import patience
from funkhaus_webhook.router import Phase, Router
from tests.support.admission import admission_review, body
from tests.support.clock import FakeClock
from tests.support.cluster import MemoryCluster
from tests.support.decider import FakeDecider
from tests.support.questions import DOMAIN, function, http_trigger
from tests.support.stores import MemoryStores


class Wrong(ReviewService):
    """A service with a mistake in it."""

    async def validate(self, review: Review, deadline: float) -> Judgement:  # noqa: ARG002 - the service's
        raise ZeroDivisionError


class Patient(ReviewService):
    """Tells how much time it was given."""

    async def validate(self, review: Review, deadline: float) -> Judgement:  # noqa: ARG002 - the service's
        self.given = deadline
        return Judgement()


def router(kind: type[ReviewService] = ReviewService) -> Router:
    stores = MemoryStores()
    stores.state.tenants["demo"] = Tenant("demo", "small")
    namespace = Namespace("demo", "default", NamespaceQuota(20, 20, 20, 4000, 4 * 1024**3))
    stores.state.namespaces["demo", "default"] = (namespace, True)
    ledger = LedgerService(stores, FakeClock())
    service = kind(
        stores,
        FakeDecider(),
        ledger,
        MemoryCluster(),
        FakeClock(),
        domain=DOMAIN,
        system_namespace="funkhaus-system",
    )
    return Router(service, deadline=2.0)


async def respond(
    phase: Phase, manifest: dict[str, Any], *, by: Router | None = None, **change: Any
) -> dict[str, Any]:
    answer = await (by or router()).answer(phase, body(manifest, **change), None)
    found: dict[str, Any] = answer["response"]
    assert found["uid"] == admission_review(manifest)["request"]["uid"]
    return found


def count(phase: str, kind: str, outcome: str) -> float:
    labels = {"phase": phase, "kind": kind, "outcome": outcome}
    return REGISTRY.get_sample_value("funkhaus_admission_reviews_total", labels) or 0.0


async def test_both_phases_of_both_kinds_are_answered() -> None:
    before = count("validate", "Function", "denied")
    assert "patch" in await respond(Phase.MUTATE, function(resources={}))
    assert "patch" in await respond(Phase.MUTATE, http_trigger())
    assert (await respond(Phase.VALIDATE, http_trigger()))["allowed"]
    assert (await respond(Phase.VALIDATE, function()))["allowed"]
    bad = await respond(Phase.VALIDATE, function(resources={"cpu": "3"}))
    assert not bad["allowed"]
    assert count("validate", "Function", "denied") == before + 1


@pytest.mark.parametrize(
    "change",
    [
        {"resource": {"group": "", "version": "v1", "resource": "pods"}},
        {"resource": {"group": "funkhaus.dev", "version": "v1alpha1", "resource": "runtimes"}},
        {"resource": {"group": "evil.dev", "version": "v1alpha1", "resource": "functions"}},
        {"subResource": "status"},
        {"subResource": "scale"},
    ],
)
async def test_what_is_not_judged_is_not_let_in(change: dict[str, Any]) -> None:
    for phase in Phase:
        found = await respond(phase, function(), **change)
        assert not found["allowed"]
        assert "is not judged by this webhook" in found["status"]["message"]


async def test_a_malformed_request_gets_its_words_back() -> None:
    found = await respond(Phase.VALIDATE, function(), operation="CONNECT")
    assert found["status"]["code"] == 422
    assert "CONNECT" in found["status"]["message"]


async def test_our_own_mistake_is_a_no() -> None:
    found = await respond(Phase.VALIDATE, function(), by=router(Wrong))
    assert not found["allowed"]
    assert found["status"]["code"] == 503
    assert found["uid"] in found["status"]["message"]
    assert "ZeroDivision" not in json.dumps(found)


async def test_nobody_to_answer_raises() -> None:
    with pytest.raises(InvalidError):
        await router().answer(Phase.VALIDATE, b"{}", None)


@pytest.mark.parametrize(("waits", "given"), [(None, 2.0), (30.0, 2.0), (1.0, 0.8)])
async def test_the_answer_comes_before_the_caller_gives_up(
    waits: float | None, given: float
) -> None:
    patient = router(Patient)
    await patient.answer(Phase.VALIDATE, body(function()), waits)
    service = patient._service
    assert isinstance(service, Patient)
    assert service.given == pytest.approx(given)


async def test_a_lost_audit_row_is_counted() -> None:
    def lost() -> float:
        return REGISTRY.get_sample_value("funkhaus_audit_rows_lost_total") or 0.0

    before = lost()
    broken = router()
    stores = broken._service._stores
    assert isinstance(stores, MemoryStores)
    stores.broken = UnavailableError("gone")
    await respond(Phase.VALIDATE, function(), by=broken)
    assert lost() == before + 1


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("3s", 3.0),
        ("2.5s", 2.5),
        ("500ms", 0.5),
        ("1m0s", 60.0),
        ("1m", 60.0),
        ("", None),
        ("0s", None),
        ("3", None),
        ("-1s", None),
        ("soon", None),
    ],
)
def test_how_long_the_caller_waits(text: str, seconds: float | None) -> None:
    assert patience(text) == seconds
