"""The runtimes the suite is put to. Another one adds an entry and a folder of functions, and changes no test."""

from __future__ import annotations

import sys
from pathlib import Path

from .process import Runtime

ROOT = Path(__file__).resolve().parents[2]
_FUNCTIONS = Path(__file__).parent / "functions"
_PYTHON = (sys.executable, "-P", "-m", "funkhaus_runtime")
_PYTHON_ENV = {"PYTHONPATH": str(ROOT / "runtimes" / "python")}

RUNTIMES = [
    Runtime("python-def", _PYTHON, _FUNCTIONS / "python-def", _PYTHON_ENV),
    Runtime("python-async", _PYTHON, _FUNCTIONS / "python-async", _PYTHON_ENV, isolates=False),
]
