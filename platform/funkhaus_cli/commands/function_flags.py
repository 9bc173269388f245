"""The flags that say what a function is: all of them for `deploy`, any of them for `update`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import click

from funkhaus_cli.completion import RUNTIME
from funkhaus_cli.options import Seconds, together

if TYPE_CHECKING:
    from collections.abc import Callable

F = TypeVar("F", bound="Callable[..., Any]")
WAIT_SECONDS = 180.0


def described(*, required: bool) -> Callable[[F], F]:
    """The flags that say what a function is."""
    flags = (
        click.option(
            "--runtime",
            "-r",
            type=RUNTIME,
            metavar="ID",
            required=required,
            help="Runtime, see `funkhaus runtime list`.",
        ),
        click.option(
            "--handler",
            required=required,
            metavar="MODULE.FUNCTION",
            help="File without its ending, a dot, the function in it.",
        ),
        click.option(
            "--from-file",
            "-f",
            multiple=True,
            type=click.Path(),
            help="Source: file, directory, zip or tar; `-` is standard input. Repeatable; all together are the source.",
        ),
        click.option(
            "--from-url",
            metavar="URL",
            help="Source: a zip or gzipped tar that the platform fetches; with --sha256.",
        ),
        click.option("--sha256", metavar="HEX", help="SHA-256 of what --from-url names."),
        click.option(
            "--from-git",
            metavar="URL",
            help="Source: a repository that the platform fetches; with --ref.",
        ),
        click.option("--ref", metavar="REF", help="Branch, tag or commit of --from-git."),
        click.option(
            "--path",
            metavar="FOLDER",
            help="Folder of --from-url's archive or --from-git's repository that is the function.",
        ),
        click.option(
            "--dependencies",
            "-d",
            metavar="FILE",
            type=click.Path(),
            help="Dependency file, for example requirements.txt.",
        ),
        click.option(
            "--env",
            "-e",
            multiple=True,
            metavar="NAME=VALUE",
            help="Variable; commas belong to the value. Repeatable."
            + ("" if required else " NAME- drops one."),
        ),
        click.option(
            "--secret-env",
            multiple=True,
            metavar="NAME=SECRET/KEY",
            help="Variable from a Secret. Repeatable.",
        ),
        click.option(
            "--config-env",
            multiple=True,
            metavar="NAME=CONFIGMAP/KEY",
            help="Variable from a ConfigMap. Repeatable.",
        ),
        click.option("--cpu", metavar="QUANTITY", help="CPU of one replica, for example 250m."),
        click.option(
            "--memory", metavar="QUANTITY", help="Memory of one replica, for example 128Mi."
        ),
        click.option(
            "--timeout", type=Seconds(), metavar="SECONDS", help="How long one call may take."
        ),
        click.option(
            "--concurrency", type=int, metavar="N", help="Calls one replica works on at once."
        ),
        click.option(
            "--dry-run", is_flag=True, help="Ask the server what it would store; store nothing."
        ),
        click.option(
            "--wait",
            "-w",
            is_flag=True,
            help="Wait until the function is ready, and print its URL.",
        ),
        click.option(
            "--wait-timeout",
            type=Seconds(0.1),
            default=WAIT_SECONDS,
            metavar="SECONDS",
            help=f"How long --wait waits [{WAIT_SECONDS:g}].",
        ),
    )
    return together(flags)
