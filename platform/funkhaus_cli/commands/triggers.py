"""`funkhaus trigger http create|update|list|describe|delete`; `cronjob` joins from its own module."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import click

from funkhaus_cli import split
from funkhaus_cli.commands import callers
from funkhaus_cli.commands.cron import cronjob
from funkhaus_cli.completion import FUNCTION, TRIGGER
from funkhaus_cli.layout import pairs
from funkhaus_cli.options import NAME, Noun, Seconds, flags_set, namespaced, output, together
from funkhaus_cli.output import Column, show_one
from funkhaus_cli.progress import Progress
from funkhaus_cli.waiting import refused, sentence

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime

    from funkhaus_cli.session import Session

F = TypeVar("F", bound="Callable[..., Any]")
PLURAL, WORD = "httptriggers", "HTTP trigger"
URL_SECONDS = 10.0


@click.group("trigger", cls=Noun)
def trigger() -> None:
    """What calls a function."""


trigger.add_command(cronjob)


@trigger.group("http", cls=Noun, aliases={"get": "describe"})
def http() -> None:
    """Host and path below which a function answers."""


def _described(*, required: bool) -> Callable[[F], F]:
    """The flags that say where a function answers, and to what. The names are Kubeless's where it had one."""
    flags = (
        click.option(
            "--function-name",
            required=required,
            type=FUNCTION,
            help="The function that answers.",
        ),
        click.option("--hostname", metavar="HOST", help="Host [FUNCTION.TENANT.DOMAIN]."),
        click.option("--path", metavar="PATH", help="Path below which it answers [/]."),
        click.option("--tls-secret", metavar="SECRET", help="Secret with the host's certificate."),
        click.option(
            "--method",
            "methods",
            multiple=True,
            metavar="METHOD",
            help="Method it answers to, repeatable or with commas between [all].",
        ),
        click.option(
            "--split",
            "splits",
            multiple=True,
            metavar="REVISION=WEIGHT",
            help="Share of the calls for a revision (name, digits, or current for the one that serves), repeatable or with "
            "commas between [all to current].",
        ),
        click.option(
            "--dry-run", is_flag=True, help="Ask the server what it would store; store nothing."
        ),
    )
    return together(flags)


def _spec(session: Session, flags: Mapping[str, Any], function: str) -> dict[str, Any]:
    """What was named, and nothing else; `function` is whose revisions are meant where digits are given."""
    path, secret = flags["path"], flags["tls_secret"]
    if path is not None and not path.startswith("/"):
        path = f"/{path}"  # Kubeless wrote paths without their first slash
    named = [word.strip().upper() for text in flags["methods"] for word in text.split(",")]
    fields = {
        "function": flags["function_name"],
        "host": flags["hostname"],
        "path": path,
        "tls": None if secret is None else {"secretName": secret},
        "methods": named or None,
        "backends": split.backends(session, function, flags["splits"]) or None,
    }
    return {key: value for key, value in fields.items() if value is not None}


@http.command(
    "create",
    examples=(
        "funkhaus trigger http create hello --function-name hello",
        "funkhaus trigger http create orders --function-name orders --path /orders --method GET,POST",
    ),
)
@click.argument("name", type=NAME)
@_described(required=True)
@click.option("--replace", is_flag=True, help="Replace a trigger of that name, if there is one.")
@click.option(
    "--force", is_flag=True, help="With --replace: also what kubectl or GitOps set there."
)
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
    session: Session, /, name: str, *, replace: bool, force: bool, dry_run: bool, wait_timeout: float, output: str,
    **flags: Any,  # noqa: ANN401 - click's
) -> None:  # fmt: skip
    """Make a function reachable, and print its URL."""
    spec = _spec(session, flags, flags["function_name"])
    params = flags_set(dryRun=dry_run, force=force and replace)
    if replace:
        document = session.api.put(session.path(PLURAL, name), {"spec": spec}, params)
    else:
        document = session.api.post(session.path(PLURAL), {"name": name, "spec": spec}, params)
    if dry_run:
        callers.told(document, output, name, "", dry_run=True)
        return
    if output == "table":
        function = spec["function"]
        click.echo(f"Created HTTP trigger {name} for function {function} in {session.place}.")
    if wait_timeout:
        document = _until_url(session, name, document, wait_timeout)
    url = (document.get("status") or {}).get("url")
    show_one(document, output, name=name, said=f"URL: {url}" if url else "")
    if not url and wait_timeout and output == "table":
        click.echo(
            f"No URL yet. {sentence(document)}. `funkhaus trigger http list` shows it.", err=True
        )


