"""Who calls the waker: told by the address a call comes from, never by what it says.

A tenant's pod is led to its own namespace. A pod of the platform's or of the ingress controller's may name any host. What
has no pod's address is answered only from networks an admin has named; anything else could be a tenant's pod whose
address the network rewrites on the way (masquerading), which must not pass for the ingress controller.
"""

from __future__ import annotations

import asyncio
import ipaddress
import time
from typing import TYPE_CHECKING

from funkhaus.domain.errors import ForbiddenError, InvalidError
from funkhaus.domain.kinds import POD
from funkhaus.domain.names import split_cluster_namespace

if TYPE_CHECKING:
    from collections.abc import Sequence

    from funkhaus.ports import Cluster

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
SEEN = 100
"""Pods of one address that are looked at."""
PATIENCE, PAUSE = 3.0, 0.2
"""Seconds a new pod may call before kubelet has told its address, and between looks for it."""
SETTING = "FUNKHAUS_WAKER_CALLERS"


class UnknownCallerError(ForbiddenError):
    """A call from this address is not answered: it is no pod's."""


class Callers:
    """Looks addresses up in kube-apiserver; `outside` are networks of callers that are no pods; times are seconds."""

    def __init__(
        self,
        cluster: Cluster,
        outside: Sequence[Network] = (),
        *,
        patience: float = PATIENCE,
        pause: float = PAUSE,
    ) -> None:
        self._cluster, self._outside = cluster, tuple(outside)
        self._patience, self._pause = patience, pause

    async def namespace(self, address: str) -> str:
        """The tenant's namespace whose pod has this address; empty for one that may name any host.

        Raises `UnknownCallerError`, `UnavailableError`.
        """
        if self._is_outside(address):
            return ""
        until = time.monotonic() + self._patience
        while (found := await self._of_pod(address)) is None:
            if time.monotonic() > until:
                raise UnknownCallerError(
                    f"a call from {address} is not answered: no pod has this address, and it is in none of the networks of "
                    f"{SETTING}. Either whoever calls is no pod and has to be named there, or the network hides "
                    "pods' addresses behind this one; then functions can't sleep"
                )
            await asyncio.sleep(self._pause)
        return found

    def _is_outside(self, address: str) -> bool:
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(parsed in network for network in self._outside)

    async def _of_pod(self, address: str) -> str | None:
        """``None`` where no pod has this address as its own: one on its node's network shares it with the whole node."""
        known = None
        for pod in await self._cluster.list(POD, fields={"status.podIP": address}, limit=SEEN):
            ended = (pod.get("status") or {}).get("phase") in {"Succeeded", "Failed"}
            if ended or (pod.get("spec") or {}).get("hostNetwork"):
                continue
            namespace = str(pod["metadata"].get("namespace", ""))
            if split_cluster_namespace(namespace):
                return namespace
            known = ""
        return known


def networks(text: str) -> tuple[Network, ...]:
    """CIDRs with commas between; raises `InvalidError` naming the one that is none."""
    found = []
    for item in filter(None, (part.strip() for part in text.split(","))):
        try:
            found.append(ipaddress.ip_network(item))
        except ValueError as error:
            raise InvalidError(
                f"{SETTING}: {item!r} is no CIDR ({error}); 10.0.0.0/8 would pass"
            ) from None
    return tuple(found)
