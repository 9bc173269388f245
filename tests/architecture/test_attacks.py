"""docs/attacks.md and the tests agree: every attack has its tests or a reason, and every test its row."""

from __future__ import annotations

import ast
import re

import pytest

from .test_layout import ROOT, tracked

PAGE = ROOT / "docs/attacks.md"
IDS = (
    *(1, 2, 3, 4, 5, 7, 8, 10, 11, 12, 15, 16, 17, 19, 21, 22, 23, 25, 26, 27, 28, 29, 30),
    *(32, 33, 36, 37, 38, 39, 41, 42, 43, 44, 45, 46, 48, 50, 51, 52, 53, 54, 55, 56, 57),
    *(59, 60, 61, 62, 63, 64, 65, 67, 68, 69, 70, 71, 72, 74, 75, 76, 78, 79, 80, 82, 83),
)
"""Of the tenants' and the rules' issues."""
ROWS = {
    int(number): where
    for number, where in re.findall(r"^\| B-(\d+) \|.*\| (.*) \|$", PAGE.read_text(), re.MULTILINE)
}


def named(text: str) -> set[int]:
    """The attacks a test's name holds: ``test_b22_b74_…``."""
    return {int(number) for number in re.findall(r"_b(\d+)(?=_)", text)}


TESTS = {
    (f"{path.relative_to(ROOT)}::{node.name}", number)
    for path in tracked("tests/*test_*.py")
    for node in ast.walk(ast.parse(path.read_text()))
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_b")
    for number in named(node.name)
    if number in IDS
}


def test_every_attack_of_the_issues_has_one_row() -> None:
    numbers = re.findall(r"^\| B-(\d+) \|", PAGE.read_text(), re.MULTILINE)
    assert [int(number) for number in numbers] == sorted(IDS)


@pytest.mark.parametrize("number", sorted(ROWS))
def test_a_row_names_its_tests_or_says_why_not(number: int) -> None:
    where = ROWS[number]
    listed = set(re.findall(r"`([^`]+)`", where))
    assert listed == {test for test, found in TESTS if found == number}
    assert listed or re.match(r"not (yet|ours): \w+", where), f"B-{number}: name tests, or say why"
