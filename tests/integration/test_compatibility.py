"""The release after ours migrates while we run: who works on the schema then, on a real Postgres."""

from __future__ import annotations

from shutil import copytree
from typing import TYPE_CHECKING

import pytest
from alembic import command
from sqlalchemy import NullPool, text
from sqlalchemy.ext.asyncio import create_async_engine

from funkhaus.domain.errors import InvalidError, SchemaMismatchError
from funkhaus.storage import PostgresStores, migrate, open_engine
from funkhaus.storage.schema import REVISION

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sqlalchemy import Connection

STEP = """
from alembic import op

revision, down_revision, branch_labels, depends_on = {revision!r}, {before!r}, None, None


def upgrade() -> None:
    op.execute("CREATE TABLE t{revision} (x int)")


def downgrade() -> None:
    op.drop_table("t{revision}")
"""


@pytest.fixture
def grown(tmp_path: Path) -> Callable[..., Path]:
    """Our migrations with more behind them: `pre` and `post` steps in this order."""

    def grow(*kinds: str) -> Path:
        folder = tmp_path / f"migrations-{len(kinds)}"
        copytree(migrate.scripts(), folder)
        before = REVISION
        for number, kind in enumerate(kinds):
            revision = f"f{number:03}"
            path = folder / "versions" / f"20990101_000{number}_{revision}_{kind}_more.py"
            path.write_text(STEP.format(revision=revision, before=before))
            before = revision
        return folder

    return grow


async def who_works(url: str) -> list[str]:
    engine = create_async_engine(url, poolclass=NullPool)
    async with engine.connect() as connection:
        found = await connection.scalars(
            text("SELECT revision FROM compatible_revisions ORDER BY 1")
        )
    await engine.dispose()
    return [*found]


async def down(url: str, folder: Path, revision: str) -> None:
    def back(connection: Connection) -> None:
        config = migrate.configuration(folder)
        config.attributes["connection"] = connection
        command.downgrade(config, revision)
        connection.commit()

    engine = create_async_engine(url, poolclass=NullPool)
    async with engine.connect() as connection:
        await connection.run_sync(back)
    await engine.dispose()


async def ready(url: str) -> bool:
    """Whether a process of ours says it is."""
    engine = open_engine(url, pool=1, seconds=5, name="test")
    try:
        await PostgresStores(engine).ready()
    except SchemaMismatchError:
        return False
    finally:
        await engine.close()
    return True


async def test_we_go_on_while_the_next_release_adds(
    database: str, grown: Callable[..., Path]
) -> None:
    folder = grown("pre", "pre", "post")
    assert await migrate.upgrade(database, folder, old_run=True) == "f001"
    assert await ready(database)
    assert await migrate.upgrade(database, folder, old_run=True) == "f001", "again changes nothing"


async def test_we_end_where_it_takes_away(database: str, grown: Callable[..., Path]) -> None:
    folder = grown("pre", "post", "post")
    await migrate.upgrade(database, folder, old_run=True)
    assert await migrate.upgrade(database, folder) == "f002"
    assert not await ready(database)
    assert await who_works(database) == ["f000", "f002"], "the release's code, and where it stands"


async def test_a_step_back_brings_us_back(database: str, grown: Callable[..., Path]) -> None:
    folder = grown("pre", "post")
    before = await who_works(database)
    await migrate.upgrade(database, folder)
    await down(database, folder, "f000")
    assert "f000" in await who_works(database)
    await migrate.upgrade(database, folder, old_run=True)
    await down(database, folder, REVISION)
    assert not set(await who_works(database)) - {*before, REVISION}


async def test_two_releases_at_once_are_refused_before_anything_is_done(
    database: str, grown: Callable[..., Path]
) -> None:
    folder = grown("pre", "post", "pre")
    with pytest.raises(InvalidError, match="migration f001 may only run after"):
        await migrate.upgrade(database, folder, old_run=True)
    assert await ready(database)
    assert await migrate.upgrade(database, folder) == "f002"


async def test_an_empty_database_has_no_old_processes(
    empty_database: str, grown: Callable[..., Path]
) -> None:
    assert (
        await migrate.upgrade(empty_database, grown("pre", "post", "pre"), old_run=True) == "f002"
    )
