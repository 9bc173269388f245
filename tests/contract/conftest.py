"""A real Postgres for tests that need one: this run's own, or the one that
FUNKHAUS_TEST_DATABASE_URL names (`{}` stands for the database).
"""

from __future__ import annotations

from tests.support.databases import database, empty_database, postgres

__all__ = ["database", "empty_database", "postgres"]
