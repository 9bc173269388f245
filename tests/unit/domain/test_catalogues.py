"""Every slip in a data file is named with its field, its value and what passes."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from funkhaus.domain import catalogues

DATA = Path(__file__).resolve().parents[3] / "policies" / "data"
HOUSE: dict[str, Any] = {
    path.stem: yaml.safe_load(path.read_text()) for path in sorted(DATA.glob("*.yaml"))
}
WINDOW = {
    "name": "year-end",
    "from": "2026-12-20T00:00:00Z",
    "until": "2027-01-02T00:00:00+01:00",
    "reason": "the books are closed",
}
EXCEPTION = {
    "window": "year-end",
    "tenant": "demo",
    "until": "2026-12-24T12:00:00Z",
    "reason": "incident 4711",
    "by": "ada",
}


def with_value(path: str, value: Any) -> dict[str, Any]:
    """The house's catalogues with the value at `path` (its first key names the file), which ``...`` takes away."""
    documents = copy.deepcopy(HOUSE)
    keys = path.split("/")
    target = documents[keys[0]]
    for key in keys[:-1]:
        target = target[int(key)] if isinstance(target, list) else target[key]
    if value is ...:
        del target[keys[-1]]
    else:
        target[keys[-1]] = value
    return documents


def frozen(windows: list[Any], exceptions: list[Any]) -> dict[str, Any]:
    return {**HOUSE, "freezes": {"freezes": {"windows": windows, "exceptions": exceptions}}}


def test_the_house_s_own_pass() -> None:
    assert catalogues.check(HOUSE) == []
    assert set(HOUSE) == set(catalogues.NAMES)


def test_a_missing_file_is_named() -> None:
    for name in set(catalogues.NAMES) - catalogues.OPTIONAL:
        without = {key: value for key, value in HOUSE.items() if key != name}
        assert ("catalogue-missing", name) in {
            (finding.code, finding.path) for finding in catalogues.check(without)
        }


@pytest.mark.parametrize(
    ("path", "value", "code"),
    [
        ("plans/small/function/cpu/max", 1, "quantity"),
        ("plans/small/function/cpu/max", "lots", "quantity"),
        ("plans/small/function/cpu/min", "0", "below-floor"),
        ("plans/small/function/cpu/max", ..., "missing"),
        ("plans/small/function/cpu/default", "2", "crossed"),
        ("plans/small/function/memory/min", "1Gi", "crossed"),
        ("plans/small/function/timeout/max", 0, "below-floor"),
        ("plans/small/function/timeout/max", 86_401, "above-ceiling"),
        ("plans/small/function/timeout/min", 301, "crossed"),
        ("plans/small/function/timeout/max", True, "number"),
        ("plans/small/function/timeout/max", "300", "number"),
        ("plans/small/function/source/max", 65_537, "above-ceiling"),
        ("plans/small/function/replicas/max", 1001, "above-ceiling"),
        ("plans/small/function/replicas", None, "type"),
        ("plans/small/function/replicas/approval", 6, "crossed"),
        ("plans/small/function/replicas/approval", "3", "number"),
        ("plans/small/function/cpu/approval", "2", "crossed"),
        ("plans/small/function/cpu/approval", "100m", "crossed"),
        ("plans/small/function/memory/approval", "lots", "quantity"),
        ("plans/small/function/timeout/approval", 60, "unknown"),
        ("approvals/default", ..., "missing"),
        ("approvals/default/platform", [], "empty"),
        ("approvals/default/platform", ["root"], "choice"),
        ("approvals/default/people", 6, "above-ceiling"),
        ("approvals/default/people", 0, "below-floor"),
        ("approvals/default/days", 91, "above-ceiling"),
        ("approvals/default/tenant", ["viewer"], "choice"),
        ("approvals/default/tenant_up_to", "much", "quantity"),
        ("approvals/default/limit", 1, "unknown"),
        ("approvals/rules", [], "type"),
        ("approvals/rules/CPU", {}, "name"),
        ("approvals/rules/cpu-needs-approval", {"people": 1}, "missing"),
        ("plans/small/function/replicas/mx", 5, "unknown"),
        ("plans/small/trigger/interval", 59, "below-floor"),
        ("plans/small/trigger/interval", "1h", "number"),
        ("plans/small/trigger", {"interval": 60, "most": 1}, "unknown"),
        ("plans/small/function/runtimes", [], "empty"),
        ("plans/small/function/runtimes", ["python3.11", "python3.11"], "twice"),
        ("plans/small/function/runtimes", ["python3.12"], "unknown-runtime"),
        ("plans/small/function/runtimes", "python3.11", "type"),
        ("plans/Small", {}, "name"),
        ("plans", {}, "type"),
        ("plans", [], "type"),
        ("runtimes/python3.11/status", "retired", "choice"),
        ("runtimes/python3.11/suffix", "py", "text"),
        ("runtimes/python3.11/image", "x", "unknown"),
        ("hosts/reserved_suffixes", [".local"], "text"),
        ("hosts/reserved_suffixes", "local", "type"),
        ("env/reserved_names", ["lower"], "text"),
        ("env/reserved_prefixes", [], "empty"),
        ("annotations/most", 256, "above-ceiling"),
        ("annotations/ingress", ["nginx.org/*"], "text"),
        ("freezes/windows", {}, "type"),
    ],
)
def test_a_slip_is_named(path: str, value: Any, code: str) -> None:
    found = catalogues.check(with_value(path, value))
    assert f"catalogue-{code}" in {finding.code for finding in found}
    whole = path.rpartition("/")[0] if code == "crossed" else path
    assert all(finding.path.startswith(whole.replace("/", ".")) for finding in found), found
    assert all(finding.message and "None" not in finding.message for finding in found)


