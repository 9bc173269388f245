"""The worker behind kubectl's ServiceAccounts: a round after every change that may concern them, and every second."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from aiohttp import web

from funkhaus_api.keys import services
from funkhaus_api.workers import Worker

if TYPE_CHECKING:
    from aiohttp.typedefs import Handler

    from funkhaus.services.kubectl_accounts import KubectlAccounts
    from funkhaus_api.workers import Bell

PAUSE = 1.0
SHORT = 0.02
"""Between rounds at least: several changes at once are one round's."""
ROUNDS = 60
"""After so many, bindings are compared one by one."""
_READS = frozenset({"GET", "HEAD", "OPTIONS"})
_WITHIN = "/namespaces/{namespace}/"
"""Below it, functions and what goes with them: nobody's rights."""


@web.middleware
async def announced(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Ring after every change that went through and may be one of who may what."""
    response = await handler(request)
    resource = request.match_info.route.resource
    inside = resource is not None and _WITHIN in resource.canonical
    done = response.status < web.HTTPBadRequest.status_code
    if done and request.method not in _READS and not inside:
        services(request).accounts_bell.ring()
    return response


def following(accounts: KubectlAccounts, bell: Bell) -> Worker:
    """What is not in force now is tried again in a second."""
    count = 0

    async def round_of_all() -> None:
        nonlocal count
        if count % ROUNDS == 0:
            await accounts.compare()
        await accounts.round()
        count += 1

    async def rest(seconds: float) -> None:
        await asyncio.sleep(SHORT)
        await bell.wait(seconds)

    return Worker("follow kubectl's accounts", round_of_all, PAUSE, rest=rest)
