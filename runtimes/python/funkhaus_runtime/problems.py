"""What a caller is told when there is no answer of the function's: RFC 9457 problems, each made in one place."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from http import HTTPStatus

MEDIA_TYPE = "application/problem+json"
_SEE_LOG = "Its log says more under this call id."


@dataclass(frozen=True)
class Problem:
    """One kind of failure. `code` is for programs, the rest for people; no user data but what the caller sent."""

    status: int
    code: str
    title: str
    detail: str
    headers: dict[str, str] = field(default_factory=dict)

    def body(self, call_id: str) -> bytes:
        """The problem document."""
        members = {
            "type": f"urn:funkhaus:problem:{self.code}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
            "call_id": call_id,
        }
        return json.dumps(members).encode()

    def response(self, call_id: str) -> bytes:
        """A whole HTTP/1.1 response that ends its connection, for where the server can't make one any more."""
        body = self.body(call_id)
        head = (
            f"HTTP/1.1 {self.status} {HTTPStatus(self.status).phrase}\r\nContent-Type: {MEDIA_TYPE}\r\n"
            f"Content-Length: {len(body)}\r\nx-funkhaus-call-id: {call_id}\r\nConnection: close\r\n\r\n"
        )
        return head.encode() + body


class CallError(Exception):
    """A call ends with this problem. `log` is for the function's log and never for the caller; empty logs nothing."""

    def __init__(self, problem: Problem, event: str = "", **log: object) -> None:
        super().__init__(problem.title)
        self.problem = problem
        self.event = event
        self.log = log


def raised(exception: str, trace: str) -> CallError:
    """The function raised."""
    problem = Problem(500, "function_raised", "The function raised an exception", _SEE_LOG)
    return CallError(problem, "function_raised", exception=exception, traceback=trace)


def unanswerable(reason: str) -> CallError:
    """The function returned what can't be sent."""
    problem = Problem(
        500,
        "function_answer_invalid",
        "The function returned something that can't be sent",
        _SEE_LOG,
    )
    return CallError(problem, "function_answer_invalid", reason=reason)


def overrun(seconds: float) -> CallError:
    """The function did not answer in time; where it was is logged when that is known."""
    detail = f"The call was ended after {seconds:g} s, the function's time-out. {_SEE_LOG}"
    return CallError(
        Problem(408, "function_timeout", "The function did not answer in time", detail)
    )


def died() -> CallError:
    """The worker ended in the midst of a call; how is logged when that is known."""
    return CallError(
        Problem(500, "function_died", "The function's process ended before it answered", _SEE_LOG)
    )


def unloadable() -> CallError:
    """A fresh worker could not import the function."""
    return CallError(
        Problem(500, "function_unloadable", "The function could not be loaded again", _SEE_LOG)
    )


def busy(detail: str) -> CallError:
    """No place, now."""
    return CallError(
        Problem(503, "function_busy", "The function is busy", detail, {"Retry-After": "1"})
    )


def bad_body(detail: str) -> CallError:
    """The body is not what it is declared to be."""
    return CallError(Problem(400, "body_invalid", "The request's body can't be read", detail))


def too_large(limit: int, size: int | None) -> CallError:
    """The body is over the limit; `size` where the caller declared it."""
    detail = (
        f"The body {f'has {size} bytes' if size is not None else 'is longer'}; {limit} would pass."
    )
    return CallError(Problem(413, "body_too_large", "The request's body is too large", detail))


def late_body(seconds: float) -> CallError:
    """The body did not arrive in time."""
    return CallError(
        Problem(
            408,
            "body_timeout",
            "The request's body did not arrive in time",
            f"It may take {seconds:g} s.",
        )
    )


def no_such_method(method: str, allowed: str) -> CallError:
    """A method no function is called with."""
    return CallError(
        Problem(405, "method_not_allowed", "Functions don't know this method", f"{method[:32]}: {allowed} would pass.",
                {"Allow": allowed})
    )  # fmt: skip
