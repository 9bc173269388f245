"""What can go wrong, said in sentences a newcomer can act on. No traceback reaches a user."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


class ClusterError(Exception):
    """A sentence for the user: what is wrong, where, and what would make it right."""


class Cancelled(ClusterError):  # noqa: N818 - not a fault: the user or a failing neighbour stopped this step
    """The step was stopped because the run is ending."""


class CommandError(ClusterError):
    """A program that was run for a step failed.

    ``command`` is what to type to see it fail again; ``log`` holds everything it printed, from byte
    ``skip`` on.
    """

    def __init__(
        self, sentence: str, *, command: str, log: Path | None = None, skip: int = 0
    ) -> None:
        super().__init__(sentence)
        self.command = command
        self.log = log
        self.skip = skip
