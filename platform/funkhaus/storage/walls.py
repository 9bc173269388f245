"""The walls between tenants inside Postgres: two roles, a policy for each on every tenant table, and who may do what.

Processes act as `TENANT_ROLE` from their first packet on and see the rows of the tenant in ``app.tenant``, which lasts for
one transaction: without it, none. `PLATFORM_ROLE` is put on for one transaction by `PostgresStores.begin_platform` and sees
the rows of all, with the verbs that each table grants it. Neither owns anything, logs in, or bypasses a policy.

Migrations run these functions: the SQL of one that has landed is never changed, a change is a new function.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

TENANT_ROLE = "funkhaus_tenant"
"""Sees one tenant's rows."""
PLATFORM_ROLE = "funkhaus_platform"
"""Sees all tenants' rows."""
SETTING = "app.tenant"
"""The transaction's tenant."""
TENANT_WALL, PLATFORM_DOOR = "tenant_wall", "platform_door"
"""The policies on every tenant table."""
_ONE_GRANT = re.compile(r"([A-Z]+)(?:\s*\(([a-z_, ]+)\))?")


@dataclass(frozen=True, slots=True)
class Access:
    """What each role may do with a table, as GRANT says it: ``SELECT, INSERT, UPDATE (revoked_at)``; empty is nothing."""

    tenant: str = ""
    platform: str = ""

    @property
    def grants(self) -> frozenset[tuple[str, str, str]]:
        """As ``(role, verb, column)``; the column is empty for a grant on the whole table."""
        both = ((TENANT_ROLE, self.tenant), (PLATFORM_ROLE, self.platform))
        return frozenset(
            (role, verb, column.strip())
            for role, words in both
            for verb, columns in _ONE_GRANT.findall(words)
            for column in columns.split(",")
        )


def roles() -> list[str]:
    """Statements that make the two roles, unless they stand, and let the migrating user put them on.

    Roles are the whole server's while migrations are one database's: two at once may both want to make them. Who migrates
    must be allowed to make roles (CREATEROLE), or find both there.
    """
    return [
        f"""
        DO $$ BEGIN
            IF to_regrole('{role}') IS NULL THEN
                CREATE ROLE {role} NOLOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE NOREPLICATION NOINHERIT;
            END IF;
        EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
        END $$
        """
        for role in (TENANT_ROLE, PLATFORM_ROLE)
    ] + [
        f"""
        DO $$ BEGIN
            IF NOT pg_has_role(current_user, '{role}', 'SET') THEN
                GRANT {role} TO CURRENT_USER WITH INHERIT FALSE, SET TRUE;
            END IF;
        -- Roles that another made: good enough for grants; processes then need a login of their own.
        EXCEPTION WHEN insufficient_privilege THEN NULL;
        END $$
        """
        for role in (TENANT_ROLE, PLATFORM_ROLE)
    ]


def opened(table: str, *, tenant: str = "", platform: str = "") -> list[str]:
    """Statements that grant what `Access` of the table's class says, on a table without tenants' data."""
    both = ((TENANT_ROLE, tenant), (PLATFORM_ROLE, platform))
    return [f"GRANT {words} ON {table} TO {role}" for role, words in both if words]


def walled(table: str, *, tenant: str = "", platform: str = "") -> list[str]:
    """Statements that put the wall around a table with a ``tenant_id``, and grant what `Access` of its class says."""
    mine = f"tenant_id = nullif(current_setting('{SETTING}', true), '')"
    return [
        f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
        f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY",
        f"CREATE POLICY {TENANT_WALL} ON {table} TO {TENANT_ROLE} USING ({mine}) WITH CHECK ({mine})",
        f"CREATE POLICY {PLATFORM_DOOR} ON {table} TO {PLATFORM_ROLE} USING (true) WITH CHECK (true)",
        *opened(table, tenant=tenant, platform=platform),
    ]


def razed(table: str) -> list[str]:
    """Statements that take the wall and the grants away again."""
    return [
        f"DROP POLICY {TENANT_WALL} ON {table}",
        f"DROP POLICY {PLATFORM_DOOR} ON {table}",
        f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY",
        f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY",
        *closed(table),
    ]


def closed(table: str) -> list[str]:
    """Statements that take all grants away."""
    return [f"REVOKE ALL ON {table} FROM {TENANT_ROLE}, {PLATFORM_ROLE}"]


def kept(*tables: str) -> list[str]:
    """Statements that keep what tables of the audit log hold, also from their owner: a row gets its place once, and is not
    changed or deleted otherwise. Somebody who may drop a trigger can take this away; the chain then shows what they did.
    """
    return [
        """
        CREATE FUNCTION audit_stays() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF TG_OP = 'UPDATE' THEN
                IF OLD.position IS NULL AND NEW.position IS NOT NULL
                   AND to_jsonb(NEW) - '{position,previous,hash}'::text[]
                     = to_jsonb(OLD) - '{position,previous,hash}'::text[]
                THEN RETURN NEW; END IF;
            END IF;
            RAISE EXCEPTION 'the audit log is appended to: % of % is refused', TG_OP, TG_TABLE_NAME
                USING ERRCODE = 'insufficient_privilege';
        END $$
        """,
        *(
            statement
            for table in tables
            for statement in (
                (
                    f"CREATE TRIGGER audit_stays BEFORE UPDATE OR DELETE ON {table} "
                    "FOR EACH ROW EXECUTE FUNCTION audit_stays()"
                ),
                (
                    f"CREATE TRIGGER audit_stays_whole BEFORE TRUNCATE ON {table} "
                    "FOR EACH STATEMENT EXECUTE FUNCTION audit_stays()"
                ),
            )
        ),
    ]


def unkept(*tables: str) -> list[str]:
    """Statements that take `kept` away again."""
    return [
        *(
            f"DROP TRIGGER {trigger} ON {table}"
            for table in tables
            for trigger in ("audit_stays", "audit_stays_whole")
        ),
        "DROP FUNCTION audit_stays()",
    ]
