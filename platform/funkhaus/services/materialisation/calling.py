"""What the materialisers of triggers share: one `reconcile`, whatever calls the function and whatever is made for that."""

from __future__ import annotations

import abc
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Generic, TypeVar

from funkhaus.crd.conditions import ADMITTED, DEGRADED, READY, Condition
from funkhaus.domain.errors import ForbiddenError, InvalidError, UnavailableError
from funkhaus.domain.quota import NOTHING, Amounts
from funkhaus.services.materialisation.approving import approved
from funkhaus.services.materialisation.parts import (
    GONE,
    Judged,
    Next,
    admission,
    charged,
    facts_of,
)
from funkhaus.services.materialisation.upkeep import ForeignError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from funkhaus.domain.kinds import Kind
    from funkhaus.domain.tenant import TenantFacts
    from funkhaus.domain.verdict import Verdict
    from funkhaus.ports import Cluster, Manifest, Stores
    from funkhaus.services.holding import Holding
    from funkhaus.services.ledger import LedgerService
    from funkhaus.services.materialisation.parts import Surroundings
    from funkhaus.services.materialisation.standing import Standing
    from funkhaus.services.materialisation.upkeep import Upkeep

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Calling(Generic[T]):
    """A kind of trigger: how one is read and judged, and the kind of object it becomes."""

    kind: Kind
    parse: Callable[[Manifest], T]
    judge: Callable[[Manifest, TenantFacts], Awaitable[Verdict]]
    becomes: Kind


class CallingMaterialiser(abc.ABC, Generic[T]):
    """The `reconcile` of one kind of trigger; a subclass makes the object, and lays it to rest."""

    def __init__(
        self,
        calling: Calling[T],
        *,
        cluster: Cluster,
        ledger: LedgerService,
        holding: Holding,
        stores: Stores,
        standing: Standing,
        upkeep: Upkeep,
        surroundings: Surroundings,
    ) -> None:
        self._calling, self._cluster, self._stores = calling, cluster, stores
        self._standing, self._upkeep, self._around = standing, upkeep, surroundings
        self._ledger, self._holding = ledger, holding

    @abc.abstractmethod
    async def _materialise(
        self, manifest: Manifest, trigger: T, facts: TenantFacts, let_in: Sequence[Condition]
    ) -> Next:
        """Make the object what the trigger asks for, and write down how it stands; `let_in` says why it may be."""

    @abc.abstractmethod
    async def _rest(self, manifest: Manifest, trigger: T, facts: TenantFacts) -> None:
        """The tenant rests: have the object call nothing, and say so."""

    async def _charges(self, manifest: Manifest, trigger: T) -> tuple[Amounts, Amounts]:
        """What runs for the trigger's sake, and what it is charged beside itself for that."""
        del manifest, trigger
        return NOTHING, NOTHING

    async def _hold(self, manifest: Manifest, facts: TenantFacts) -> None:
        """The trigger waits for an approval: see to what goes on meanwhile."""

    async def reconcile(self, namespace: str, name: str) -> Next:
        """Make the cluster what the trigger asks for. Raises `UnavailableError` and `ConflictError`: try again."""
        manifest = await self._cluster.get(self._calling.kind, namespace, name)
        if manifest is None:
            await self._ledger.missing(self._calling.kind, namespace, name)
            await self._holding.gone(self._calling.kind, namespace, name)
            return GONE
        try:
            return await self._reconcile(manifest)
        except (InvalidError, ForbiddenError, ForeignError) as error:
            reason = "Conflict" if isinstance(error, ForeignError) else "Refused"
            not_ready = Condition(READY, status=False, reason=reason, message=error.message)
            await self._standing.write(manifest, [not_ready])
            return Next("refused")
        except UnavailableError as error:
            message = f"{error.message}; it is tried again"
            waiting = Condition(DEGRADED, status=True, reason="Unavailable", message=message)
            await self._standing.write(manifest, [waiting])
            raise

    async def _reconcile(self, manifest: Manifest) -> Next:
        facts, calling = (
            await facts_of(self._stores, manifest["metadata"]["namespace"]),
            self._calling,
        )
        if (
            facts and facts.objections
        ):  # no rule is asked: what was let in before is let in still when it comes back
            await self._rest(manifest, calling.parse(manifest), facts)
            return Next("resting")
        if manifest["metadata"].get("deletionTimestamp"):
            return GONE
        consent: Condition | None = None
        try:
            trigger = calling.parse(manifest)
            judged = Judged(calling.judge, manifest)
            admitted = await admission(manifest, facts, judged)
            if facts:
                if admitted.status:
                    asked = partial(judged, facts)
                    held = await self._holding.stand(calling.kind, manifest, facts.tenant, asked)
                    consent = approved(held)
                runs, beside = await self._charges(manifest, trigger)
                objections = await self._ledger.seen(calling.kind, manifest, runs, beside)
                admitted = charged(admitted, objections)
        except InvalidError as error:
            admitted = Condition(ADMITTED, status=False, reason="Invalid", message=error.message)
            facts = None
        let_in = [item for item in (admitted, consent) if item]
        why = next((item for item in let_in if not item.status), None)
        if facts is None or why:
            if facts and why is consent:
                await self._hold(manifest, facts)
            why = why or admitted
            message = f"{why.message}; the {calling.becomes.name} stays as it was"
            not_ready = Condition(READY, status=False, reason=why.reason, message=message)
            await self._standing.write(manifest, [*let_in, not_ready])
            return Next("held")
        return await self._materialise(manifest, trigger, facts, let_in)
