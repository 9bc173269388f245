"""What the screen shows: help, progress, tables, completion."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from typing import TYPE_CHECKING, cast

import click
import pytest
from click.shell_completion import ShellComplete

from funkhaus_cli.__main__ import main
from funkhaus_cli.output import Column, Styled, age, moment, table
from funkhaus_cli.progress import Progress
from funkhaus_cli.session import Session

from .fake_answers import NOW
from .fake_api import function
from .fake_people import member
from .test_lists import golden

if TYPE_CHECKING:
    from pathlib import Path

    import httpx

    from .conftest import Terminal
    from .fake_api import FakeApi


def commands(group: click.Group, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    found = [path]
    for name, command in sorted(group.commands.items()):
        below = (*path, name)
        found += commands(command, below) if isinstance(command, click.Group) else [below]
    return found


def test_every_help_text(funkhaus: Terminal, *, update_data: bool) -> None:
    pages = []
    for words in commands(main):
        ran = funkhaus(*words, "--help")
        assert ran.code == 0
        pages.append(ran.out)
    golden("help.txt", "\n".join(pages), update=update_data)


def test_every_command_says_what_it_does() -> None:
    for words in commands(main):
        command: click.Command = main
        for word in words:
            command = cast("click.Group", command).commands[word]
        assert command.help, words
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                assert parameter.help, (words, parameter.name)


class Screen(io.StringIO):
    """A terminal that remembers."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("columns", ["20", "80"])
def test_the_line_moves_on_a_terminal(monkeypatch: pytest.MonkeyPatch, columns: str) -> None:
    screen = Screen()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("COLUMNS", columns)
    time = [0.0]

    def sleep(seconds: float) -> None:
        time[0] += seconds

    with Progress(lambda: time[0], sleep) as progress:
        progress.say("Built: pushing a layer\x1b[2J that is large")
        progress.pause(1)
    drawn = screen.getvalue().split("\r\x1b[K")
    assert len(drawn) > 10
    assert drawn[-1] == ""
    assert all(len(line) < int(columns) for line in drawn)
    assert "[2J" in drawn[1] or columns == "20"
    assert "\x1b" not in "".join(drawn)


def test_a_log_gets_one_line_per_change(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress(lambda: 1.0, lambda _: None) as progress:
        for sentence in ("one", "one", "two"):
            progress.say(sentence)
            progress.pause(1)
    assert capsys.readouterr().err == "   0.0 s  one\n   0.0 s  two\n"


def test_tables_align_what_is_seen() -> None:
    columns = [Column("A", lambda row: row["a"]), Column("B", lambda row: row.get("b"))]
    text = table(
        columns, [{"a": Styled("green", "green"), "b": "x"}, {"a": "longer\nthan"}], wide=False
    )
    assert click.unstyle(text).splitlines() == [
        "A             B",
        "green         x",
        "longer than   -",
    ]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("2026-03-01T11:59:01Z", "59s"), ("2026-03-01T10:01:00Z", "119m"), ("2026-02-28T12:00:00Z", "24h"),
        ("2026-02-20T12:00:00+00:00", "9d"), ("2020-01-01T00:00:00Z", "6y"), ("2026-03-01T12:30:00Z", "in 30m"),
        ("never", "-"), (None, "-"), ("2026-03-01T11:59:01", "59s"),
    ],
)  # fmt: skip
def test_ages(text: str | None, shown: str) -> None:
    now = moment(NOW)
    assert now is not None
    assert age(text, now) == shown


def complete(api_session: Session, *words: str) -> list[str]:
    completer = ShellComplete(main, {"obj": api_session}, "funkhaus", "_FUNKHAUS_COMPLETE")
    return [str(item.value) for item in completer.get_completions(list(words[:-1]), words[-1])]


def session(funkhaus: Terminal, network: object) -> Session:
    import httpx as transport

    mock = transport.MockTransport(cast("httpx.MockTransport", network))  # type: ignore[arg-type]
    return Session(funkhaus.environ, transport=mock, sleep=funkhaus.sleep)


def test_names_are_completed(funkhaus: Terminal, api: FakeApi) -> None:
    api.functions = {
        "hello": function("hello"),
        "help": function("help"),
        "other": function("other"),
    }
    assert complete(session(funkhaus, api), "function", "describe", "hel") == ["hello", "help"]
    assert complete(session(funkhaus, api), "fn", "deploy", "x", "--runtime", "py") == [
        "python3.11"
    ]
    assert complete(session(funkhaus, api), "function", "describe", "-t", "acme", "o") == ["other"]
    assert "/tenants/acme/" in api.requests[-1].url.path
    assert complete(session(funkhaus, api), "tri") == ["trigger"]
    api.members = {"u1": member("u1", "cem@example.com"), "c-2": member("c-2")}
    assert complete(session(funkhaus, api), "member", "remove", "c") == ["cem@example.com", "c-2"]


def test_completion_never_complains_and_never_lingers(
    funkhaus: Terminal, capsys: pytest.CaptureFixture[str]
) -> None:
    import httpx as transport

    seen = []

    def away(request: httpx.Request) -> httpx.Response:
        seen.append(request.extensions["timeout"])
        raise transport.ConnectTimeout("", request=request)

    assert complete(session(funkhaus, away), "function", "describe", "-t", "demo", "h") == []
    assert [set(limits.values()) for limits in seen] == [{0.8}]
    funkhaus.environ["FUNKHAUS_TOKEN"] = ""
    funkhaus.environ["FUNKHAUS_API"] = "nonsense"
    assert complete(session(funkhaus, away), "function", "describe", "h") == []
    answer = transport.Response(200, json=["surprise"])
    assert complete(session(funkhaus, lambda _: answer), "fn", "describe", "-t", "demo", "h") == []
    assert capsys.readouterr().err == ""
    assert funkhaus.seconds == 0


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts(funkhaus: Terminal, shell: str) -> None:
    ran = funkhaus("completion", shell)
    assert ran.code == 0
    assert f"_FUNKHAUS_COMPLETE={shell}_complete" in ran.out


def test_bash_completes_for_real(tmp_path: Path) -> None:
    env = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": ":".join(sys.path),
        "HOME": str(tmp_path),
        "COMP_WORDS": "funkhaus function de",
        "COMP_CWORD": "2",
        "_FUNKHAUS_COMPLETE": "bash_complete",
    }
    done = subprocess.run(
        [sys.executable, "-m", "funkhaus_cli"],
        env=env,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout.split() == ["plain,delete", "plain,deploy", "plain,describe"]
    assert done.stderr == ""
