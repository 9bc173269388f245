"""The tables, one per file. `metadata` knows them all; migrations are compared with it.

Every table of tenants' data has a column `tenant_id`, so that row-level security is one policy per table.
"""

from funkhaus.storage.schema._declaration import REVISION, Table
from funkhaus.storage.schema.approvals import (
    ApprovalCheckRow,
    ApprovalRow,
    ApprovalVoteRow,
    NotificationRow,
)
from funkhaus.storage.schema.audit import AuditChainRow, AuditCheckpointRow, AuditEntry
from funkhaus.storage.schema.builds import BuildRow
from funkhaus.storage.schema.charges import ChargeRow
from funkhaus.storage.schema.compatible_revisions import CompatibleRevisionRow
from funkhaus.storage.schema.decisions import DecisionRow
from funkhaus.storage.schema.host_suffixes import HostSuffix
from funkhaus.storage.schema.hosts import HostRow, HostUseRow
from funkhaus.storage.schema.idempotency import IdempotencyRow
from funkhaus.storage.schema.kubectl_credentials import KubectlCredentialRow
from funkhaus.storage.schema.logins import LoginRow
from funkhaus.storage.schema.members import InvitationRow, MemberRow
from funkhaus.storage.schema.namespaces import NamespaceRow
from funkhaus.storage.schema.outbox import OutboxEntry
from funkhaus.storage.schema.overrides import OverrideRow
from funkhaus.storage.schema.plans import PlanRow
from funkhaus.storage.schema.policies import PolicyActivationRow, PolicySetRow
from funkhaus.storage.schema.quota_requests import QuotaRequestRow
from funkhaus.storage.schema.quotas import QuotaRow, TenantQuotaRow
from funkhaus.storage.schema.service_accounts import ServiceAccountRow
from funkhaus.storage.schema.tenant_requests import TenantRequestRow
from funkhaus.storage.schema.tenants import TenantRow
from funkhaus.storage.schema.tokens import TokenRow
from funkhaus.storage.schema.users import PlatformRoleRow, SessionRow, UserRow

metadata = Table.metadata

__all__ = [
    "REVISION",
    "ApprovalCheckRow",
    "ApprovalRow",
    "ApprovalVoteRow",
    "AuditChainRow",
    "AuditCheckpointRow",
    "AuditEntry",
    "BuildRow",
    "ChargeRow",
    "CompatibleRevisionRow",
    "DecisionRow",
    "HostRow",
    "HostSuffix",
    "HostUseRow",
    "IdempotencyRow",
    "InvitationRow",
    "KubectlCredentialRow",
    "LoginRow",
    "MemberRow",
    "NamespaceRow",
    "NotificationRow",
    "OutboxEntry",
    "OverrideRow",
    "PlanRow",
    "PlatformRoleRow",
    "PolicyActivationRow",
    "PolicySetRow",
    "QuotaRequestRow",
    "QuotaRow",
    "ServiceAccountRow",
    "SessionRow",
    "Table",
    "TenantQuotaRow",
    "TenantRequestRow",
    "TenantRow",
    "TokenRow",
    "UserRow",
    "metadata",
]
