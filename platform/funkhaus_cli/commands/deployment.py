"""`funkhaus function deploy|update`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from funkhaus_cli import specs
from funkhaus_cli.commands.function_flags import WAIT_SECONDS, described
from funkhaus_cli.commands.functions import function
from funkhaus_cli.completion import FUNCTION
from funkhaus_cli.failure import Exit, Failure
from funkhaus_cli.options import NAME, Seconds, flags_set, namespaced, output
from funkhaus_cli.output import show_one
from funkhaus_cli.specs import Asked
from funkhaus_cli.waiting import until_ready

if TYPE_CHECKING:
    from funkhaus_cli.session import Session

URL_SECONDS = 5.0
"""How long a trigger's URL may lag behind its function."""


@function.command(
    "deploy",
    examples=(
        "funkhaus function deploy hello -r python3.11 --handler hello.handler -f hello.py --wait",
        "funkhaus function deploy shop -r python3.11 --handler shop.main -f ./shop --memory 256Mi",
        "cat hello.py | funkhaus fn deploy hello -r python3.11 --handler hello.handler -f -",
    ),
)
@click.argument("name", type=NAME)
@described(required=True)
@click.option(
    "--label", "-l", multiple=True, metavar="KEY=VALUE", help="Label of the object. Repeatable."
)
@click.option("--replace", is_flag=True, help="Replace a function of that name, if there is one.")
@click.option(
    "--force", is_flag=True, help="With --replace: also what kubectl or GitOps set there."
)
@output(("table", "json", "yaml", "name"))
@namespaced
@click.pass_obj
def deploy(
    session: Session, /, name: str, *, label: tuple[str, ...], replace: bool, force: bool, dry_run: bool, wait: bool,
    wait_timeout: float, output: str, **flags: Any,  # noqa: ANN401 - click's, named in `Asked`
) -> None:  # fmt: skip
    """Deploy source as a function."""
    asked = Asked(**flags)
    labels = _labels(label)
    spec = specs.new(session, asked, dry_run=dry_run)
    body: dict[str, Any] = {"spec": spec, **({"labels": labels} if labels else {})}
    params = flags_set(dryRun=dry_run, force=force and replace)
    if replace:
        document = session.api.put(session.path("functions", name), body, params)
    else:
        document = _created(session, name, body, params)
    done = "Deployed" if not replace else "Deployed (or replaced)"
    finish(
        session,
        name,
        document,
        done,
        dry_run=dry_run,
        wait=wait,
        wait_seconds=wait_timeout,
        output=output,
    )


def _created(session: Session, name: str, body: dict[str, Any], params: dict[str, str]) -> Any:  # noqa: ANN401 - JSON
    try:
        return session.api.post(session.path("functions"), {"name": name, **body}, params)
    except Failure as failure:
        if failure.exit == Exit.REFUSED and failure.code == "conflict":
            failure.hint = f"`funkhaus function update {name} …` changes what you name, `deploy --replace` everything"
        raise


def _labels(texts: tuple[str, ...]) -> dict[str, str]:
    """Labels from ``K=V`` or ``K:V``; Kubeless's commas separate here too, for no label's value may hold one."""
    labels = {}
    for text in (part for given in texts for part in given.split(",") if part):
        key, separator, value = text.partition("=")
        if not separator:
            key, separator, value = text.partition(":")
        if not separator or not key:
            raise click.BadParameter(f"{text!r} is not KEY=VALUE", param_hint="--label")
        labels[key] = value
    return labels


@function.command(
    "update",
    examples=("funkhaus function update hello --memory 256Mi --env MODE=fast --env OLD- --wait",),
)
@click.argument("name", type=FUNCTION)
@described(required=False)
@output(("table", "json", "yaml", "name"))
@namespaced
@click.pass_obj
def update(
    session: Session,
    /,
    name: str,
    *,
    dry_run: bool,
    wait: bool,
    wait_timeout: float,
    output: str,
    **flags: Any,  # noqa: ANN401 - click's, named in `Asked`
) -> None:
    """Change what the flags name, and nothing else."""
    asked = Asked(**flags)
    if asked == Asked():
        raise click.UsageError(
            "nothing to change: name at least one flag, for example --memory 256Mi"
        )
    path = session.path("functions", name)
    before = session.api.get(path)
    patch = specs.change(session, asked, before.get("spec") or {}, dry_run=dry_run)
    document = session.api.patch(path, {"spec": patch}, flags_set(dryRun=dry_run))
    done = "Updated" if document.get("generation") != before.get("generation") else "Unchanged:"
    finish(
        session,
        name,
        document,
        done,
        dry_run=dry_run,
        wait=wait,
        wait_seconds=wait_timeout,
        output=output,
    )


def finish(
    session: Session, name: str, document: dict[str, Any], done: str, *, dry_run: bool, wait: bool,
    wait_seconds: float, output: str,
) -> None:  # fmt: skip
    """Say what happened and, when asked, see it through."""
    if dry_run:
        click.echo("Dry run: admitted, and nothing was stored.", err=True)
        show_one(document, "yaml" if output == "table" else output, name=name, said="")
        return
    said = f"{done} function {name} in {session.place}."
    if not wait:
        show_one(document, output, name=name, said=said)
        return
    if output == "table":
        click.echo(said)
    _see_through(session, name, wait_seconds, output)


@function.command("wait")
@click.argument("name", type=FUNCTION)
@click.option(
    "--timeout",
    type=Seconds(0.1),
    default=WAIT_SECONDS,
    metavar="SECONDS",
    help=f"How long [{WAIT_SECONDS:g}].",
)
@output(("table", "json", "yaml", "name"))
@namespaced
@click.pass_obj
def wait_for(session: Session, name: str, *, timeout: float, output: str) -> None:
    """Wait until a function is ready, and print its URL."""
    _see_through(session, name, timeout, output)


def _see_through(session: Session, name: str, seconds: float, output: str) -> None:
    """Wait for a function that has been asked for, and say how it ended."""
    look = session.path("functions", name)
    document, took = until_ready(session, lambda: session.api.get(look), name, seconds)
    status = document.get("status") or {}
    replicas = (status.get("replicas") or {}).get("summary")
    facts = [f"revision {status.get('revision')}", *([f"{replicas} replicas"] if replicas else [])]
    show_one(document, output, name=name, said=f"Ready after {took:.1f} s: {', '.join(facts)}.")
    if output == "table":
        _say_urls(session, name, status.get("urls") or [])


def _say_urls(session: Session, name: str, urls: list[str]) -> None:
    """The function's URLs; a trigger that was made a moment ago is waited for a little."""
    began = session.clock()
    while not urls:
        triggers = [
            item
            for item in session.api.items(session.path("httptriggers"))
            if (item.get("spec") or {}).get("function") == name
        ]
        urls = [url for item in triggers if (url := (item.get("status") or {}).get("url"))]
        if not triggers:
            click.echo(
                f"No trigger yet: funkhaus trigger http create {name} --function-name {name}",
                err=True,
            )
        if not triggers or session.clock() - began > URL_SECONDS:
            break
        if not urls:
            session.sleep(0.5)
    for url in urls:
        click.echo(f"URL: {url}")
