"""The product's own processes and what they stand on: Postgres, OPA.

A process is added by adding a ``Part`` to ``parts``; what must be done once before it starts, by
adding a ``Step`` to ``steps``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from funkhaus_cluster import postgres
from funkhaus_cluster.parts import Part
from funkhaus_cluster.probes import HttpProbe
from funkhaus_cluster.steps import Step

if TYPE_CHECKING:
    from funkhaus_cluster.site import Site


def parts(site: Site) -> list[Part]:
    """The table of parts."""
    return [postgres.part(site), opa(site)]


def steps(site: Site) -> list[Step]:
    """What must be done once, between parts."""
    return [
        Step(
            "database files",
            "prepare the database",
            lambda: postgres.prepare(site),
            needs=("postgres", "packages"),
        ),
    ]


def opa(site: Site) -> Part:
    """The policy engine, with the checkout's rules; restarted by ``up`` when they change."""
    settings = site.settings
    policies = settings.checkout / "policies"
    return Part(
        name="opa",
        argv=(
            site.program("opa"),
            "run",
            "--server",
            f"--addr=127.0.0.1:{settings.ports.opa}",
            "--log-level=error",
            "--log-format=json",
            "--disable-telemetry",
            "--ignore=*_test.rego",
            *([str(policies)] if policies.is_dir() else []),
        ),
        needs=("binaries",),
        ports=(("127.0.0.1", settings.ports.opa),),
        watches=(policies,) if policies.is_dir() else (),
        ready=HttpProbe(f"http://127.0.0.1:{settings.ports.opa}/health"),
        url=f"http://127.0.0.1:{settings.ports.opa}",
    )
