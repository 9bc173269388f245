"""The API's use cases, put together over the ports."""

from __future__ import annotations

from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

from funkhaus.auth import Ed25519Signer, Identities, KeyedMint
from funkhaus.auth.oidc import OidcProviders, parse
from funkhaus.domain.login import callback
from funkhaus.domain.notification import Destination
from funkhaus.factory import Opener, SystemClock, cluster_address, policy_feed
from funkhaus.services.acts import Acts
from funkhaus.services.adoption import AdoptionService
from funkhaus.services.approvals import ApprovalService
from funkhaus.services.audit import AuditService
from funkhaus.services.audit_chain import Chainer
from funkhaus.services.bounds import Bounds
from funkhaus.services.build_logs import BuildLogService
from funkhaus.services.decision_log import DecisionRetention, Kept
from funkhaus.services.descriptions import DescriptionService
from funkhaus.services.device_logins import DeviceLoginService
from funkhaus.services.disabling import DisablingService
from funkhaus.services.entitlements import EntitlementService
from funkhaus.services.founding import SelfService
from funkhaus.services.functions import FunctionService
from funkhaus.services.grants import GrantService
from funkhaus.services.holding import Holding
from funkhaus.services.impact import ImpactService
from funkhaus.services.invitations import InvitationService
from funkhaus.services.invocations import InvocationService
from funkhaus.services.kubectl import KubectlService
from funkhaus.services.kubectl_accounts import KubectlAccounts
from funkhaus.services.lifecycle import GRACE_DAYS, LifecycleService
from funkhaus.services.loads import LoadService
from funkhaus.services.members import MemberService
from funkhaus.services.namespaces import NamespaceService
from funkhaus.services.notifications import Announcer
from funkhaus.services.outbox import Outbox
from funkhaus.services.plans import PlanService
from funkhaus.services.policies import PolicyFeed, PolicyService
from funkhaus.services.promotion import PromotionService
from funkhaus.services.purge import Purge
from funkhaus.services.quota_requests import QuotaRequestService
from funkhaus.services.quotas import QuotaService
from funkhaus.services.refusals import Refusals
from funkhaus.services.replicas import LogService
from funkhaus.services.revisions import RevisionService
from funkhaus.services.runtimes import RuntimeService
from funkhaus.services.service_accounts import ServiceAccountService
from funkhaus.services.sessions import SessionService
from funkhaus.services.sweep import Sweep
from funkhaus.services.tenant_requests import TenantRequestService
from funkhaus.services.tenants import TenantService
from funkhaus.services.tokens import TokenService
from funkhaus.services.triggers import cron_job_triggers, http_triggers
from funkhaus.services.users import UserService
from funkhaus.services.uses import Uses
from funkhaus_api.dialing import HttpDialer
from funkhaus_api.keys import Services
from funkhaus_api.wire.cursors import Cursors
from funkhaus_api.workers import Bell

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from funkhaus.domain.cluster_address import ClusterAddress
    from funkhaus.domain.group_rule import GroupRule
    from funkhaus.ports import (
        Activity,
        Clock,
        Cluster,
        Dialer,
        ImageRegistry,
        Providers,
        Signer,
        Stores,
        TokenMint,
    )
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
        dialer, activity = HttpDialer.open(), opener.activity()
        stack.push_async_callback(dialer.close)
        configured, clock = parse(settings.oidc), SystemClock()
        providers = OidcProviders(configured, callback(settings.public_url), clock)
        stack.push_async_callback(providers.close)
        yield wired(
            stores,
            cluster,
            registry,
            dialer,
            activity,
            mint,
            clock,
            providers=providers,
            public_url=settings.public_url,
            feed=policy_feed(settings),
            told=Destination.parse(settings.approval_webhook_url, settings.approval_webhook_secret),
            redirects=_words(settings.login_redirects),
            founding=founding_of(settings),
            signer=Ed25519Signer(settings.audit_keys),
            rules=[rule for provider in configured for rule in provider.rules],
            address=await cluster_address(settings),
            grace_days=settings.deletion_grace_days,
            members=settings.members_namespace,
            domain=settings.domain,
            gateway=settings.route_gateway is not None,
            system_namespace=settings.system_namespace,
            kept=Kept(settings.decision_days, settings.decisions_per_tenant),
        )


def _words(text: str) -> tuple[str, ...]:
    return tuple(word for part in text.split(",") if (word := part.strip()))


def founding_of(settings: Api) -> SelfService:
    """What may be founded without asking, as the settings say."""
    plans = tuple(name for name in _words(settings.self_service_plans) if name != "none")
    return SelfService(plans, settings.self_service_tenants)