@http.command(
    "update",
    examples=(
        "funkhaus trigger http update orders --path /v2/orders",
        "funkhaus trigger http update orders --any-method",
        "funkhaus trigger http update orders --split 3f9a1c=90 --split current=10",
    ),
)
@click.argument("name", type=TRIGGER)
@_described(required=False)
@click.option("--no-tls", is_flag=True, help="Without a certificate of its own from now on.")
@click.option("--any-method", is_flag=True, help="Answer to every method from now on.")
@click.option("--no-split", is_flag=True, help="All calls to the revision that serves from now on.")
@output(("table", "json", "yaml", "name"))
@namespaced
@click.pass_obj
def update(
    session: Session, /, name: str, *, no_tls: bool, any_method: bool, no_split: bool, dry_run: bool, output: str,
    **flags: Any,  # noqa: ANN401 - click's
) -> None:  # fmt: skip
    """Change what the flags name, and nothing else."""
    function = flags["function_name"] or ""
    if flags["splits"] and not function:
        function = session.api.get(session.path(PLURAL, name))["spec"]["function"]
    patch = _spec(session, flags, function)
    for flag, field, given in (
        ("--no-tls", "tls", no_tls),
        ("--any-method", "methods", any_method),
        ("--no-split", "backends", no_split),
    ):
        if given and field in patch:
            raise click.UsageError(f"{flag} and a value for {field}: one of the two passes")
        if given:
            patch[field] = None
    if not patch:
        raise click.UsageError("nothing to change: name at least one flag, for example --path /")
    params = flags_set(dryRun=dry_run)
    document = session.api.patch(session.path(PLURAL, name), {"spec": patch}, params)
    said = f"Updated {WORD} {name} in {session.place}."
    callers.told(document, output, name, said, dry_run=dry_run)


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
        Column("METHODS", lambda item: ",".join(item["spec"].get("methods") or []), wide=True),
        Column("SPLIT", lambda item: split.text(item["spec"].get("backends") or []), wide=True),
        Column("TLS", lambda item: (item["spec"].get("tls") or {}).get("secretName"), wide=True),
    ]


@http.command("describe")
@click.argument("name", type=TRIGGER)
@output(("text", "json", "yaml"))
@namespaced
@click.pass_obj
def describe(session: Session, name: str, *, output: str) -> None:
    """A trigger on one page: where it answers, to what, and what is wrong."""
    document = session.api.get(session.path(PLURAL, name))
    if output == "text":
        click.echo("\n".join(_page(document)))
    else:
        show_one(document, output, name=name, said="")


def _page(document: Mapping[str, Any]) -> Iterator[str]:
    spec, status = document.get("spec") or {}, document.get("status") or {}
    yield from pairs(
        ("HTTP trigger", document.get("name")),
        ("Where", f"{document.get('tenant')}/{document.get('namespace')}"),
        ("Function", spec.get("function")),
        ("URL", status.get("url") or "none yet"),
        ("State", sentence(document)),
        ("Methods", ", ".join(spec.get("methods") or []) or "all"),
        ("Split", split.text(spec.get("backends") or [])),
        ("Certificate", (spec.get("tls") or {}).get("secretName") or ""),
    )


callers.lists(http, PLURAL, f"{WORD}s", _columns, "HTTP triggers with their URLs.")
callers.deletes(http, PLURAL, WORD, TRIGGER)
