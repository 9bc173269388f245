"""`funkhaus function list|describe|delete`; `deploy`, `update`, `call` and `logs` join from their own modules."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import click

from funkhaus_cli.completion import FUNCTION
from funkhaus_cli.failure import Exit, Failure
from funkhaus_cli.options import Noun, asking, confirmed, namespaced, output
from funkhaus_cli.output import Column, Styled, age, as_json, as_yaml, show_list
from funkhaus_cli.page import page
from funkhaus_cli.trouble import TAIL
from funkhaus_cli.waiting import condition

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from funkhaus_cli.session import Session

LOG_SECONDS = 5.0


@click.group("function", cls=Noun, aliases={"create": "deploy", "get": "describe"})
def function() -> None:
    """Deploy, look at, call and delete functions."""


@function.command("list")
@click.argument("names", nargs=-1, type=FUNCTION)
@click.option("--all-namespaces", "-A", is_flag=True, help="In every namespace of the tenant.")
@output()
@namespaced
@click.pass_obj
def list_functions(
    session: Session, names: tuple[str, ...], *, all_namespaces: bool, output: str
) -> None:
    """Functions with their state and URL; NAMES narrow the list."""
    items = [
        item
        for item in listed(session, "functions", everywhere=all_namespaces)
        if not names or item["name"] in names
    ]
    if absent := sorted(set(names) - {item["name"] for item in items}):
        raise Failure(f"no function {', '.join(absent)} in {session.place}", Exit.NOT_FOUND)
    place = f"tenant {session.tenant}" if all_namespaces else session.place
    show_list(
        items,
        _columns(session, everywhere=all_namespaces),
        output,
        none=f"No functions in {place}.",
    )


def _columns(session: Session, *, everywhere: bool) -> list[Column]:
    now = session.now()
    return [
        *([Column("NAMESPACE", lambda item: item.get("namespace"))] if everywhere else []),
        Column("NAME", lambda item: item["name"]),
        Column("RUNTIME", lambda item: item["spec"].get("runtime")),
        Column("READY", readiness),
        Column("REPLICAS", lambda item: (item["status"].get("replicas") or {}).get("summary")),
        Column("URL", lambda item: _urls(item["status"].get("urls") or [])),
        Column("AGE", lambda item: age(item.get("createdAt"), now)),
        Column("HANDLER", lambda item: item["spec"].get("handler"), wide=True),
        Column("CPU", lambda item: (item["spec"].get("resources") or {}).get("cpu"), wide=True),
        Column(
            "MEMORY", lambda item: (item["spec"].get("resources") or {}).get("memory"), wide=True
        ),
        Column("TIMEOUT", lambda item: _seconds(item["spec"].get("timeout")), wide=True),
        Column("REVISION", lambda item: item["status"].get("revision"), wide=True),
    ]


def _seconds(value: object) -> str:
    return f"{value}s" if value is not None else ""


def _urls(urls: list[str]) -> str:
    return f"{urls[0]} (+{len(urls) - 1})" if len(urls) > 1 else "".join(urls)


def readiness(item: Mapping[str, Any]) -> Styled:
    """Yes, or why not yet: the Ready condition's reason."""
    found = condition(item, "Ready")
    if found is None:
        return Styled("Pending", "yellow")
    if found.get("status") == "True":
        return Styled("yes", "green")
    failed = found.get("status") == "False"
    return Styled(str(found.get("reason") or "no"), "red" if failed else "yellow")


def listed(session: Session, plural: str, *, everywhere: bool) -> list[dict[str, Any]]:
    """The objects of the namespace or of all the tenant's, each with ``spec`` and ``status``."""
    return [
        {**item, "spec": item.get("spec") or {}, "status": item.get("status") or {}}
        for path in _places(session, plural, everywhere=everywhere)
        for item in session.api.items(path)
    ]


def _places(session: Session, plural: str, *, everywhere: bool) -> Iterator[str]:
    if not everywhere:
        yield session.path(plural)
        return
    for namespace in session.api.items(session.tenant_path("namespaces")):
        yield session.tenant_path("namespaces", namespace["name"], plural)


@function.command("describe")
@click.argument("name", type=FUNCTION)
@output(("text", "json", "yaml"))
@namespaced
@click.pass_obj
def describe(session: Session, name: str, *, output: str) -> None:
    """Everything about a function on one page.

    State, limits, source, replicas and how they ended, triggers, revisions, events.
    """
    document = session.api.get(session.path("functions", name, "description"))
    if output == "text":
        click.echo(page(document, session.now(), _log(session, name)))
    else:
        click.echo(as_json(document) if output == "json" else as_yaml(document))


def _log(session: Session, name: str) -> bytes:
    """The end of the function's log; nothing where there is none or it does not come soon."""
    try:
        answer = session.api.raw(
            "GET",
            session.path("functions", name, "logs"),
            params={"tail": TAIL},
            seconds=LOG_SECONDS,
        )
    except Failure:
        return b""
    return answer.content if answer.status < HTTPStatus.BAD_REQUEST else b""


@function.command("delete")
@click.argument("names", nargs=-1, required=True, type=FUNCTION)
@click.option("--ignore-not-found", is_flag=True, help="Absent is as good as deleted.")
@asking
@namespaced
@click.pass_obj
def delete(session: Session, names: tuple[str, ...], *, ignore_not_found: bool, yes: bool) -> None:
    """Delete functions with their revisions; their triggers stay."""
    remove(session, "functions", "function", names, ignore_not_found=ignore_not_found, yes=yes)


def remove(
    session: Session, plural: str, word: str, names: tuple[str, ...], *, ignore_not_found: bool, yes: bool,
) -> None:  # fmt: skip
    """Ask, then delete objects one by one; the first refusal ends it, after saying what is gone already."""
    many = "s" if len(names) > 1 else ""
    confirmed(f"Delete {word}{many} {', '.join(names)} in {session.place}?", yes=yes)
    for name in names:
        try:
            session.api.delete(session.path(plural, name))
        except Failure as failure:
            if failure.exit != Exit.NOT_FOUND or not ignore_not_found:
                raise
            click.echo(f"No {word} {name} in {session.place}.")
        else:
            click.echo(f"Deleted {word} {name} in {session.place}.")
