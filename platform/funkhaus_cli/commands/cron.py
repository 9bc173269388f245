"""`funkhaus trigger cronjob create|update|list|describe|delete`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
import yaml

from funkhaus_cli.commands import callers
from funkhaus_cli.completion import CRON_TRIGGER, FUNCTION
from funkhaus_cli.failure import Exit, Failure
from funkhaus_cli.layout import pairs, section, wrapped
from funkhaus_cli.options import NAME, Noun, flags_set, namespaced, output, together
from funkhaus_cli.output import Column, Styled, age, show_one
from funkhaus_cli.waiting import sentence

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime

    from funkhaus_cli.session import Session

F = TypeVar("F", bound="Callable[..., Any]")
PLURAL, WORD = "cronjobtriggers", "cron trigger"
_FILE_LIMIT = 1024 * 1024
_COLOURS = {"Succeeded": "green", "Failed": "red", "Running": "yellow"}


@click.group("cronjob", cls=Noun, aliases={"get": "describe"})
def cronjob() -> None:
    """Calls on schedule."""


def _described(*, required: bool) -> Callable[[F], F]:
    """The flags that say when a function is called, and with what. The names are Kubeless's where it had one."""
    flags = (
        click.option(
            "--function",
            "--function-name",
            "function",
            required=required,
            type=FUNCTION,
            help="The function that is called.",
        ),
        click.option(
            "--schedule",
            required=required,
            metavar="CRON",
            help="Minute, hour, day, month, weekday; or @hourly, @daily, …",
        ),
        click.option(
            "--timezone", metavar="ZONE", help="Of the schedule, for example Europe/Berlin [UTC]."
        ),
        click.option(
            "--payload",
            "-p",
            metavar="JSON",
            help="JSON object the function gets; without one it is called with GET.",
        ),
        click.option(
            "--payload-from-file",
            "-f",
            metavar="FILE",
            type=click.Path(),
            help="The payload from a .json or .yaml file.",
        ),
        click.option(
            "--concurrency-policy",
            type=click.Choice(("Allow", "Forbid", "Replace"), case_sensitive=False),
            help="While an earlier run goes on [Allow].",
        ),
        click.option("--suspend/--resume", default=None, help="No new runs, or runs again."),
        click.option(
            "--successful-history", type=int, metavar="N", help="Good runs kept to look at [3]."
        ),
        click.option(
            "--failed-history", type=int, metavar="N", help="Failed runs kept to look at [1]."
        ),
        click.option(
            "--dry-run", is_flag=True, help="Ask the server what it would store; store nothing."
        ),
    )
    return together(flags)


def _spec(flags: Mapping[str, Any]) -> dict[str, Any]:
    """What was named, and nothing else."""
    payload = _payload(flags["payload"], flags["payload_from_file"])
    policy = flags["concurrency_policy"]
    fields = {
        "function": flags["function"],
        "schedule": flags["schedule"],
        "timeZone": flags["timezone"],
        "payload": payload,
        "concurrencyPolicy": policy.capitalize() if policy else None,
        "suspend": flags["suspend"],
        "successfulJobsHistoryLimit": flags["successful_history"],
        "failedJobsHistoryLimit": flags["failed_history"],
    }
    return {key: value for key, value in fields.items() if value is not None}


def _payload(text: str | None, file: str | None) -> dict[str, Any] | None:
    if text is not None and file is not None:
        raise click.UsageError("--payload and --payload-from-file: one of the two passes")
    where = "--payload" if text is not None else f"--payload-from-file {file}"
    if file is not None:
        text = _read(file)
    if text is None:
        return None
    try:
        found = yaml.safe_load(text) if file and not file.endswith(".json") else json.loads(text)
    except (ValueError, yaml.YAMLError) as error:
        reason = str(error).partition("\n")[0]
        raise Failure(f"{where} can't be read: {reason}", Exit.USAGE) from error
    if not isinstance(found, dict):
        raise Failure(f"{where} is no JSON object", Exit.USAGE, hint='{"key": "value"} passes')
    return found


def _read(file: str) -> str:
    try:
        with Path(file).open("rb") as opened:
            content = opened.read(_FILE_LIMIT + 1)
        if len(content) > _FILE_LIMIT:
            raise Failure(f"--payload-from-file {file} has more than 1 MiB", Exit.USAGE)
        return content.decode()
    except OSError as error:
        raise Failure(f"--payload-from-file {file}: {error.strerror}", Exit.USAGE) from error
    except UnicodeDecodeError as error:
        raise Failure(f"--payload-from-file {file} is not text", Exit.USAGE) from error


@cronjob.command(
    "create",
    examples=(
        "funkhaus trigger cronjob create nightly --function report --schedule '0 3 * * *' --timezone Europe/Berlin",
        """funkhaus trigger cronjob create poll --function poll --schedule '*/5 * * * *' -p '{"full": false}'""",
    ),
)
@click.argument("name", type=NAME)
@_described(required=True)
@output(("table", "json", "yaml", "name"))
@namespaced
@click.pass_obj
def create(
    session: Session, /, name: str, *, dry_run: bool, output: str, **flags: Any  # noqa: ANN401 - click's
) -> None:  # fmt: skip
    """Have a function called on schedule."""
    spec = _spec(flags)
    body = {"name": name, "spec": spec}
    document = session.api.post(session.path(PLURAL), body, flags_set(dryRun=dry_run))
    said = f"Created {WORD} {name} for function {spec['function']} in {session.place}."
    callers.told(document, output, name, said, dry_run=dry_run)


