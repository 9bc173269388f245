"""A function's load on the wire: counts, milliseconds, thousandths of a core, bytes; ``null`` is what nobody says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from funkhaus.domain.load import Work
    from funkhaus.services.loads import Load, Use


def load(name: str, found: Load) -> dict[str, Any]:
    """The whole document."""
    return {
        "name": name,
        "total": {**_work(found.work if _asked(found) else None), **_use(found.use)},
        "replicas": [
            {"name": one.name, "ready": one.ready, **_work(one.work), **_use(one.use)}
            for one in found.replicas
        ],
        "unmeasured": found.unmeasured,
    }


def _asked(found: Load) -> bool:
    """Whether the sum says anything: one of replicas that do not answer would look like rest."""
    return any(one.work for one in found.replicas) or not found.replicas


def _work(work: Work | None) -> dict[str, Any]:
    if work is None:
        return dict.fromkeys(("calls", "errors", "running", "p50Ms", "p95Ms"))
    return {
        "calls": work.ended,
        "errors": work.failed,
        "running": work.running,
        "p50Ms": _milliseconds(work.quantile(0.5)),
        "p95Ms": _milliseconds(work.quantile(0.95)),
    }


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 1)


def _use(use: Use | None) -> dict[str, Any]:
    return {"cpuMilli": use and use.cpu, "memoryBytes": use and use.memory}
