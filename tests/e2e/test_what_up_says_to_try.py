"""The end of `make up`: the three things it says to try are typed as they stand, and do what it says they do."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from .house import Ran, run

pytestmark = pytest.mark.cluster
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def said() -> str:
    """What an `up` on the house that stands prints."""
    env = {name: value for name, value in os.environ.items() if name != "FUNKHAUS_TEST_STRICT"}
    ran = run(["make", "-C", str(ROOT), "up"], env, seconds=240)
    assert ran.code == 0, ran.out + ran.err
    return ran.out


def typed(said: str, number: int) -> Ran:
    """The commands below a number, in the shell a newcomer would have."""
    block = re.split(r"\n\s+\d\. ", said)[number]
    commands = [line.strip() for line in block.splitlines()[1:] if line.startswith("       ")]
    assert commands
    script = "\n".join(["set -e", f"cd {ROOT}", ". .local/env", *commands])
    done = subprocess.run(
        ["bash", "-c", script],
        env={"PATH": "/usr/bin:/bin", "HOME": os.environ.get("HOME", "/root")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return Ran(done.returncode, done.stdout, done.stderr)


def test_the_world_gets_an_answer(said: str) -> None:
    ran = typed(said, 1)
    assert (ran.code, ran.out.strip()) == (0, "Hello world!")


def test_both_sides_show_the_function(said: str) -> None:
    ran = typed(said, 2)
    assert ran.code == 0, ran.err
    assert "hello.demo." in ran.out
    assert "httptrigger.funkhaus.dev/hello" in ran.out


def test_asking_for_too_much_is_refused_with_the_limit(said: str) -> None:
    ran = typed(said, 3)
    assert ran.code != 0
    assert "spec.resources.cpu" in ran.err
    assert "limit" in ran.err or "at most" in ran.err


def test_it_says_how_to_sign_in(said: str) -> None:
    """The last line opens a browser, which `test_a_stranger_signs_in` does by hand."""
    block = re.split(r"\n\s+\d\. ", said)[4]
    assert "ada@example.com" in block
    assert "funkhaus login" in block
    shown = re.search(r"cat (\S+)", block)
    assert shown, block
    assert len(Path(shown[1]).read_text().strip()) >= 8
