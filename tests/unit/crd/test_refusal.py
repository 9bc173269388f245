from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from funkhaus.crd.refusal import FACTS, causes, findings
from funkhaus.domain.verdict import Finding, Outcome

FACT = st.none() | st.booleans() | st.integers() | st.text() | st.lists(st.text(), max_size=3)
FINDINGS = st.lists(
    st.builds(
        Finding,
        code=st.text(),
        message=st.text(),
        path=st.text(),
        outcome=st.sampled_from(Outcome),
        limit=FACT,
        value=FACT,
        passes=FACT,
    ),
    max_size=4,
)


@given(FINDINGS)
def test_nothing_is_lost(said: list[Finding]) -> None:
    assert findings({"details": {"causes": causes(said)}}) == tuple(said)


def test_whoever_does_not_know_the_facts_reads_the_words() -> None:
    plain, _ = causes([Finding("cpu-above-ceiling", "too much", "spec.x", limit="1")])
    assert plain == {"reason": "cpu-above-ceiling", "field": "spec.x", "message": "too much"}


@pytest.mark.parametrize(
    "status",
    [
        {},
        {"details": None},
        {"details": {"causes": None}},
        {"details": {"causes": [None, {"reason": "FieldValueInvalid", "message": "x"}]}},
        *(
            {"details": {"causes": [{"reason": FACTS, "message": text}]}}
            for text in (None, "", "{", "1", "[1]", "[{}]", '[{"code":"a"}]', '"x"')
        ),
        {
            "details": {
                "causes": [
                    {
                        "reason": FACTS,
                        "message": '[{"code":"a","message":"b","path":"c","outcome":"ok"}]',
                    }
                ]
            }
        },
    ],
)
def test_somebody_else_s_status_has_none(status: dict[str, Any]) -> None:
    assert findings(status) == ()
