"""Requests/s of the Python runtime beside a bare aiohttp + uvloop server, in interleaved rounds of one run.

    python benchmarks/runtime.py [--rounds 5] [--seconds 4] [--connections 16]

Three servers stand at once on loopback: bare aiohttp (an application with one route, no access log), the runtime with
an `async def` handler and the runtime with a `def` handler, all saying hello. Each round loads every one of them in
turn with `wrk`, one thread; what is compared is the median of the rounds' ratios, since a shared machine's absolute
figures say little. Goals: at least 70 % of bare for `async def`, 35 % for `def`.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[1]
GOALS = {"async": 0.70, "sync": 0.35}
FUNCTIONS = """
async def hello_async(event, context):
    return "hello"


def hello_sync(event, context):
    return "hello"
"""


async def bare(port: int) -> None:
    """Serve hello for ever, with nothing around it."""
    from aiohttp import web  # noqa: PLC0415 - only the process that is the bare server needs it

    async def hello(request: web.Request) -> web.Response:
        await request.read()
        return web.Response(text="hello")

    app = web.Application()
    app.router.add_route("*", "/", hello)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    await asyncio.Event().wait()


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


@contextlib.contextmanager
def server(command: list[str], env: dict[str, str], port: int) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server until the end of the block, its output dropped; begins when it answers."""
    process = subprocess.Popen(command, env=os.environ | env, stdout=subprocess.DEVNULL)
    try:
        for _ in range(200):
            with (
                contextlib.suppress(OSError),
                urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5),
            ):
                break
            time.sleep(0.05)
        yield process
    finally:
        process.terminate()
        process.wait(20)


def load(port: int, seconds: int, connections: int, script: str | None) -> tuple[float, float]:
    """Requests/s and the 99th percentile in ms of one run of `wrk`; fails on any answer that is no success."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency"]
    command += ["-s", script] if script else []
    out = subprocess.run(
        [*command, f"http://127.0.0.1:{port}/"],
        check=True,
        capture_output=True,
        text=True,
        timeout=seconds + 30,
    ).stdout
    if "Non-2xx" in out or "Socket errors" in out:
        raise SystemExit(f"not every request was answered 200:\n{out}")
    rate = re.search(r"Requests/sec:\s+([\d.]+)", out)
    tail = re.search(r"99%\s+([\d.]+)(us|ms|s)", out)
    if rate is None or tail is None:
        raise SystemExit(f"wrk said something else than expected:\n{out}")
    return float(rate[1]), float(tail[1]) * {"us": 0.001, "ms": 1.0, "s": 1000.0}[tail[2]]


def runtime_env(folder: str, handler: str, port: int) -> dict[str, str]:
    """The environment of one runtime."""
    return {
        "PYTHONPATH": str(ROOT / "runtimes/python"),
        "MOD_NAME": "greetings",
        "FUNC_HANDLER": handler,
        "FUNC_PORT": str(port),
        "FUNKHAUS_OPS_PORT": str(free_port()),
        "FUNKHAUS_HOST": "127.0.0.1",
        "FUNKHAUS_FUNCTION_DIR": folder,
        "FUNKHAUS_DRAIN_SECONDS": "0",
    }


def main() -> int:
    """Measure and print; 1 if a goal is missed."""
    parser = argparse.ArgumentParser(
        description="requests/s of the Python runtime beside bare aiohttp"
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument(
        "--body", type=int, default=0, help="send POSTs with this many bytes instead of GETs"
    )
    parser.add_argument("--bare", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.bare:
        import uvloop  # noqa: PLC0415 - likewise

        uvloop.run(bare(options.bare))
    if not shutil.which("wrk"):
        raise SystemExit("wrk is not on PATH: install it (apt-get install wrk)")
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        Path(folder, "greetings.py").write_text(FUNCTIONS)
        script = None
        if options.body:
            script = str(Path(folder, "post.lua"))
            Path(script).write_text(
                f'wrk.method = "POST"\nwrk.body = string.rep("x", {options.body})\n'
            )
        ports = {name: free_port() for name in ("bare", "async", "sync")}
        bare_command = [sys.executable, __file__, "--bare", str(ports["bare"])]
        stack.enter_context(server(bare_command, {}, ports["bare"]))
        for kind in GOALS:
            env = runtime_env(folder, f"hello_{kind}", ports[kind])
            command = [sys.executable, "-P", "-m", "funkhaus_runtime"]
            stack.enter_context(server(command, env, ports[kind]))
        for port in ports.values():  # warm up
            load(port, 1, options.connections, script)
        rounds: dict[str, list[tuple[float, float]]] = {name: [] for name in ports}
        for number in range(options.rounds):
            for name, port in ports.items():
                rounds[name].append(load(port, options.seconds, options.connections, script))
            rates = "  ".join(f"{name} {found[-1][0]:8.0f}/s" for name, found in rounds.items())
            print(f"round {number + 1}: {rates}", flush=True)
    return report(rounds)


def report(rounds: dict[str, list[tuple[float, float]]]) -> int:
    """Print medians and ratios; 1 if a goal is missed."""
    missed = 0
    for name, found in rounds.items():
        rate, tail = (statistics.median(values) for values in zip(*found, strict=True))
        ratio = statistics.median(
            mine[0] / base[0] for mine, base in zip(found, rounds["bare"], strict=True)
        )
        goal = GOALS.get(name)
        verdict = (
            "" if goal is None else f"  goal {goal:.0%}: {'met' if ratio >= goal else 'MISSED'}"
        )
        missed += goal is not None and ratio < goal
        print(
            f"{name:6} {rate:8.0f} requests/s   p99 {tail:6.2f} ms   {ratio:5.0%} of bare{verdict}"
        )
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
