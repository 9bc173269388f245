"""Reading JSON objects whose shape may still be wrong: a located error instead of a traceback."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from funkhaus.domain.errors import InvalidError
from funkhaus.domain.verdict import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

T = TypeVar("T", str, int, dict, list)  # type: ignore[type-arg]  # JSON containers of anything
_WORDS = {str: "a string", int: "a whole number", dict: "an object", list: "a list"}
_MISSING: Any = object()


def field(
    document: dict[str, Any],
    name: str,
    kind: type[T],
    path: str,
    default: Any = _MISSING,  # noqa: ANN401 - whatever stands for absent
) -> Any:  # noqa: ANN401 - JSON
    """`document[name]` if it is a `kind`; `default` when absent or null.

    Raises `InvalidError` naming ``path.name`` when it is missing without a default or of another type.
    """
    value = document.get(name)
    where = f"{path}.{name}" if path else name
    if value is None:
        if default is _MISSING:
            raise InvalidError.at(Finding("field-missing", "is required", where))
        return default
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise InvalidError.at(
            Finding(
                "field-type", f"{value!r:.80} is not {_WORDS[kind]}", where, value=str(value)[:80]
            )
        )
    return value


def texts(items: list[Any], path: str) -> Iterator[str]:
    """Every item of a list of strings; raises `InvalidError` naming the first that is none."""
    for index, item in enumerate(items):
        if not isinstance(item, str):
            where, shown = f"{path}[{index}]", str(item)[:80]
            raise InvalidError.at(
                Finding("field-type", f"{item!r:.80} is not a string", where, value=shown)
            )
        yield item


def objects(items: list[Any], path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every item of a list of objects with its path; raises `InvalidError` naming the first that is none."""
    for index, item in enumerate(items):
        where = f"{path}[{index}]"
        if not isinstance(item, dict):
            shown = str(item)[:80]
            raise InvalidError.at(
                Finding("field-type", f"{item!r:.80} is not an object", where, value=shown)
            )
        yield where, item


def metadata(manifest: dict[str, Any]) -> dict[str, Any]:
    """The object's metadata; an empty object when absent."""
    meta: dict[str, Any] = field(manifest, "metadata", dict, "", {})
    return meta
