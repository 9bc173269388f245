"""`funkhaus policy check|docs`: policy files before they decide anything. Needs `opa`, and no API server."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from funkhaus_cli.failure import Failure, plain
from funkhaus_cli.options import Noun, output
from funkhaus_cli.output import as_json, as_yaml
from funkhaus_cli.policies import pages
from funkhaus_cli.policies.check import Asked, check
from funkhaus_cli.policies.engine import Opa
from funkhaus_cli.policies.mutation_run import Bounds
from funkhaus_cli.policies.tree import Tree

if TYPE_CHECKING:
    from collections.abc import Callable

    from funkhaus_cli.policies.problems import Problem, Step
    from funkhaus_cli.session import Session

SHOWN = 40
"""Problems of one step a person gets to read."""
FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


@click.group("policy", cls=Noun)
def policy() -> None:
    """The house rules: policy files and what they measure by."""


@policy.command(
    "check",
    examples=(
        "funkhaus policy check policies",
        "funkhaus policy check policies --no-mutations -o json",
    ),
)
@click.argument("folder", type=FOLDER)
@click.option(
    "--coverage", type=click.FloatRange(0, 100), default=95.0, show_default=True,
    help="Percent of the rules' lines that tests have to run.",
)  # fmt: skip
@click.option(
    "--mutation-score", type=click.FloatRange(0, 100), default=85.0, show_default=True,
    help="Percent of changed rules that tests have to notice.",
)  # fmt: skip
@click.option(
    "--no-mutations", is_flag=True, help="Leave the mutations out: seconds, not a minute."
)
@click.option(
    "--mutants", type=click.IntRange(1, 10_000), default=2000, show_default=True,
    help="Changes tried at most, spread over all rules.",
)  # fmt: skip
@click.option(
    "--seconds", type=click.FloatRange(1, 3600), default=600.0, show_default=True,
    help="Time for the mutations.",
)  # fmt: skip
@click.option(
    "--docs", type=FOLDER, help="Folder of the rules' pages, to compare (see `policy docs`)."
)
@output(("table", "json", "yaml"))
@click.pass_obj
def check_command(
    session: Session,
    *,
    folder: Path,
    coverage: float,
    mutation_score: float,
    no_mutations: bool,
    mutants: int,
    seconds: float,
    docs: Path | None,
    output: str,
) -> None:
    """Whether a folder of policy files is fit to decide: it compiles, its data make sense, its tests test it.

    Exit code 0 when it is, 1 when something is to be put right.
    """
    opa = Opa.found(session.environ, folder.resolve())
    bounds = None if no_mutations else Bounds(mutation_score, mutants, seconds)
    asked = Asked(coverage, bounds, docs.resolve() if docs else None)
    steps = []
    for step in check(opa, asked, _progress(output)):
        steps.append(step)
        if output == "table":
            _show(step)
    failed = [step for step in steps if not step.passed]
    if output != "table":
        document = {"passed": not failed, "steps": [_as_json(step) for step in steps]}
        click.echo(as_json(document) if output == "json" else as_yaml(document))
    if failed:
        names = ", ".join(step.name for step in failed)
        raise Failure(f"{folder} is not fit to decide: {names}")


@policy.command("docs", examples=("funkhaus policy docs policies docs/rules",))
@click.argument("folder", type=FOLDER)
@click.argument("to", type=click.Path(file_okay=False, path_type=Path))
@click.pass_obj
def docs_command(session: Session, *, folder: Path, to: Path) -> None:
    """Write a page per rule, from the rules' METADATA, into a folder that holds nothing else."""
    opa = Opa.found(session.environ, folder.resolve())
    tree = Tree.of(opa.folder)
    notes = pages.metadata(opa)
    if silent := sorted(set(tree.rules) - set(notes)):
        raise Failure(
            f"nothing is known of {', '.join(silent[:SHOWN])}: the rules don't compile, or have no METADATA; no page was "
            "written",
            hint=f"`funkhaus policy check {folder}` says what is wrong",
        )
    wanted = pages.pages(tree, notes)
    pages.write(to, wanted)
    click.echo(f"{len(wanted)} pages are in {to}.")


def _progress(output: str) -> Callable[[int, int], None]:
    if output != "table" or not sys.stderr.isatty():
        return lambda _done, _all: None
    return lambda done, every: click.echo(
        f"\r  mutations {done}/{every} ", err=True, nl=done == every
    )


def _show(step: Step) -> None:
    mark = (
        click.style("ok  ", fg="green") if step.passed else click.style("FAIL", fg="red", bold=True)
    )
    click.echo(f"{mark}  {step.name:<12} {plain(step.said) if step.passed else ''}".rstrip())
    for problem in step.problems[:SHOWN]:
        click.echo(f"      {_sentence(problem)}")
    if len(step.problems) > SHOWN:
        click.echo(f"      … and {len(step.problems) - SHOWN} more")


def _sentence(problem: Problem) -> str:
    return f"{click.style(plain(problem.place), bold=True)}: {plain(problem.message)}"


def _as_json(step: Step) -> dict[str, object]:
    document: dict[str, object] = {"name": step.name, "passed": step.passed}
    if step.said and step.passed:
        document["said"] = step.said
    if step.figures:
        document["figures"] = step.figures
    if step.problems:
        document["problems"] = [problem.as_json() for problem in step.problems]
    if step.passed and step.remarks:
        document["remarks"] = [problem.as_json() for problem in step.remarks]
    return document
