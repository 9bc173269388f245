"""The walls between tenants, tried from inside Postgres: as the roles processes act as, past every line of Python.

What is tried on one table is tried on every table with a ``tenant_id`` that the database has, tomorrow's included.
"""

from __future__ import annotations

import asyncio
import random
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import NullPool, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from funkhaus.domain.errors import FunkhausError, SchemaMismatchError
from funkhaus.domain.tenant import Namespace, NamespaceQuota, Tenant
from funkhaus.storage import PostgresStores, open_engine
from funkhaus.storage.walls import PLATFORM_ROLE, SETTING, TENANT_ROLE
from tests.support import catalogue

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

A, B = "blue", "red"
QUOTA = NamespaceQuota(20, 20, 20, 4_000, 4 * 1024**3)


@asynccontextmanager
async def session(url: str, role: str | None = None) -> AsyncIterator[AsyncConnection]:
    """A connection as `role` from its first packet on; without one as the superuser that url names."""
    settings = {"server_settings": {"role": role}} if role else {}
    engine = create_async_engine(url, poolclass=NullPool, connect_args=settings)
    async with engine.connect() as connection:
        yield connection
    await engine.dispose()


async def enter(connection: AsyncConnection, tenant: str) -> None:
    await connection.execute(text("SELECT set_config(:s, :t, true)"), {"s": SETTING, "t": tenant})


async def fill(connection: AsyncConnection, table: str, tenant: str) -> None:
    """A row of `tenant` in `table`: made-up values in every column that needs one, no references, no checks."""
    columns = await connection.execute(
        text(
            """
            SELECT a.attname, format_type(a.atttypid, a.atttypmod) FROM pg_attribute a
            LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
            WHERE a.attrelid = CAST(:t AS regclass) AND a.attnum > 0 AND NOT a.attisdropped
            AND a.attidentity = '' AND a.attgenerated = '' AND d.oid IS NULL AND a.attnotnull
            """
        ),
        {"t": table},
    )
    values = {name: made_up(kind, tenant) for name, kind in columns}
    values["tenant_id"] = f"'{tenant}'"
    statement = f"INSERT INTO {table} ({', '.join(values)}) VALUES ({', '.join(values.values())})"
    await connection.execute(text(statement))


def made_up(kind: str, tenant: str) -> str:
    if kind.endswith("[]"):
        return f"CAST('{{}}' AS {kind})"
    some = {
        "bigint": "1", "integer": "1", "boolean": "true", "jsonb": "'{}'", "bytea": f"'{tenant}'",
        "uuid": "gen_random_uuid()",
        "timestamp with time zone": "now()", "date": "now()", "numeric": "1", "double precision": "1",
        "interval": "'1 s'", "cidr": "'10.0.0.0/8'",
    }  # fmt: skip
    return some.get(kind, f"'{tenant}'")


@pytest.fixture
async def filled(database: str) -> str:
    """One row of each of two tenants in every tenant table."""
    async with session(database) as owner:
        tables = await owner.run_sync(catalogue.tenant_tables)
        # References and checks are not what is tried here.
        await owner.execute(text("SET session_replication_role = replica"))
        for table in tables:
            checks = await owner.scalars(
                text(
                    "SELECT conname FROM pg_constraint WHERE contype = 'c' AND conrelid = CAST(:t AS regclass)"
                ),
                {"t": table},
            )
            for check in list(checks):
                await owner.execute(text(f"ALTER TABLE {table} DROP CONSTRAINT {check}"))
            for tenant in (A, B):
                await fill(owner, table, tenant)
        await owner.commit()
    return database


async def tables_of(url: str) -> list[str]:
    async with session(url) as owner:
        return await owner.run_sync(catalogue.tenant_tables)


async def attempt(connection: AsyncConnection, statement: str) -> Any:
    """The rows it touched, or the SQLSTATE it was refused with; nothing of it stays."""
    savepoint = await connection.begin_nested()
    try:
        result = await connection.execute(text(statement))
        return result.all() if result.returns_rows else result.rowcount
    except DBAPIError as error:
        return str(error.orig.sqlstate)  # type: ignore[union-attr]
    finally:
        with suppress(DBAPIError):
            await savepoint.rollback()


REFUSED = "42501"
"""insufficient_privilege: no grant for it, or a row that WITH CHECK turns away."""


