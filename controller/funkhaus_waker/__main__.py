"""``python -m funkhaus_waker``: settings from the environment, SIGTERM ends it."""

from __future__ import annotations

import asyncio
import os
import signal
import sys

import uvloop

from funkhaus import collector, logs
from funkhaus.domain.errors import FunkhausError
from funkhaus.settings import Waker, load
from funkhaus_waker.app import Server, world

MISCONFIGURED = 2


async def run(settings: Waker) -> None:
    """Serve until told to end."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with world(settings) as opened:
        collector.settle()
        await Server(settings, opened).run(stop)


def main() -> int:
    """The exit status: 2 when settings can't be right."""
    try:
        settings = load(Waker, os.environ)
        logs.configure(settings.log_level)
        uvloop.run(run(settings))
    except FunkhausError as error:
        sys.stderr.write(f"funkhaus-waker: {error.message}\n")
        return MISCONFIGURED
    return 0


if __name__ == "__main__":
    sys.exit(main())
