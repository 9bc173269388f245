"""What is kept of a decision: every field a rule may look at, and nothing anybody has to hide."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from funkhaus.domain.decision import ALLOWED, INPUT_LIMIT, Decision, masked, outcome_of
from funkhaus.domain.verdict import Finding, Outcome, Verdict
from tests.support import golden

INPUTS = list(
    yaml.safe_load_all(
        (Path(__file__).resolve().parents[2] / "data/policy/inputs.yaml").read_text()
    )
)


def decision(**asked: object) -> Decision:
    return Decision(
        *("d", "r", "demo", "default", "Function", "hello", "u", "fh:1", "CREATE", ALLOWED, ()),
        datetime(2026, 1, 1, tzinfo=UTC),
        asked=asked,
    )


@pytest.mark.parametrize("case", INPUTS, ids=lambda case: case["case"])
def test_a_question_is_kept_whole(case: dict[str, object]) -> None:
    """A field of the questions that is missing here has to be named in `KEPT`, if it may be stored."""
    assert masked(case["input"]) == case["input"]


HOSTILE = {
    "kind": "Function",
    "secret": "x",
    "tenant": {"id": "demo", "token": "x"},
    "object": {
        "name": "hello",
        "source": {"files": {"hello.py": 12}, "bytes": 12, "inline": {"hello.py": "KEY = 'x'"}},
        "dependencies": {
            "bytes": 3,
            "refused": [{"line": 1, "kind": "url", "text": "x"}],
            "text": "https://user:x@example.com",
        },
        "env": [
            {"name": "KEY", "from": "value", "value": "x"},
            {"name": "OTHER", "from": "Secret", "reference": "s", "data": "x"},
            "x",
        ],
        "payload": {"bytes": 4, "text": "x"},
        "annotations": {"funkhaus.dev/created-by": "fh:1"},
        "manifest": {"spec": "x"},
    },
    "change": {"operation": "CREATE", "at": "2026-01-01T00:00:00.000+00:00", "why": "x"},
}


def test_what_is_masked(*, update_data: bool) -> None:
    golden.compare("policy/masked.yaml", [masked(HOSTILE)], update=update_data)


def test_nothing_that_is_no_name_or_size_stays() -> None:
    text = json.dumps(masked(json.loads(json.dumps(HOSTILE).replace('"x"', '"hide-me-5f2c"'))))
    assert "hide-me-5f2c" not in text
    assert "KEY = " not in text
    assert "user:x" not in text


def test_the_digest_is_of_the_very_text() -> None:
    sealed = decision(kind="Function", object={"name": "ü"}).sealed()
    assert sealed.input == '{"kind":"Function","object":{"name":"ü"}}'
    raw = sealed.input.encode()
    assert sealed.digest == f"sha256:{hashlib.sha256(raw).hexdigest()}"
    assert sealed.asked == {}


def test_a_question_too_long_is_not_kept() -> None:
    sealed = decision(kind="Function", object={"handler": "x" * INPUT_LIMIT}).sealed()
    assert (sealed.input, sealed.digest) == ("", "")


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        ([], ALLOWED),
        ([Outcome.WARN], "warn"),
        ([Outcome.WARN, Outcome.REQUIRE_APPROVAL], "require_approval"),
        ([Outcome.WARN, Outcome.DENY, Outcome.REQUIRE_APPROVAL], "deny"),
    ],
)
def test_the_gravest_finding_is_the_outcome(outcomes: list[Outcome], expected: str) -> None:
    findings = tuple(Finding("c", "m", outcome=outcome) for outcome in outcomes)
    assert outcome_of(Verdict(findings)) == expected


def test_a_finding_comes_back_from_json() -> None:
    finding = Finding("c", "m", "spec.x", Outcome.WARN, 1, [2], "3")
    assert Finding.of_json(finding.as_json()) == finding