async def test_b76_without_a_tenant_there_are_no_rows(filled: str) -> None:
    tables = await tables_of(filled)
    assert {"tenants", "namespaces", "tokens", "audit", "outbox"} <= set(tables)
    async with session(filled, TENANT_ROLE) as app:
        for table in tables:
            for setting in (None, "", "nobody", f"{A}' OR true --", f"{A},{B}"):
                if setting is not None:
                    await enter(app, setting)
                seen = await attempt(app, f"SELECT tenant_id FROM {table}")
                assert seen in ([], REFUSED), (table, setting)
            await app.rollback()


async def test_b76_a_tenant_meets_its_own_rows_only(filled: str) -> None:
    met = 0
    async with session(filled, TENANT_ROLE) as app:
        for table in await tables_of(filled):
            await enter(app, A)
            seen = await attempt(app, f"SELECT tenant_id FROM {table}")
            assert seen == REFUSED or {row.tenant_id for row in seen} == {A}, table
            met += seen != REFUSED
            for statement in (
                f"SELECT tenant_id FROM {table} WHERE tenant_id = '{B}' FOR UPDATE",
                f"DELETE FROM {table} WHERE tenant_id = '{B}'",
                f"UPDATE {table} SET tenant_id = '{A}' WHERE tenant_id = '{B}'",
                f"UPDATE {table} SET tenant_id = '{B}'",
                f"TRUNCATE {table}",
            ):
                answer = await attempt(app, statement)
                assert answer in ([], 0, REFUSED), (table, statement, answer)
            await app.rollback()
    assert met >= 5, "nobody can read anything: this proves nothing"


