"""The check, step by step. A step whose ground is missing (rules that do not compile have no tests) is not tried."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from funkhaus.domain import catalogues
from funkhaus_cli.policies import engine, lint, mutation_run, pages
from funkhaus_cli.policies.mutation_run import Bounds
from funkhaus_cli.policies.problems import Problem, Step
from funkhaus_cli.policies.tree import DATA, Tree

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from funkhaus_cli.policies.engine import Opa

PATIENT = "--timeout=55s"
"""For one test: a busy machine is no fault of the rules (OPA gives up after 5 s otherwise)."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of a folder: bars in percent, where its pages are if anywhere; `mutations` may be left out."""

    coverage: float = 95.0
    mutations: Bounds | None = field(default_factory=Bounds)
    docs: Path | None = None


def check(opa: Opa, asked: Asked, tick: Callable[[int, int], None]) -> Iterator[Step]:
    """The steps as they end; `tick` hears how far the mutations are."""
    tree = Tree.of(opa.folder)
    files = Step("files", f"{len(tree.rules)} rules, {len(tree.files)} files", tree.problems())
    yield files
    yield _catalogues(tree)
    compiled = _compiled(opa)
    yield compiled
    if not (files.passed and compiled.passed):
        return
    yield _formatted(opa)
    notes = pages.metadata(opa)
    yield Step(
        "house style",
        "rules know no other rule, call nothing outside, and say when they find what",
        (*lint.problems(opa, tree), *lint.documented(tree, notes)),
    )
    if asked.docs is not None:
        wanted = pages.pages(tree, notes)
        yield Step("pages", f"{len(wanted)} pages", pages.problems(asked.docs, wanted))
    tested = _tested(opa)
    yield tested
    if not tested.passed:
        return
    yield _covered(opa, tree, asked.coverage)
    if asked.mutations is not None:
        yield mutation_run.step(opa, tree, asked.mutations, tick)


def _compiled(opa: Opa) -> Step:
    ran = opa.run("check", "--strict", "--format=json", ".")
    return Step("compiles", "strictly", () if ran.code == 0 else engine.problems(ran))


def _formatted(opa: Opa) -> Step:
    ran = opa.run("fmt", "--list", ".")
    files = [line for line in ran.out.splitlines() if line] if ran.code == 0 else []
    found = [Problem(file, "is not formatted; `opa fmt --write` does it") for file in files]
    return Step(
        "format", "as opa fmt writes", tuple(found) if ran.code == 0 else engine.problems(ran)
    )


def _catalogues(tree: Tree) -> Step:
    documents: dict[str, Any] = {}
    found: list[Problem] = []
    for file in tree.catalogues:
        if not file.endswith(".yaml"):
            continue
        document, problems = tree.catalogue(file)
        found += problems
        if not problems:
            documents[file.removeprefix(f"{DATA}/").removesuffix(".yaml")] = document
    unread = {problem.file for problem in found}
    for finding in catalogues.check(documents):
        name = finding.path.split(".")[0].split("[")[0]
        file = f"{DATA}/{name or 'data'}.yaml"
        if file not in unread:
            found.append(_problem(file, finding))
    return Step("data", f"{len(tree.catalogues)} files", tuple(found))


def _problem(file: str, finding: Any) -> Problem:  # noqa: ANN401 - a Finding
    return Problem(
        file,
        finding.message,
        field=finding.path,
        limit=finding.limit,
        value=finding.value,
        passes=finding.passes,
    )


def _tested(opa: Opa) -> Step:
    ran = opa.run("test", PATIENT, "--format=json", ".")
    results = ran.document()
    if not isinstance(results, list):
        return Step("tests", problems=engine.problems(ran))
    failed = [item for item in results if item.get("fail") or item.get("error")]
    problems = [
        Problem(
            str(item["location"]["file"]),
            f"the test fails: {str(item['name']).removeprefix('test_').replace('_', ' ')}"
            + (f" ({item['error'].get('message')})" if isinstance(item.get("error"), dict) else ""),
            int(item["location"]["row"]),
        )
        for item in failed
    ]
    if not results:
        problems = [Problem(".", "there is no test")]
    return Step("tests", f"{len(results)} pass", tuple(problems), figures={"tests": len(results)})


def _covered(opa: Opa, tree: Tree, bar: float) -> Step:
    document = opa.run("test", PATIENT, "--coverage", "--format=json", ".").document() or {}
    files: dict[str, Any] = document.get("files") or {}
    covered = bare = 0
    found: list[Problem] = []
    for file in tree.modules:
        lines = files.get(file) or {}
        covered += int(lines.get("covered_lines") or 0)
        bare += int(lines.get("not_covered_lines") or 0)
        for part in lines.get("not_covered") or []:
            first, last = part["start"]["row"], part["end"]["row"]
            which = f"lines {first} to {last} are" if last > first else f"line {first} is"
            found.append(Problem(file, f"{which} run by no test", first))
    share = 100 * covered / (covered + bare) if covered + bare else 0.0
    low = Problem(
        ".",
        f"{share:.1f} % of the rules' lines are run by a test; {bar:g} % pass",
        field="line coverage",
        limit=bar,
        value=round(share, 1),
        passes=bar,
    )
    said = f"{share:.1f} % of {covered + bare} lines are run by a test"
    return Step(
        "coverage", said, (low, *found) if share < bar else (), figures={"share": round(share, 1)}
    )
