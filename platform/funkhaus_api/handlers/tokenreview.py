"""authentication.k8s.io/v1 TokenReview: kube-apiserver asks whom a token speaks for, so that kubectl works with ours.

For a kube-apiserver on the same machine only: who may ask this has a place to try tokens.
"""

from __future__ import annotations

import ipaddress
from typing import Any

from aiohttp import web

from funkhaus.domain.errors import NotFoundError, UnauthenticatedError
from funkhaus.domain.subject import SUBJECT_EXTRA, TOKEN_EXTRA
from funkhaus_api.keys import REQUEST_ID, services
from funkhaus_api.places import answer
from funkhaus_api.wire.reading import MalformedError, read_json

API_VERSION = "authentication.k8s.io/v1"


async def review(request: web.Request) -> web.Response:
    """The review with its status. A failure of ours is an error, not a "no": kube-apiserver then asks again."""
    if not _is_loopback(request):
        raise NotFoundError("there is no such path")
    document = await read_json(request)
    spec = document.get("spec")
    token = spec.get("token") if isinstance(spec, dict) else None
    if document.get("apiVersion") != API_VERSION or not isinstance(token, str):
        raise MalformedError(f"a TokenReview of {API_VERSION} with spec.token passes")
    return answer(
        {"apiVersion": API_VERSION, "kind": "TokenReview", "status": await _status(request, token)}
    )


async def _status(request: web.Request, token: str) -> dict[str, Any]:
    try:
        subject = await services(request).identities.for_kubectl(token, request[REQUEST_ID])
    except UnauthenticatedError as error:
        return {"authenticated": False, "error": error.message}
    return {
        "authenticated": True,
        "user": {
            "username": subject.username,
            "uid": subject.id,
            "groups": list(subject.groups),
            "extra": {TOKEN_EXTRA: [subject.token_id], SUBJECT_EXTRA: [subject.name]},
        },
    }


def _is_loopback(request: web.Request) -> bool:
    """Whether the peer is on this machine and speaks for itself."""
    if any(name in request.headers for name in ("Forwarded", "X-Forwarded-For")):
        return False
    try:
        return ipaddress.ip_address(request.remote or "").is_loopback
    except ValueError:
        return False


ROUTES = [web.post("/internal/tokenreview", review)]
