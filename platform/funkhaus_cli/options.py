"""Flags that many commands share, and the command classes that know them.

Connection flags stand anywhere on the line: the root lists them, every command takes them.
"""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import click

from funkhaus_cli.failure import Exit, Failure
from funkhaus_cli.former import explain
from funkhaus_cli.output import FORMATS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

F = TypeVar("F", bound="Callable[..., Any]")


class Verb(click.Command):
    """A command with examples, that answers a flag of Kubeless's it does not have with what to use instead."""

    def __init__(self, *args: Any, examples: Sequence[str] = (), **kwargs: Any) -> None:  # noqa: ANN401 - click's
        super().__init__(*args, **kwargs)
        self.examples = examples

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The examples, as they are typed."""
        del ctx
        show_examples(self.examples, formatter)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse, with a better sentence for a flag from before."""
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            if sentence := explain(ctx.command_path, error.option_name):
                raise click.UsageError(f"{error.option_name}: {sentence}", ctx) from error
            raise


def show_examples(examples: Sequence[str], formatter: click.HelpFormatter) -> None:
    """A section of lines that are not wrapped, so that they can be copied."""
    if examples:
        with formatter.section("Examples"):
            for line in examples:
                formatter.write(f"{' ' * formatter.current_indent}{line}\n")


class Noun(click.Group):
    """A group of commands; `aliases` maps further names to the one listed."""

    command_class = Verb
    group_class = type

    def __init__(self, *args: Any, aliases: dict[str, str] | None = None, **kwargs: Any) -> None:  # noqa: ANN401 - click's
        super().__init__(*args, **kwargs)
        self.aliases = {"ls": "list", "rm": "delete", **(aliases or {})}

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name or alias."""
        return super().get_command(ctx, cmd_name) or super().get_command(
            ctx, self.aliases.get(cmd_name, "")
        )

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command, under the name that is listed; a word of Kubeless's is answered with ours."""
        try:
            _, command, rest = super().resolve_command(ctx, args)
        except click.exceptions.NoSuchCommand as error:
            if sentence := explain(ctx.command_path, error.command_name):
                raise click.UsageError(f"{error.command_name}: {sentence}", ctx) from error
            raise
        return command.name if command else None, command, rest


class Name(click.ParamType[str]):
    """The name of something: not empty and no path. Its grammar is the platform's to judge."""

    name = "name"

    def convert(
        self,
        value: Any,  # noqa: ANN401 - click's
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> str:
        """`value` when it can stand in a URL as one segment."""
        text = str(value)
        if text in {"", ".", ".."} or "/" in text or not text.isprintable():
            self.fail(f"{text!r} is no name", param, ctx)
        return text


class Seconds(click.ParamType[float]):
    """A time: ``90``, ``90s`` or ``3m``. Below `least` it is refused here; without, that is the server's to say."""

    name = "seconds"
    _UNITS: ClassVar[dict[str, int]] = {"": 1, "s": 1, "m": 60, "h": 3600}

    def __init__(self, least: float | None = None) -> None:
        self.least = least

    def convert(
        self,
        value: Any,  # noqa: ANN401 - click's
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> float:
        """The seconds, finite."""
        if isinstance(value, int | float):
            return float(value)
        match = re.fullmatch(r"(-?\d{1,9}(?:\.\d{1,3})?)([smh]?)", str(value).strip(), re.ASCII)
        if match is None:
            self.fail(f"{value!r} is no time; 90, 90s and 3m pass", param, ctx)
        seconds = float(match[1]) * self._UNITS[match[2]]
        if self.least is not None and seconds < self.least:
            self.fail(f"{value!r} is too short; {self.least:g} s and more pass", param, ctx)
        return seconds


NAME = Name()


def _remember(ctx: click.Context, param: click.Parameter, value: Any) -> None:  # noqa: ANN401 - click's
    """Keep a flag in the session, which `main` or a test has put there."""
    if value is None or value is False:
        return
    if value == "":
        raise click.BadParameter("is empty", ctx, param)
    key = str(param.name).replace("_", "-")
    if ctx.obj is not None:
        ctx.obj.given[key] = str(value)


def _flag(*names: str, **more: Any) -> Callable[[F], F]:  # noqa: ANN401 - click's
    return click.option(*names, expose_value=False, callback=_remember, **more)


def together(flags: Sequence[Callable[[Any], Any]]) -> Callable[[F], F]:
    """Several flags as one decorator; help lists them in this order."""

    def decorate(command: F) -> F:
        for flag in reversed(flags):
            command = flag(command)
        return command

    return decorate


def connection(*, hidden: bool = True) -> Callable[[F], F]:
    """``--api``, ``--token-file``, ``--context`` and ``--insecure-http``."""
    return together(
        (
            _flag(
                "--api",
                metavar="URL",
                hidden=hidden,
                help="Address of the API server [FUNKHAUS_API].",
            ),
            _flag(
                "--token-file",
                metavar="FILE",
                hidden=hidden,
                help="File that holds the token; without it FUNKHAUS_TOKEN counts.",
            ),
            _flag(
                "--context", metavar="NAME", hidden=hidden, help="Context to use (see `config`)."
            ),
            _flag(
                "--insecure-http",
                is_flag=True,
                hidden=hidden,
                help="Send the token over plain http to another machine.",
            ),
        )
    )


def tenanted(function: F) -> F:
    """The connection flags and ``--tenant``."""
    flag = _flag(
        "--tenant", "-t", metavar="ID", help="Tenant [FUNKHAUS_TENANT; else the token's only one]."
    )
    return connection()(flag(function))


def namespaced(function: F) -> F:
    """The connection flags, ``--tenant`` and ``--namespace``."""
    flag = _flag(
        "--namespace", "-n", metavar="NAME", help="Namespace [FUNKHAUS_NAMESPACE; else default]."
    )
    return tenanted(flag(function))


def output(formats: Sequence[str] = FORMATS) -> Callable[[F], F]:
    """``--output``, given to the command as `output`."""
    return click.option(
        "--output",
        "-o",
        type=click.Choice(formats),
        default=formats[0],
        show_default=True,
        help="How the answer is shown.",
    )


def flags_set(**flags: bool) -> dict[str, str]:
    """Query parameters of the flags that are set."""
    return {name: "true" for name, value in flags.items() if value}


def asking(command: F) -> F:
    """``--yes``, given to a command that deletes something as `yes`; the command asks with `confirmed`."""
    return click.option("--yes", "-y", is_flag=True, help="Do not ask.")(command)


def confirmed(question: str, *, yes: bool) -> None:
    """Pass when the person agrees; raises `Failure` (usage) where there is nobody to ask."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise Failure(f"{question} Nobody is there to ask; --yes says so", Exit.USAGE)
    click.confirm(question, abort=True, err=True)


def retyped(warning: str, word: str, *, yes: bool) -> None:
    """Pass when the person types `word`; raises `Failure` (usage) for another, or where there is nobody to ask."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise Failure(f"{warning} Nobody is there to type {word!r}; --yes says so", Exit.USAGE)
    if click.prompt(f"{warning} Type {word} to go on", err=True) != word:
        raise Failure(f"that was not {word!r}: nothing was done", Exit.USAGE)
