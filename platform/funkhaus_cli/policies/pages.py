"""A page per rule, made of its METADATA, so that what is written and what decides can't differ."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

from funkhaus_cli.policies.problems import Problem
from funkhaus_cli.policies.tree import RULES

if TYPE_CHECKING:
    from pathlib import Path

    from funkhaus_cli.policies.engine import Opa
    from funkhaus_cli.policies.tree import Tree

INDEX = "README.md"
WIDTH = 120
_NOTE = "<!-- Written by `funkhaus policy docs` from the rule's METADATA: change those. -->"


def metadata(opa: Opa) -> dict[str, dict[str, Any]]:
    """The METADATA of each rule's package, by rule; empty where the folder does not compile."""
    document = opa.run("inspect", "--annotations", "--format=json", ".").document() or {}
    prefix = ["data", *RULES.split("/")]
    found: dict[str, dict[str, Any]] = {}
    for item in document.get("annotations") or []:
        path = [str(part.get("value")) for part in item.get("path") or []]
        notes = item.get("annotations") or {}
        if notes.get("scope") == "package" and path[:-1] == prefix:
            found[path[-1]] = notes
    return found


def pages(tree: Tree, notes: dict[str, dict[str, Any]]) -> dict[str, str]:
    """The text of each page, by file name."""
    found = {f"{rule}.md": _page(rule, notes.get(rule, {}), tree) for rule in tree.rules}
    return {INDEX: _index(tree, notes), **found}


def problems(folder: Path, wanted: dict[str, str]) -> tuple[Problem, ...]:
    """Where the pages in `folder` say something else than the rules."""
    found = []
    for name, text in wanted.items():
        path = folder / name
        if not path.is_file():
            found.append(Problem(str(path), "is missing; `funkhaus policy docs` writes it"))
        elif path.read_text(encoding="utf-8") != text:
            found.append(
                Problem(str(path), "differs from the rules; `funkhaus policy docs` writes it anew")
            )
    extra = {path.name for path in folder.glob("*.md")} - set(wanted)
    return (*found, *(Problem(str(folder / name), "is about no rule") for name in sorted(extra)))


def write(folder: Path, wanted: dict[str, str]) -> None:
    """Make `folder` hold these pages and no others."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.glob("*.md"):
        if path.name not in wanted:
            path.unlink()
    for name, text in wanted.items():
        (folder / name).write_text(text, encoding="utf-8")


def _page(rule: str, notes: dict[str, Any], tree: Tree) -> str:
    findings = (notes.get("custom") or {}).get("findings") or {}
    file = f"{RULES}/{rule}/{rule}.rego"
    data = sorted(
        name
        for name in tree.catalogues
        if f"data.data.{name.removeprefix('data/').removesuffix('.yaml')}" in tree.text(file)
        or ("lib.plan" in tree.text(file) and name == "data/plans.yaml")
    )
    measured = f"It measures by {', '.join(f'`{name}`' for name in data)}.\n\n" if data else ""
    rows = "".join(f"| `{code}` | {_line(when)} |\n" for code, when in sorted(findings.items()))
    return (
        f"{_NOTE}\n# {notes.get('title') or rule}\n\n{_filled(str(notes.get('description') or ''))}\n\n{measured}"
        f"The rule is `{file}`, its test lies beside it.\n\n| finding | when |\n|---|---|\n{rows}"
    )


def _index(tree: Tree, notes: dict[str, dict[str, Any]]) -> str:
    rows = "".join(
        f"| [{rule}]({rule}.md) | {_line(notes.get(rule, {}).get('title') or rule)} |\n"
        for rule in tree.rules
    )
    return f"{_NOTE}\n# House rules\n\n| rule | about |\n|---|---|\n{rows}"


def _line(text: object) -> str:
    return " ".join(str(text).split()).replace("|", "\\|")


def _filled(text: str) -> str:
    return "\n\n".join(
        textwrap.fill(" ".join(part.split()), WIDTH, break_long_words=False, break_on_hyphens=False)
        for part in text.split("\n\n")
    ).strip()
