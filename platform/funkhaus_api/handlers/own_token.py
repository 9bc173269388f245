"""What a credential may do with itself, whatever else it may: rotate, end, and open kubectl."""

from __future__ import annotations

from aiohttp import web

from funkhaus_api.keys import asker, services
from funkhaus_api.places import CREATED, NO_CONTENT, answer
from funkhaus_api.wire.reading import read_body
from funkhaus_api.wire.tokens import OwnRotation, issued, kubectl_credential


async def rotate(request: web.Request) -> web.Response:
    """Another text for the token that asks."""
    body = await read_body(request, OwnRotation)
    made = await services(request).tokens.rotate_own(asker(request), grace=body.grace_seconds)
    return answer(issued(made))


async def revoke(request: web.Request) -> web.Response:
    """End the token that asks."""
    await services(request).tokens.revoke_own(asker(request))
    return web.Response(status=NO_CONTENT)


async def for_kubectl(request: web.Request) -> web.Response:
    """A short-lived credential for kube-apiserver."""
    text, ends = await services(request).kubectl.exchange(asker(request))
    return answer(kubectl_credential(text, ends), CREATED)


ROUTES = [
    web.post("/v1/me/token/rotate", rotate),
    web.delete("/v1/me/token", revoke),
    web.post("/v1/me/kubectl-credential", for_kubectl),
]
