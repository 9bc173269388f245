"""`PostgresLookups`: what is asked with every request, each in one exchange."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import Text, Uuid, any_, bindparam, cast, func, or_, select
from sqlalchemy.dialects.postgresql import ARRAY, array

from funkhaus.domain.subject import PlatformRole, Role
from funkhaus.domain.tenant import TenantFacts
from funkhaus.ports import Standing
from funkhaus.storage import rows
from funkhaus.storage.bearers import bearer, holders
from funkhaus.storage.fixed import Fixed
from funkhaus.storage.schema import (
    HostSuffix,
    MemberRow,
    NamespaceRow,
    PlatformRoleRow,
    SessionRow,
    TenantRow,
    TokenRow,
    UserRow,
)
from funkhaus.storage.sessions import session, sessions
from funkhaus.storage.users import ROLES_LIMIT

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import ColumnElement, Select

    from funkhaus.ports.bearers import Bearer
    from funkhaus.storage.reading import Reading
    from funkhaus.storage.rows import Row


def _all(statement: Select[*tuple[Row, ...]]) -> ColumnElement[list[str]]:
    """The one column of a select, as one array."""
    return func.array(statement.scalar_subquery(), type_=ARRAY(Text))


_BEARER = Fixed(
    holders().where(
        or_(
            TokenRow.digest == bindparam("digest"),
            (TokenRow.previous_digest == bindparam("digest"))
            & (TokenRow.previous_until > bindparam("now")),
        )
    )
)
_ASKED = select(TenantRow.tenant_id).where(
    TenantRow.tenant_id == any_(bindparam("tenants", type_=ARRAY(Text)))
)
_STANDINGS = sessions().add_columns(
    _all(select(PlatformRoleRow.role).where(PlatformRoleRow.user_id == UserRow.id)).label(
        "platform_roles"
    ),
    _all(
        select(array([MemberRow.tenant_id, MemberRow.role, cast(rows.SUSPENDED, Text)]))
        .join(TenantRow, TenantRow.tenant_id == MemberRow.tenant_id)
        .where(MemberRow.user_id == UserRow.id, TenantRow.deleted_at.is_(None))
        .order_by(MemberRow.tenant_id)
        .limit(ROLES_LIMIT)
    ).label("members"),
    _all(_ASKED.where(rows.SUSPENDED)).label("suspended"),
    _all(_ASKED.where(TenantRow.deleted_at.is_not(None))).label("gone"),
)
_STANDING = Fixed(_STANDINGS.where(SessionRow.digest == bindparam("digest")))
_NAMED = any_(bindparam("ids", type_=ARRAY(Uuid)))
_SESSIONS = Fixed(_STANDINGS.where(SessionRow.id == _NAMED))
_HOLDERS = Fixed(holders().where(TokenRow.id == _NAMED))
_NAMESPACES = Fixed(
    select(NamespaceRow.tenant_id, NamespaceRow.name)
    .where(
        NamespaceRow.tenant_id == any_(bindparam("tenants", type_=ARRAY(Text))),
        NamespaceRow.deleted_at.is_(None),
    )
    .order_by(NamespaceRow.tenant_id, NamespaceRow.name)
)
_FACTS = Fixed(
    select(
        *rows.TENANT,
        NamespaceRow.name,
        _all(select(HostSuffix.suffix).where(HostSuffix.tenant_id == TenantRow.tenant_id)).label(
            "suffixes"
        ),
    )
    .join(NamespaceRow, NamespaceRow.tenant_id == TenantRow.tenant_id)
    .where(
        NamespaceRow.cluster_name == bindparam("namespace"),
        NamespaceRow.deleted_at.is_(None),
        TenantRow.deleted_at.is_(None),
    )
)


def _standing(row: Row) -> Standing:
    resting = {tenant for tenant, _, suspended in row.members if suspended == "true"}
    return Standing(
        session=session(row),
        roles={tenant: Role(role) for tenant, role, _ in row.members},
        platform_roles=frozenset(map(PlatformRole, row.platform_roles)),
        suspended=frozenset(resting.union(row.suspended)),
        gone=frozenset(row.gone),
    )


class PostgresLookups:
    """`funkhaus.ports.Lookups`."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading

    async def bearer(self, digest: bytes, now: datetime) -> Bearer | None:
        """Whose text this is, also the one before a rotation while it passes at `now`; valid or not."""
        row = await self._reading.row(_BEARER, digest=digest, now=now)
        return None if row is None else bearer(row)

    async def standing(self, digest: bytes, tenants: Collection[str] = ()) -> Standing | None:
        """The session with this keyed digest, valid or not, and what its user may."""
        row = await self._reading.row(_STANDING, digest=digest, tenants=list(tenants))
        return None if row is None else _standing(row)

    async def holders(self, tokens: Collection[str]) -> Mapping[str, Bearer]:
        """The tokens with these ids, valid or not, by id; none of a tenant that is gone."""
        found = await self._reading.rows(_HOLDERS, ids=[UUID(token) for token in tokens])
        return {str(row.id): bearer(row) for row in found}

    async def sessions(
        self, sessions: Collection[str], tenants: Collection[str] = ()
    ) -> Mapping[str, Standing]:
        """The sessions with these ids, valid or not, by id, as `standing` tells of one."""
        ids = [UUID(item) for item in sessions]
        found = await self._reading.rows(_SESSIONS, ids=ids, tenants=list(tenants))
        return {str(row.session_id): _standing(row) for row in found}

    async def namespaces(self, tenants: Collection[str]) -> Mapping[str, Sequence[str]]:
        """The short names of these tenants' namespaces, by tenant."""
        named: dict[str, list[str]] = {}
        for row in await self._reading.rows(_NAMESPACES, tenants=list(tenants)):
            named.setdefault(row.tenant_id, []).append(row.name)
        return named

    async def warm(self) -> None:
        """Open every connection, and have each ask whose a namespace is."""
        await self._reading.all(_FACTS, namespace="")

    async def facts(self, cluster_namespace: str) -> TenantFacts | None:
        """Whose Kubernetes namespace this is, with the suffixes granted beside the default one."""
        row = await self._reading.row(_FACTS, namespace=cluster_namespace)
        if row is None:
            return None
        return TenantFacts(
            tenant=row.tenant_id,
            namespace=row.name,
            plan=row.plan_id,
            host_suffixes=tuple(sorted(row.suffixes)),
            objections=rows.tenant(row).objections,
        )
