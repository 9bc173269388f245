"""`funkhaus policy impact`: it belongs to the noun `policy`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from funkhaus_cli import problems
from funkhaus_cli.commands.policy import policy
from funkhaus_cli.failure import Exit, Failure, plain
from funkhaus_cli.options import connection, output
from funkhaus_cli.output import Column, as_json, as_yaml, show_list
from funkhaus_cli.policies.tree import Tree

if TYPE_CHECKING:
    from collections.abc import Mapping

    from funkhaus_cli.session import Session

PATH = "/v1/policy/impact"
SECONDS = 360.0
"""For the report: the API server takes 300 at most."""
PARTS = ("funkhaus/", "data/")
OK = 200
SHORT = 19
"""Of a revision: ``sha256:`` and twelve digits."""
CANT_SAY = Exit.USAGE
WORDS = {
    "denied": "newly denied",
    "held": "newly held for approval",
    "warned": "newly warned",
    "freed": "freed",
}


@policy.command(
    "impact",
    examples=(
        "funkhaus policy impact policies",
        "funkhaus policy impact policies --since 30d -o json",
    ),
)
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--since", default="7d", show_default=True, metavar="TIME",
    help="How far back: 90m, 12h, 7d.",
)  # fmt: skip
@output(("table", "json", "yaml"))
@connection()
@click.pass_obj
def impact(session: Session, *, folder: Path, since: str, output: str) -> None:
    """What a folder of policy files would change for the requests of the past and for what lives.

    Exit code 0 when nothing would newly be denied or held, 1 when something would, 2 when that can't be said.
    """
    tree = Tree.of(folder.resolve())
    files = {name: tree.text(name) for name in tree.files if name.startswith(PARTS)}
    try:
        document = _asked(session, {"files": files}, since)
    except Failure as failure:
        raise Failure(
            failure.message,
            CANT_SAY,
            findings=failure.findings,
            hint=failure.hint or "nothing was changed",
            code=failure.code,
        ) from failure
    if output == "table":
        _show(document)
    else:
        click.echo(as_json(document) if output == "json" else as_yaml(document))
    if document["refuses"]:
        raise click.exceptions.Exit(Exit.REFUSED)
    if document["more"]:
        raise Failure("there are more requests than a report looks at", CANT_SAY)


def _asked(session: Session, body: Mapping[str, Any], since: str) -> Any:  # noqa: ANN401 - JSON
    answer = session.api.raw("POST", PATH, seconds=SECONDS, json=body, params={"since": since})
    if answer.status != OK:
        raise problems.failure(answer.status, answer.headers, answer.content)
    try:
        return json.loads(answer.content)
    except ValueError as error:
        raise Failure("the API server's answer is not JSON") from error


def _show(document: Mapping[str, Any]) -> None:
    columns = [
        Column("EFFECT", lambda item: item["effect"]),
        Column("TENANT", lambda item: item["tenant"]),
        Column("OBJECT", lambda item: f"{item['kind']} {item['namespace']}/{item['name']}"),
        Column("REQUESTS", lambda item: item["requests"]),
        Column("LIVE", lambda item: "yes" if item["live"] else ""),
        Column("FINDING", _finding),
    ]
    if document["changes"]:
        show_list(document["changes"], columns, "table", none="", name=lambda item: item["name"])
        click.echo()
    cut = f" ({document['cut']} more objects not listed)" if document["cut"] else ""
    for effect, count in document["counts"].items():
        if count["requests"] or count["live"]:
            click.echo(
                f"{WORDS.get(effect, effect)}: {count['requests']} requests, {count['live']} living objects{cut}"
            )
            cut = ""
    looked = f"{document['replayed']} requests since {str(document['since'])[:16]} and {document['judged']} living objects"
    against = f"{str(document['revision'])[:SHORT]} against {str(document['active'])[:SHORT]}"
    click.echo(f"Looked at {looked}: {against}.")
    if not any(count["requests"] or count["live"] for count in document["counts"].values()):
        click.echo("Nothing would change.")
    if document["unread"]:
        click.echo(f"{document['unread']} could not be judged again.")


def _finding(item: Mapping[str, Any]) -> str:
    findings = item["findings"]
    if not findings:
        return ""
    first = findings[0]
    place = f"{first['path']}: " if first.get("path") else ""
    more = f" (and {len(findings) - 1} more)" if len(findings) > 1 else ""
    return plain(f"{place}{first['message']}{more}")
