"""What the folders of `policies/` promise, where `opa` itself does not look."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
import yaml

from funkhaus.domain.function import INLINE_LIMIT
from funkhaus.domain.quantity import parse

ROOT = Path(__file__).resolve().parents[3]
POLICIES = ROOT / "policies"
RULES = sorted(path for path in (POLICIES / "funkhaus/admission").iterdir() if path.is_dir())
PLANS = yaml.safe_load((POLICIES / "data/plans.yaml").read_text())["plans"]
RUNTIMES = yaml.safe_load((POLICIES / "data/runtimes.yaml").read_text())["runtimes"]


@pytest.mark.parametrize("folder", RULES, ids=lambda path: path.name)
def test_a_rule_is_a_folder_with_its_test(folder: Path) -> None:
    assert {path.name for path in folder.iterdir()} == {
        f"{folder.name}.rego",
        f"{folder.name}_test.rego",
    }


@pytest.mark.parametrize("folder", RULES, ids=lambda path: path.name)
def test_every_code_begins_with_its_rule_s_name(folder: Path) -> None:
    text = (folder / f"{folder.name}.rego").read_text()
    codes = re.findall(r'"code": (?:sprintf\()?"([^"]+)"', text)
    codes += re.findall(r'amount\.finding\("([^"]+)"', text)
    assert codes
    assert {code for code in codes if code.split("-")[0] != folder.name} == set()


@pytest.mark.parametrize("plan", PLANS)
def test_a_plan_gives_only_what_there_is(plan: str) -> None:
    function = PLANS[plan]["function"]
    assert function["source"]["max"] <= INLINE_LIMIT
    assert set(function["runtimes"]) <= set(RUNTIMES)
    for resource in ("cpu", "memory"):
        bounds = {key: parse(str(text)) for key, text in function[resource].items()}
        assert bounds["min"] <= bounds["default"] <= bounds["max"]


def test_the_client_library_s_dangerous_methods_are_not_called() -> None:
    """It can fetch a policy from a URL with our credentials, and rewrite one that does not parse: never here."""
    called = {
        node.attr
        for path in (ROOT / "platform/funkhaus/policy").glob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute)
    }
    assert "query_rule" in called
    assert not {name for name in called if re.match(r"update_|delete_|patch_|bulk_|ad_hoc", name)}
