"""What Postgres itself says about tables, policies and grants: the measure for what the code declares."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from funkhaus.storage.schema import Table
from funkhaus.storage.walls import PLATFORM_DOOR, PLATFORM_ROLE, TENANT_ROLE, TENANT_WALL, Access

if TYPE_CHECKING:
    from sqlalchemy import Connection

MINE = "(tenant_id = NULLIF(current_setting('app.tenant'::text, true), ''::text))"
POLICIES = {
    (TENANT_WALL, "PERMISSIVE", f"{{{TENANT_ROLE}}}", "ALL", MINE, MINE),
    (PLATFORM_DOOR, "PERMISSIVE", f"{{{PLATFORM_ROLE}}}", "ALL", "true", "true"),
}
"""The two a tenant table has, and none beside them."""
VERSION_TABLE = "alembic_version"


def tenant_tables(connection: Connection) -> list[str]:
    """Every table of any schema of ours with a column ``tenant_id``, whoever made it."""
    return list(
        connection.scalars(
            text(
                """
                SELECT c.oid::regclass::text FROM pg_class c
                JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped
                JOIN pg_namespace n ON n.oid = c.relnamespace
                WHERE c.relkind IN ('r', 'p', 'f', 'm', 'v') AND n.nspname !~ '^(pg_|information_schema)'
                ORDER BY 1
                """
            )
        )
    )


def wall_of(connection: Connection, table: str) -> tuple[bool, bool, str, set[tuple[Any, ...]]]:
    """Whether row-level security is on, whether forced, what kind of relation it is, and its policies."""
    row = connection.execute(
        text(
            "SELECT relrowsecurity, relforcerowsecurity, relkind FROM pg_class WHERE oid = CAST(:t AS regclass)"
        ),
        {"t": table},
    ).one()
    policies = connection.execute(
        text(
            "SELECT polname, CASE WHEN polpermissive THEN 'PERMISSIVE' ELSE 'RESTRICTIVE' END,"
            " ARRAY(SELECT CASE WHEN r = 0 THEN 'public' ELSE r::regrole::text END FROM unnest(polroles) r)::text,"
            " CASE polcmd WHEN '*' THEN 'ALL' ELSE polcmd::text END,"
            " pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid)"
            " FROM pg_policy WHERE polrelid = CAST(:t AS regclass)"
        ),
        {"t": table},
    )
    kind = row.relkind if isinstance(row.relkind, str) else row.relkind.decode()
    return row.relrowsecurity, row.relforcerowsecurity, kind, {tuple(p) for p in policies}


def grants(connection: Connection) -> dict[str, set[tuple[str, str, str]]]:
    """Table to ``(role, verb, column)``, of everyone but owners; PUBLIC is a role here."""
    found: dict[str, set[tuple[str, str, str]]] = {}
    rows = connection.execute(
        text(
            """
            SELECT c.oid::regclass::text, coalesce(r.rolname, 'PUBLIC'), acl.privilege_type, acl.attname
            FROM pg_class c
            CROSS JOIN LATERAL (
                SELECT grantee, privilege_type, '' AS attname FROM aclexplode(c.relacl)
                UNION ALL
                SELECT e.grantee, e.privilege_type, a.attname FROM pg_attribute a
                CROSS JOIN LATERAL aclexplode(a.attacl) e WHERE a.attrelid = c.oid
            ) acl
            LEFT JOIN pg_roles r ON r.oid = acl.grantee
            WHERE c.relnamespace = 'public'::regnamespace AND acl.grantee <> c.relowner
            """
        )
    )
    for table, role, verb, column in rows:
        found.setdefault(table, set()).add((role, verb, column))
    return found


def declared() -> dict[str, Access]:
    """Table to what its class says, and Alembic's own."""
    classes = {
        mapper.class_.__tablename__: mapper.class_.access for mapper in Table.registry.mappers
    }
    return {**classes, VERSION_TABLE: Access(tenant="SELECT", platform="SELECT")}


def drift(connection: Connection) -> list[str]:
    """Where policies and grants are not what the code declares, one sentence each; columns are Alembic's to compare."""
    wrong = []
    walled = tenant_tables(connection)
    for table in walled:
        on, forced, kind, policies = wall_of(connection, table)
        if kind not in {"r", "p"}:
            wrong.append(
                f"{table} is no table (relkind {kind}): a view reads with its owner's eyes"
            )
        elif not (on and forced):
            wrong.append(f"{table}: row-level security on {on}, forced {forced}")
        if policies != POLICIES:
            wrong.append(f"{table}: policies {sorted(policies)}")
    wrong += [
        f"{table}: policies without tenants {sorted(policies)}"
        for table in declared()
        if table not in walled and (policies := wall_of(connection, table)[3])
    ]
    actual = grants(connection)
    for table, access in declared().items():
        if (found := actual.pop(table, set())) != access.grants:
            wrong.append(f"{table}: grants {sorted(found ^ access.grants)} differ")
    wrong += [
        f"{table}: grants on what no code declares {found}" for table, found in actual.items()
    ]
    return wrong
