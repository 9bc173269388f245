"""What an application and a request carry, typed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiohttp import web

from funkhaus.services.acts import Asker
from funkhaus_api.addresses import Proxies
from funkhaus_api.guesses import Guesses

if TYPE_CHECKING:
    from funkhaus.auth import Identities
    from funkhaus.domain.cluster_address import ClusterAddress
    from funkhaus.domain.subject import Subject
    from funkhaus.ports import Clock, Stores
    from funkhaus.services.adoption import AdoptionService
    from funkhaus.services.approvals import ApprovalService
    from funkhaus.services.audit import AuditService
    from funkhaus.services.audit_chain import Chainer
    from funkhaus.services.bounds import Bounds
    from funkhaus.services.build_logs import BuildLogService
    from funkhaus.services.decision_log import DecisionRetention
    from funkhaus.services.descriptions import DescriptionService
    from funkhaus.services.device_logins import DeviceLoginService
    from funkhaus.services.disabling import DisablingService
    from funkhaus.services.entitlements import EntitlementService
    from funkhaus.services.functions import FunctionService
    from funkhaus.services.grants import GrantService
    from funkhaus.services.holding import Holding
    from funkhaus.services.impact import ImpactService
    from funkhaus.services.invitations import InvitationService
    from funkhaus.services.invocations import InvocationService
    from funkhaus.services.kubectl import KubectlService
    from funkhaus.services.kubectl_accounts import KubectlAccounts
    from funkhaus.services.lifecycle import LifecycleService
    from funkhaus.services.loads import LoadService
    from funkhaus.services.members import MemberService
    from funkhaus.services.namespaces import NamespaceService
    from funkhaus.services.notifications import Announcer
    from funkhaus.services.outbox import Outbox
    from funkhaus.services.plans import PlanService
    from funkhaus.services.policies import PolicyService
    from funkhaus.services.promotion import PromotionService
    from funkhaus.services.purge import Purge
    from funkhaus.services.quota_requests import QuotaRequestService
    from funkhaus.services.quotas import QuotaService
    from funkhaus.services.refusals import Refusals
    from funkhaus.services.replicas import LogService
    from funkhaus.services.resources import ResourceService
    from funkhaus.services.revisions import RevisionService
    from funkhaus.services.runtimes import RuntimeService
    from funkhaus.services.service_accounts import ServiceAccountService
    from funkhaus.services.sessions import SessionService
    from funkhaus.services.sweep import Sweep
    from funkhaus.services.tenant_requests import TenantRequestService
    from funkhaus.services.tenants import TenantService
    from funkhaus.services.tokens import TokenService
    from funkhaus.services.users import UserService
    from funkhaus.services.uses import Uses
    from funkhaus_api.wire.cursors import Cursors
    from funkhaus_api.workers import Bell


@dataclass(frozen=True, slots=True)
class Services:
    """The use cases, and what middlewares and health ask directly."""

    stores: Stores
    identities: Identities
    tenants: TenantService
    tenant_requests: TenantRequestService
    lifecycle: LifecycleService
    entitlements: EntitlementService
    members: MemberService
    invitations: InvitationService
    grants: GrantService
    disabling: DisablingService
    users: UserService
    namespaces: NamespaceService
    adoption: AdoptionService
    tokens: TokenService
    kubectl: KubectlService
    accounts: KubectlAccounts | None
    accounts_bell: Bell
    service_accounts: ServiceAccountService
    uses: Uses
    refusals: Refusals
    functions: FunctionService
    revisions: RevisionService
    promotion: PromotionService
    http_triggers: ResourceService
    cron_job_triggers: ResourceService
    runtimes: RuntimeService
    plans: PlanService
    invocations: InvocationService
    logs: LogService
    loads: LoadService
    build_logs: BuildLogService
    descriptions: DescriptionService
    outbox: Outbox
    bounds: Bounds
    quotas: QuotaService
    quota_requests: QuotaRequestService
    policies: PolicyService
    impact: ImpactService
    approvals: ApprovalService
    holding: Holding
    decision_retention: DecisionRetention
    announcer: Announcer
    sweep: Sweep
    purge: Purge
    audit: AuditService
    chainer: Chainer
    bell: Bell
    clock: Clock
    cursors: Cursors
    logins: DeviceLoginService
    sessions: SessionService
    public_url: str
    cluster_address: ClusterAddress | None


@dataclass(frozen=True, slots=True)
class Limits:
    """Bytes of a body, seconds of a request that does not stream; requests per minute of one subject, and failed
    sign-ins per minute from one address.
    """

    body: int
    seconds: float
    requests: int = 1200
    failures: int = 120


PROXIES: web.AppKey[Proxies] = web.AppKey("proxies", Proxies)
SERVICES: web.AppKey[Services] = web.AppKey("services", object)  # type: ignore[arg-type]  # typed by the left side
GUESSES: web.AppKey[Guesses] = web.AppKey("guesses", Guesses)
LIMITS: web.AppKey[Limits] = web.AppKey("limits", Limits)
BODY: web.RequestKey[bytes] = web.RequestKey("body", bytes)
"""The whole body, where something read it before the handler."""
REQUEST_ID: web.RequestKey[str] = web.RequestKey("request_id", str)
SUBJECT: web.RequestKey[Subject] = web.RequestKey("subject", object)  # type: ignore[arg-type]  # likewise


def services(request: web.Request) -> Services:
    """The application's use cases."""
    return request.config_dict[SERVICES]


def asker(request: web.Request) -> Asker:
    """Who asks, and by which request."""
    return Asker(request[SUBJECT], request[REQUEST_ID])
