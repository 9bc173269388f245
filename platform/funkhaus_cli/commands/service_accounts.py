"""`funkhaus serviceaccount create|list|delete`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from funkhaus_cli.commands.tokens import ROLES
from funkhaus_cli.options import NAME, Noun, asking, confirmed, output, tenanted
from funkhaus_cli.output import Column, age, show_list, show_one

if TYPE_CHECKING:
    from funkhaus_cli.session import Session


@click.group("serviceaccount", cls=Noun)
def service_account() -> None:
    """A tenant's machines, such as CI: each with a role and tokens of its own."""


@service_account.command(
    "create",
    examples=(
        "funkhaus serviceaccount create ci --role developer",
        "funkhaus token create deploys --service-account ci --scope functions:write > ci.token",
    ),
)
@click.argument("name", type=NAME)
@click.option(
    "--role",
    type=click.Choice(ROLES),
    default="developer",
    show_default=True,
    help="What it may do.",
)
@output(("table", "json", "yaml", "name"))
@tenanted
@click.pass_obj
def create(session: Session, name: str, *, role: str, output: str) -> None:
    """Make one (owners)."""
    document = session.api.post(
        session.tenant_path("serviceaccounts"), {"name": name, "role": role}
    )
    said = f"Made service account {name} ({role}) of tenant {session.tenant}."
    show_one(document, output, name=name, said=said)


@service_account.command("list")
@output()
@tenanted
@click.pass_obj
def list_service_accounts(session: Session, *, output: str) -> None:
    """The tenant's service accounts (owners)."""
    now = session.now()
    columns = [
        Column("NAME", lambda item: item["name"]),
        Column("ROLE", lambda item: item.get("role")),
        Column("AGE", lambda item: age(item.get("createdAt"), now)),
        Column("ID", lambda item: item.get("id"), wide=True),
    ]
    show_list(
        session.api.items(session.tenant_path("serviceaccounts")),
        columns,
        output,
        none=f"No service accounts in tenant {session.tenant}.",
        name=lambda item: str(item["name"]),
    )


@service_account.command("delete")
@click.argument("name", type=NAME)
@asking
@tenanted
@click.pass_obj
def delete(session: Session, name: str, *, yes: bool) -> None:
    """Delete one (owners). Its tokens end with it."""
    confirmed(f"Delete service account {name} of {session.tenant} and end its tokens?", yes=yes)
    session.api.delete(session.tenant_path("serviceaccounts", name))
    click.echo(f"Deleted service account {name} of tenant {session.tenant}.")
