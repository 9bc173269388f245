"""What becomes of a reconciliation: one word for the metrics, and whether it counts as a failure to be tried again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from funkhaus.domain.errors import ConflictError, FunkhausError, UnavailableError

if TYPE_CHECKING:
    from funkhaus.services.materialisation import Next

CONFLICT_PAUSE = 0.5
"""Seconds: whoever was faster is done by then."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """`after` is when to look again; `failed` lets the pause grow instead. `crash` is a mistake of ours: log it whole."""

    label: str
    after: float | None = None
    failed: bool = False
    crash: bool = False


def of_result(result: Next) -> Outcome:
    """It came to an end."""
    return Outcome(result.outcome, result.after)


def of_error(error: Exception) -> Outcome:
    """It did not. Nothing is ever given up: what a user or the platform mends, a later try finds mended."""
    if isinstance(error, ConflictError):
        return Outcome("conflict", after=CONFLICT_PAUSE)
    if isinstance(error, UnavailableError | TimeoutError):
        return Outcome("unavailable", failed=True)
    if isinstance(error, FunkhausError):
        return Outcome(error.code, failed=True)
    return Outcome("crash", failed=True, crash=True)
