"""Which code works on the schema as it is, so that the old goes on while the new comes.

A `pre` migration only adds: code written against an earlier schema works on. A `post` migration takes away what the old
code needed, and runs after its last process is gone. So the database carries the revisions of the code that works on it: a
`pre` step adds its own, a `post` step leaves itself and the newest `pre` before it, which is what the release's code was
written against. A process looks for its own revision among them and need not know any step that came later.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from alembic.script import Script
from sqlalchemy import text

from funkhaus.domain.errors import InvalidError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from alembic.runtime.migration import MigrationInfo
    from alembic.script import ScriptDirectory
    from alembic.script.revision import Revision
    from sqlalchemy import Connection

TABLE = "compatible_revisions"
_THERE = text(f"SELECT to_regclass('public.{TABLE}') IS NOT NULL")
_ADD = text(f"INSERT INTO {TABLE} (revision) VALUES (:revision) ON CONFLICT DO NOTHING")  # noqa: S608 - a constant
_DROP = text(f"DELETE FROM {TABLE} WHERE revision = :revision")  # noqa: S608 - likewise
_CLEAR = text(f"DELETE FROM {TABLE}")  # noqa: S608 - likewise


def is_post(step: Revision) -> bool:
    """Whether a migration runs after the last old process is gone, by the name of its file."""
    return isinstance(step, Script) and "_post_" in Path(step.path).name


def note(connection: Connection, step: MigrationInfo, scripts: ScriptDirectory) -> None:
    """Write down, in the step's transaction, who works on the schema now."""
    if not connection.scalar(_THERE) or step.up_revision is None:
        return
    if not step.is_upgrade:
        connection.execute(_DROP, {"revision": step.up_revision.revision})
        if is_post(step.up_revision):
            # What a `post` step took away is back: code from before it works again, as far as the step before says.
            connection.execute(_ADD, {"revision": _written_against(step.up_revision, scripts)})
        return
    if is_post(step.up_revision):
        connection.execute(_CLEAR)
        connection.execute(_ADD, {"revision": _written_against(step.up_revision, scripts)})
    connection.execute(_ADD, {"revision": step.up_revision.revision})


def _written_against(script: Revision, scripts: ScriptDirectory) -> str:
    """The newest `pre` revision up to a migration."""
    for earlier in scripts.iterate_revisions(script.revision, "base"):
        if not is_post(earlier):
            return earlier.revision
    return script.revision


def code_revision(scripts: ScriptDirectory) -> str:
    """The revision that code beside these migrations was written against: the newest `pre` one."""
    newest = scripts.get_current_head()
    return "" if newest is None else _written_against(scripts.get_revision(newest), scripts)


def before_the_old_go(scripts: ScriptDirectory, at: str | None) -> str:
    """Up to which revision a database may go that is `at` one while old processes run.

    An empty one has no old processes. Raises `InvalidError` where a `post` step stands before a `pre` step that is missing,
    too: two releases at once.
    """
    if at is None:
        return "head"
    missing: Sequence[Script] = [*scripts.iterate_revisions("head", at)][::-1]
    posts = [position for position, script in enumerate(missing) if is_post(script)]
    if not posts:
        return "head"
    first = posts[0]
    if any(not is_post(script) for script in missing[first:]):
        raise InvalidError(
            f"migration {missing[first].revision} may only run after the last process of the release before is gone, and "
            "others wait behind it: upgrade release by release, or stop all processes and run `migrate` without --pre"
        )
    return missing[first - 1].revision if first else at
