"""`funkhaus grant list|create|delete`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from funkhaus_cli.failure import plain
from funkhaus_cli.options import NAME, Noun, asking, confirmed, connection, output
from funkhaus_cli.output import Column, show_list
from funkhaus_cli.people import user_id

if TYPE_CHECKING:
    from funkhaus_cli.session import Session

_PATH = "/v1/platform/grants"
_ROLES = click.Choice(("admin", "approver", "auditor"))


@click.group("grant", cls=Noun)
def grant() -> None:
    """Platform roles of people, beside those that groups of an identity provider give (platform admins)."""


@grant.command("list")
@output()
@connection()
@click.pass_obj
def list_grants(session: Session, *, output: str) -> None:
    """Who was granted what."""
    columns = [
        Column("USER", lambda item: item["user"]),
        Column("ADDRESS", lambda item: item.get("email")),
        Column("NAME", lambda item: item.get("displayName")),
        Column("ROLE", lambda item: item.get("role")),
    ]
    show_list(
        session.api.items(_PATH),
        columns,
        output,
        none="No grants.",
        name=lambda item: f"{item['user']}/{item['role']}",
    )


@grant.command(
    "create",
    examples=("funkhaus grant create ada@example.com --role approver",),
)
@click.argument("user", type=NAME)
@click.option("--role", type=_ROLES, required=True, help="What they may do in all tenants.")
@connection()
@click.pass_obj
def create(session: Session, user: str, *, role: str) -> None:
    """Grant a platform role. USER is an id, or an address that one user alone has.

    The role is the user's, not the address's: see with `funkhaus user show` whom it names, and which issuer vouches for it.
    """
    key = user_id(session.api, user)
    session.api.post(_PATH, {"user": key, "role": role})
    click.echo(f"Granted {role} to {_named(user, key)}.")


@grant.command("delete")
@click.argument("user", type=NAME)
@click.option("--role", type=_ROLES, required=True, help="What to withdraw.")
@asking
@connection()
@click.pass_obj
def delete(session: Session, user: str, *, role: str, yes: bool) -> None:
    """Withdraw a platform role; in force with their next request. Group rules are not touched.

    USER is an id, or an address that one user alone has.
    """
    from funkhaus_cli.client import segment  # noqa: PLC0415 - httpx, see `session`

    key = user_id(session.api, user)
    confirmed(f"Withdraw {role} from {_named(user, key)}?", yes=yes)
    session.api.delete(segment("platform", "grants", key, role))
    click.echo(f"Withdrew {role} from {_named(user, key)}.")


def _named(user: str, key: str) -> str:
    return key if user == key else f"{plain(user)} ({key})"
