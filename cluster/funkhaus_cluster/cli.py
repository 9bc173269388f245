"""The command line: ``up``, ``down``, ``status``, ``tools``, ``leftovers``."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

from funkhaus_cluster import choice, elsewhere, leftovers, local, site, status
from funkhaus_cluster.commands import Commands, tail
from funkhaus_cluster.errors import ClusterError, CommandError
from funkhaus_cluster.parts import PartError
from funkhaus_cluster.steps import StepFailedError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from funkhaus_cluster.site import Site

INTERRUPTED = 130
BROKEN_PIPE = 141


def main(argv: Sequence[str]) -> int:
    """Run one command; return the exit status. Errors are sentences on stderr, never tracebacks."""
    arguments = _parser().parse_args(argv)
    try:
        return _dispatch(arguments)
    except KeyboardInterrupt:
        print(f"\ninterrupted: `make {arguments.command}` again goes on from here", file=sys.stderr)
        return INTERRUPTED
    except ClusterError as error:
        print(f"\n{explain(error)}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        # Who read our output has gone, as `head` does: no fault, and nothing to say it to.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except OSError as error:
        print(f"\nthe machine refused: {error}", file=sys.stderr)
        return 1
    except Exception as error:  # noqa: BLE001 - the last line of defence: a fault of this tool, said without a traceback
        print(f"\n{_fault(error)}", file=sys.stderr)
        return 1


def explain(error: ClusterError) -> str:
    """The sentence, and where there is one the end of the log, its path and the command to repeat."""
    cause = error.cause if isinstance(error, StepFailedError) else error
    lines = [str(error)]
    if isinstance(cause, PartError):
        lines += [*_indented(cause.tail), f"log:    {cause.log}", f"repeat: {cause.command}"]
    elif isinstance(cause, CommandError):
        if cause.log is not None:
            lines += [*_indented(tail(cause.log, skip=cause.skip)), f"log:    {cause.log}"]
        lines.append(f"repeat: {cause.command}")
    return "\n".join(lines)


def _fault(error: Exception) -> str:
    with tempfile.NamedTemporaryFile(
        "w", prefix="funkhaus-fault-", suffix=".log", delete=False
    ) as file:
        traceback.print_exception(error, file=file)
    return f"this is a fault of the cluster tool itself ({type(error).__name__}: {error}); details: {file.name}"


def _dispatch(arguments: argparse.Namespace) -> int:
    if arguments.command == "leftovers":
        return _leftovers(arguments)
    here = site.here()
    kind = choice.choose(here.settings, choice.inspect())
    if arguments.command == "tools":
        local.tools(here)
        return 0
    if arguments.command == "up":
        return _up(here, kind)
    if arguments.command == "down":
        return _down(here, kind, purge=arguments.purge)
    if kind == "local":
        return 0 if status.show(here, local.all_parts(here)) else 1
    context = elsewhere.KIND_CONTEXT if kind == "kind" else here.settings.context
    return 0 if elsewhere.status(here, context) else 1


def _up(here: Site, kind: str) -> int:
    here.progress.say(f"cluster: {kind}; cache {here.settings.cache}")
    if kind == "existing":
        elsewhere.up_existing(here)
    elif kind == "kind":
        elsewhere.up_kind(here)
    else:
        here.progress.say(f"state {here.settings.state}")
        local.up(here)
    here.progress.say("the cluster is up")
    if kind == "local":
        print(local.next_steps(here))
    return 0


def _down(here: Site, kind: str, *, purge: bool) -> int:
    if kind == "existing":
        elsewhere.down_existing(here, purge=purge)
    elif kind == "kind":
        elsewhere.down_kind(here, purge=purge)
    else:
        local.down(here, purge=purge)
    return 0


def _leftovers(arguments: argparse.Namespace) -> int:
    commands = Commands()
    if arguments.action == "snapshot":
        leftovers.write(arguments.file, leftovers.take(commands))
        return 0
    found = leftovers.compare(leftovers.read(arguments.file), leftovers.take(commands))
    print(leftovers.report(found))
    return 1 if found else 0


def _indented(text: str) -> list[str]:
    return [f"    {line}" for line in text.splitlines()]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="funkhaus_cluster", description="The local cluster of Funkhaus."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("up", help="bring the cluster up, or repair it")
    commands.add_parser("tools", help="build binaries and the Python environment, start nothing")
    commands.add_parser("status", help="show each part, the node and the addresses")
    down = commands.add_parser("down", help="stop everything and leave nothing behind")
    down.add_argument(
        "--purge",
        action="store_true",
        default=os.environ.get("PURGE") == "1",
        help="also remove state and cache",
    )
    compare = commands.add_parser("leftovers", help="compare what the machine holds")
    compare.add_argument("action", choices=("snapshot", "compare"))
    compare.add_argument("file", type=Path)
    return parser