@cronjob.command(
    "update",
    examples=(
        "funkhaus trigger cronjob update nightly --schedule '30 3 * * *'",
        "funkhaus trigger cronjob update nightly --suspend",
    ),
)
@click.argument("name", type=CRON_TRIGGER)
@_described(required=False)
@click.option("--no-payload", is_flag=True, help="Without a payload from now on.")
@output(("table", "json", "yaml", "name"))
@namespaced
@click.pass_obj
def update(
    session: Session, /, name: str, *, no_payload: bool, dry_run: bool, output: str, **flags: Any  # noqa: ANN401 - click's
) -> None:  # fmt: skip
    """Change what the flags name, and nothing else."""
    patch = _spec(flags)
    if no_payload and "payload" in patch:
        raise click.UsageError("--no-payload and a payload: one of the two passes")
    path = session.path(PLURAL, name)
    if no_payload:
        patch["payload"] = None
    elif "payload" in patch:
        before = (session.api.get(path).get("spec") or {}).get("payload") or {}
        patch["payload"] = _replacing(before, patch["payload"])
    if not patch:
        raise click.UsageError("nothing to change: name at least one flag, for example --suspend")
    document = session.api.patch(path, {"spec": patch}, flags_set(dryRun=dry_run))
    said = f"Updated {WORD} {name} in {session.place}."
    callers.told(document, output, name, said, dry_run=dry_run)


def _replacing(before: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, Any]:
    """A merge patch after which `now` is the whole: what it does not hold is nulled by name."""
    patch: dict[str, Any] = {key: None for key in sorted(before) if key not in now}
    for key, value in now.items():
        old = before.get(key)
        if isinstance(old, dict) and isinstance(value, dict):
            patch[key] = _replacing(old, value)
        else:
            patch[key] = value
    return patch


def _columns(now: datetime) -> list[Column]:
    return [
        Column("SCHEDULE", lambda item: item["spec"].get("schedule")),
        Column("NEXT", lambda item: age(item["status"].get("nextRun"), now)),
        Column("LAST", lambda item: age(_last(item).get("at"), now)),
        Column("RESULT", _result),
        Column("ZONE", lambda item: item["spec"].get("timeZone"), wide=True),
        Column("MISSED", lambda item: item["status"].get("missedRuns"), wide=True),
    ]


def _last(item: Mapping[str, Any]) -> dict[str, Any]:
    return dict((item.get("status") or {}).get("lastRun") or {})


def _result(item: Mapping[str, Any]) -> str | Styled:
    result = str(_last(item).get("result") or "")
    return Styled(result, _COLOURS[result]) if result in _COLOURS else result


@cronjob.command("describe")
@click.argument("name", type=CRON_TRIGGER)
@output(("text", "json", "yaml"))
@namespaced
@click.pass_obj
def describe(session: Session, name: str, *, output: str) -> None:
    """A trigger on one page: when it runs, how the last run ended, what is wrong."""
    document = session.api.get(session.path(PLURAL, name))
    if output == "text":
        click.echo("\n".join(_page(document, session.now())))
    else:
        show_one(document, output, name=name, said="")


def _page(document: Mapping[str, Any], now: datetime) -> Iterator[str]:
    spec, status = document.get("spec") or {}, document.get("status") or {}
    last, payload = _last(document), spec.get("payload")
    missed = status.get("missedRuns") or 0
    ended = f"{last.get('result')}, {age(last.get('at'), now)} ago" if last else "none yet"
    if "exitCode" in last:
        ended += f" (exit code {last['exitCode']})"
    yield from pairs(
        ("Cron trigger", document.get("name")),
        ("Where", f"{document.get('tenant')}/{document.get('namespace')}"),
        ("Function", spec.get("function")),
        ("Schedule", f"{spec.get('schedule')} ({spec.get('timeZone')})"),
        ("State", sentence(document)),
        ("Next run", f"{status['nextRun']} ({age(status['nextRun'], now)})" if status.get("nextRun") else ""),
        ("Last run", Styled(ended, _COLOURS.get(str(last.get("result")), "white"))),
        ("Last success", f"{age(status['lastSuccess'], now)} ago" if status.get("lastSuccess") else ""),
        ("Running", status.get("running") or "none"),
        ("Missed", f"{missed} since the last run that began" if missed else "none"),
        ("Overlap", spec.get("concurrencyPolicy")),
        ("Kept", f"{spec.get('successfulJobsHistoryLimit')} good, {spec.get('failedJobsHistoryLimit')} failed runs"),
    )  # fmt: skip
    if payload:
        yield from section(
            "Payload", json.dumps(payload, indent=2, ensure_ascii=False).splitlines()
        )
    if message := last.get("message"):
        yield from section("The last run said", list(wrapped(message, "")))


callers.lists(
    cronjob,
    PLURAL,
    f"{WORD}s",
    _columns,
    "Cron triggers with their next run, and how the last one ended.",
)
callers.deletes(cronjob, PLURAL, WORD, CRON_TRIGGER)
