"""What `opa` does not look at: rules that know each other, answers of more than the question, codes nobody described."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from funkhaus_cli.policies.problems import Problem
from funkhaus_cli.policies.tree import RULES, Tree

if TYPE_CHECKING:
    from collections.abc import Iterator

    from funkhaus_cli.policies.engine import Opa

FORBIDDEN = {
    "http.send": "calls another machine",
    "net.lookup_ip_addr": "calls another machine",
    "opa.runtime": "depends on where OPA runs; it shows OPA's environment",
    "time.now_ns": "depends on when it is asked; input.change.at is the time",
    "rand.intn": "answers by chance",
    "uuid.rfc4122": "answers by chance",
    "print": "writes what it is asked about into a log",
    "trace": "writes what it is asked about into a log",
}
"""Builtins of which the same question gets another answer, or which tell others about it."""


def problems(opa: Opa, tree: Tree) -> tuple[Problem, ...]:
    """What is wrong with each module."""
    found: list[Problem] = []
    for file in tree.modules:
        parsed = opa.tree(file)
        found += _forbidden(file, parsed)
        if file.startswith(f"{RULES}/"):
            found += _rule(file, parsed)
    return tuple(found)


def _rule(file: str, parsed: dict[str, Any]) -> Iterator[Problem]:
    rule = file.split("/")[-2]
    package = ".".join(str(part.get("value")) for part in parsed.get("package", {}).get("path", []))
    wanted = f"data.{RULES.replace('/', '.')}.{rule}"
    if package != wanted:
        yield Problem(
            file,
            f"is the package {package.removeprefix('data.')}; its folder makes it {wanted.removeprefix('data.')}",
            passes=f"package {wanted.removeprefix('data.')}",
        )
    if not any(
        rule_node.get("head", {}).get("name") == "findings" for rule_node in parsed.get("rules", [])
    ):
        yield Problem(file, "has no set `findings`, so it never says anything")
    for name, line in _refs(parsed):
        if name.startswith("data.") and not name.startswith(("data.data", "data.funkhaus.lib")):
            yield Problem(
                file,
                f"looks at {name}; a rule knows the input, data.data and data.funkhaus.lib, so that none silences another",
                line,
            )


def _forbidden(file: str, parsed: dict[str, Any]) -> Iterator[Problem]:
    for name, line in _refs(parsed):
        if name in FORBIDDEN:
            yield Problem(file, f"calls {name}, which {FORBIDDEN[name]}", line)


def _refs(node: Any) -> Iterator[tuple[str, int]]:  # noqa: ANN401 - a syntax tree
    """Every reference and its line; variable parts end a reference."""
    if isinstance(node, list):
        for item in node:
            yield from _refs(item)
    elif isinstance(node, dict):
        if node.get("type") == "ref" and isinstance(node.get("value"), list):
            yield _dotted(node["value"]), int((node.get("location") or {}).get("row") or 0)
        for key, value in node.items():
            if key not in {"location", "annotations", "comments"}:
                yield from _refs(value)


def _dotted(terms: list[dict[str, Any]]) -> str:
    names = [str(terms[0].get("value"))]
    for term in terms[1:]:
        if term.get("type") != "string":
            break
        names.append(str(term.get("value")))
    return ".".join(names)


def documented(tree: Tree, annotations: dict[str, dict[str, Any]]) -> tuple[Problem, ...]:
    """What is missing between the codes of a rule, its METADATA and its test.

    `annotations` are the METADATA of the package, by rule.
    """
    found: list[Problem] = []
    for rule in tree.rules:
        file, test = (f"{RULES}/{rule}/{rule}{ending}.rego" for ending in ("", "_test"))
        if file not in tree.files or test not in tree.files:
            continue
        meta = annotations.get(rule, {})
        found += [
            Problem(file, f"has no {name} in its METADATA")
            for name in ("title", "description")
            if not meta.get(name)
        ]
        described = (meta.get("custom") or {}).get("findings") or {}
        tested = _codes(rule, tree.text(test))
        written = {code for code in _codes(rule, tree.text(file)) if "%" not in code}
        found += [
            Problem(file, f"the METADATA do not say when {code} is found (custom.findings)")
            for code in sorted((tested | written) - set(described))
        ]
        found += [
            Problem(test, f"no test names {code}, which the METADATA promise", passes=f'"{code}"')
            for code in sorted(set(described) - tested)
        ]
    return tuple(found)


def _codes(rule: str, text: str) -> set[str]:
    code = "|".join(re.findall(r'"([a-z0-9-]+)"', "\n".join(_uncommented(text)))).split("|")
    return {item for item in code if re.fullmatch(rf"{rule}(-[a-z0-9]+)+", item)}


def _uncommented(text: str) -> Iterator[str]:
    for line in text.splitlines():
        if not line.lstrip().startswith("#"):
            yield line
