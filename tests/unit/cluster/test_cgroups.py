"""Pods' cgroups, which go while they are looked at."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from funkhaus_cluster import cgroups
from funkhaus_cluster.settings import CGROUP

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A hierarchy with two pods, the first of which is gone between the listing of its parent and its own."""
    for number, name in enumerate(("going", "staying"), 1):
        folder = tmp_path / CGROUP / name
        folder.mkdir(parents=True)
        (folder / "cgroup.procs").write_text(f"{number}\n")
    monkeypatch.setattr(cgroups, "hierarchies", lambda **_: [tmp_path])
    scan = os.scandir

    def scandir(path: Any = ".") -> Any:
        if str(path).endswith("going"):
            raise FileNotFoundError(path)
        return scan(path)

    monkeypatch.setattr(os, "scandir", scandir)
    return tmp_path


def test_a_group_that_goes_meanwhile_hides_no_other(root: Path) -> None:
    assert root
    assert cgroups.members() == {2}


def test_what_is_left_is_removed(root: Path) -> None:
    (root / CGROUP / "staying" / "cgroup.procs").unlink()
    cgroups.remove()
    assert not (root / CGROUP / "staying").exists()
