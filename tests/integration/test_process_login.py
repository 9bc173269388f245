"""The user processes log in as, made by `migrate --login-url-file`: on a server of one's own, and on a managed one."""

from __future__ import annotations

import base64
import secrets
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import NullPool, make_url, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from funkhaus.domain.errors import InvalidError, SchemaMismatchError
from funkhaus.domain.tenant import Tenant
from funkhaus.storage import PostgresStores, migrate, open_engine, process_login
from funkhaus.storage.schema import REVISION
from tests.support import catalogue

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


def as_user(url: str, user: str, password: str = "secret") -> str:  # noqa: S107 - the server trusts everybody
    changed = make_url(url).set(username=user, password=password)
    return changed.render_as_string(hide_password=False)


@asynccontextmanager
async def session(url: str) -> AsyncIterator[AsyncConnection]:
    engine = create_async_engine(url, poolclass=NullPool)
    try:
        async with engine.begin() as connection:
            yield connection
    finally:
        await engine.dispose()


@pytest.fixture
async def name(postgres: str) -> AsyncIterator[str]:
    """A user's name that is free, and free again afterwards."""
    name = f"test-{secrets.token_hex(4)}"
    yield name
    async with session(postgres.format("postgres")) as admin:
        for user in (f"{name}_login", name):
            if await admin.scalar(text("SELECT to_regrole(quote_ident(:n))"), {"n": user}):
                await admin.execute(text(f'DROP OWNED BY "{user}" CASCADE'))
                await admin.execute(text(f'DROP ROLE "{user}"'))


@pytest.fixture
async def admitted(database: str, name: str) -> AsyncIterator[str]:
    """The URL of a database with a login, as the login has it."""
    url = as_user(database, name)
    assert await process_login.admit(database, url) == name
    yield url
    async with session(database) as owner:
        await owner.execute(text(f'DROP OWNED BY "{name}" CASCADE'))


async def works(url: str) -> None:
    """A process starts on `url` and works."""
    engine = open_engine(url, pool=2, seconds=5, name="test")
    try:
        stores = PostgresStores(engine)
        await stores.ready()
        async with stores.begin_platform() as platform:
            await platform.add_tenant(Tenant("blue", "small"))
        async with stores.begin("blue") as work:
            assert (await work.tenant()).id == "blue"
        await stores.warm()
        assert await stores.lookups.facts("blue--default") is None
    finally:
        await engine.close()


async def test_processes_work_as_the_login(admitted: str) -> None:
    await works(admitted)


async def test_the_login_itself_may_do_nothing(admitted: str) -> None:
    for statement in (
        "SELECT * FROM tenants",
        "SELECT * FROM plans",
        "INSERT INTO audit DEFAULT VALUES",
        "SET ROLE postgres",
        "CREATE TABLE t (a int)",
        "CREATE TEMPORARY TABLE t (a int)",
        "ALTER TABLE tokens DISABLE ROW LEVEL SECURITY",
        "CREATE ROLE more",
        "GRANT funkhaus_platform TO pg_monitor",
    ):
        with pytest.raises(DBAPIError) as refused:
            async with session(admitted) as login:
                await login.execute(text(statement))
        assert refused.value.orig.sqlstate == "42501", statement  # type: ignore[union-attr]


async def test_admitting_again_changes_the_password_only(admitted: str, database: str) -> None:
    async def stored() -> str:
        async with session(database) as owner:
            known = text("SELECT rolpassword FROM pg_authid WHERE rolname = :n")
            return str(await owner.scalar(known, {"n": make_url(admitted).username}))

    before = await stored()
    assert before.startswith("SCRAM-SHA-256$4096:")
    assert "secret" not in before
    await process_login.admit(database, admitted)
    assert await stored() != before
    await works(admitted)


async def test_another_user_of_the_server_does_not_get_in(
    admitted: str, database: str, name: str
) -> None:
    stranger = f"{name}_login"
    async with session(database) as owner:
        await owner.execute(text(f'CREATE ROLE "{stranger}" LOGIN IN ROLE funkhaus_platform'))
    with pytest.raises(DBAPIError, match="permission denied for database"):
        async with session(as_user(admitted, stranger)):
            pass


