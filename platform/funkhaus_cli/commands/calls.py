"""`funkhaus function call|logs`."""

from __future__ import annotations

import json
import sys
from http import HTTPStatus
from typing import TYPE_CHECKING

import click

from funkhaus_cli import problems
from funkhaus_cli.commands.functions import function
from funkhaus_cli.completion import FUNCTION
from funkhaus_cli.failure import Exit, Failure, plain
from funkhaus_cli.options import Seconds, namespaced

if TYPE_CHECKING:
    from collections.abc import Iterable

    from funkhaus_cli.client import Raw
    from funkhaus_cli.session import Session

ANSWERED_BY = "funkhaus-answered-by"
"""Header of an answer that is the function's own; one without it is the platform's."""
CALL_SECONDS = 900.0
BODY_LIMIT = 32 * 1024 * 1024
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_OURS = {
    "authorization",
    "cookie",
    "host",
    "content-length",
    "transfer-encoding",
    "connection",
    "te",
    "upgrade",
}
"""Headers that belong to the way to the API server and never reach a function."""
_BAD_REQUEST, _SERVER_ERROR = 400, 500


@function.command("call", examples=('funkhaus function call hello --data \'{"name": "Ada"}\'',))
@click.argument("name", type=FUNCTION)
@click.option(
    "--data", "-d", metavar="TEXT", help="Body; @FILE reads a file, @- or - standard input."
)
@click.option(
    "--method",
    "-X",
    type=click.Choice(METHODS, case_sensitive=False),
    help="GET without data, else POST.",
)
@click.option(
    "--header", "-H", multiple=True, metavar="NAME:VALUE", help="Request header. Repeatable."
)
@click.option("--path", default="/", show_default=True, help="Path, with ?query if need be.")
@click.option("--show-headers", "-i", is_flag=True, help="Show status and headers before the body.")
@click.option(
    "--max-time",
    type=Seconds(0.1),
    default=CALL_SECONDS,
    metavar="SECONDS",
    help=f"How long to wait for the answer [{CALL_SECONDS:g}].",
)
@namespaced
@click.pass_obj
def call(
    session: Session, name: str, *, data: str | None, method: str | None, header: tuple[str, ...], path: str,
    show_headers: bool, max_time: float,
) -> None:  # fmt: skip
    """Call a function through the API server, with or without a trigger.

    Exits with 7 when the function answers 4xx, with 8 when it answers 5xx.
    """
    body = None if data is None else _body(data)
    headers = _headers(header)
    if body is not None and not any(key.lower() == "content-type" for key in headers):
        headers["Content-Type"] = _media_type(body)
    headers.setdefault("Accept", "*/*")
    route, _, query = path.partition("?")
    answer = session.api.raw(
        (method or ("GET" if body is None else "POST")).upper(),
        session.path("functions", name, "call"),
        params={
            "path": route if route.startswith("/") else f"/{route}",
            **({"query": query} if query else {}),
        },
        headers=headers,
        content=body,
        seconds=max_time,
    )
    if answer.status >= _BAD_REQUEST and ANSWERED_BY not in answer.headers:
        raise problems.failure(answer.status, answer.headers, answer.content)
    _show(answer, show_headers=show_headers)
    if answer.status >= _BAD_REQUEST:
        raise _answered(answer.status, name)


def _answered(status: int, name: str) -> Failure:
    phrase = f"HTTP {status} {_phrase(status)}".strip()
    if status == HTTPStatus.REQUEST_TIMEOUT:
        return Failure(
            f"function {name} took longer than its timeout: {phrase}",
            Exit.ANSWERED_4XX,
            hint=f"funkhaus function update {name} --timeout SECONDS gives it more",
        )
    return Failure(
        f"function {name} answered {phrase}",
        Exit.ANSWERED_4XX if status < _SERVER_ERROR else Exit.ANSWERED_5XX,
        hint=""
        if status < _SERVER_ERROR
        else f"its log may say why: funkhaus function logs {name}",
    )


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def _body(data: str) -> bytes:
    source = "-" if data == "-" else data.removeprefix("@") if data.startswith("@") else None
    if source is None:
        return data.encode()
    try:
        if source == "-":
            content = sys.stdin.buffer.read(BODY_LIMIT + 1)
        else:
            with click.open_file(source, "rb") as file:
                content = file.read(BODY_LIMIT + 1)
    except OSError as error:
        raise Failure(f"--data {data}: {error.strerror}", Exit.USAGE) from error
    if len(content) > BODY_LIMIT:
        raise Failure(f"--data {data} has more than {BODY_LIMIT // 2**20} MiB", Exit.USAGE)
    return bytes(content)


def _media_type(body: bytes) -> str:
    try:
        json.loads(body)
    except ValueError:
        pass
    else:
        return "application/json"
    try:
        body.decode()
    except UnicodeDecodeError:
        return "application/octet-stream"
    return "text/plain; charset=utf-8"


def _headers(texts: Iterable[str]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for text in texts:
        name, colon, value = (part.strip() for part in text.partition(":"))
        if not colon or not name.isascii() or not name.replace("-", "").replace("_", "").isalnum():
            raise click.BadParameter(f"{text!r} is not NAME:VALUE", param_hint="--header")
        if name.lower() in _OURS or name.lower().startswith(("event-", "x-forwarded-")):
            raise click.BadParameter(
                f"{name} is the platform's own and never reaches a function that is called this way; "
                "a trigger's URL passes it on",
                param_hint="--header",
            )
        if not (value.isascii() and (value.isprintable() or not value)):
            raise click.BadParameter(
                f"{name} holds characters no header may", param_hint="--header"
            )
        headers[name] = value
    return headers


def _show(answer: Raw, *, show_headers: bool) -> None:
    if show_headers:
        click.echo(f"HTTP {answer.status} {_phrase(answer.status)}".strip())
        for key, value in answer.headers.multi_items():
            click.echo(f"{plain(key)}: {plain(value)}")
        click.echo()
    out = sys.stdout.buffer
    terminal = sys.stdout.isatty()
    if terminal and b"\0" in answer.content:
        click.echo(
            f"({len(answer.content)} bytes that are not text; redirect the output to keep them)",
            err=True,
        )
        return
    out.write(answer.content)
    if terminal and answer.content and not answer.content.endswith(b"\n"):
        out.write(b"\n")
    out.flush()


@function.command("logs")
@click.argument("name", type=FUNCTION)
@click.option("--follow", "-f", is_flag=True, help="Stay and show what comes; Ctrl-C ends.")
@click.option(
    "--tail",
    type=click.IntRange(1, 10000),
    metavar="N",
    help="Last N lines of each replica [1000].",
)
@click.option("--previous", "-p", is_flag=True, help="Of the containers before their last restart.")
@namespaced
@click.pass_obj
def logs(session: Session, name: str, *, follow: bool, tail: int | None, previous: bool) -> None:
    """What every replica of a function wrote, crashed ones too."""
    asked = {
        "tail": tail,
        "follow": "true" if follow else None,
        "previous": "true" if previous else None,
    }
    params = {key: value for key, value in asked.items() if value is not None}
    out = sys.stdout.buffer
    path = session.path("functions", name, "logs")
    with session.api.stream(path, params, endless=follow) as pieces:
        some = False
        for piece in pieces:
            out.write(piece)
            out.flush()
            some = some or bool(piece)
    if not some and not follow:
        click.echo(f"Function {name} has written nothing.", err=True)
