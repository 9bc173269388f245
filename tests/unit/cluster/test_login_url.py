"""The URL processes get: the owner's database, by a user who owns nothing."""

from __future__ import annotations

import pytest

from funkhaus_cluster.product import login_url


@pytest.mark.parametrize(
    ("owner", "login"),
    [
        (
            "postgresql+asyncpg://funkhaus:x@127.0.0.1:5432/funkhaus",
            "postgresql+asyncpg://funkhaus_service:new@127.0.0.1:5432/funkhaus",
        ),
        (
            "postgresql+asyncpg://me:p%40ss@db.example.com/mine?ssl=require",
            "postgresql+asyncpg://mine_service:new@db.example.com/mine?ssl=require",
        ),
        (
            "postgresql+asyncpg://[::1]:5433/mine",
            "postgresql+asyncpg://mine_service:new@[::1]:5433/mine",
        ),
    ],
)
def test_the_login_is_the_databases_own(owner: str, login: str) -> None:
    assert login_url(owner, "new") == login
