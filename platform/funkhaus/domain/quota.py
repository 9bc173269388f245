"""Quota: what a namespace or a tenant may hold, what an object asks for, and whether that fits.

An object is charged for what it may grow to: every amount of a Function is that of all its replicas at `scaling.max`. What
still runs of a larger revision counts until it is gone (`funkhaus.services.running`). A trigger that names revisions is
charged for each of them, too: they run beside whatever the function serves with.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

from funkhaus.domain.quantity import bytes_of, cpu_text, memory_text, millicores
from funkhaus.domain.trigger import CronJobTrigger, HTTPTrigger
from funkhaus.domain.verdict import Finding

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from funkhaus.domain.function import Function, Resources
    from funkhaus.domain.trigger import Trigger


@dataclass(frozen=True, slots=True)
class Amounts:
    """What is held: CPU in millicores, memory in bytes, the rest are counts. A difference may have negative amounts."""

    functions: int = 0
    triggers: int = 0
    replicas: int = 0
    cpu_millis: int = 0
    memory_bytes: int = 0
    hosts: int = 0

    def _with(self, other: Amounts, work: Callable[[int, int], int]) -> Amounts:
        return Amounts(*(work(getattr(self, name), getattr(other, name)) for name in AMOUNTS))

    def __add__(self, other: Amounts) -> Amounts:
        return self._with(other, lambda one, two: one + two)

    def __sub__(self, other: Amounts) -> Amounts:
        return self._with(other, lambda one, two: one - two)

    def most(self, other: Amounts) -> Amounts:
        """The larger of the two, amount by amount."""
        return self._with(other, max)

    def covers(self, other: Amounts) -> bool:
        """Whether no amount of `other` is larger."""
        return self.most(other) == self


AMOUNTS = tuple(field.name for field in fields(Amounts))
"""The names of what is held, in the order findings speak of them."""
NOTHING = Amounts()


@dataclass(frozen=True, slots=True)
class Quota:
    """The most a namespace, or a tenant over all its namespaces, may hold.

    CPU in millicores and memory in bytes, summed over functions at `scaling.max`. The last two are rates: kept here for
    those who count calls and builds, and never held.
    """

    functions: int
    triggers: int
    replicas: int
    cpu_millis: int
    memory_bytes: int
    hosts: int = 20
    requests_per_second: int = 100
    builds_per_day: int = 100

    @property
    def amounts(self) -> Amounts:
        """The part that is held, not counted over time."""
        return Amounts(*(getattr(self, name) for name in AMOUNTS))

    def _with(self, other: Quota, work: Callable[[int, int], int]) -> Quota:
        return Quota(*(work(getattr(self, name), getattr(other, name)) for name in LIMITS))

    def __add__(self, other: Quota) -> Quota:
        return self._with(other, lambda one, two: one + two)

    def less(self, other: Quota) -> Quota:
        """What is left without `other`, never below zero."""
        return self._with(other, lambda one, two: max(0, one - two))

    def least(self, other: Quota) -> Quota:
        """The smaller of the two, limit by limit."""
        return self._with(other, min)

    def shared_by(self, number: int) -> Quota:
        """What each of so many gets, limit by limit; nothing is divided by halves."""
        return self._with(self, lambda one, _: one // number)

    def most(self, other: Quota) -> Quota:
        """The larger of the two, limit by limit."""
        return self._with(other, max)


LIMITS = tuple(field.name for field in fields(Quota))
"""The names of everything a quota limits."""
NO_QUOTA = Quota(*(0 for _ in LIMITS))


@dataclass(frozen=True, slots=True)
class Counts:
    """What is counted over a whole tenant and not summed up over objects: namespaces, and tokens valid at the same time."""

    namespaces: int = 0
    tokens: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(self.namespaces + other.namespaces, self.tokens + other.tokens)


COUNTS = tuple(field.name for field in fields(Counts))
"""The names of what is counted; people write them so, too."""
NO_COUNTS = Counts()


@dataclass(frozen=True, slots=True)
class Account:
    """One level's books: `used` by what was seen in the cluster, `reserved` for what admission let in and nobody saw yet.

    `namespace` is empty for the tenant's own account over all namespaces.
    """

    tenant: str
    namespace: str
    hard: Quota
    used: Amounts = NOTHING
    reserved: Amounts = NOTHING

    @property
    def held(self) -> Amounts:
        """Used and reserved."""
        return self.used + self.reserved

    @property
    def left(self) -> Amounts:
        """What may still be taken; zero where a lowered quota is below what is held."""
        return (self.hard.amounts - self.held).most(NOTHING)

    @property
    def level(self) -> str:
        """The level as people say it."""
        return f'namespace "{self.namespace}"' if self.namespace else f'tenant "{self.tenant}"'


def asked_by(subject: Function | Trigger) -> Amounts:
    """What one object asks for. A quantity that is none counts as zero: policy has refused it before anybody asks here."""
    if isinstance(subject, HTTPTrigger):
        return Amounts(triggers=1, hosts=1)
    if isinstance(subject, CronJobTrigger):
        return Amounts(triggers=1)
    return of_replicas(subject.spec.resources, subject.spec.scaling.max)


def of_replicas(resources: Resources, count: int) -> Amounts:
    """What a function of so many replicas holds; a quantity that is none counts as zero."""
    replicas = max(0, count)
    return Amounts(
        functions=1,
        replicas=replicas,
        cpu_millis=replicas * max(0, millicores(resources.cpu) or 0),
        memory_bytes=replicas * max(0, bytes_of(resources.memory) or 0),
    )


def of_pinned(revisions: Iterable[Resources], count: int) -> Amounts:
    """What a trigger holds for revisions it names: so many replicas of each, and no function."""
    found = sum((of_replicas(resources, count) for resources in revisions), NOTHING)
    return replace(found, functions=0)


def replicas_within(function: Function, resources: Resources, now: int) -> int:
    """How many replicas of a revision with `resources` the function's charge covers, where `now` it may have that many.

    That is `scaling.max`, except where the present spec asks for smaller replicas than the revision's: then it must not
    grow above what the spec comes to. One at least, so that it serves at all.
    """
    fits, each, whole = function.spec.scaling.max, of_replicas(resources, 1), asked_by(function)
    if each.cpu_millis:
        fits = min(fits, whole.cpu_millis // each.cpu_millis)
    if each.memory_bytes:
        fits = min(fits, whole.memory_bytes // each.memory_bytes)
    return max(1, min(function.spec.scaling.max, max(now, fits)))


_WORDS = {
    "functions": ("functions", "metadata.name"),
    "triggers": ("triggers", "metadata.name"),
    "replicas": ("replicas", "spec.scaling.max"),
    "cpu_millis": ("CPU", "spec.resources.cpu"),
    "memory_bytes": ("memory", "spec.resources.memory"),
    "hosts": ("hosts", "spec.host"),
}
"""What each amount is called, and the field that asks for it."""
_OF_REPLICAS = {"replicas", "cpu_millis", "memory_bytes"}


def shown(name: str, value: int) -> int | str:
    """An amount as people write it: a Kubernetes quantity where it is one."""
    if name == "cpu_millis":
        return cpu_text(value)
    return memory_text(value) if name == "memory_bytes" else value


def excess(account: Account, before: Amounts, after: Amounts) -> tuple[Finding, ...]:
    """What keeps an object that is charged `before` from being charged `after`: a finding per amount without room.

    What does not grow always fits, also in an account that holds more than it may.
    """
    growth, found = after - before, []
    for name in AMOUNTS:
        hard = getattr(account.hard, name)
        held, grows = getattr(account.held, name), getattr(growth, name)
        if grows > 0 and held + grows > hard:
            room = max(0, hard - held + getattr(before, name))
            found.append(_finding(account, name, held + grows, room, after))
    return tuple(found)


def _finding(account: Account, name: str, value: int, room: int, after: Amounts) -> Finding:
    """`room` is the most this object could be charged of `name`."""
    word, path = _WORDS[name]
    replicas = after.replicas
    hard = getattr(account.hard, name)
    level = "namespace" if account.namespace else "tenant"
    passes: int | str | None = None
    way = "delete what is not needed"
    if after.triggers and name in _OF_REPLICAS:
        path, way = "spec.backends", "name fewer revisions, lower the function's scaling.max"
    elif name == "replicas":
        passes, way = room, f"scaling.max {room} passes" if room else way
    elif name in {"cpu_millis", "memory_bytes"}:
        each = shown(name, room // max(1, replicas)) if room >= replicas else None
        passes = each
        way = f"{each} passes with scaling.max {replicas}" if each else way
    elif hard:
        passes = hard
    return Finding(
        code=f"quota-{level}-{word.lower()}",
        message=(
            f"{account.level} would hold {word} {shown(name, value)}, its quota is {shown(name, hard)}: {way}, or see "
            "`funkhaus quota show` and `funkhaus quota request`"
        ),
        path=path,
        limit=shown(name, hard),
        value=shown(name, value),
        passes=passes,
    )
