"""The application: routes, and what is wrapped around them."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from aiohttp import web

from funkhaus_api import middlewares, negotiation, preconditions, rates, repetition
from funkhaus_api.addresses import Proxies
from funkhaus_api.chaining import chaining
from funkhaus_api.deliveries import delivering
from funkhaus_api.following import announced, following
from funkhaus_api.guesses import Guesses
from funkhaus_api.handlers import (
    approvals,
    audit,
    builds,
    cluster,
    devices,
    entitlements,
    functions,
    grants,
    health,
    identity,
    invitations,
    invocations,
    lifecycle,
    logins,
    members,
    namespaces,
    own_token,
    plans,
    policies,
    problems,
    quota_requests,
    quotas,
    revisions,
    runtimes,
    service_accounts,
    tenant_requests,
    tenants,
    tokenreview,
    tokens,
    triggers,
    users,
)
from funkhaus_api.keys import GUESSES, LIMITS, PROXIES, SERVICES, Limits
from funkhaus_api.sweeping import sweeping
from funkhaus_api.workers import Worker

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from funkhaus_api.keys import Services

ROUTES = [
    *health.ROUTES,
    *logins.ROUTES,
    *devices.ROUTES,
    *identity.ROUTES,
    *own_token.ROUTES,
    *cluster.ROUTES,
    *runtimes.ROUTES,
    *plans.ROUTES,
    *tenants.ROUTES,
    *tenant_requests.ROUTES,
    *lifecycle.ROUTES,
    *entitlements.ROUTES,
    *members.ROUTES,
    *invitations.ROUTES,
    *grants.ROUTES,
    *users.ROUTES,
    *namespaces.ROUTES,
    *quotas.ROUTES,
    *quota_requests.ROUTES,
    *policies.ROUTES,
    *approvals.ROUTES,
    *tokens.ROUTES,
    *service_accounts.ROUTES,
    *builds.ROUTES,
    *invocations.ROUTES,
    *functions.ROUTES,
    *revisions.ROUTES,
    *triggers.ROUTES,
    *tokenreview.ROUTES,
    *audit.ROUTES,
    *problems.ROUTES,
]
PUBLIC = frozenset(
    {
        health.alive,
        health.ready,
        health.exposition,
        health.contract,
        tokenreview.review,
        problems.listed,
        problems.show,
        logins.providers,
        logins.start,
        logins.answered,
        logins.redeem,
        devices.ask,
        devices.show,
        devices.typed,
        devices.decide,
        policies.bundle,
        audit.keys,
    }
)
"""What answers without a credential."""
PATIENT = frozenset(
    {
        audit.export,
        builds.read_logs,
        invocations.call,
        invocations.read_logs,
        functions.download,
        policies.bundle,
        policies.impact,
    }
)
"""What may take longer than a request, within limits of its own."""
ONCE = frozenset({logins.start, logins.answered})
"""GETs of a browser that change something: no HEAD, which link previews send, may do that."""
PURGE_PAUSE = 5.0
"""Seconds between rounds. Most find nothing: one look at an index."""
NOTIFICATIONS_PAUSE = 2.0
NOTES_PAUSE = 15.0
BOUNDS_PAUSE = 1.0
"""A failure is often an older chart that gives no right to write them."""
READERS = {route.path: route.handler for route in ROUTES if route.method == "GET"}
"""Who reads what a path names: for ETags and If-Match."""


def create_app(
    services: Services, limits: Limits, proxies: Proxies | None = None
) -> web.Application:
    """The API over its use cases. Once started it delivers the outbox, sweeps the ledger and ends tenants as well."""
    app = web.Application(
        middlewares=[
            middlewares.identified,
            middlewares.measured,
            middlewares.explained,
            middlewares.deadline(PATIENT),
            negotiation.acceptable(PUBLIC | PATIENT),
            rates.failures_limited(limits.failures),
            middlewares.identity(PUBLIC),
            rates.limited(limits.requests),
            repetition.repeatable(PATIENT),
            preconditions.conditional(READERS, PATIENT),
            announced,
        ],
        client_max_size=limits.body,
    )
    app[SERVICES] = services
    app[LIMITS] = limits
    app[GUESSES] = Guesses()
    app[PROXIES] = proxies or Proxies()
    app.add_routes(negotiation.expecting([*ROUTES, *negotiation.completed(ROUTES, PATIENT | ONCE)]))
    app.on_response_prepare.append(middlewares.stamp)
    app.on_response_prepare.append(rates.stamp)
    app.cleanup_ctx.append(_workers)
    return app


async def _workers(app: web.Application) -> AsyncIterator[None]:
    services = app[SERVICES]
    workers = [
        delivering(services.outbox, services.bell),
        sweeping(services),
        chaining(services.chainer),
        Worker("end tenants", services.purge.round, PURGE_PAUSE),
        Worker("send notifications", services.announcer.round, NOTIFICATIONS_PAUSE),
        Worker("keep bounds", services.bounds.round, BOUNDS_PAUSE, after_failure=5.0),
        Worker("note the use of tokens", services.uses.write, NOTES_PAUSE),
        Worker("note refused tokens", services.refusals.write, NOTES_PAUSE),
    ]
    if services.accounts:
        workers.append(following(services.accounts, services.accounts_bell))
    tasks = [asyncio.create_task(worker.run(), name=worker.what) for worker in workers]
    yield
    for task in tasks:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
