"""What a cold start has to load: each of these costs tens of milliseconds of processor time, at 100m ten times that."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3] / "runtimes" / "python"
LOADED = "import sys; import funkhaus_runtime.{}; print(*sys.modules)"


@pytest.mark.parametrize(
    ("program", "heavy"),
    [
        ("serve", {"aiohttp", "bottle", "email", "http.client"}),
        ("nursery", {"aiohttp", "asyncio", "uvloop", "httptools"}),
        ("on_loop", {"aiohttp"}),
        ("caller", {"asyncio", "uvloop", "bottle"}),
        ("__main__", {"asyncio", "uvloop", "bottle", "http.client"}),
    ],
)
def test_a_process_loads_what_it_needs_and_no_more(program: str, heavy: set[str]) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", LOADED.format(program)],
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    loaded = set(ran.stdout.split())
    assert f"funkhaus_runtime.{program}" in loaded
    assert not heavy & loaded
