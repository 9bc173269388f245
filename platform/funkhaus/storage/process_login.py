"""The database user that processes log in as: it owns nothing, holds nothing, and may put on the two roles of `walls`."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from typing import TYPE_CHECKING

from sqlalchemy import NullPool, exc, make_url, text
from sqlalchemy.ext.asyncio import create_async_engine

from funkhaus.domain.errors import InvalidError
from funkhaus.storage.failures import translated
from funkhaus.storage.walls import PLATFORM_ROLE, TENANT_ROLE

if TYPE_CHECKING:
    from sqlalchemy import URL
    from sqlalchemy.ext.asyncio import AsyncConnection

ITERATIONS = 4096
"""As Postgres has them by default."""
SECONDS = 10
_NOT_ALLOWED = {
    "42501": (
        InvalidError,
        (
            "who migrates may not make the processes' login: it needs CREATEROLE, and ADMIN OPTION on "
            f"{TENANT_ROLE} and {PLATFORM_ROLE} if another user made them"
        ),
    )
}


async def admit(owner_url: str, login_url: str) -> str:
    """Make the user of `login_url` a login that may act as the two roles and nothing else; returns its name.

    An existing one gets the URL's password and loses nothing it holds. The database is then closed to other users but
    its owner: roles are the whole server's, and another installation's login may act as the same two. Raises
    `InvalidError` for a URL without user or password, or for the owner's own user.
    """
    owner, login = _url(owner_url), _url(login_url)
    if not login.username or not login.password:
        raise InvalidError("the processes' database URL needs a user and a password")
    if login.username == owner.username:
        raise InvalidError(
            f"processes would log in as {owner.username!r}, who owns the tables; a user of their own passes"
        )
    if not str(login.password).isascii():
        raise InvalidError("the password of the processes' database URL is not ASCII")
    engine = create_async_engine(owner, poolclass=NullPool, connect_args={"timeout": SECONDS})
    try:
        with translated(_NOT_ALLOWED):
            async with engine.begin() as connection:
                await _admit(connection, login.username, verifier(str(login.password)))
    finally:
        await engine.dispose()
    return login.username


async def _admit(connection: AsyncConnection, name: str, password: str) -> None:
    known = await connection.scalar(text("SELECT to_regrole(quote_ident(:n))"), {"n": name})
    verb = "ALTER" if known else "CREATE"
    for template in (
        f"{verb} ROLE %1$I LOGIN NOINHERIT NOCREATEDB NOCREATEROLE PASSWORD %2$L",
        f"GRANT {TENANT_ROLE}, {PLATFORM_ROLE} TO %1$I WITH INHERIT FALSE, SET TRUE",
        "GRANT CONNECT ON DATABASE %3$I TO %1$I",
        "REVOKE CONNECT, TEMPORARY ON DATABASE %3$I FROM PUBLIC",
    ):
        statement = await connection.scalar(
            text(
                "SELECT format(:template, CAST(:n AS text), CAST(:p AS text), current_database())"
            ),
            {"template": template, "n": name, "p": password},
        )
        await connection.exec_driver_sql(str(statement))


def verifier(password: str, salt: bytes = b"") -> str:
    """What Postgres stores of a password (RFC 5803), so that the password itself is in no statement and no log."""
    salt = salt or secrets.token_bytes(16)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, ITERATIONS)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    shown = [base64.b64encode(part).decode() for part in (salt, stored, server)]
    return f"SCRAM-SHA-256${ITERATIONS}:{shown[0]}${shown[1]}:{shown[2]}"


def _url(text_: str) -> URL:
    try:
        return make_url(text_)
    except (exc.ArgumentError, ValueError) as error:  # without repeating it: it holds a password
        raise InvalidError("the processes' database URL can't be read as one") from error
