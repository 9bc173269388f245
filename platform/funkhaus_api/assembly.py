"""The API's use cases, put together over the ports."""

from __future__ import annotations

from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

from funkhaus.auth import Identities, KeyedMint
from funkhaus.factory import Opener, SystemClock
from funkhaus.services.acts import Acts
from funkhaus.services.descriptions import DescriptionService
from funkhaus.services.founding import SelfService
from funkhaus.services.functions import FunctionService
from funkhaus.services.grants import GrantService
from funkhaus.services.invitations import InvitationService
from funkhaus.services.invocations import InvocationService
from funkhaus.services.members import MemberService
from funkhaus.services.namespaces import NamespaceService
from funkhaus.services.outbox import Outbox
from funkhaus.services.quotas import QuotaService
from funkhaus.services.replicas import LogService
from funkhaus.services.runtimes import RuntimeService
from funkhaus.services.sweep import Sweep
from funkhaus.services.tenants import TenantService
from funkhaus.services.tokens import TokenService
from funkhaus.services.triggers import http_triggers
from funkhaus_api.deliveries import Bell
from funkhaus_api.dialing import HttpDialer
from funkhaus_api.keys import Services
from funkhaus_api.wire.cursors import Cursors

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from funkhaus.domain.group_rule import GroupRule
    from funkhaus.ports import Clock, Cluster, Dialer, ImageRegistry, Stores, TokenMint
    from funkhaus.settings import Api

NAME = "funkhaus-api"
"""Of the process: its field manager, its database sessions."""


@asynccontextmanager
async def assembled(settings: Api) -> AsyncIterator[Services]:
    """Everything the API needs, opened and closed again.

    Raises `SchemaMismatchError` for a database at another revision, `UnavailableError` for one that does not answer, and
    `InvalidError` for settings that can't be right.
    """
    async with AsyncExitStack() as stack:
        opener = Opener(stack, NAME)
        stores = await opener.stores(settings)
        mint = KeyedMint(settings.token_pepper)
        await stores.ready()
        cluster, registry = await opener.cluster(settings), opener.registry(settings)
        dialer = HttpDialer.open()
        stack.push_async_callback(dialer.close)
        yield wired(
            stores, cluster, registry, dialer, mint, SystemClock(), founding=founding_of(settings)
        )


def founding_of(settings: Api) -> SelfService:
    """What may be founded without asking, as the settings say."""
    named = [name.strip() for name in settings.self_service_plans.split(",")]
    plans = tuple(name for name in named if name and name != "none")
    return SelfService(plans, settings.self_service_tenants)


def wired(
    stores: Stores,
    cluster: Cluster,
    registry: ImageRegistry,
    dialer: Dialer,
    mint: TokenMint,
    clock: Clock,
    *,
    founding: SelfService,
    rules: Sequence[GroupRule] = (),
) -> Services:
    """The use cases over any implementation of the ports."""
    acts, bell = Acts(stores), Bell()
    functions = FunctionService(stores, acts, cluster, registry)
    return Services(
        stores=stores,
        identities=Identities(stores, mint, clock, rules),
        tenants=TenantService(stores, acts, clock, founding),
        members=MemberService(stores, acts, clock),
        invitations=InvitationService(stores, acts, mint, clock),
        grants=GrantService(stores, acts, clock),
        namespaces=NamespaceService(stores, acts, cluster, bell.ring),
        tokens=TokenService(stores, acts, mint, clock),
        functions=functions,
        http_triggers=http_triggers(stores, acts, cluster),
        runtimes=RuntimeService(cluster),
        invocations=InvocationService(functions, cluster, dialer, clock),
        logs=LogService(functions, cluster),
        descriptions=DescriptionService(functions, cluster),
        outbox=Outbox(stores, cluster, clock),
        quotas=QuotaService(stores, acts, clock, bell.ring),
        sweep=Sweep(stores, cluster, clock),
        bell=bell,
        clock=clock,
        cursors=Cursors(mint.digest("key of cursors, version 1")),
    )
