"""A runtime as a process on loopback: what every test of the suite drives."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

import httpx

from tests.support.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

T = TypeVar("T")

START = 30.0
"""Seconds a runtime may take until it answers /healthz."""


@dataclass(frozen=True)
class Runtime:
    """One runtime, or one kind of handler of it, and how to run it from a checkout."""

    name: str
    command: tuple[str, ...]
    functions: Path
    """Folder with the suite's functions in this runtime's language, named as the tests name them."""
    env: dict[str, str] = field(default_factory=dict)
    isolates: bool = True
    """Whether a call that ends its own process leaves the others alone."""


class RuntimeProcess:
    """One running function."""

    def __init__(self, runtime: Runtime, function: str, folder: Path, **env: str) -> None:
        """Start it; `env` overrides the contract's variables. `folder` takes its log and termination message."""
        self.port, self.ops_port = free_port(), free_port()
        self.folder = folder
        self.termination = folder / "termination-log"
        self.termination.touch()
        self._log = folder / "log"
        contract = {
            "MOD_NAME": function,
            "FUNC_HANDLER": "handler",
            "FUNC_TIMEOUT": "20",
            "FUNC_RUNTIME": runtime.name,
            "FUNC_MEMORY_LIMIT": "128Mi",
            "FUNC_PORT": str(self.port),
            "FUNKHAUS_OPS_PORT": str(self.ops_port),
            "FUNKHAUS_HOST": "127.0.0.1",
            "FUNKHAUS_FUNCTION_NAME": f"fn-{function}",
            "FUNKHAUS_FUNCTION_DIR": str(runtime.functions),
            "FUNKHAUS_DRAIN_SECONDS": "0",
            "FUNKHAUS_TERMINATION_LOG": str(self.termination),
            "KUBERNETES_SERVICE_HOST": "10.96.0.1",
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
        }
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                runtime.command,
                env=contract | runtime.env | env,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=folder,
            )
        self.calls = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=30)
        self.ops = httpx.Client(base_url=f"http://127.0.0.1:{self.ops_port}", timeout=10)

    def wait_ready(self) -> RuntimeProcess:
        """Wait until it takes calls; fails with its log if it ends before, or does not."""
        until = time.monotonic() + START
        while time.monotonic() < until:
            if self.process.poll() is not None:
                raise AssertionError(f"ended with {self.process.returncode}:\n{self.log()}")
            with contextlib.suppress(httpx.TransportError):
                if self.ops.get("/healthz").status_code == 200:
                    return self
            time.sleep(0.02)
        raise AssertionError(f"not ready after {START:g} s:\n{self.log()}")

    def log(self) -> str:
        """All it has written so far, on both streams."""
        return self._log.read_text(errors="replace")

    def lines(self, event: str = "") -> list[dict[str, Any]]:
        """The JSON lines of its log, all or those of one event."""
        found = []
        for line in self.log().splitlines():
            with contextlib.suppress(ValueError):
                document = json.loads(line)
                if isinstance(document, dict) and event in {"", document.get("event")}:
                    found.append(document)
        return found

    def line(self, event: str, **expected: object) -> dict[str, Any]:
        """The log line of an event with these fields, waited for."""
        return eventually(
            lambda: next(
                (item for item in self.lines(event) if expected.items() <= item.items()), None
            ),
            lambda: f"no {event} with {expected} in:\n{self.log()}",
        )

    def metric(self, name: str, **labels: str) -> float:
        """A sample of /metrics, 0 if there is none."""
        wanted = ",".join(f'{key}="{value}"' for key, value in labels.items())
        for line in self.ops.get("/metrics").text.splitlines():
            series, _, value = line.rpartition(" ")
            if series == (f"{name}{{{wanted}}}" if wanted else name):
                return float(value)
        return 0.0

    def terminate(self, wait: float = 30) -> int:
        """End it in order, and say its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(wait)

    def close(self) -> None:
        """End it in any case."""
        self.calls.close()
        self.ops.close()
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


def eventually(
    probe: Callable[[], T | None], complaint: Callable[[], str], seconds: float = 5
) -> T:
    """What `probe` says as soon as it says something."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if (found := probe()) is not None:
            return found
        time.sleep(0.02)
    raise AssertionError(complaint())
