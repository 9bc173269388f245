"""`funkhaus whoami|version|completion`."""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING, Any

import click

from funkhaus_cli.completion import SHELLS, script
from funkhaus_cli.failure import Exit, Failure, plain
from funkhaus_cli.options import Verb, connection, output
from funkhaus_cli.output import NOTHING, show_one
from funkhaus_cli.version import VERSION

if TYPE_CHECKING:
    from funkhaus_cli.session import Session

_SERVER_SECONDS = 3.0


@click.command("whoami", cls=Verb)
@output(("table", "json", "yaml", "name"))
@connection()
@click.pass_obj
def whoami(session: Session, *, output: str) -> None:
    """Whose token this is, and what it may."""
    me = session.api.get("/v1/me")
    roles = me.get("roles") or {}
    lines = [
        f"{plain(str(me.get('name')))} ({me.get('id')}) at {session.api.address}",
        f"token:    {me.get('tokenId') or NOTHING}",
        f"platform: {', '.join(me.get('platformRoles') or []) or NOTHING}",
        f"tenants:  {', '.join(f'{role} of {tenant}' for tenant, role in sorted(roles.items())) or NOTHING}",
        f"kubectl:  {me.get('username')}",
    ]
    show_one(me, output, name=plain(str(me.get("name"))), said="\n".join(lines))


@click.command("version", cls=Verb)
@output(("table", "json", "yaml"))
@connection()
@click.pass_obj
def version(session: Session, *, output: str) -> None:
    """This command's release, and whether its API server answers."""
    address = session.address.value
    document: dict[str, Any] = {
        "client": VERSION,
        "python": platform.python_version(),
        "api": address,
        "answers": _answers(session),
    }
    state = "answers" if document["answers"] else "does not answer"
    said = f"funkhaus {VERSION} (Python {document['python']})\nAPI server {address} {state}"
    show_one(document, output, name=VERSION, said=said)


def _answers(session: Session) -> bool:
    try:
        answer = session.client("", seconds=_SERVER_SECONDS, again_after=()).raw(
            "GET", "/healthz", seconds=_SERVER_SECONDS
        )
    except Failure as failure:
        if failure.exit != Exit.UNAVAILABLE:
            raise
        return False
    return answer.status < 400  # noqa: PLR2004 - not an HTTP error


@click.command(
    "completion",
    cls=Verb,
    examples=(
        "bash:  source <(funkhaus completion bash)",
        "zsh:   source <(funkhaus completion zsh)",
        "fish:  funkhaus completion fish | source",
    ),
)
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """The script that completes commands, functions and runtimes."""
    click.echo(script(context.find_root().command, shell), nl=False)
