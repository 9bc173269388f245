"""`funkhaus invitation create|list|revoke|accept`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from funkhaus_cli.commands.members import ROLES
from funkhaus_cli.completion import INVITATION
from funkhaus_cli.failure import Exit, Failure, plain
from funkhaus_cli.options import NAME, Noun, connection, output, tenanted
from funkhaus_cli.output import Column, Styled, age, as_json, as_yaml, show_list, show_one

if TYPE_CHECKING:
    from typing import TextIO

    from funkhaus_cli.session import Session

_SECRET_LIMIT = 256
_COLOURS = {"open": "green", "accepted": "green", "revoked": "red", "expired": "yellow"}


@click.group("invitation", cls=Noun, aliases={"delete": "revoke", "rm": "revoke"})
def invitation() -> None:
    """Offers of a role in a tenant, each taken once by somebody who signed in."""


@invitation.command(
    "create",
    examples=(
        "funkhaus invitation create --email cem@example.com --role developer",
        "funkhaus invitation create --role viewer --expires-in-days 1 > invitation.secret",
    ),
)
@click.option(
    "--email", metavar="ADDRESS", default="", help="Whom it is for; without, whoever has it."
)
@click.option(
    "--role",
    type=click.Choice(ROLES),
    default="developer",
    show_default=True,
    help="What it gives.",
)
@click.option("--expires-in-days", type=int, metavar="N", help="Days it stays open [7].")
@output(("table", "json", "yaml", "name"))
@tenanted
@click.pass_obj
def create(
    session: Session, *, email: str, role: str, expires_in_days: int | None, output: str
) -> None:
    """Invite somebody (owners). Its secret is shown this once; standard output holds nothing else."""
    body: dict[str, Any] = {"email": email, "role": role}
    if expires_in_days is not None:
        body["expiresInDays"] = expires_in_days
    document = session.api.post(session.tenant_path("invitations"), body)
    if output in {"json", "yaml"}:
        click.echo(as_json(document) if output == "json" else as_yaml(document))
    elif output == "name":
        click.echo(document["id"])
    else:
        whom = (
            f"{email}, who also sees it in `funkhaus invitation list --mine`"
            if email
            else "whoever has its secret"
        )
        click.echo(
            f"Invitation {document['id']}: {role} of {session.tenant}, for {whom}, until {document.get('expiresAt')}.\n"
            "This is the only time its secret is shown:",
            err=True,
        )
        click.echo(document["secret"])


@invitation.command("list")
@click.option("--mine", is_flag=True, help="Open ones to the address you signed in with.")
@output()
@tenanted
@click.pass_obj
def list_invitations(session: Session, *, mine: bool, output: str) -> None:
    """The tenant's invitations, newest first (owners), or your own; never a secret."""
    now = session.now()
    path = "/v1/me/invitations" if mine else session.tenant_path("invitations")
    columns = [
        Column("ID", lambda item: item["id"]),
        *([Column("TENANT", lambda item: item["tenant"])] if mine else []),
        Column("ADDRESS", lambda item: item.get("email")),
        Column("ROLE", lambda item: item.get("role")),
        Column("STATE", lambda item: _state(str(item.get("state")))),
        Column("AGE", lambda item: age(item.get("createdAt"), now)),
        Column("ENDS", lambda item: age(item.get("expiresAt"), now)),
        Column("BY", lambda item: item.get("invitedBy"), wide=True),
    ]
    none = "No open invitations to you." if mine else f"No invitations in tenant {session.tenant}."
    items = session.api.items(path)
    show_list(items, columns, output, none=none, name=lambda item: str(item["id"]))


def _state(state: str) -> Styled:
    return Styled(state, _COLOURS.get(state, "yellow"))


@invitation.command("revoke")
@click.argument("invitation_id", metavar="ID", type=INVITATION)
@output(("table", "json", "yaml", "name"))
@tenanted
@click.pass_obj
def revoke(session: Session, invitation_id: str, *, output: str) -> None:
    """End an invitation (owners). One that was taken stays taken."""
    document = session.api.delete(session.tenant_path("invitations", invitation_id))
    said = f"Invitation {invitation_id} of tenant {session.tenant} is {document.get('state')}."
    show_one(document, output, name=invitation_id, said=said)


@invitation.command(
    "accept",
    examples=(
        "funkhaus invitation accept 5f0c6d0e-4e1e-4f0b-8a56-3a0d1d2f9a11",
        "funkhaus invitation accept --secret-file invitation.secret",
    ),
)
@click.argument("invitation_id", metavar="[ID]", type=NAME, required=False)
@click.option(
    "--secret-file",
    type=click.File("r"),
    metavar="FILE",
    help="File with its secret, - for standard input.",
)
@output(("table", "json", "yaml", "name"))
@connection()
@click.pass_obj
def accept(
    session: Session, invitation_id: str | None, *, secret_file: TextIO | None, output: str
) -> None:
    """Take an invitation: by ID one to your address (`list --mine`), any by its secret."""
    if (invitation_id is None) == (secret_file is None):
        raise Failure("one of ID and --secret-file passes", Exit.USAGE)
    body = {"id": str(invitation_id)}
    if secret_file is not None:
        body = {"secret": secret_file.read(_SECRET_LIMIT).strip()}
    document = session.api.post("/v1/me/invitations/accept", body)
    tenant = plain(str(document.get("tenant")))
    said = f"You are {document.get('role')} of tenant {tenant}."
    show_one(document, output, name=tenant, said=said)
