"""Tests that take the local cluster down and up again, so they run alone and only when asked for.

``FUNKHAUS_TEST_LIFECYCLE=1 pytest tests/lifecycle`` as root; without it nothing here is collected.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from funkhaus_cluster import local, site

if TYPE_CHECKING:
    from collections.abc import Iterator

    from funkhaus_cluster.parts import Part

collect_ignore_glob = [] if os.environ.get("FUNKHAUS_TEST_LIFECYCLE") else ["test_*.py"]

COMMAND_SECONDS = 900


@dataclass(frozen=True)
class Node:
    """The local cluster, driven as a person drives it."""

    here: site.Site

    def start(self, *words: str, **variables: str) -> subprocess.Popen[str]:
        """Start a command of the tool."""
        return subprocess.Popen(
            [sys.executable, "-m", "funkhaus_cluster", *words],
            env={**os.environ, "PYTHONPATH": str(self.here.sources), **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(self, *words: str, **variables: str) -> str:
        """Run a command of the tool to its good end; return what it printed."""
        process = self.start(*words, **variables)
        output, _ = process.communicate(timeout=COMMAND_SECONDS)
        assert process.returncode == 0, output
        return output

    def kubectl(self, *words: str, stdin: str = "") -> str:
        """What kubectl printed, as the administrator."""
        return self.here.commands.output(
            [
                self.here.program("kubectl"),
                f"--kubeconfig={self.here.settings.kubeconfig('admin')}",
                *words,
            ],
            seconds=180,
            stdin=stdin,
        )

    def parts(self) -> list[Part]:
        """Every part there is."""
        return local.all_parts(self.here)

    def not_ready(self) -> dict[str, str]:
        """What is wrong, per part that is not ready."""
        return {part.name: wrong for part in self.parts() if (wrong := part.ready())}


@pytest.fixture(scope="session")
def node() -> Node:
    """The machine's local cluster, up."""
    made = Node(site.here())
    made.run("up")
    return made


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that other users may enter, as a state folder must be; pytest's own are closed."""
    with tempfile.TemporaryDirectory(dir="/var/tmp", prefix="funkhaus-") as name:
        made = Path(name)
        made.chmod(0o755)
        yield made


@pytest.fixture
def snapshot(tmp_path: Path) -> Path:
    """Where a snapshot is written."""
    return tmp_path / "snapshot.json"
