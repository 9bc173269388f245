"""`funkhaus config view|list|use|set|unset|delete`: where, as whom and in which tenant, by name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from funkhaus_cli.failure import Exit, Failure
from funkhaus_cli.options import NAME, Noun, asking, confirmed, namespaced, output
from funkhaus_cli.output import Column, show_list
from funkhaus_cli.settings import KEYS, TOKEN, read_config

if TYPE_CHECKING:
    from funkhaus_cli.session import Session


@click.group("config", cls=Noun, aliases={"context": "use", "show": "view"})
def config() -> None:
    """Keep API server, token file, tenant and namespace by name."""


@config.command("view")
@output(("table", "json", "yaml"))
@namespaced
@click.pass_obj
def view(session: Session, *, output: str) -> None:
    """What is in effect here, and where each value comes from."""
    settings = session.settings
    rows = [{"name": "context", "value": settings.context, "origin": str(settings.config.path)}]
    for key in ("api", "tenant", "namespace"):
        chosen = settings.choose(key)
        rows.append(
            {
                "name": key,
                "value": chosen.value if chosen else "",
                "origin": chosen.origin if chosen else "not set",
            }
        )
    token = settings.token()
    rows.append(
        {
            "name": "token",
            "value": f"…{token.value[-4:]}" if token else "",
            "origin": token.origin if token else f"not set ({TOKEN}, --token-file)",
        }
    )
    columns = [
        Column("SETTING", lambda item: item["name"]),
        Column("VALUE", lambda item: item["value"]),
        Column("FROM", lambda item: item["origin"]),
    ]
    show_list(rows, columns, output, none="")


@config.command("list")
@output(("table", "json", "yaml", "name"))
@click.pass_obj
def list_contexts(session: Session, *, output: str) -> None:
    """All contexts; the one in use has a star."""
    held = read_config(session.environ)
    rows = [
        {"name": name, "current": name == held.current, **entry}
        for name, entry in sorted(held.contexts.items())
    ]
    columns = [
        Column("", lambda item: "*" if item["current"] else " "),
        Column("NAME", lambda item: item["name"]),
        *(Column(key.upper(), lambda item, key=key: item.get(key)) for key in KEYS),  # type: ignore[misc]
    ]
    show_list(
        rows, columns, output, none=f"No contexts in {held.path}; `funkhaus config set` makes one."
    )


@config.command("use")
@click.argument("name", type=NAME)
@click.pass_obj
def use(session: Session, name: str) -> None:
    """Use the context NAME from now on."""
    held = read_config(session.environ)
    if name not in held.contexts:
        known = ", ".join(sorted(held.contexts)) or "none"
        raise Failure(f"no context {name!r}; there are: {known}", Exit.NOT_FOUND)
    held.current = name
    held.save()
    click.echo(f"Context {name} is in use.")


@config.command("set")
@click.argument("key", type=click.Choice(KEYS))
@click.argument("value")
@click.option("--context", metavar="NAME", help="Context to change or make [the one in use].")
@click.pass_obj
def set_value(session: Session, key: str, value: str, context: str | None) -> None:
    """Keep KEY in a context; a context that isn't there is made."""
    if not value or not value.isprintable():
        raise click.BadParameter(f"{value!r} is no {key}", param_hint="VALUE")
    if key == "token-file":
        value = str(Path(value).expanduser().absolute())
    held = read_config(session.environ)
    name = context or held.current
    held.contexts.setdefault(name, {})[key] = value
    if len(held.contexts) == 1:
        held.current = name
    held.save()
    click.echo(f"Context {name}: {key} is {value}.")


@config.command("unset")
@click.argument("key", type=click.Choice(KEYS))
@click.option("--context", metavar="NAME", help="Context to change [the one in use].")
@click.pass_obj
def unset(session: Session, key: str, context: str | None) -> None:
    """Forget KEY in a context."""
    held = read_config(session.environ)
    name = context or held.current
    if held.contexts.get(name, {}).pop(key, None) is None:
        raise Failure(f"context {name} has no {key}", Exit.NOT_FOUND)
    held.save()
    click.echo(f"Context {name}: {key} is no longer set.")


@config.command("delete")
@click.argument("name", type=NAME)
@asking
@click.pass_obj
def delete(session: Session, name: str, *, yes: bool) -> None:
    """Forget a whole context; the token's file stays."""
    confirmed(f"Forget context {name}?", yes=yes)
    held = read_config(session.environ)
    if held.contexts.pop(name, None) is None:
        raise Failure(f"no context {name!r}", Exit.NOT_FOUND)
    if held.current == name:
        held.current = "default"
    held.save()
    click.echo(f"Context {name} is forgotten.")
