"""``python -m funkhaus_controller``: settings from the environment, SIGTERM ends it."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from functools import partial

import uvloop

from funkhaus import collector, logs
from funkhaus.domain.errors import FunkhausError, UnavailableError
from funkhaus.settings import Controller, load
from funkhaus_controller.assembly import world
from funkhaus_controller.operate import Operator
from funkhaus_controller.owners import ROUTED
from funkhaus_controller.watching import Watching

MISCONFIGURED, RESTART = 2, 1


async def run(settings: Controller) -> None:
    """Work until told to end."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with world(settings) as opened:
        collector.settle()
        also = ROUTED if settings.route_gateway else ()
        watcher = partial(Watching, settings.kubeconfig, also=also)
        await Operator(settings, opened, watcher).run(stop)


def main() -> int:
    """The exit status: 2 when settings or schema can't be right, 1 when the process has to be started anew."""
    try:
        settings = load(Controller, os.environ)
        logs.configure(settings.log_level)
        uvloop.run(run(settings))
    except UnavailableError as error:
        sys.stderr.write(f"funkhaus-controller: {error.message}\n")
        return RESTART
    except FunkhausError as error:
        sys.stderr.write(f"funkhaus-controller: {error.message}\n")
        return MISCONFIGURED
    return 0


if __name__ == "__main__":
    sys.exit(main())