def test_a_finding_says_everything() -> None:
    (finding,) = catalogues.check(with_value("plans/small/function/timeout/max", 90_000))
    assert finding.as_json() == {
        "code": "catalogue-above-ceiling",
        "outcome": "deny",
        "message": "90000 is above 86400",
        "path": "plans.small.function.timeout.max",
        "limit": 86_400,
        "value": 90_000,
        "passes": 86_400,
    }


def test_rules_for_approvers_and_soft_ceilings_pass() -> None:
    rule = {"platform": ["admin"], "tenant": ["owner"], "tenant_up_to": "2", "people": 2, "days": 3}
    for amount in ("1500m", 10, "1Gi"):
        rules = {"cpu-needs-approval": {**rule, "tenant_up_to": amount}}
        assert catalogues.check(with_value("approvals/rules", rules)) == []
    for path, value in (("cpu", "500m"), ("cpu", "1"), ("memory", "256Mi"), ("replicas", 5)):
        documents = with_value(f"plans/small/function/{path}/approval", value)
        assert catalogues.check(documents) == []


def test_a_set_of_before_has_no_approvers_and_passes() -> None:
    without = {key: value for key, value in HOUSE.items() if key != "approvals"}
    assert catalogues.check(without) == []


def test_a_freeze_passes() -> None:
    narrow = {**EXCEPTION, "namespace": "default", "object": "Function/hello"}
    window = {**WINDOW, "outcome": "require_approval", "tenants": ["demo"]}
    assert catalogues.check(frozen([window], [EXCEPTION, narrow])) == []


@pytest.mark.parametrize(
    ("window", "exception", "code", "path"),
    [
        ({"until": "2026-12-20T00:00:00Z"}, {}, "crossed", "windows[0].until"),
        ({"from": "tomorrow"}, {}, "instant", "windows[0].from"),
        ({"from": "2026-13-01T00:00:00Z"}, {}, "instant", "windows[0].from"),
        ({"from": "2026-12-20T00:00:00"}, {}, "instant", "windows[0].from"),
        ({"reason": " "}, {}, "text", "windows[0].reason"),
        ({"outcome": "ask"}, {}, "choice", "windows[0].outcome"),
        ({"tenants": []}, {}, "empty", "windows[0].tenants"),
        ({}, {"window": "easter"}, "unknown-window", "exceptions[0].window"),
        ({}, {"reason": ""}, "text", "exceptions[0].reason"),
        ({}, {"by": None}, "text", "exceptions[0].by"),
        ({}, {"object": "hello"}, "text", "exceptions[0].object"),
        ({}, {"until": "for ever"}, "instant", "exceptions[0].until"),
    ],
)
def test_a_freeze_that_can_t_be_meant_is_named(
    window: dict[str, Any], exception: dict[str, Any], code: str, path: str
) -> None:
    found = catalogues.check(frozen([{**WINDOW, **window}], [{**EXCEPTION, **exception}]))
    assert (f"catalogue-{code}", f"freezes.{path}") in {(item.code, item.path) for item in found}


def test_two_windows_have_two_names() -> None:
    (finding,) = catalogues.check(frozen([WINDOW, {**WINDOW, "reason": "again"}], []))
    assert finding.path == "freezes.windows[1].name"


def test_an_instant_yaml_has_read_is_no_text() -> None:
    document = yaml.safe_load("{name: a, from: 2026-12-20T00:00:00Z, until: 2027-01-01T00:00:00Z}")
    found = catalogues.check(frozen([{**WINDOW, **document}], []))
    assert {finding.path for finding in found} == {
        "freezes.windows[0].from",
        "freezes.windows[0].until",
    }
    assert "in quotes" in found[0].message


@pytest.mark.parametrize("document", [None, [], "text", 5, {}, {"plans": {}, "more": 1}])
def test_any_document_is_looked_at_without_a_fault(document: Any) -> None:
    for name in catalogues.NAMES:
        assert catalogues.check({**HOUSE, name: document})
