"""`funkhaus policy list|activate|rollback`: they belong to the noun `policy`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from funkhaus_cli.commands.policy import policy
from funkhaus_cli.failure import Exit, Failure
from funkhaus_cli.options import connection, output
from funkhaus_cli.output import Column, age, show_list, show_one
from funkhaus_cli.policies.check import Asked, check
from funkhaus_cli.policies.engine import Opa
from funkhaus_cli.policies.tree import Tree

if TYPE_CHECKING:
    from funkhaus_cli.session import Session

PATH, ACTIVE = "/v1/policy/activations", "/v1/policy/active"
PARTS = ("funkhaus/", "data/")
"""What of a folder decides; who may ask OPA (``system/``) stays with OPA."""
SHORT = 19
"""Of a revision in a table: ``sha256:`` and twelve digits."""
REASON = click.option("--reason", required=True, metavar="TEXT", help="Why; it is kept.")


@policy.command("list")
@output()
@connection()
@click.pass_obj
def listed(session: Session, *, output: str) -> None:
    """Which rules were put in force, by whom and why, latest first; the first is in force."""
    now = session.now()
    columns = [
        Column("NUMBER", lambda item: item["sequence"]),
        Column("REVISION", lambda item: str(item["revision"])[:SHORT]),
        Column("SINCE", lambda item: age(item["at"], now)),
        Column("BY", lambda item: item["by"]),
        Column("REASON", lambda item: item["reason"]),
        Column("WHOLE REVISION", lambda item: item["revision"], wide=True),
    ]
    items = session.api.items(PATH)
    show_list(items, columns, output, none="None yet.", name=lambda item: str(item["revision"]))


@policy.command(
    "activate", examples=('funkhaus policy activate policies --reason "more memory for small"',)
)
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@REASON
@output(("table", "json", "yaml", "name"))
@connection()
@click.pass_obj
def activate(session: Session, *, folder: Path, reason: str, output: str) -> None:
    """Check a folder of policy files and put it in force (platform admins).

    The check leaves out the mutations (`policy check` has them). The API server checks again, and what it
    refuses changes nothing.
    """
    opa = Opa.found(session.environ, folder.resolve())
    for step in check(opa, Asked(mutations=None), lambda _done, _all: None):
        if not step.passed:
            first = step.problems[0]
            raise Failure(
                f"{folder} is not fit to decide: {step.name}: {first.place}: {first.message}",
                hint=f"`funkhaus policy check {folder}` says all of it; nothing was changed",
            )
    # What another admin puts in force while the API server tries this set is not undone.
    _, seen = session.api.read(ACTIVE)
    tree = Tree.of(opa.folder)
    files = {name: tree.text(name) for name in tree.files if name.startswith(PARTS)}
    document = session.api.post(PATH, {"files": files, "reason": reason}, headers=seen)
    _show(document, output, "is in force")


@policy.command(
    "rollback",
    examples=(
        'funkhaus policy rollback --reason "deploys are refused"',
        'funkhaus policy rollback sha256:2f6a --reason "as of Monday"',
    ),
)
@click.argument("revision", default="previous")
@REASON
@output(("table", "json", "yaml", "name"))
@connection()
@click.pass_obj
def rollback(session: Session, *, revision: str, reason: str, output: str) -> None:
    """Bring an earlier revision back in force, without one the revision before the present (platform admins)."""
    _, seen = session.api.read(ACTIVE)
    wanted = revision if revision == "previous" else _whole(session, revision)
    document = session.api.post(PATH, {"revision": wanted, "reason": reason}, headers=seen)
    _show(document, output, "is in force again")


def _whole(session: Session, beginning: str) -> str:
    """The one revision that begins so, ``sha256:`` or its number's left out or not."""
    known = {str(item["revision"]) for item in session.api.items(PATH)}
    found = [item for item in known if beginning in {item, item[: len(beginning)]}]
    found = found or [item for item in known if item.removeprefix("sha256:").startswith(beginning)]
    if len(found) != 1:
        what = "is the beginning of several revisions" if found else "is no revision"
        raise Failure(
            f"{beginning!r} {what}",
            Exit.NOT_FOUND,
            hint="`funkhaus policy list -o wide` lists them",
        )
    return found[0]


def _show(document: dict[str, Any], output: str, what: str) -> None:
    revision = str(document["revision"])
    said = f"Policy revision {revision[:SHORT]} {what} (number {document['sequence']})."
    show_one(document, output, name=revision, said=said)
