"""What the use cases need of the world. Adapters implement these; every one has a `Memory…`/`Fake…` twin in
`tests/support` that sits the same contract suite.

A manifest is a plain JSON object (``dict[str, Any]``) as kube-apiserver speaks it.
"""

from funkhaus.ports.approvals import Approvals, Backlog, Change, Checked, PlatformApprovals
from funkhaus.ports.audit import AuditChains, AuditFilter, AuditListed, AuditTrail, Signer
from funkhaus.ports.bearers import Bearers
from funkhaus.ports.builds import Builds
from funkhaus.ports.decisions import Decisions
from funkhaus.ports.hosts import HostUse
from funkhaus.ports.idempotency import IdempotencyKeys
from funkhaus.ports.ledger import Ledger, Override, PlatformLedger
from funkhaus.ports.lifecycle import Lifecycle
from funkhaus.ports.logins import Logins
from funkhaus.ports.lookups import Lookups, Standing
from funkhaus.ports.members import Members
from funkhaus.ports.notifications import Notifications
from funkhaus.ports.policies import BundleSigner, Policies, PolicyCompiler, PolicyTrial
from funkhaus.ports.providers import Provider, Providers
from funkhaus.ports.quota_requests import PlatformQuotaRequests, QuotaRequests
from funkhaus.ports.service_accounts import ServiceAccounts
from funkhaus.ports.sessions import Sessions
from funkhaus.ports.stores import AuditRow, OutboxItem, PlatformWork, Stores, TenantWork
from funkhaus.ports.tenant_requests import TenantRequests
from funkhaus.ports.tokens import Tokens
from funkhaus.ports.users import Users
from funkhaus.ports.world import (
    Activity,
    Answer,
    BuildResults,
    Calls,
    Clock,
    Cluster,
    Decider,
    Dialer,
    ImageRegistry,
    Manifest,
    Minted,
    ObjectPage,
    TokenMint,
)

__all__ = [
    "Activity",
    "Answer",
    "Approvals",
    "AuditChains",
    "AuditFilter",
    "AuditListed",
    "AuditRow",
    "AuditTrail",
    "Backlog",
    "Bearers",
    "BuildResults",
    "Builds",
    "BundleSigner",
    "Calls",
    "Change",
    "Checked",
    "Clock",
    "Cluster",
    "Decider",
    "Decisions",
    "Dialer",
    "HostUse",
    "IdempotencyKeys",
    "ImageRegistry",
    "Ledger",
    "Lifecycle",
    "Logins",
    "Lookups",
    "Manifest",
    "Members",
    "Minted",
    "Notifications",
    "ObjectPage",
    "OutboxItem",
    "Override",
    "PlatformApprovals",
    "PlatformLedger",
    "PlatformQuotaRequests",
    "PlatformWork",
    "Policies",
    "PolicyCompiler",
    "PolicyTrial",
    "Provider",
    "Providers",
    "QuotaRequests",
    "ServiceAccounts",
    "Sessions",
    "Signer",
    "Standing",
    "Stores",
    "TenantRequests",
    "TenantWork",
    "TokenMint",
    "Tokens",
    "Users",
]
