"""How Alembic runs the migrations: on the connection `funkhaus.storage.migrate` hands over, which holds the lock and the
time limits, one transaction each. Without one (`alembic revision`, `alembic check` in a checkout) it opens its own.
"""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

from alembic import context
from sqlalchemy.ext.asyncio import create_async_engine

from funkhaus.settings import Database, load
from funkhaus.storage import compatibility
from funkhaus.storage.schema import metadata

if TYPE_CHECKING:
    from alembic.runtime.migration import MigrationContext, MigrationInfo
    from sqlalchemy import Connection


def noted(*, ctx: MigrationContext, step: MigrationInfo, **_: object) -> None:
    compatibility.note(ctx.connection, step, context.script)


def run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=metadata,
        compare_type=True,
        compare_server_default=True,
        transaction_per_migration=True,
        on_version_apply=noted,
    )
    with context.begin_transaction():
        context.run_migrations()


async def run_alone() -> None:
    engine = create_async_engine(load(Database, os.environ).database_url)
    async with engine.connect() as connection:
        await connection.run_sync(run)
    await engine.dispose()


if (given := context.config.attributes.get("connection")) is not None:
    run(given)
else:
    asyncio.run(run_alone())
