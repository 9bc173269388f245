"""How the nursery comes to be: forked at the very beginning, or, where it is too late for that, as a program of its own.

At the beginning there is one thread and little in memory. So the fork saves the start of a second interpreter, the server
goes on to load what it needs while the function is imported, and neither finds the other's libraries loaded already.
"""

from __future__ import annotations

import json
import os
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import funkhaus_runtime
from funkhaus_runtime.settings import hide, visible

if TYPE_CHECKING:
    from funkhaus_runtime.settings import Settings

_BOOT = "import sys; sys.path.insert(0, sys.argv[1]); from funkhaus_runtime import nursery; nursery.main(sys.argv[2:])"


class Begun(NamedTuple):
    """The server's end of the packet socket, and the nursery's process id."""

    sock: socket.socket
    pid: int


def fork(settings: Settings) -> Begun:
    """Make this process two: the server, where this returns, and the nursery, where it ends by `SystemExit`."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    pid = os.fork()
    if pid:
        theirs.close()
        return Begun(ours, pid)
    ours.close()
    os.setsid()  # a terminal's Ctrl-C is the server's to handle
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    hide(os.environ)
    from funkhaus_runtime import nursery  # noqa: PLC0415 - the server has no use for it

    nursery.run(theirs, settings)
    raise SystemExit(0)


def launch(settings: Settings) -> Begun:
    """Start it as a program of its own: this process has threads or a loop by now."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        theirs.set_inheritable(True)
        pid = os.posix_spawn(
            sys.executable,
            command(theirs.fileno(), settings),
            visible(os.environ),
            file_actions=[(os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0)],
            setsid=True,
        )
    return Begun(ours, pid)


def command(control: int, settings: Settings, cold: str = "") -> list[str]:
    """The program: `control` is its inherited end of a packet socket, `cold` the reason not to import.

    The interpreter is told not to put the working directory on `sys.path`: the user's files lie there.
    """
    home = str(Path(funkhaus_runtime.__file__).parents[1])
    fields = json.dumps(vars(settings))
    return [sys.executable, "-P", "-c", _BOOT, home, str(control), fields, cold]
