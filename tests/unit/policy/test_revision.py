from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from funkhaus.policy.revision import revision

if TYPE_CHECKING:
    from pathlib import Path


def policies(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        path = folder / name.replace("__", "/")
        path = path.with_name(path.name.replace("_dot_", "."))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def test_it_is_what_sha256sum_says_of_the_sorted_list(tmp_path: Path) -> None:
    policies(tmp_path, b_dot_rego="1", a__c_dot_yaml="2")
    lines = "".join(
        f"{hashlib.sha256(text).hexdigest()}  {name}\n"
        for name, text in (("a/c.yaml", b"2"), ("b.rego", b"1"))
    )
    assert revision(tmp_path) == "sha256:" + hashlib.sha256(lines.encode()).hexdigest()


def test_any_change_of_what_decides_changes_it(tmp_path: Path) -> None:
    before = revision(policies(tmp_path / "a", x_dot_rego="1", d_dot_yaml="1"))
    assert revision(policies(tmp_path / "b", x_dot_rego="2", d_dot_yaml="1")) != before
    assert revision(policies(tmp_path / "c", x_dot_rego="1", d_dot_yaml="2")) != before
    assert revision(policies(tmp_path / "d", y_dot_rego="1", d_dot_yaml="1")) != before


def test_tests_and_notes_decide_nothing(tmp_path: Path) -> None:
    before = revision(policies(tmp_path, x_dot_rego="1"))
    policies(tmp_path, x_test_dot_rego="1", README_dot_md="1")
    assert revision(tmp_path) == before
