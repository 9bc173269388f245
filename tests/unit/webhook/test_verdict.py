from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from funkhaus.crd import refusal
from funkhaus.domain.approval import ApprovalState
from funkhaus.domain.errors import (
    ForbiddenError,
    FunkhausError,
    InvalidError,
    SchemaMismatchError,
    TimedOutError,
    TooLargeError,
    UnavailableError,
)
from funkhaus.domain.verdict import Finding, Outcome, Verdict
from funkhaus.services.reviews import Judgement
from funkhaus_webhook.verdict import answer
from tests.support.approvals import approval

CPU = Finding(
    "cpu-above-ceiling", "too much", "spec.resources.cpu", limit="1", value="3", passes="1"
)
HOST = Finding("hostname-outside", "not yours", "spec.host")
OLD = Finding("runtime-deprecated", "old", "spec.runtime", outcome=Outcome.WARN)


def response(judgement: Judgement) -> dict[str, Any]:
    document = answer("uid-1", judgement)
    assert (document["apiVersion"], document["kind"]) == ("admission.k8s.io/v1", "AdmissionReview")
    found: dict[str, Any] = document["response"]
    assert found["uid"] == "uid-1"
    return found


def test_nothing_to_say_is_a_yes() -> None:
    assert response(Judgement()) == {"uid": "uid-1", "allowed": True, "auditAnnotations": {}}


def test_a_patch_travels_with_the_yes() -> None:
    operation = {"op": "add", "path": "/spec/host", "value": "hällo"}
    found = response(Judgement(patch=(operation,)))
    assert (found["allowed"], found["patchType"]) == (True, "JSONPatch")
    assert json.loads(base64.b64decode(found["patch"])) == [operation]


def test_one_finding_is_one_sentence() -> None:
    status = response(Judgement(verdict=Verdict((CPU,))))["status"]
    assert (status["code"], status["reason"]) == (403, "Forbidden")
    assert status["message"] == "spec.resources.cpu: too much"


def test_several_findings_are_a_list() -> None:
    status = response(Judgement(verdict=Verdict((CPU, OLD, HOST))))["status"]
    assert status["message"].splitlines() == [
        "2 rules refuse this:",
        "  - spec.resources.cpu: too much",
        "  - spec.host: not yours",
    ]


def test_programs_get_every_fact() -> None:
    found = response(Judgement(verdict=Verdict((CPU, HOST), "decision-1", "sha256:1")))
    assert refusal.findings(found["status"]) == (CPU, HOST)
    causes = found["status"]["details"]["causes"]
    assert causes[0] == {
        "reason": "cpu-above-ceiling",
        "field": "spec.resources.cpu",
        "message": "too much",
    }
    audit = found["auditAnnotations"]
    assert (audit["decision-id"], audit["policy-revision"]) == ("decision-1", "sha256:1")
    assert [item["limit"] for item in json.loads(audit["findings"]) if "limit" in item] == ["1"]
    assert all(isinstance(text, str) for text in audit.values())


def test_a_warning_lets_in() -> None:
    found = response(Judgement(verdict=Verdict((OLD,), "decision-1", "sha256:1")))
    assert found["allowed"]
    assert found["warnings"] == ["spec.runtime: old"]


def test_a_refusal_warns_too() -> None:
    found = response(Judgement(verdict=Verdict((OLD, CPU))))
    assert found["warnings"] == ["spec.runtime: old"]
    assert "old" not in found["status"]["message"]


def test_a_warning_is_cut_where_kube_apiserver_would() -> None:
    long = Finding("a", "x" * 999, outcome=Outcome.WARN)
    (warning,) = response(Judgement(verdict=Verdict((long,))))["warnings"]
    assert len(warning) == 256


def test_what_needs_approval_is_let_in_and_says_that_it_is_held_and_by_whom_it_is_freed() -> None:
    finding = Finding("a", "b", outcome=Outcome.REQUIRE_APPROVAL)
    found = response(Judgement(verdict=Verdict((finding,)), approval=approval()))
    assert found["allowed"]
    why, who = found["warnings"]
    assert why == "held: b"
    assert "2 different people of: owner of the tenant, platform approver" in who
    assert "(approval " in who
    dry = response(Judgement(verdict=Verdict((finding,))))["warnings"]
    assert "one of: platform admin, platform approver (nothing is asked for in a dry run)" in dry[1]


def test_what_is_approved_already_is_not_held() -> None:
    finding = Finding("a", "b", outcome=Outcome.REQUIRE_APPROVAL)
    given = approval(state=ApprovalState.APPROVED, decided_by="fh:eve")
    (said,) = response(Judgement(verdict=Verdict((finding,)), approval=given))["warnings"]
    assert said.startswith("approved by fh:eve already")


def test_what_is_refused_is_not_held() -> None:
    asks = Finding("a", "b", outcome=Outcome.REQUIRE_APPROVAL)
    found = response(Judgement(verdict=Verdict((asks, CPU))))
    assert not found["allowed"]
    assert "warnings" not in found


@pytest.mark.parametrize(
    ("error", "code", "reason"),
    [
        (InvalidError("x"), 422, "Invalid"),
        (ForbiddenError("x"), 403, "Forbidden"),
        (TooLargeError("x"), 413, "RequestEntityTooLarge"),
        (UnavailableError("x"), 503, "ServiceUnavailable"),
        (TimedOutError("x"), 504, "Timeout"),
        (SchemaMismatchError("x"), 403, "Forbidden"),
        (FunkhausError("x"), 403, "Forbidden"),
    ],
)
def test_whatever_went_wrong_is_a_no_with_its_words(
    error: FunkhausError, code: int, reason: str
) -> None:
    found = response(Judgement(error=error))
    assert not found["allowed"]
    status = found["status"]
    assert (status["code"], status["reason"], status["message"]) == (code, reason, "x")
    assert "patch" not in found


def test_kubectl_prints_an_invalid_object_by_its_name_and_causes() -> None:
    about = {"group": "funkhaus.dev", "kind": "Function", "name": "hello"}
    answered = answer("uid-1", Judgement(error=InvalidError.at(CPU)), about)
    details = answered["response"]["status"]["details"]
    assert details | about == details
    assert [cause["message"] for cause in details["causes"]] == ["too much"]