async def test_postgres_stores_a_password_as_we_do(postgres: str, name: str) -> None:
    async with session(postgres.format("postgres")) as admin:
        await admin.execute(text(f"CREATE ROLE \"{name}\" PASSWORD 'correct horse'"))
        known = text("SELECT rolpassword FROM pg_authid WHERE rolname = :n")
        theirs = str(await admin.scalar(known, {"n": name}))
    salt = base64.b64decode(theirs.split("$")[1].split(":")[1])
    assert process_login.verifier("correct horse", salt) == theirs
    assert process_login.verifier("correct house", salt) != theirs


@pytest.mark.parametrize(
    ("user", "password", "words"),
    [
        ("postgres", "secret", "who owns the tables"),
        ("somebody", "", "needs a user and a password"),
        ("somebody", "straße", "not ASCII"),
    ],
)
async def test_a_login_that_can_not_be(database: str, user: str, password: str, words: str) -> None:
    with pytest.raises(InvalidError, match=words):
        await process_login.admit(database, as_user(database, user, password))


# -- where nobody is superuser


@pytest.fixture
async def managed(empty_database: str, name: str) -> AsyncIterator[str]:
    """A database and its owner as a provider hands them out: may make roles, is no superuser."""
    async with session(empty_database) as admin:
        await admin.execute(text(f'CREATE ROLE "{name}" LOGIN CREATEROLE'))
        database = make_url(empty_database).database
        await admin.execute(text(f'ALTER DATABASE {database} OWNER TO "{name}"'))
        # The test server's roles may be there already, made by another: then an administrator lends them.
        if await admin.scalar(text("SELECT to_regrole('funkhaus_tenant')")):
            await admin.execute(
                text(
                    f'GRANT funkhaus_tenant, funkhaus_platform TO "{name}" WITH ADMIN TRUE, INHERIT FALSE'
                )
            )
    yield as_user(empty_database, name)
    async with session(empty_database) as admin:
        await admin.execute(text(f'REASSIGN OWNED BY "{name}" TO CURRENT_USER'))
        for user in (f"{name}_login", name):
            if await admin.scalar(text("SELECT to_regrole(quote_ident(:n))"), {"n": user}):
                await admin.execute(text(f'DROP OWNED BY "{user}" CASCADE'))


async def test_a_managed_server_is_migrated_by_its_owner(managed: str, name: str) -> None:
    assert await migrate.upgrade(managed) == REVISION
    async with session(managed) as owner:
        assert await owner.run_sync(catalogue.drift) == []
        assert not await owner.scalar(text("SELECT count(*) FROM tenants"))
    login = as_user(managed, f"{name}_login")
    await process_login.admit(managed, login)
    await works(login)
    async with session(managed) as owner:  # FORCE holds for the owner too
        assert not await owner.scalar(text("SELECT count(*) FROM tenants"))


async def test_who_may_make_no_roles_is_told_so(managed: str, name: str, postgres: str) -> None:
    await migrate.upgrade(managed)
    async with session(postgres.format("postgres")) as admin:
        await admin.execute(text(f'ALTER ROLE "{name}" NOCREATEROLE'))
    with pytest.raises(InvalidError, match="needs CREATEROLE"):
        await process_login.admit(managed, as_user(managed, f"{name}_login"))


async def test_a_login_that_was_not_admitted_is_told_the_command(database: str, name: str) -> None:
    async with session(database) as owner:
        await owner.execute(text(f'CREATE ROLE "{name}" LOGIN'))
    engine = open_engine(as_user(database, name), pool=1, seconds=5, name="test")
    with pytest.raises(
        SchemaMismatchError, match=r"may not act as funkhaus_tenant.*--login-url-file"
    ):
        await PostgresStores(engine).ready()
    with pytest.raises(SchemaMismatchError, match="may not act as"):
        await PostgresStores(engine).lookups.facts("blue--default")
    await engine.close()
