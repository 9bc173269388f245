"""`funkhaus trigger http create|list|delete`; `cronjob` joins from its own module."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from funkhaus_cli.commands import callers
from funkhaus_cli.commands.cron import cronjob
from funkhaus_cli.completion import FUNCTION, TRIGGER
from funkhaus_cli.options import NAME, Noun, Seconds, flags_set, namespaced, output
from funkhaus_cli.output import Column, show_one
from funkhaus_cli.progress import Progress
from funkhaus_cli.waiting import refused, sentence

if TYPE_CHECKING:
    from datetime import datetime

    from funkhaus_cli.session import Session

PLURAL, WORD = "httptriggers", "HTTP trigger"
URL_SECONDS = 10.0


@click.group("trigger", cls=Noun)
def trigger() -> None:
    """What calls a function."""


trigger.add_command(cronjob)


@trigger.group("http")
def http() -> None:
    """Host and path below which a function answers."""


@http.command("create", examples=("funkhaus trigger http create hello --function-name hello",))
@click.argument("name", type=NAME)
@click.option("--function-name", required=True, type=FUNCTION, help="The function that answers.")
@click.option("--hostname", metavar="HOST", help="Host [FUNCTION.TENANT.DOMAIN].")
@click.option("--path", metavar="PATH", help="Path below which it answers [/].")
@click.option("--tls-secret", metavar="SECRET", help="Secret with the host's certificate.")
@click.option("--replace", is_flag=True, help="Replace a trigger of that name, if there is one.")
@click.option(
    "--force", is_flag=True, help="With --replace: also what kubectl or GitOps set there."
)
@click.option("--dry-run", is_flag=True, help="Ask the server what it would store; store nothing.")
@click.option(
    "--wait-timeout",
    type=Seconds(0),
    default=URL_SECONDS,
    metavar="SECONDS",
    help=f"How long to wait for the URL; 0 does not wait [{URL_SECONDS:g}].",
)
@output(("table", "json", "yaml", "name"))
@namespaced
@click.pass_obj
def create(
    session: Session, name: str, *, function_name: str, hostname: str | None, path: str | None, tls_secret: str | None,
    replace: bool, force: bool, dry_run: bool, wait_timeout: float, output: str,
) -> None:  # fmt: skip
    """Make a function reachable, and print its URL."""
    spec: dict[str, Any] = {"function": function_name}
    if hostname is not None:
        spec["host"] = hostname
    if path is not None:
        # Kubeless wrote paths without their first slash.
        spec["path"] = path if path.startswith("/") else f"/{path}"
    if tls_secret is not None:
        spec["tls"] = {"secretName": tls_secret}
    params = flags_set(dryRun=dry_run, force=force and replace)
    if replace:
        document = session.api.put(session.path(PLURAL, name), {"spec": spec}, params)
    else:
        document = session.api.post(session.path(PLURAL), {"name": name, "spec": spec}, params)
    if dry_run:
        callers.told(document, output, name, "", dry_run=True)
        return
    if output == "table":
        click.echo(f"Created HTTP trigger {name} for function {function_name} in {session.place}.")
    if wait_timeout:
        document = _until_url(session, name, document, wait_timeout)
    url = (document.get("status") or {}).get("url")
    show_one(document, output, name=name, said=f"URL: {url}" if url else "")
    if not url and wait_timeout and output == "table":
        click.echo(
            f"No URL yet. {sentence(document)}. `funkhaus trigger http list` shows it.", err=True
        )


def _until_url(
    session: Session, name: str, document: dict[str, Any], seconds: float
) -> dict[str, Any]:
    """The trigger when it has its URL, was refused, or the time is up."""
    with Progress(session.clock, session.sleep) as progress:
        while not (document.get("status") or {}).get("url") and not refused(document):
            if progress.seconds >= seconds:
                break
            progress.say(sentence(document))
            progress.pause(0.3)
            document = session.api.get(session.path(PLURAL, name))
    return document


def _columns(now: datetime) -> list[Column]:
    del now
    return [
        Column("URL", lambda item: item["status"].get("url")),
        Column("HOST", lambda item: item["spec"].get("host"), wide=True),
        Column("PATH", lambda item: item["spec"].get("path"), wide=True),
        Column("TLS", lambda item: (item["spec"].get("tls") or {}).get("secretName"), wide=True),
    ]


callers.lists(http, PLURAL, f"{WORD}s", _columns, "HTTP triggers with their URLs.")
callers.deletes(http, PLURAL, WORD, TRIGGER)
