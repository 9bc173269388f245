"""Expected failure as vocabulary.

::

    FunkhausError
    ├─ InvalidError            the request can't be right whatever the state is
    │  └─ CursorError          where a list was to go on is no place in it
    ├─ UnauthenticatedError    we don't know who asks
    ├─ ForbiddenError          we know, and they may not
    │  └─ PolicyError          the house rules refuse; carries the verdict's findings
    ├─ NotFoundError           not there, or not for you to know of
    ├─ ConflictError           contradicts what is there
    ├─ PreconditionError       is not any more what the asker read
    ├─ PreconditionMissingError  has to say what the asker read
    ├─ NotAcceptableError      asks for a representation there is not
    ├─ PendingError            somebody has to do something first; the same request may pass later
    ├─ TooLargeError           over a size limit
    ├─ TooManyError            over a rate or queue limit
    ├─ UnavailableError        a part we need did not answer; the same request may pass later
    │  └─ TimedOutError        it did not answer in time
    └─ SchemaMismatchError     the database is at a revision this process does not know

Each class has a stable `code`. Three edges translate, once each: HTTP problems (`funkhaus_api.problems`), admission
responses (`funkhaus_webhook.verdict`) and controller outcomes (`funkhaus_controller.outcome`). The class docstring is
the default message.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Sequence

    from funkhaus.domain.verdict import Finding


class FunkhausError(Exception):
    """Something expected went wrong."""

    code: ClassVar[str] = "funkhaus-error"

    def __init__(self, message: str | None = None, *, findings: Sequence[Finding] = ()) -> None:
        super().__init__(message or (type(self).__doc__ or "").strip())
        self.findings: tuple[Finding, ...] = tuple(findings)

    @property
    def message(self) -> str:
        """The sentence for a person."""
        return str(self)


class InvalidError(FunkhausError):
    """The request is not valid."""

    code = "invalid"

    @classmethod
    def at(cls, *findings: Finding) -> InvalidError:
        """An error whose message is its findings, one sentence each."""
        return cls("; ".join(finding.sentence for finding in findings), findings=findings)


class CursorError(InvalidError):
    """The cursor has expired, was changed, or is another list's."""

    code = "cursor-refused"


class UnauthenticatedError(FunkhausError):
    """No valid credential came with the request."""

    code = "unauthenticated"


class ForbiddenError(FunkhausError):
    """The subject may not do this."""

    code = "forbidden"


class PolicyError(ForbiddenError):
    """The house rules refuse this."""

    code = "policy-denied"


class NotFoundError(FunkhausError):
    """There is no such thing, or none you may see."""

    code = "not-found"


class ConflictError(FunkhausError):
    """This contradicts what is there already."""

    code = "conflict"


class PreconditionError(FunkhausError):
    """This was changed since you read it."""

    code = "precondition-failed"


class PreconditionMissingError(FunkhausError):
    """A change of this has to say which state it is of."""

    code = "precondition-required"


class NotAcceptableError(FunkhausError):
    """None of the types you accept is spoken here."""

    code = "not-acceptable"


class PendingError(FunkhausError):
    """Somebody has to do something first; ask again."""

    code = "pending"


class TooLargeError(FunkhausError):
    """The request is larger than the limit."""

    code = "too-large"


class TooManyError(FunkhausError):
    """Too many requests at once; `retry_seconds` is when the next one passes, 0 where that can't be said."""

    code = "too-many"

    def __init__(
        self,
        message: str | None = None,
        *,
        findings: Sequence[Finding] = (),
        retry_seconds: int = 0,
    ) -> None:
        super().__init__(message or "Too many requests at once.", findings=findings)
        self.retry_seconds = retry_seconds


class UnavailableError(FunkhausError):
    """A part of the platform did not answer; try again."""

    code = "unavailable"


class TimedOutError(UnavailableError):
    """A part of the platform did not answer in time; try again."""

    code = "timed-out"


class SchemaMismatchError(FunkhausError):
    """The database schema is not the one this process was built for."""

    code = "schema-mismatch"