def wired(
    stores: Stores,
    cluster: Cluster,
    registry: ImageRegistry,
    dialer: Dialer,
    activity: Activity,
    mint: TokenMint,
    clock: Clock,
    *,
    providers: Providers,
    public_url: str,
    redirects: Sequence[str] = (),
    founding: SelfService,
    signer: Signer,
    rules: Sequence[GroupRule] = (),
    address: ClusterAddress | None = None,
    grace_days: int = GRACE_DAYS,
    members: str = "",
    system_namespace: str = "funkhaus-system",
    feed: PolicyFeed,
    domain: str,
    gateway: bool = False,
    kept: Kept = Kept(),  # noqa: B008 - it can't be changed
    told: Destination | None = None,
) -> Services:
    """The use cases over any implementation of the ports. With `members`, the namespace of the accounts that stand for
    credentials, kubectl gets kube-apiserver's own tokens.
    """
    acts, bell, uses = Acts(stores), Bell(), Uses(stores, clock)
    refusals = Refusals(stores, clock)
    identities = Identities(stores, mint, clock, uses.note, rules, refusals.note, uses.note_session)
    accounts = (
        KubectlAccounts(stores, cluster, clock, identities.speakers, members) if members else None
    )
    sessions = SessionService(stores, acts, mint, clock)
    logins = DeviceLoginService(
        stores, sessions, providers, mint, clock, public_url=public_url, redirects=redirects
    )
    functions = FunctionService(stores, acts, cluster, registry)
    revisions, triggers = (
        RevisionService(functions, cluster, stores),
        http_triggers(stores, acts, cluster),
    )
    return Services(
        stores=stores,
        identities=identities,
        tenants=TenantService(stores, acts, clock, founding),
        tenant_requests=TenantRequestService(stores, acts, clock),
        lifecycle=LifecycleService(stores, acts, clock, bell.ring, grace_days),
        entitlements=EntitlementService(stores, acts, clock, bell.ring, domain),
        members=MemberService(stores, acts, clock, rules),
        invitations=InvitationService(stores, acts, mint, clock),
        grants=GrantService(stores, acts, clock),
        disabling=DisablingService(stores, acts, clock),
        users=UserService(stores, acts),
        namespaces=NamespaceService(stores, acts, cluster, clock, bell.ring),
        adoption=AdoptionService(stores, acts, cluster, clock, bell.ring),
        tokens=TokenService(stores, acts, mint, clock),
        kubectl=KubectlService(stores, acts, mint, clock, accounts),
        accounts=accounts,
        accounts_bell=Bell(),
        service_accounts=ServiceAccountService(stores, acts, clock),
        uses=uses,
        refusals=refusals,
        functions=functions,
        revisions=revisions,
        promotion=PromotionService(functions, triggers, revisions, cluster),
        http_triggers=triggers,
        cron_job_triggers=cron_job_triggers(stores, acts, cluster),
        runtimes=RuntimeService(cluster),
        plans=PlanService(stores, founding),
        invocations=InvocationService(functions, cluster, dialer, clock),
        logs=LogService(functions, cluster),
        loads=LoadService(functions, cluster, activity),
        build_logs=BuildLogService(functions, cluster, registry),
        descriptions=DescriptionService(functions, cluster),
        outbox=Outbox(stores, cluster, clock),
        bounds=Bounds(stores, cluster, bell.ring, domain=domain, system_namespace=system_namespace),
        quotas=QuotaService(stores, acts, clock, bell.ring),
        policies=PolicyService(stores, acts, clock, feed),
        impact=ImpactService(
            stores, acts, cluster, clock, feed.compiler, feed.trial, domain=domain, gateway=gateway
        ),
        approvals=ApprovalService(stores, acts, clock),
        holding=Holding(stores, clock),
        announcer=Announcer(stores, dialer, clock, told),
        quota_requests=QuotaRequestService(stores, acts, clock, bell.ring),
        decision_retention=DecisionRetention(stores, clock, kept),
        sweep=Sweep(stores, cluster, clock),
        purge=Purge(stores, cluster, registry, clock, bell.ring),
        audit=AuditService(stores, acts, clock, signer),
        chainer=Chainer(stores, clock, signer),
        bell=bell,
        clock=clock,
        cursors=Cursors(mint.digest("key of cursors, version 1")),
        logins=logins,
        sessions=sessions,
        public_url=public_url.rstrip("/"),
        cluster_address=address,
    )
