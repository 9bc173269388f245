"""Steps that need one another, run in parallel where they do not."""

from __future__ import annotations

import graphlib
import queue
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from funkhaus_cluster.errors import Cancelled, ClusterError
from funkhaus_cluster.progress import HEARTBEAT_SECONDS, Progress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


@dataclass(frozen=True)
class Step:
    """One named thing to do.

    ``action`` returns a few words on what came of it (``cached``, ``already running``), shown to the user.
    """

    name: str
    title: str
    action: Callable[[], str]
    needs: tuple[str, ...] = ()
    quiet: bool = False
    """Say nothing unless it takes part in a failure: for steps of a few milliseconds."""


class StepFailedError(ClusterError):
    """A step failed; ``cause`` is what it raised."""

    def __init__(self, title: str, cause: BaseException) -> None:
        super().__init__(f"{title}: {cause}")
        self.title = title
        self.cause = cause


def run(steps: Iterable[Step], progress: Progress, cancelled: threading.Event) -> None:
    """Run every step once, each after those it needs.

    On the first failure, or on Ctrl-C, nothing new starts, ``cancelled`` is set so that what runs ends
    soon, and the cause is raised once every thread is done: as ``StepFailedError``, or
    ``KeyboardInterrupt``.
    """
    table = {step.name: step for step in steps}
    order = graphlib.TopologicalSorter({name: step.needs for name, step in table.items()})
    unknown = {need for step in table.values() for need in step.needs} - set(table)
    if unknown:
        raise ClusterError(f"steps need {sorted(unknown)}, which no step is called.")
    order.prepare()
    results: queue.Queue[tuple[Step, BaseException | None]] = queue.Queue()
    running = 0
    failure: BaseException | None = None
    while (order.is_active() and failure is None) or running:
        if failure is None:
            for name in order.get_ready():
                step = table[name]
                threading.Thread(
                    target=_perform, args=(step, progress, results), name=name, daemon=True
                ).start()
                running += 1
        try:
            step, error = results.get(timeout=HEARTBEAT_SECONDS)
        except queue.Empty:
            progress.heartbeat()
            continue
        except KeyboardInterrupt as interrupt:
            failure = failure or interrupt
            cancelled.set()
            continue
        running -= 1
        if error is None:
            order.done(step.name)
        elif failure is None:
            failure = StepFailedError(step.title, error)
            cancelled.set()
    if failure is not None:
        raise failure


def _perform(
    step: Step, progress: Progress, results: queue.Queue[tuple[Step, BaseException | None]]
) -> None:
    error: BaseException | None = None
    if not step.quiet:
        progress.started(step.title)
    try:
        outcome = step.action()
    except Cancelled as stopped:
        error = stopped
    except BaseException as caught:  # noqa: BLE001 - a thread must report whatever ended it
        error = caught
        progress.failed(step.title)
    else:
        if not step.quiet:
            progress.finished(step.title, outcome)
    results.put((step, error))
