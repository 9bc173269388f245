"""Golden files: what a pure builder makes, kept where a person can read it. `--update-data` rewrites them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

DATA = Path(__file__).resolve().parents[1] / "data"


class _Plain(yaml.SafeDumper):
    """Without anchors: a repeated value is written out, so that each place can be judged alone."""

    def ignore_aliases(self, _data: Any) -> bool:
        return True


def render(documents: list[dict[str, Any]]) -> str:
    """The documents as one YAML stream, in the order of their keys' making."""
    return yaml.dump_all(documents, Dumper=_Plain, sort_keys=False, width=120)


def compare(name: str, documents: list[dict[str, Any]], *, update: bool) -> None:
    """Fail unless the documents equal tests/data/`name`; with `update` write the file first."""
    path = DATA / name
    text = render(documents)
    if update:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert text == path.read_text(), f"{name} differs; look, then pytest --update-data"
