"""What one object is charged, from the moment admission lets it in until it is seen to be gone.

An ask is outstanding from its admission until an observation proves that it was stored or never will be. The proof is the
resource version: kube-apiserver admits an update against the stored object and stores it only if that is still the newest,
so an object seen at a later version has every such ask behind it. A create has no version; one that was asked for once,
and under a name nobody had, has arrived when it is seen. What can't be proven waits for kube-apiserver's time-out and a
look at the live object.

Until then the object is charged, amount by amount, the largest of what is used and what was asked for. So retries are one
reservation, and a large ask that is still under way keeps its room when a smaller one overtakes it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from funkhaus.domain.quota import NOTHING, Amounts

if TYPE_CHECKING:
    from datetime import datetime


@dataclass(frozen=True, slots=True)
class Key:
    """Whose charge it is: `kind` is the kind's name, `namespace` the tenant's short one."""

    kind: str
    namespace: str
    name: str


@dataclass(frozen=True, slots=True)
class Charge:
    """`used` is what was last seen, at resource version `version`; `asked` the largest of the outstanding asks.

    `asked_at` is when the newest of them was made (``None``: there is none), `base` the newest version one was made
    against, `creates` how many were creates (see `ask`). `serial` names this state of the stored row: no other
    has it, also not of a row made anew after a delete; 0 is not stored.
    """

    key: Key
    checked_at: datetime
    used: Amounts = NOTHING
    asked: Amounts = NOTHING
    asked_at: datetime | None = None
    base: int = 0
    creates: int = 0
    version: int = 0
    serial: int = 0

    @property
    def held(self) -> Amounts:
        """What the accounts are charged in all."""
        return self.used.most(self.asked)

    @property
    def reserved(self) -> Amounts:
        """The part of it that nobody has seen yet."""
        return self.held - self.used

    def ask(self, amounts: Amounts, base: int, now: datetime) -> Charge:
        """After admission of an ask against version `base` (0: a create)."""
        return replace(
            self,
            asked=self.asked.most(amounts),
            asked_at=now,
            base=max(self.base, base),
            creates=self.creates + self._weight(base),
        )

    def _weight(self, base: int) -> int:
        """A create counts twice where an object of that name was there before: seeing one does not tell which it is."""
        if base:
            return 0
        return 2 if self.version else 1

    def see(self, amounts: Amounts, version: int, now: datetime) -> Charge:
        """After the object was seen with `amounts` at `version`; an older look than the last changes nothing."""
        if version < self.version:
            return self
        seen = replace(self, used=amounts, version=version, checked_at=now)
        return seen.settled() if self.creates <= 1 and version > self.base else seen

    def settled(self) -> Charge:
        """With no ask outstanding."""
        return replace(self, asked=NOTHING, asked_at=None, base=0, creates=0)

    def gone(self, now: datetime) -> Charge | None:
        """After the object was seen to be gone: no charge, unless a create may still be under way."""
        if self.creates == 0:
            return None
        return replace(self, used=NOTHING, checked_at=now)
