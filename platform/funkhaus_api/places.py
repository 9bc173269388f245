"""Where a request points, and how an answer is made: what every handler does alike."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from aiohttp import web

from funkhaus.services.resources import Place

if TYPE_CHECKING:
    from collections.abc import Mapping

LIMIT, LIMIT_DEFAULT = 500, 100
"""Objects of one page."""
CREATED, NO_CONTENT = 201, 204
TENANT = "/v1/tenants/{tenant}"
NAMESPACE = f"{TENANT}/namespaces/{{namespace}}"
"""The path of everything inside a namespace."""
_ENCODED = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def answer(document: Mapping[str, Any], status: int = 200) -> web.Response:
    """A JSON answer."""
    return web.Response(
        status=status,
        body=_ENCODED(document).encode(),
        content_type="application/json",
    )


def place(request: web.Request) -> Place:
    """The tenant and namespace of the path."""
    return Place(request.match_info["tenant"], request.match_info["namespace"])
