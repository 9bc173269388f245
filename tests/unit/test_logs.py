from __future__ import annotations

import json
import subprocess
import sys

PROGRAM = """
import logging, structlog
from funkhaus import logs
early = logs.logger("funkhaus_api.early")
logs.configure("info")
early.info("asked", number=1, text="ä")
early.debug("not heard")
logging.getLogger("aiohttp.server").warning("library %s", "speaks")
logging.getLogger("aiohttp.access").info("not heard")
with structlog.contextvars.bound_contextvars(request_id="r-1"):
    try:
        raise ValueError("broken")
    except ValueError:
        early.exception("failed")
"""


def test_every_event_is_a_line_of_json_whoever_says_it() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        capture_output=True, text=True, check=True, timeout=60, env={"PYTHONPATH": ":".join(sys.path)},
    )  # fmt: skip
    assert done.stdout == ""
    asked, library, failed = map(json.loads, done.stderr.splitlines())
    assert asked.pop("time").endswith("Z")
    assert asked == {
        "event": "asked", "number": 1, "text": "ä", "level": "info", "logger": "funkhaus_api.early",
    }  # fmt: skip
    assert (library["event"], library["logger"], library["level"]) == (
        *("library speaks", "aiohttp.server", "warning"),
    )
    assert (failed["level"], failed["request_id"]) == ("error", "r-1")
    assert "ValueError: broken" in failed["exception"]
