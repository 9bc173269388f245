"""What makes the waker part of a function's Service: an EndpointSlice of ours beside those Kubernetes keeps for pods."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from funkhaus.domain.kinds import ENDPOINT_SLICE
from funkhaus.domain.slumber import Phase
from funkhaus.manifests import labels
from funkhaus.manifests.function import owner
from funkhaus.manifests.labels import metadata

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from funkhaus.domain.function import Function
    from funkhaus.manifests.labels import Site

SERVICE = "funkhaus-waker"
"""The waker's own Service in the platform's namespace: where its addresses are looked up."""
COMPONENT = "waker"
"""Value of ``app.kubernetes.io/component`` on its pods."""
SERVICE_NAME = "kubernetes.io/service-name"
_SLICE_MANAGER = "endpointslice.kubernetes.io/managed-by"
PHASE, SINCE = "funkhaus.dev/phase", "funkhaus.dev/phase-since"
ADDRESSES = 100
"""As many as one EndpointSlice holds of any Service."""
_TIME = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the waker answers calls; none: nobody would wake anything."""

    hosts: tuple[str, ...] = ()
    port: int = 0

    def __bool__(self) -> bool:
        return bool(self.hosts and self.port)


def addresses(slices: Iterable[Mapping[str, Any]]) -> Addresses:
    """The ready addresses of the waker's own Service, of one family: EndpointSlices hold no other.

    Where none is ready, all: it is about to be, and what sleeps need not wake for that.
    """
    ready: dict[int, set[str]] = {4: set(), 6: set()}
    known: dict[int, set[str]] = {4: set(), 6: set()}
    port = 0
    for item in slices:
        port = next((int(one["port"]) for one in item.get("ports") or [] if one.get("port")), port)
        for endpoint in item.get("endpoints") or []:
            answers = (endpoint.get("conditions") or {}).get("ready") is not False
            for address in endpoint.get("addresses") or []:
                version = ipaddress.ip_address(address).version
                known[version].add(address)
                if answers:
                    ready[version].add(address)
    hosts = ready[4] or ready[6] or known[4] or known[6]
    return Addresses(tuple(sorted(hosts)[:ADDRESSES]), port)


def name(function: str) -> str:
    """The EndpointSlice's name."""
    return f"{function}-waker"


def endpoint_slice(
    site: Site, function: Function, at: Addresses, phase: Phase, since: datetime
) -> dict[str, Any]:
    """The waker as an endpoint of the function's public Service, and how far the function has gone."""
    more = {
        labels.FUNCTION: function.name,
        SERVICE_NAME: function.name,
        _SLICE_MANAGER: labels.MANAGER,
    }
    meta = metadata(site, name(function.name), owner(function), more)
    meta["annotations"] = {PHASE: phase.value, SINCE: since.strftime(_TIME)}
    family = f"IPv{ipaddress.ip_address(at.hosts[0]).version}"
    return {
        "apiVersion": ENDPOINT_SLICE.api_version,
        "kind": ENDPOINT_SLICE.name,
        "metadata": meta,
        "addressType": family,
        "ports": [{"name": "http", "port": at.port, "protocol": "TCP"}],
        "endpoints": [{"addresses": [host], "conditions": {"ready": True}} for host in at.hosts],
    }


def phase(found: Mapping[str, Any] | None) -> tuple[Phase, datetime] | None:
    """How far it has gone and since when; ``None`` where the waker is not part of the Service."""
    if found is None:
        return None
    noted: Mapping[str, str] = found["metadata"].get("annotations") or {}
    try:
        since = datetime.strptime(noted[SINCE], _TIME).replace(tzinfo=UTC)
        return Phase(noted[PHASE]), since
    except (KeyError, ValueError):
        # Somebody took it off: an old doze does no harm, calls are seen before anything ends.
        return Phase.DOZING, datetime.fromtimestamp(0, UTC)
