"""Nothing but the exact shape is an answer: every spoiled one raises, none passes for "no findings"."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from funkhaus.domain.approval import ApproverRule
from funkhaus.domain.errors import UnavailableError
from funkhaus.domain.question import Default
from funkhaus.domain.subject import PlatformRole, Role
from funkhaus.domain.verdict import Finding, Outcome
from funkhaus.policy import answers

FINDING = {"code": "cpu-above-ceiling", "outcome": "deny", "message": "too much", "path": "spec.x"}
NO_ANSWERS: list[Any] = [
    None,
    [],
    "allow",
    True,
    {},
    {"decision_id": "1"},
    {"result": None},
    {"result": True},
    {"result": []},
    {"result": {}},
    {"result": {"findings": []}},
    {"result": {"findings": [], "revision": ""}},
    {"result": {"findings": [], "revision": 1}},
    {"result": {"revision": "r"}},
    {"result": {"findings": None, "revision": "r"}},
    {"result": {"findings": {}, "revision": "r"}},
    {"result": {"findings": "deny", "revision": "r"}},
    {"result": {"findings": [None], "revision": "r"}},
    {"result": {"findings": ["cpu"], "revision": "r"}},
    {"result": {"findings": [{}], "revision": "r"}},
    *(
        {"result": {"findings": [FINDING | spoiled], "revision": "r"}}
        for spoiled in (
            {"outcome": "allow"},
            {"outcome": None},
            {"outcome": ["deny"]},
            {"outcome": "DENY"},
            {"code": ""},
            {"code": None},
            {"message": ""},
            {"message": 3},
            {"path": None},
        )
    ),
]


@pytest.mark.parametrize("answer", NO_ANSWERS, ids=repr)
def test_what_is_no_verdict_raises(answer: Any) -> None:
    with pytest.raises(UnavailableError) as raised:
        answers.verdict(answer)
    assert raised.value.message


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["result", "findings", "revision", "code", "outcome", "message"]), inner
        )
    ),
    max_leaves=12,
)


@given(JSON)
def test_no_json_at_all_is_read_wrongly(answer: Any) -> None:
    try:
        verdict = answers.verdict(answer)
    except UnavailableError:
        return
    assert verdict.revision == answer["result"]["revision"]
    assert len(verdict.findings) == len(answer["result"]["findings"])


RULE = {
    "code": "cpu-needs-approval", "platformRoles": ["approver"], "tenantRoles": ["owner"], "people": 2, "days": 3,
}  # fmt: skip
ASKS = FINDING | {"outcome": "require_approval", "code": "cpu-needs-approval"}


def asking(*rules: Any, findings: tuple[Any, ...] = (ASKS,)) -> Any:
    return {"result": {"findings": list(findings), "revision": "r", "approvers": list(rules)}}


@pytest.mark.parametrize(
    "spoiled",
    [
        {"platformRoles": []},
        {"platformRoles": ["root"]},
        {"platformRoles": None},
        {"tenantRoles": ["viewer"]},
        {"tenantRoles": "owner"},
        {"people": 0},
        {"people": 6},
        {"people": "two"},
        {"days": 0},
        {"days": 91},
        {"code": ...},
    ],
    ids=repr,
)
def test_approvers_that_are_no_rule_are_no_answer(spoiled: dict[str, Any]) -> None:
    rule = {key: value for key, value in (RULE | spoiled).items() if value is not ...}
    with pytest.raises(UnavailableError):
        answers.verdict(asking(rule))
    for approvers in (None, {}, "x", [None], [1]):
        with pytest.raises(UnavailableError):
            answers.verdict({"result": {"findings": [], "revision": "r", "approvers": approvers}})


def test_the_rules_of_all_that_ask_count_together() -> None:
    other = {**ASKS, "code": "freeze-in-force"}
    freeze = {
        **RULE,
        "code": "freeze-in-force",
        "platformRoles": ["approver", "admin"],
        "people": 1,
        "days": 1,
    }
    freeze["tenantRoles"] = []
    rule = answers.verdict(asking(RULE)).approvers
    assert rule == ApproverRule(frozenset({PlatformRole.APPROVER}), frozenset({Role.OWNER}), 2, 3)
    both = answers.verdict(asking(RULE, freeze, findings=(ASKS, other))).approvers
    assert both == ApproverRule(frozenset({PlatformRole.APPROVER}), frozenset(), 2, 1)
    apart = {**freeze, "platformRoles": ["admin"]}
    nobody = answers.verdict(asking(RULE, apart, findings=(ASKS, other))).approvers
    assert nobody
    assert nobody.platform == {PlatformRole.ADMIN}  # none may approve both: an admin may


def test_what_has_no_rule_is_the_platform_s() -> None:
    for answer in (asking(), {"result": {"findings": [ASKS], "revision": "r"}}):
        assert answers.verdict(answer).approvers == ApproverRule()


def test_a_verdict_keeps_everything() -> None:
    facts = {"limit": ["a", 1], "value": None, "passes": "1"}
    verdict = answers.verdict(
        {"decision_id": "d", "result": {"findings": [FINDING | facts], "revision": "r"}}
    )
    assert (verdict.decision_id, verdict.revision) == ("d", "r")
    assert verdict.findings == (
        Finding(
            code="cpu-above-ceiling",
            message="too much",
            path="spec.x",
            outcome=Outcome.DENY,
            limit=["a", 1],
            passes="1",
        ),
    )


def test_defaults_come_in_the_order_of_their_paths() -> None:
    fields = [{"path": ["spec", "b"], "value": 1}, {"path": ["spec", "a", "c"], "value": None}]
    assert answers.defaults({"result": {"fields": fields, "revision": "r"}}) == (
        Default(("spec", "a", "c"), None),
        Default(("spec", "b"), 1),
    )


@pytest.mark.parametrize(
    "fields",
    [
        None,
        {},
        [None],
        [{}],
        [{"path": ["spec", "a"]}],
        [{"path": "spec.a", "value": 1}],
        [{"path": [], "value": 1}],
        [{"path": ["metadata", "labels"], "value": {}}],
        [{"path": ["status"], "value": {}}],
        [{"path": ["spec", 0], "value": 1}],
        [{"path": ["spec", ""], "value": 1}],
    ],
    ids=repr,
)
def test_defaults_lead_into_the_spec_only(fields: Any) -> None:
    with pytest.raises(UnavailableError):
        answers.defaults({"result": {"fields": fields, "revision": "r"}})
