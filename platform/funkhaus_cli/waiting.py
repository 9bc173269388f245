"""`--wait`: looks at a function until its conditions say how it ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from funkhaus_cli.failure import Exit, Failure
from funkhaus_cli.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from funkhaus_cli.session import Session

STEPS = ("Admitted", "Approved", "Built", "Ready")
"""Conditions in the order they come true."""
FINAL = {"Admitted", "Approved", "Built"}
"""Conditions whose False only another change, or a person, turns."""
WAITS = "PendingApproval"
"""Why Approved is False while nobody has decided."""
UNDER_WAY = {"Building", "BuildQueued", "Fetching"}
"""Reasons for a False that turns by itself all the same."""
PATIENCE = 8.0
"""Seconds Ready may be False (a replica ended, say) before waiting on is called useless."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.3, 2.0


def condition(document: Mapping[str, Any], kind: str) -> dict[str, Any] | None:
    """One condition of a document's status if it was made of the present generation."""
    status = document.get("status") or {}
    for item in status.get("conditions") or []:
        if item.get("type") == kind:
            seen = item.get("observedGeneration", document.get("generation", 0))
            return dict(item) if seen >= document.get("generation", 0) else None
    return None


def is_ready(document: Mapping[str, Any]) -> bool:
    """Whether the present generation is what serves."""
    found = condition(document, "Ready")
    return found is not None and found.get("status") == "True"


def sentence(document: Mapping[str, Any]) -> str:
    """Where it is: the first step that isn't done, in the platform's words."""
    seen = False
    for kind in STEPS:
        found = condition(document, kind)
        seen = seen or found is not None
        if found is not None and found.get("status") != "True":
            said = found.get("message") or found.get("reason") or found.get("status")
            return f"{_word(kind, found)}: {said}"
    if is_ready(document):
        return "Ready"
    degraded = condition(document, "Degraded")
    if degraded is not None and degraded.get("status") == "True":
        return f"Degraded: {degraded.get('message') or degraded.get('reason')}"
    return "Getting ready" if seen else "Waiting for the controller"


def _word(kind: str, found: Mapping[str, Any]) -> str:
    if kind != "Approved":
        return kind
    return "Waits for approval" if found.get("reason") == WAITS else "Not approved"


def refused(document: Mapping[str, Any]) -> dict[str, Any] | None:
    """The condition that ends the wait early, or ``None``."""
    for kind in STEPS:
        found = condition(document, kind)
        if kind in FINAL and found is not None and found.get("status") == "False":
            return None if found.get("reason") in UNDER_WAY else found
    return None


def until_ready(
    session: Session, look: Callable[[], dict[str, Any]], name: str, seconds: float
) -> tuple[dict[str, Any], float]:
    """The function when it is ready, and the seconds that took.

    An API server that is away for a moment does not end the wait. Raises `Failure` (not ready) with the reason when a
    condition refuses, Ready stays False or the time is up; (unavailable) when the server stayed away.
    """
    failing_since: float | None = None
    with Progress(session.clock, session.sleep) as progress:
        pause = _FIRST_PAUSE
        while True:
            document, away = _looked(look)
            if document is not None:
                if is_ready(document):
                    return document, progress.seconds
                progress.say(sentence(document))
                failing_since = _failing_since(document, failing_since, progress.seconds)
                if waits_for_approval(document):
                    raise _waits(name, document)
                if refused(document) or (
                    failing_since is not None and progress.seconds - failing_since >= PATIENCE
                ):
                    raise _not_ready(name, "will not get ready", document)
            else:
                progress.say("The API server does not answer; still waiting")
            if progress.seconds >= seconds:
                raise away or _not_ready(name, f"is not ready after {seconds:g} s", document or {})
            progress.pause(min(pause, max(seconds - progress.seconds, 0.05)))
            pause = min(pause * 1.3, _LONGEST_PAUSE)


def _failing_since(document: Mapping[str, Any], before: float | None, now: float) -> float | None:
    found = condition(document, "Ready")
    failing = found is not None and found.get("status") == "False"
    return (now if before is None else before) if failing else None


def waits_for_approval(document: Mapping[str, Any]) -> bool:
    """Whether it is held until somebody says yes, which may take days."""
    found = condition(document, "Approved")
    return found is not None and found.get("reason") == WAITS and found.get("status") == "False"


def _waits(name: str, document: Mapping[str, Any]) -> Failure:
    serves = (document.get("status") or {}).get("revision")
    before = f" Revision {serves} goes on serving." if serves else ""
    said = sentence(document).removeprefix("Waits for approval: ")
    return Failure(
        f"function {name} is stored and waits for approval.{before} {said}",
        Exit.NOT_READY,
        hint=f"funkhaus approval list --state pending; funkhaus function describe {name}",
    )


def _not_ready(name: str, what: str, document: Mapping[str, Any]) -> Failure:
    return Failure(
        f"function {name} {what}. {sentence(document).removeprefix('Ready: ')}",
        Exit.NOT_READY,
        hint=f"funkhaus function describe {name}; funkhaus function logs {name}",
    )


def _looked(look: Callable[[], dict[str, Any]]) -> tuple[dict[str, Any] | None, Failure | None]:
    try:
        return look(), None
    except Failure as failure:
        if failure.exit != Exit.UNAVAILABLE:
            raise
        return None, failure
