"""The registry of problem types: every code a problem document can carry, what it means and what to do.

The codes are the error tree's (`funkhaus.domain.errors`, and what the API adds); titles are the classes' first lines.
A class without an entry in `_ADVICE` fails a test that names it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from funkhaus.domain.errors import FunkhausError

PATH = "/problems"
_ADVICE = {
    "invalid": "Every finding names a field, what it was and what passes: change those and send it again.",
    "malformed": "The request could not be read at all; the detail says where reading stopped.",
    "cursor-refused": "Take `continue` from `next` of the page before (same list, same filters), or begin again.",
    "unsupported-media-type": "Send the body as one of the types the detail names, and say so in Content-Type.",
    "not-acceptable": "The answers here are application/json and application/problem+json: let Accept take them.",
    "unauthenticated": "Send `Authorization: Bearer fh_…` with a credential that is neither expired nor revoked.",
    "forbidden": "Your role does not reach this; the detail names the roles that do. Ask an owner of the tenant.",
    "policy-denied": "A house rule refuses. Each finding names the rule, the limit and the smallest change that passes.",
    "not-found": "Check the name and the tenant. What you have no role in reads as if it did not exist.",
    "conflict": "Read what is there now, decide whether your change still makes sense, and send that.",
    "pending": "Somebody has to do something first, such as sign in: ask again after the interval.",
    "precondition-failed": "Somebody changed it since you read it: GET it again and send If-Match with the new ETag.",
    "precondition-required": "GET the resource, then send its ETag as If-Match with the change.",
    "too-large": "Send less; the detail says how much passes.",
    "too-many": "Wait as long as Retry-After says. RateLimit and RateLimit-Policy say how much is left.",
    "unavailable": "Nothing is wrong with the request: send it again after Retry-After seconds.",
    "not-connected": "The function could not be reached and was not run: send it again after Retry-After seconds.",
    "timed-out": "It may have happened or not: read first, then send it again, best with an Idempotency-Key.",
    "schema-mismatch": "For the operator: migrate the database to this release, `python -m funkhaus_api migrate`.",
    "method-not-allowed": "The Allow header lists the methods that pass here.",
    "idempotency-in-flight": "Wait a little and repeat it: you then get the first one's answer.",
    "idempotency-answered": "The detail names what was made. If its secret was lost, revoke it and ask with a new key.",
    "idempotency-mismatch": "A new request takes a new Idempotency-Key; a repetition has the same body and query.",
    "internal": "Report the request id; what failed is logged under it.",
}
_OTHERS = {
    "method-not-allowed": "This method does nothing here.",
    "internal": "The platform failed; the fault is not yours.",
}


@dataclass(frozen=True, slots=True)
class ProblemType:
    """One code. `meaning` and `advice` are sentences for whoever met it."""

    code: str
    title: str
    meaning: str
    advice: str

    @property
    def uri(self) -> str:
        """The `type` of its problem documents: relative to the API's own address, where it can be read."""
        return f"{PATH}/{self.code}"


def error_classes() -> list[type[FunkhausError]]:
    """Every class of the tree that is loaded, but its root."""
    found: list[type[FunkhausError]] = []
    waiting: list[type[FunkhausError]] = [FunkhausError]
    while waiting:
        children = waiting.pop().__subclasses__()
        found += children
        waiting += children
    return found


@cache
def registry() -> dict[str, ProblemType]:
    """All types by code, alphabetical."""
    words: dict[str, str] = {}
    for kind in error_classes():
        if "code" in vars(kind):
            words.setdefault(kind.code, (kind.__doc__ or "").strip())
    words |= _OTHERS
    return {
        code: ProblemType(code, text.splitlines()[0], " ".join(text.split()), _ADVICE.get(code, ""))
        for code, text in sorted(words.items())
    }
