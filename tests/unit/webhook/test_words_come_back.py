"""What the webhook answers, as kube-apiserver hands it on, as the API server reads it: nothing is lost."""

from __future__ import annotations

import json

import pytest

from funkhaus.domain.errors import (
    ForbiddenError,
    FunkhausError,
    InvalidError,
    PolicyError,
    TimedOutError,
    TooLargeError,
    UnavailableError,
)
from funkhaus.domain.verdict import Finding, Verdict
from funkhaus.kube import status
from funkhaus.services.reviews import Judgement
from funkhaus_webhook.verdict import answer

CPU = Finding(
    "cpu-above-ceiling", "too much", "spec.resources.cpu", limit="1", value="3", passes="1"
)
HOST = Finding("hostname-outside", "not yours", "spec.host", limit=["*.a", "*.b"])


def read_back(judgement: Judgement) -> FunkhausError:
    said = answer("uid-1", judgement)["response"]["status"]
    prefix = 'admission webhook "mutate.funkhaus.dev" denied the request: '
    document = {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        **said,
        "message": prefix + said["message"],
    }
    return status.error(said["code"], json.dumps(document))


@pytest.mark.parametrize("findings", [(CPU,), (CPU, HOST)])
def test_a_refusal_by_policy_loses_nothing(findings: tuple[Finding, ...]) -> None:
    error = read_back(Judgement(verdict=Verdict(findings)))
    assert type(error) is PolicyError
    assert error.findings == findings


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (InvalidError.at(Finding("name-malformed", "no label", "metadata.name")), InvalidError),
        (TooLargeError("x", findings=[Finding("review-too-large", "x")]), TooLargeError),
        (ForbiddenError("x", findings=[Finding("namespace-foreign", "x")]), PolicyError),
    ],
)
def test_other_refusals_stay_what_they_are(error: FunkhausError, kind: type[FunkhausError]) -> None:
    back = read_back(Judgement(error=error))
    assert type(back) is kind
    assert [item.code for item in back.findings] == [item.code for item in error.findings]


@pytest.mark.parametrize("error", [UnavailableError("OPA is gone"), TimedOutError("OPA is slow")])
def test_no_verdict_is_no_refusal_by_a_rule(error: FunkhausError) -> None:
    back = read_back(Judgement(error=error))
    assert type(back) is type(error)
    assert back.message == error.message
