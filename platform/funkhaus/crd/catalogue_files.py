"""A data file of the house rules (YAML) → its document."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

from funkhaus.domain.errors import InvalidError
from funkhaus.domain.verdict import Finding

if TYPE_CHECKING:
    from collections.abc import Mapping


def read(text: str, path: str = "") -> Any:  # noqa: ANN401 - any JSON value
    """The document; raises `InvalidError` (``catalogue-unreadable``, `value` is the line) for what is no plain YAML.

    A key that comes twice is refused: the second would win, and nobody would notice.
    """
    try:
        return yaml.load(text, _Strict)  # noqa: S506 - _Strict is a SafeLoader
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        what = str(getattr(error, "problem", "") or "is no YAML")
        line = mark.line + 1 if mark else 0
        raise InvalidError.at(
            Finding("catalogue-unreadable", what, path, value=line or None)
        ) from error


class _Strict(yaml.SafeLoader):
    """YAML without aliases (a few bytes of them can stand for gigabytes) in which no key comes twice."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """A node that is written out."""
        if self.check_event(yaml.events.AliasEvent):
            event = self.peek_event()  # type: ignore[no-untyped-call]  # PyYAML's
            raise yaml.MarkedYAMLError(
                problem="refers to another place by an alias; write it out",
                problem_mark=event.start_mark,
            )
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002 - PyYAML's signature
        """The mapping, when every key is there once."""
        seen = set()
        for key, _ in node.value:
            name = str(getattr(key, "value", ""))
            if name in seen:
                raise yaml.MarkedYAMLError(
                    problem=f"has the key {name!r} twice", problem_mark=key.start_mark
                )
            seen.add(name)
        return super().construct_mapping(node, deep)


def by_name(files: Mapping[str, str]) -> dict[str, Any]:
    """The documents of the ``data/<name>.yaml`` among `files`, by name; raises `InvalidError` naming all that are none."""
    found: dict[str, Any] = {}
    wrong: list[Finding] = []
    for path, text in sorted(files.items()):
        if path.startswith("data/") and path.endswith(".yaml"):
            try:
                found[path.removeprefix("data/").removesuffix(".yaml")] = read(text, path)
            except InvalidError as error:
                wrong += error.findings
    if wrong:
        raise InvalidError.at(*wrong)
    return found