async def test_even_with_every_grant_the_policy_alone_holds(filled: str) -> None:
    """What the grants refuse today, the policies refuse too: a grant too many opens nothing."""
    tables = await tables_of(filled)
    async with session(filled) as owner:
        for table in tables:
            await owner.execute(
                text(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO {TENANT_ROLE}")
            )
        await owner.commit()
    async with session(filled, TENANT_ROLE) as app:
        for table in tables:
            await enter(app, A)
            assert {
                row.tenant_id for row in await attempt(app, f"SELECT tenant_id FROM {table}")
            } == {A}
            assert await attempt(app, f"DELETE FROM {table} WHERE tenant_id = '{B}'") == 0
            assert await attempt(app, f"UPDATE {table} SET tenant_id = '{B}'") == REFUSED
            assert (
                await attempt(app, f"UPDATE {table} SET tenant_id = '{A}' WHERE tenant_id = '{B}'")
                == 0
            )
            # As another tenant, and as none.
            for other in (B, ""):
                with pytest.raises(DBAPIError, match="row-level security"):
                    await forge(app, table, other)
            await app.rollback()


async def forge(connection: AsyncConnection, table: str, tenant: str) -> None:
    """Insert a row of `tenant` from within another's transaction."""
    async with connection.begin_nested():
        await enter(connection, A)
        await fill(connection, table, tenant)


@pytest.mark.parametrize("role", [TENANT_ROLE, PLATFORM_ROLE])
async def test_b76_the_roles_own_nothing_and_can_change_no_wall(filled: str, role: str) -> None:
    async with session(filled) as owner:
        row = (await owner.execute(text(f"SELECT * FROM pg_roles WHERE rolname = '{role}'"))).one()
        assert not any((row.rolsuper, row.rolbypassrls, row.rolcanlogin, row.rolcreaterole))
        assert not any((row.rolcreatedb, row.rolreplication, row.rolinherit))
        owned = text(
            f"SELECT count(*) FROM pg_shdepend WHERE refobjid = '{role}'::regrole AND deptype = 'o'"
        )
        assert await owner.scalar(owned) == 0
        above = text(f"SELECT count(*) FROM pg_auth_members WHERE member = '{role}'::regrole")
        assert await owner.scalar(above) == 0
    async with session(filled, role) as app:
        for table in await tables_of(filled):
            for statement in (
                f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY",
                f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY",
                f"ALTER POLICY tenant_wall ON {table} USING (true)",
                f"DROP POLICY tenant_wall ON {table}",
                f"CREATE POLICY more ON {table} USING (true)",
                f"GRANT ALL ON {table} TO {role}",
                f"ALTER TABLE {table} OWNER TO {role}",
                f"CREATE TRIGGER t BEFORE INSERT ON {table} EXECUTE FUNCTION suppress_redundant_updates_trigger()",
                f"CREATE VIEW v AS SELECT * FROM {table}",
                f"DROP TABLE {table}",
            ):
                # A GRANT that grants nothing is a warning in Postgres; what counts is in the catalogue.
                answer = await attempt(app, statement)
                assert answer == REFUSED or statement.startswith("GRANT"), statement
        for statement in (
            f"ALTER ROLE {role} BYPASSRLS",
            "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
            "CREATE TABLE t (a int)",
            "COPY (SELECT 1) TO PROGRAM 'true'",
            "SELECT pg_read_file('/etc/passwd')",
        ):
            assert await attempt(app, statement) == REFUSED, statement
        await app.execute(text("SET row_security = off"))
        if role == TENANT_ROLE:
            # Asking to see everything is an error, never a way.
            assert await attempt(app, "SELECT 1 FROM tenants") == REFUSED
    async with session(filled) as owner:
        assert await owner.run_sync(catalogue.drift) == []


async def test_the_owner_is_behind_the_wall_too(filled: str) -> None:
    """FORCE: a process that goes in as the tables' owner sees nothing, and is told rather than deceived in a migration."""
    async with session(filled) as owner:
        await owner.execute(text("CREATE ROLE some_owner"))
        for table in await tables_of(filled):
            await owner.execute(text(f"ALTER TABLE {table} OWNER TO some_owner"))
        await owner.commit()
        await owner.execute(text("SET ROLE some_owner"))
        for table in await tables_of(filled):
            assert await attempt(owner, f"SELECT 1 FROM {table}") == [], table
        await owner.execute(text("SET row_security = off"))
        for table in await tables_of(filled):
            assert await attempt(owner, f"SELECT 1 FROM {table}") == REFUSED, table
        await owner.rollback()
    async with session(filled) as owner:
        await owner.execute(text("REASSIGN OWNED BY some_owner TO CURRENT_USER"))
        await owner.execute(text("DROP OWNED BY some_owner"))
        await owner.execute(text("DROP ROLE some_owner"))
        await owner.commit()


async def test_b76_no_function_of_ours_runs_with_its_owners_rights(database: str) -> None:
    """SECURITY DEFINER and views would look over the wall; there are none, and a new one must be argued for here."""
    async with session(database) as owner:
        found = await owner.scalars(
            text(
                "SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND prosecdef"
            )
        )
        assert list(found) == []


# -- through the pool


@pytest.fixture
async def stores(database: str) -> AsyncIterator[PostgresStores]:
    """Two tenants with a namespace of their own name each, over a pool of three."""
    engine = open_engine(database, pool=3, seconds=5, name="walls")
    stores = PostgresStores(engine)
    for tenant in (A, B):
        async with stores.begin_platform() as platform:
            await platform.add_tenant(Tenant(tenant, "small"))
        async with stores.begin(tenant) as work:
            await work.add_namespace(Namespace(tenant, tenant, QUOTA))
    yield stores
    await engine.close()


WHO = text(
    f"SELECT current_user, coalesce(current_setting('{SETTING}', true), ''), count(*) FROM namespaces"
)


async def test_b75_cancelled_and_failed_requests_leave_nothing_in_the_pool(
    stores: PostgresStores,
) -> None:
    """Hundreds of transactions of both tenants and of the platform, most of them torn at a random moment."""
    chance = random.Random(7)  # noqa: S311 - a test repeats itself
    seen = {A: 0, B: 0, "": 0}

    async def request(tenant: str) -> None:
        if tenant:
            async with stores.begin(tenant) as work:
                connection = work._connection
                await asyncio.sleep(chance.random() / 500)
                row = (await connection.execute(WHO)).one()
                assert tuple(row) == (TENANT_ROLE, tenant, 1)
                seen[tenant] += 1
                await connection.execute(text("SELECT pg_sleep(0.002)"))
        else:
            async with stores.begin_platform() as platform:
                connection = platform._connection
                row = (await connection.execute(WHO)).one()
                assert tuple(row) == (PLATFORM_ROLE, "", 2)
                seen[""] += 1
                await asyncio.sleep(chance.random() / 500)
        if chance.random() < 0.3:
            raise RuntimeError("the request fails after its work")

    async def torn(tenant: str) -> None:
        with suppress(TimeoutError, RuntimeError, FunkhausError):
            async with asyncio.timeout(chance.choice([0.001, 0.003, 0.006, 0.02, 1])):
                await request(tenant)

    for _ in range(12):
        await asyncio.gather(*(torn(chance.choice([A, B, ""])) for _ in range(40)))
    assert min(seen.values()) > 20, seen
    # Every connection of the pool, as the next request finds it before it says whose it is.
    begin = stores._engine.transaction
    async with begin() as one, begin() as two, begin() as three:
        for connection in (one, two, three):
            assert tuple((await connection.execute(WHO)).one()) == (TENANT_ROLE, "", 0)


async def test_reset_leads_back_behind_the_wall(stores: PostgresStores) -> None:
    async with stores._engine.transaction() as connection:
        for statement in ("RESET ROLE", "RESET ALL", "DISCARD TEMP"):
            await connection.execute(text(statement))
            assert tuple((await connection.execute(WHO)).one()) == (TENANT_ROLE, "", 0)


@pytest.mark.parametrize(
    ("break_it", "words"),
    [
        ("CREATE TABLE more (tenant_id text)", "does not hold for this process on more"),
        ("ALTER TABLE tokens DISABLE ROW LEVEL SECURITY", "on tokens"),
    ],
)
async def test_a_process_refuses_to_work_where_a_wall_is_missing(
    database: str, stores: PostgresStores, break_it: str, words: str
) -> None:
    await stores.ready()
    async with session(database) as owner:
        await owner.execute(text(break_it))
        await owner.commit()
    with pytest.raises(SchemaMismatchError, match=words):
        await stores.ready()


async def test_policies_cost_no_index(database: str) -> None:
    """Ten thousand tenants: a tenant's rows are found by index, for the tenant itself as for the platform's look-ups."""
    async with session(database) as owner:
        for statement in (
            """INSERT INTO tenants (tenant_id, plan_id, display_name)
               SELECT 't' || n, 'small', '' FROM generate_series(1, 10000) n""",
            """INSERT INTO namespaces (tenant_id, name, cluster_name)
               SELECT 't' || n, 'default', 't' || n || '--default' FROM generate_series(1, 10000) n""",
            """INSERT INTO tokens (id, tenant_id, digest, kind, role, subject_id, subject_name, last_four,
               created_at, expires_at)
               SELECT gen_random_uuid(), 't' || n, sha256(n::text::bytea), 'usr', 'owner', gen_random_uuid(),
               '', '', now(), now() FROM generate_series(1, 10000) n""",
            """INSERT INTO audit (tenant_id, subject, token_id, action, target, outcome, request_id, detail)
               SELECT 't' || n, '', '', '', '', '', '', '{}' FROM generate_series(1, 10000) n""",
            "ANALYZE",
        ):
            await owner.execute(text(statement))
        await owner.commit()

    async def plan(app: AsyncConnection, query: str) -> str:
        return "\n".join(row[0] for row in await app.execute(text(f"EXPLAIN {query}")))

    async with session(database, TENANT_ROLE) as app:
        await enter(app, "t77")
        for query in (
            "SELECT * FROM tenants WHERE tenant_id = 't77'",
            "SELECT * FROM tenants",
            "SELECT name FROM namespaces WHERE deleted_at IS NULL ORDER BY name",
            "SELECT id FROM tokens ORDER BY created_at DESC LIMIT 10",
            "SELECT * FROM audit WHERE sequence > 5 ORDER BY sequence LIMIT 10",
        ):
            shown = await plan(app, query)
            assert "Index" in shown, shown
            assert "Seq Scan" not in shown, shown
    async with session(database, PLATFORM_ROLE) as platform:
        for query in (
            "SELECT * FROM namespaces WHERE cluster_name = 't77--default'",
            "SELECT * FROM tokens WHERE digest = '\\x00'",
            "SELECT tenant_id FROM tenants WHERE tenant_id > 't77' ORDER BY tenant_id LIMIT 100",
        ):
            shown = await plan(platform, query)
            assert "Seq Scan" not in shown, shown
