"""Runs the tests against every mutant, two at a time, each in a copy of the folder of its own."""

from __future__ import annotations

import queue
import shutil
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from funkhaus_cli.policies.mutations import mutants
from funkhaus_cli.policies.problems import Problem, Step

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from funkhaus_cli.policies.engine import Opa
    from funkhaus_cli.policies.mutations import Mutant
    from funkhaus_cli.policies.tree import Tree

AT_ONCE = 2
MUTANT_SECONDS = 20.0
"""For the tests of one mutant; one that makes them run longer is noticed."""
ENTRY, SHARED = "funkhaus/main/", "funkhaus/lib"
"""What asks every rule, and what rules share."""
_FAILS, _INVALID = 2, 1


@dataclass(frozen=True, slots=True)
class Bounds:
    """The bar in percent, and what a run may cost: mutants (the rest is left out evenly) and seconds."""

    score: float = 85.0
    mutants: int = 2000
    seconds: float = 600.0


def step(opa: Opa, tree: Tree, bounds: Bounds, tick: Callable[[int, int], None]) -> Step:
    """The mutation score: noticed mutants of all that compile. `tick` hears how many of how many are done."""
    chosen = _chosen(opa, tree, bounds.mutants)
    verdicts = _verdicts(opa, tree, chosen, bounds.seconds, tick)
    valid = [(mutant, noticed) for mutant, noticed in verdicts if noticed is not None]
    survivors = [mutant for mutant, noticed in valid if not noticed]
    if not valid:
        return Step(
            "mutations", problems=(Problem(".", "no rule could be changed; is there any?"),)
        )
    score = 100 * (len(valid) - len(survivors)) / len(valid)
    said = f"{score:.1f} % of {len(valid)} changed rules are noticed by a test"
    if len(verdicts) < len(chosen):
        said += f"; {len(chosen) - len(verdicts)} were not tried within {bounds.seconds:g} s"
    problems = tuple(
        Problem(item.file, f"{item.said}, and no test would notice", item.line)
        for item in survivors
    )
    low = Problem(
        ".",
        f"{score:.1f} % of the changed rules are noticed by a test; {bounds.score:g} % pass",
        field="mutation score",
        limit=bounds.score,
        value=round(score, 1),
        passes=bounds.score,
    )
    figures = {"score": round(score, 1), "mutants": len(valid), "survivors": len(survivors)}
    return Step(
        "mutations", said, (low, *problems) if score < bounds.score else (), problems, figures
    )


def _chosen(opa: Opa, tree: Tree, most: int) -> list[Mutant]:
    found: list[Mutant] = []
    for file in tree.modules:
        found += mutants(file, (tree.folder / file).read_bytes(), opa.tree(file))
    if len(found) <= most:
        return found
    return [found[index * len(found) // most] for index in range(most)]


def _verdicts(
    opa: Opa, tree: Tree, chosen: Sequence[Mutant], seconds: float, tick: Callable[[int, int], None]
) -> list[tuple[Mutant, bool | None]]:
    """Each mutant that was tried, and whether it was noticed (``None``: it does not compile)."""
    end = time.monotonic() + seconds
    with tempfile.TemporaryDirectory(prefix="funkhaus-mutants-") as scratch:
        places: queue.Queue[Path] = queue.Queue()
        for number in range(AT_ONCE):
            place = Path(scratch) / str(number)
            for file in tree.files:
                (place / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(tree.folder / file, place / file)
            places.put(place)
        found: list[tuple[Mutant, bool | None]] = []
        texts = {file: tree.text(file) for file in tree.modules}

        def attempt(mutant: Mutant) -> None:
            if time.monotonic() >= end:
                return
            place = places.get()
            try:
                tests = _tests_of(tree, texts, mutant.file)
                found.append((mutant, _noticed(opa.beside(place), place, mutant, tests)))
            finally:
                places.put(place)
            tick(len(found), len(chosen))

        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(attempt, chosen))
    return sorted(found, key=lambda item: item[0])


def _noticed(opa: Opa, place: Path, mutant: Mutant, tests: list[str]) -> bool | None:
    path = place / mutant.file
    source = path.read_bytes()
    path.write_bytes(mutant.applied(source))
    try:
        ran = opa.run("test", *tests, seconds=MUTANT_SECONDS)
    finally:
        path.write_bytes(source)
    if ran.timed_out or ran.code == _FAILS:
        return True
    return None if ran.code == _INVALID else False


def _tests_of(tree: Tree, texts: dict[str, str], file: str) -> list[str]:
    """The folders whose tests answer for a file: its own, and those of the modules that lean on it; all for the entry."""
    if file.startswith(ENTRY):
        return ["."]
    leaning = {file}
    while True:
        packages = {f"data.{Path(item).parent.as_posix().replace('/', '.')}" for item in leaning}
        more = {name for name, text in texts.items() if any(pkg in text for pkg in packages)}
        if more <= leaning:
            break
        leaning |= more
    shared = {SHARED} if any(item.startswith(f"{SHARED}/") for item in tree.files) else set()
    folders = {Path(item).parent.as_posix() for item in leaning if not item.startswith(ENTRY)}
    return sorted({*shared, *(item for item in folders if not item.startswith(f"{SHARED}/"))})
