"""`funkhaus member list|set|remove`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from funkhaus_cli.completion import MEMBER
from funkhaus_cli.failure import Exit, Failure, plain
from funkhaus_cli.options import Noun, asking, confirmed, output, tenanted
from funkhaus_cli.output import Column, age, show_list, show_one

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from funkhaus_cli.session import Session

ROLES = ("owner", "developer", "viewer", "billing")
_AT = "@"


@click.group("member", cls=Noun, aliases={"delete": "remove", "rm": "remove"})
def member() -> None:
    """People who belong to a tenant, each with a role. New ones come by `funkhaus invitation`."""


@member.command("list")
@output()
@tenanted
@click.pass_obj
def list_members(session: Session, *, output: str) -> None:
    """The tenant's members."""
    now = session.now()
    columns = [
        Column("USER", lambda item: item["user"]),
        Column("ADDRESS", lambda item: item.get("email")),
        Column("NAME", lambda item: item.get("displayName")),
        Column("ROLE", lambda item: item.get("role")),
        Column("SINCE", lambda item: age(item.get("since"), now)),
    ]
    show_list(
        session.api.items(session.tenant_path("members")),
        columns,
        output,
        none=f"No members in tenant {session.tenant}.",
        name=lambda item: str(item["user"]),
    )


@member.command("set", examples=("funkhaus member set bob@example.com --role viewer",))
@click.argument("user", type=MEMBER)
@click.option("--role", type=click.Choice(ROLES), required=True, help="What they may do from now.")
@output(("table", "json", "yaml", "name"))
@tenanted
@click.pass_obj
def set_member(session: Session, user: str, *, role: str, output: str) -> None:
    """Give somebody a role (owners).

    USER is an id, as `whoami` and `member list` show it, or the address of a member.
    """
    user_id = found(session.api.items(session.tenant_path("members")), user, session.tenant)
    document = session.api.post(session.tenant_path("members"), {"user": user_id, "role": role})
    said = f"{_who(document)} is {document.get('role')} of tenant {session.tenant}."
    show_one(document, output, name=user_id, said=said)


@member.command("remove")
@click.argument("user", type=MEMBER)
@asking
@tenanted
@click.pass_obj
def remove(session: Session, user: str, *, yes: bool) -> None:
    """Remove a member (owners), or leave. In force with their next request; kubectl forgets them within 10 s.

    USER is an id or the address of a member.
    """
    user_id = found(session.api.items(session.tenant_path("members")), user, session.tenant)
    confirmed(f"Remove {user} from tenant {session.tenant}?", yes=yes)
    session.api.delete(session.tenant_path("members", user_id))
    click.echo(f"Removed {user} from tenant {session.tenant}.")


def found(items: Sequence[Mapping[str, Any]], user: str, tenant: str) -> str:
    """The id for an address among `items`; an id as it is. Raises `Failure`."""
    if _AT not in user:
        return user
    ids = {str(item["user"]) for item in items if item.get("email") == user.casefold()}
    if len(ids) == 1:
        return ids.pop()
    if ids:  # two identity providers, each of which vouches for it
        raise Failure(f"{user} is more than one member's address: name an id", Exit.USAGE)
    raise Failure(
        f"nobody of tenant {tenant} has the address {user}",
        Exit.NOT_FOUND,
        hint=f"funkhaus invitation create --email {user} --role developer",
    )


def _who(item: Mapping[str, Any]) -> str:
    return plain(str(item.get("displayName") or item.get("email") or item.get("user")))
