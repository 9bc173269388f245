"""The migrations on a real Postgres: from nothing to what the code declares, and back."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

import pytest
import yaml
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import NullPool, text
from sqlalchemy.ext.asyncio import create_async_engine

from funkhaus.domain.errors import SchemaMismatchError
from funkhaus.storage import PostgresStores, compatibility, migrate, open_engine
from funkhaus.storage.schema import REVISION, metadata
from tests.conftest import ROOT
from tests.support import catalogue

if TYPE_CHECKING:
    from sqlalchemy import Connection

FILE = re.compile(r"\d{8}_\d{4}_[0-9a-f]{4}_(pre|post)_[a-z0-9_]+\.py")


async def on(url: str, work: object) -> object:
    engine = create_async_engine(url, poolclass=NullPool)
    async with engine.connect() as connection:
        answer = await connection.run_sync(work)  # type: ignore[arg-type]
        await connection.commit()
    await engine.dispose()
    return answer


def drift(connection: Connection) -> list[object]:
    """Columns, keys and indexes as Alembic compares them; policies and grants, which it does not see."""
    options = {"compare_type": True, "compare_server_default": True}
    context = MigrationContext.configure(connection, opts=options)
    return [*compare_metadata(context, metadata), *catalogue.drift(connection)]


async def test_from_nothing_to_what_the_code_declares(empty_database: str) -> None:
    assert await migrate.upgrade(empty_database) == REVISION
    assert await on(empty_database, drift) == []


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE tenants DROP COLUMN display_name",
        "ALTER TABLE tokens NO FORCE ROW LEVEL SECURITY",
        "ALTER TABLE tokens DISABLE ROW LEVEL SECURITY",
        "DROP POLICY tenant_wall ON quotas",
        "ALTER POLICY tenant_wall ON tokens WITH CHECK (true)",
        "CREATE POLICY more ON audit TO PUBLIC USING (true)",
        "CREATE POLICY more ON plans TO PUBLIC USING (true)",
        "GRANT DELETE ON audit TO funkhaus_tenant",
        "GRANT UPDATE (role) ON tokens TO funkhaus_platform",
        "GRANT SELECT ON tenants TO PUBLIC",
        "REVOKE SELECT ON namespaces FROM funkhaus_platform",
        "CREATE TABLE more (tenant_id text)",
        "CREATE VIEW more AS SELECT tenant_id FROM tenants",
    ],
)
async def test_drift_would_be_seen(database: str, statement: str) -> None:
    await on(database, lambda c: c.execute(text(statement)))
    assert await on(database, drift)


async def test_running_it_again_changes_nothing(database: str) -> None:
    assert await migrate.upgrade(database) == REVISION


async def test_two_at_once_wait_for_each_other(empty_database: str) -> None:
    both = await asyncio.gather(migrate.upgrade(empty_database), migrate.upgrade(empty_database))
    assert both == [REVISION, REVISION]


async def test_every_step_can_be_taken_back(database: str) -> None:
    def down(connection: Connection) -> list[str]:
        from alembic import command

        config = migrate.configuration()
        config.attributes["connection"] = connection
        command.downgrade(config, "base")
        found = connection.execute(
            text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        )
        return sorted(found.scalars())

    assert await on(database, down) == ["alembic_version"]
    assert await migrate.upgrade(database) == REVISION


def test_files_are_named_by_the_house_rule() -> None:
    files = [path.name for path in (ROOT / "migrations/versions").glob("*.py")]
    assert files
    assert not [name for name in files if not FILE.fullmatch(name)]
    directory = ScriptDirectory.from_config(migrate.configuration())
    for script in directory.walk_revisions():
        assert f"_{script.revision}_" in script.path


def test_the_code_and_the_newest_migration_agree() -> None:
    scripts = ScriptDirectory.from_config(migrate.configuration())
    assert compatibility.code_revision(scripts) == REVISION


async def test_plans_are_those_policy_knows(database: str) -> None:
    policy = yaml.safe_load((ROOT / "policies/data/plans.yaml").read_text())["plans"]
    engine = open_engine(database, pool=1, seconds=5, name="test")
    async with PostgresStores(engine).begin_platform() as work:
        plans = await work.plans()
    await engine.close()
    assert {plan.id for plan in plans} == set(policy)


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("UPDATE alembic_version SET version_num = 'ffff'", "at revision ffff"),
        ("DELETE FROM alembic_version", "is empty"),
        ("DROP TABLE compatible_revisions, alembic_version", "is empty"),
    ],
)
async def test_another_schema_is_refused_with_the_command_that_mends_it(
    database: str, statement: str, words: str
) -> None:
    if "DROP" not in statement:
        await on(database, lambda c: c.execute(text("DELETE FROM compatible_revisions")))
    await on(database, lambda c: c.execute(text(statement)))
    engine = open_engine(database, pool=1, seconds=5, name="test")
    with pytest.raises(SchemaMismatchError, match=words) as refused:
        await PostgresStores(engine).ready()
    await engine.close()
    assert "python -m funkhaus_api migrate" in str(refused.value)
