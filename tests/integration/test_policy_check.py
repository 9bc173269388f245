"""`funkhaus policy check` with a real `opa`: a folder that is fit, and each way to be unfit, in its admin's words."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.opa import POLICIES

if TYPE_CHECKING:
    from pathlib import Path

RULE = "funkhaus/admission/size"
SIZE = """\
# METADATA
# title: Size
# description: Not too large.
# custom:
#   findings:
#     size-above-ceiling: it is larger than 10
package funkhaus.admission.size

findings contains {
	"code": "size-above-ceiling",
	"outcome": "deny",
	"path": "spec.size",
	"message": sprintf("size %d is above 10", [input.size]),
} if {
	input.size > 10
}
"""
TEST = """\
package funkhaus.admission.size_test

import data.funkhaus.admission.size

test_up_to_ten_passes if {
	size.findings == set() with input as {"size": 10}
}

test_eleven_is_denied if {
	size.findings == {{
		"code": "size-above-ceiling",
		"outcome": "deny",
		"path": "spec.size",
		"message": "size 11 is above 10",
	}} with input as {"size": 11}
}
"""


@pytest.fixture
def folder(tmp_path: Path, opa_url: str) -> Path:
    """A folder of one rule that is fit."""
    del opa_url  # skips or fails where OPA is missing
    found = tmp_path / "policies"
    shutil.copytree(POLICIES / "data", found / "data")
    (found / RULE).mkdir(parents=True)
    (found / RULE / "size.rego").write_text(SIZE)
    (found / RULE / "size_test.rego").write_text(TEST)
    return found


def funkhaus(*words: object, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "funkhaus_cli", "policy", *map(str, words)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**_environment(), **environ},
    )


def _environment() -> dict[str, str]:
    return {**os.environ, "NO_COLOR": "1"}


def checked(folder: Path, *words: str) -> tuple[int, dict[str, Any]]:
    """The exit code, and the steps by name."""
    done = funkhaus("check", folder, "-o", "json", *words)
    steps = json.loads(done.stdout)["steps"]
    return done.returncode, {step["name"]: step for step in steps}


def said(step: dict[str, Any]) -> list[str]:
    return [
        f"{item['file']}:{item.get('line', '')} {item['message']}"
        for item in step.get("problems", [])
    ]


def test_a_fit_folder_passes(folder: Path) -> None:
    code, steps = checked(folder)
    assert code == 0, steps
    assert all(step["passed"] for step in steps.values())
    assert list(steps) == [
        *("files", "data", "compiles", "format", "house style", "tests", "coverage", "mutations")
    ]
    assert steps["coverage"]["figures"] == {"share": 100.0}
    assert steps["mutations"]["figures"]["score"] == 100.0
    assert steps["mutations"]["figures"]["mutants"] >= 6


def test_a_person_gets_sentences(folder: Path) -> None:
    (folder / "data" / "hosts.yaml").write_text("hosts: {reserved_suffixes: [-x]}\n")
    done = funkhaus("check", folder, "--no-mutations")
    assert done.returncode == 1
    assert (
        "data/hosts.yaml hosts.reserved_suffixes[0]: '-x' does not pass; 'cluster.local' does"
        in done.stdout
    )
    assert done.stderr.startswith(f"Error: {folder} is not fit to decide: data")


def test_b55_a_rule_that_does_not_compile_is_named(folder: Path) -> None:
    (folder / RULE / "size.rego").write_text(SIZE.replace("input.size > 10", "inputt.size > 10"))
    code, steps = checked(folder)
    assert code == 1
    assert said(steps["compiles"]) == [f"{RULE}/size.rego:15 var inputt is unsafe"]
    assert "tests" not in steps


def test_a_test_that_fails_is_a_sentence(folder: Path) -> None:
    (folder / RULE / "size.rego").write_text(SIZE.replace("> 10\n", ">= 10\n"))
    code, steps = checked(folder)
    assert code == 1
    assert said(steps["tests"]) == [f"{RULE}/size_test.rego:5 the test fails: up to ten passes"]
    assert "mutations" not in steps


def test_lines_no_test_runs_are_named(folder: Path) -> None:
    more = 'findings contains {"code": "size-odd"} if {\n\tinput.odd\n\tinput.size == 3\n}\n'
    (folder / RULE / "size.rego").write_text(f"{SIZE}\n{more}")
    code, steps = checked(folder, "--no-mutations")
    assert code == 1
    assert any("run by no test" in text for text in said(steps["coverage"]))
    assert "says" not in said(steps["house style"])[0]
    assert any("do not say when size-odd is found" in text for text in said(steps["house style"]))
    assert checked(folder, "--no-mutations", "--coverage", "10")[1]["coverage"]["passed"]


def test_a_test_that_notices_nothing_is_told_so(folder: Path) -> None:
    (folder / RULE / "size_test.rego").write_text(
        "package funkhaus.admission.size_test\n\nimport data.funkhaus.admission.size\n\n"
        'test_a_large_one_is_denied if {\n\tcount(size.findings) == 1 with input as {"size": 90}\n}\n\n'
        '_code := "size-above-ceiling"\n'
    )
    code, steps = checked(folder)
    assert code == 1
    found = said(steps["mutations"])
    assert f'{RULE}/size.rego:11 `"deny"` could be `"warn"`, and no test would notice' in found
    assert f"{RULE}/size.rego:15 `>` could be `>=`, and no test would notice" in found
    assert checked(folder, "--mutation-score", "0")[0] == 0


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (
            "data.funkhaus.admission.labels.findings",
            "looks at data.funkhaus.admission.labels.findings; a rule knows",
        ),
        ('http.send({"method": "get", "url": input.url})', "calls http.send, which calls another"),
        ("time.now_ns() > 0", "calls time.now_ns, which depends on when"),
        ('opa.runtime().env.HOME == "/"', "calls opa.runtime, which depends on where"),
    ],
)
def test_b30_b55_a_rule_that_leaves_its_house_is_named(folder: Path, line: str, words: str) -> None:
    (folder / RULE / "size.rego").write_text(
        SIZE.replace("input.size > 10\n", f"input.size > 10\n\t{line}\n")
    )
    code, steps = checked(folder, "--no-mutations")
    assert code == 1
    assert any(words in text for text in said(steps["house style"])), steps["house style"]


def test_files_nobody_reads_and_files_that_are_missing_are_named(folder: Path) -> None:
    (folder / RULE / "size_test.rego").rename(folder / RULE / "size_tests.rego")
    (folder / "notes.txt").write_text("x")
    code, steps = checked(folder)
    assert code == 1
    assert said(steps["files"]) == [
        f"{RULE}/size_test.rego: is missing; the rule size needs it",
        f"{RULE}/size_tests.rego: has no place here; a rule is size.rego and size_test.rego",
        "notes.txt: is neither a .rego file nor a data/<name>.yaml, so nothing reads it",
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("hosts: [", "data/hosts.yaml:1 expected the node content"),
        ("hosts: {}\nhosts: {}\n", "has the key 'hosts' twice"),
        ("hosts: !!python/object:os.system {}\n", "could not determine a constructor"),
    ],
)
def test_a_data_file_that_can_t_be_read_is_named(folder: Path, text: str, words: str) -> None:
    (folder / "data" / "hosts.yaml").write_text(text)
    code, steps = checked(folder, "--no-mutations")
    assert code == 1
    assert words in said(steps["data"])[0]


def test_pages_are_written_and_compared(folder: Path, tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    assert funkhaus("docs", folder, docs).returncode == 0
    page = (docs / "size.md").read_text()
    assert "# Size\n\nNot too large.\n" in page
    assert "| `size-above-ceiling` | it is larger than 10 |" in page
    assert checked(folder, "--no-mutations", "--docs", str(docs))[0] == 0
    (folder / RULE / "size.rego").write_text(SIZE.replace("Not too large", "Small enough"))
    (docs / "other.md").write_text("x")
    code, steps = checked(folder, "--no-mutations", "--docs", str(docs))
    assert code == 1
    assert said(steps["pages"]) == [
        f"{docs}/size.md: differs from the rules; `funkhaus policy docs` writes it anew",
        f"{docs}/other.md: is about no rule",
    ]


def test_pages_stay_where_the_rules_do_not_compile(folder: Path, tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    assert funkhaus("docs", folder, docs).returncode == 0
    before = (docs / "size.md").read_text()
    (folder / RULE / "size.rego").write_text(SIZE + "\nx :=\n")
    done = funkhaus("docs", folder, docs)
    assert done.returncode == 1
    assert "size" in done.stderr
    assert "no page was written" in done.stderr
    assert "funkhaus policy check" in done.stderr
    assert (docs / "size.md").read_text() == before


def test_without_opa_there_is_a_hint(folder: Path) -> None:
    done = funkhaus("check", folder, FUNKHAUS_OPA="/nowhere/opa")
    assert done.returncode == 5
    assert "there is no program '/nowhere/opa'" in done.stderr
    assert "FUNKHAUS_OPA" in done.stderr


def test_a_mutation_run_is_bounded(folder: Path) -> None:
    code, steps = checked(folder, "--mutants", "2")
    assert code == 0
    assert steps["mutations"]["figures"]["mutants"] <= 2


def test_the_house_s_own_are_fit_and_so_are_their_pages() -> None:
    docs = POLICIES.parent / "docs" / "rules"
    code, steps = checked(POLICIES, "--no-mutations", "--docs", str(docs))
    assert code == 0, [said(step) for step in steps.values()]


def test_b55_what_is_not_fit_is_not_sent(folder: Path) -> None:
    (folder / "data" / "hosts.yaml").write_text("hosts: {}\n")
    done = funkhaus("activate", folder, "--reason", "x", "--api", "http://127.0.0.1:1")
    assert done.returncode == 1
    assert "is not fit to decide: data: data/hosts.yaml" in done.stderr
    assert "nothing was changed" in done.stderr
