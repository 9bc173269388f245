"""What calls a function."""

from __future__ import annotations

from dataclasses import dataclass

PATH_LIMIT = 256
PAYLOAD_LIMIT = 16 * 1024
"""Bytes of a payload as JSON."""
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
"""The methods a trigger may be narrowed to."""
CURRENT = "current"
"""In place of a revision's name: whichever the function serves with. No revision is called so, for each has a hyphen."""
WEIGHT_LIMIT = 1000
"""Of one backend; what counts is its share of the sum."""


@dataclass(frozen=True, slots=True)
class Backend:
    """A revision by name, or `CURRENT`, and the weight of its share of the calls."""

    revision: str
    weight: int


@dataclass(frozen=True, slots=True)
class Pin:
    """A revision that runs for a trigger's sake: of at most `replicas` replicas, which the trigger is charged.

    `until` (RFC 3339) is set where no call is led there any more and those under way are still waited for.
    """

    revision: str
    replicas: int
    until: str = ""


@dataclass(frozen=True, slots=True)
class HTTPTriggerSpec:
    """Host and path below which a function answers; an empty host asks for the default one.

    `tls_secret` names a Secret of type kubernetes.io/tls in the same namespace. `methods` are those it answers
    to; none: all. `backends` split its calls between revisions; none: all go to the one that serves.
    """

    function: str
    host: str = ""
    path: str = "/"
    tls_secret: str = ""
    methods: tuple[str, ...] = ()
    backends: tuple[Backend, ...] = ()

    @property
    def routed(self) -> tuple[str, ...]:
        """The fields that an Ingress can't say, as they are called in the object: with one, an HTTPRoute is made."""
        fields = {"methods": self.methods, "backends": self.backends}
        return tuple(name for name, value in fields.items() if value)

    @property
    def named(self) -> tuple[str, ...]:
        """The revisions that `backends` name, each once, in their order."""
        return tuple(
            dict.fromkeys(item.revision for item in self.backends if item.revision != CURRENT)
        )


@dataclass(frozen=True, slots=True)
class HTTPTrigger:
    """An HTTPTrigger object."""

    namespace: str
    name: str
    spec: HTTPTriggerSpec
    uid: str = ""
    generation: int = 0


@dataclass(frozen=True, slots=True)
class CronJobTriggerSpec:
    """When a function is called, and with what.

    `schedule` is in the grammar of `funkhaus.domain.cron`; `payload` is JSON text, empty for none. `concurrency` is what
    happens while an earlier run goes on: Allow, Forbid (skip this one) or Replace.
    """

    function: str
    schedule: str
    time_zone: str = "UTC"
    payload: str = ""
    concurrency: str = "Allow"
    suspend: bool = False
    successes_kept: int = 3
    failures_kept: int = 1


@dataclass(frozen=True, slots=True)
class CronJobTrigger:
    """A CronJobTrigger object. `created_at` is RFC 3339."""

    namespace: str
    name: str
    spec: CronJobTriggerSpec
    uid: str = ""
    generation: int = 0
    created_at: str = ""


Trigger = HTTPTrigger | CronJobTrigger
