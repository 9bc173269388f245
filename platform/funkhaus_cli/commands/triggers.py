"""`funkhaus trigger http create|list|delete`; `cronjob` joins from its own module."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from funkhaus_cli.commands.cron import cronjob
from funkhaus_cli.commands.functions import listed, readiness, remove
from funkhaus_cli.completion import FUNCTION, TRIGGER
from funkhaus_cli.options import NAME, Noun, Seconds, flags_set, namespaced, output
from funkhaus_cli.output import Column, age, show_list, show_one
from funkhaus_cli.progress import Progress
from funkhaus_cli.waiting import refused, sentence

if TYPE_CHECKING:
    from funkhaus_cli.session import Session

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
        document = session.api.put(session.path("httptriggers", name), {"spec": spec}, params)
    else:
        document = session.api.post(
            session.path("httptriggers"), {"name": name, "spec": spec}, params
        )
    if dry_run:
        click.echo("Dry run: admitted, and nothing was stored.", err=True)
        show_one(document, "yaml" if output == "table" else output, name=name, said="")
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
            document = session.api.get(session.path("httptriggers", name))
    return document


@http.command("list")
@click.option("--all-namespaces", "-A", is_flag=True, help="In every namespace of the tenant.")
@output()
@namespaced
@click.pass_obj
def list_triggers(session: Session, *, all_namespaces: bool, output: str) -> None:
    """HTTP triggers with their URLs."""
    now = session.now()
    columns = [
        *([Column("NAMESPACE", lambda item: item.get("namespace"))] if all_namespaces else []),
        Column("NAME", lambda item: item["name"]),
        Column("FUNCTION", lambda item: item["spec"].get("function")),
        Column("READY", readiness),
        Column("URL", lambda item: item["status"].get("url")),
        Column("AGE", lambda item: age(item.get("createdAt"), now)),
        Column("HOST", lambda item: item["spec"].get("host"), wide=True),
        Column("PATH", lambda item: item["spec"].get("path"), wide=True),
        Column("TLS", lambda item: (item["spec"].get("tls") or {}).get("secretName"), wide=True),
    ]
    place = f"tenant {session.tenant}" if all_namespaces else session.place
    items = listed(session, "httptriggers", everywhere=all_namespaces)
    show_list(items, columns, output, none=f"No HTTP triggers in {place}.")


@http.command("delete")
@click.argument("names", nargs=-1, required=True, type=TRIGGER)
@click.option("--ignore-not-found", is_flag=True, help="Absent is as good as deleted.")
@namespaced
@click.pass_obj
def delete(session: Session, names: tuple[str, ...], *, ignore_not_found: bool) -> None:
    """Delete HTTP triggers; their functions stay."""
    remove(session, "httptriggers", "HTTP trigger", names, ignore_not_found=ignore_not_found)
