"""`funkhaus login|logout`: a session in place of a token."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from funkhaus_cli import signing_in
from funkhaus_cli.failure import Exit, Failure, plain, warn
from funkhaus_cli.options import Verb, connection
from funkhaus_cli.settings import TOKEN

if TYPE_CHECKING:
    from funkhaus_cli.session import Session


@click.command(
    "login",
    cls=Verb,
    examples=("funkhaus login", "funkhaus login --device", "funkhaus login --provider work"),
)
@click.option(
    "--provider", metavar="ID", default="", help="Identity provider, where there are several."
)
@click.option("--device", is_flag=True, help="Sign in with a browser on another machine.")
@click.option("--no-browser", is_flag=True, help="Show the address and open nothing.")
@connection()
@click.pass_obj
def login(session: Session, *, provider: str, device: bool, no_browser: bool) -> None:
    """Sign in with an identity provider; the session lasts hours and is kept in the keyring or a file of your own."""
    api = session.client("")
    if device:
        document = signing_in.by_device(api, session.sleep, session.clock)
    else:
        document = signing_in.by_browser(api, provider, open_browser=not no_browser)
    where = session.settings.keeper.keep(str(document["token"]))
    user = document["user"]
    click.echo(
        f"Signed in as {plain(str(user.get('name')))} until {document.get('expiresAt')}; kept in {where}."
    )
    token = session.settings.token()
    if token is not None and token.value != document["token"]:
        warn(f"{token.origin} goes before the session: commands speak as that token")


@click.command("logout", cls=Verb)
@connection()
@click.pass_obj
def logout(session: Session) -> None:
    """End the session and forget its token."""
    keeper = session.settings.keeper
    try:
        held = keeper.kept()
    except Failure:  # a file others could read: all the more reason
        held = None
    if held is None:
        keeper.forget()
        raise Failure(
            f"nobody is signed in here (a token in {TOKEN} or a file is ended with `funkhaus token revoke`)",
            Exit.NOT_FOUND,
        )
    try:
        keeper.forget()
    finally:  # what can't be forgotten here is ended there all the more
        try:
            session.client(held[0]).delete("/v1/me/session")
        except Failure as failure:
            if failure.exit != Exit.NOT_ALLOWED:  # over already is as good
                raise
    click.echo("Signed out.")
