"""Bring a database to the schema of this code. Alembic is configured here, in code, so that an installed wheel can do it.

The scripts are the repository's `migrations/`; the wheel carries them beside this module.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import NullPool, text
from sqlalchemy.ext.asyncio import create_async_engine

from funkhaus.domain.errors import InvalidError, SchemaMismatchError
from funkhaus.storage import compatibility
from funkhaus.storage.failures import translated
from funkhaus.storage.walls import PLATFORM_ROLE, TENANT_ROLE

if TYPE_CHECKING:
    from sqlalchemy import Connection

_SHIPPED = Path(__file__).parent / "_migrations"
_CHECKOUT = Path(__file__).parents[3] / "migrations"
MUTEX = 0x66756E6B
"""Key of the advisory lock that lets one migration run at a time."""
MUTEX_WAIT = "60s"
STATEMENT_TIMEOUT = "30s"
LOCK_TIMEOUT = "4s"
"""A migration that waits for a lock blocks every query behind it: give up soon and be run again."""

_NOT_ALLOWED = {
    "42501": (
        InvalidError,
        (
            "the user of FUNKHAUS_DATABASE_URL may not do what a migration does: it must own the database and the tables, "
            f"and make roles (CREATEROLE) unless an administrator made {TENANT_ROLE} and {PLATFORM_ROLE}"
        ),
    )
}


def scripts() -> Path:
    """The folder of the migrations; raises `SchemaMismatchError` when the installation has none."""
    for folder in (_SHIPPED, _CHECKOUT):
        if (folder / "env.py").exists():
            return folder
    raise SchemaMismatchError(
        f"this installation carries no migrations (looked in {_SHIPPED} and {_CHECKOUT}); --migrations names them"
    )


def configuration(folder: Path | None = None) -> Config:
    """Alembic's configuration, without any file."""
    config = Config()
    config.set_main_option("script_location", str(folder or scripts()).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def head(folder: Path | None = None) -> str | None:
    """The newest migration's revision."""
    return ScriptDirectory.from_config(configuration(folder)).get_current_head()


async def upgrade(
    url: str, folder: Path | None = None, *, revision: str = "head", old_run: bool = False
) -> str:
    """Run what is missing up to `revision`, one transaction each; returns where the database is then.

    With `old_run` as far as the processes of the release before can bear. Raises `TimedOutError` when a lock can't be had,
    `UnavailableError` when the database does not answer, `InvalidError` for two releases at once (`compatibility`).
    """
    config = configuration(folder)
    engine = create_async_engine(url, poolclass=NullPool)
    try:
        with translated(_NOT_ALLOWED):
            async with engine.connect() as connection:
                return await connection.run_sync(_upgrade, config, revision, old_run)
    finally:
        await engine.dispose()


def _upgrade(connection: Connection, config: Config, revision: str, old_run: bool) -> str:  # noqa: FBT001 - run_sync hands it on
    connection.execute(text(f"SET lock_timeout = '{MUTEX_WAIT}'"))
    connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": MUTEX})
    try:
        connection.execute(text(f"SET lock_timeout = '{LOCK_TIMEOUT}'"))
        connection.execute(text(f"SET statement_timeout = '{STATEMENT_TIMEOUT}'"))
        # Policies hold for the tables' owner, too: one that moves data must fail rather than see no rows (`walls`).
        connection.execute(text("SET row_security = off"))
        connection.commit()
        config.attributes["connection"] = connection
        if old_run:
            scripts = ScriptDirectory.from_config(config)
            at = MigrationContext.configure(connection).get_current_revision()
            connection.rollback()
            revision = compatibility.before_the_old_go(scripts, at)
        command.upgrade(config, revision)
        at = connection.scalar(text("SELECT version_num FROM alembic_version"))
        connection.commit()
    finally:
        connection.rollback()
        connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": MUTEX})
        connection.commit()
    return str(at or "")
