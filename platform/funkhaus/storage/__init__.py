"""Postgres; the only importer of sqlalchemy."""

from funkhaus.storage.engine import Engine, open_engine
from funkhaus.storage.stores import PostgresStores

__all__ = ["Engine", "PostgresStores", "open_engine"]
