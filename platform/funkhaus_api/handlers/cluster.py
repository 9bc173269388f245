"""The cluster behind the platform, for whoever goes there with kubectl."""

from __future__ import annotations

from aiohttp import web

from funkhaus.domain.errors import NotFoundError
from funkhaus_api.keys import services
from funkhaus_api.places import answer


async def show(request: web.Request) -> web.Response:
    """Its address and its certificates; nothing of either is a secret."""
    address = services(request).cluster_address
    if address is None:
        raise NotFoundError(
            "this installation does not say where kube-apiserver is; its operator sets FUNKHAUS_CLUSTER_SERVER"
        )
    return answer({"server": address.server, "certificateAuthority": address.ca})


ROUTES = [web.get("/v1/cluster", show, allow_head=False)]
