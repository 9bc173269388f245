"""The command line in this process, against an API server in memory, on a clock of its own."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import httpx
import pytest
from click.testing import CliRunner

from funkhaus_cli.__main__ import main
from funkhaus_cli.session import Session

from .fake_answers import NOW
from .fake_api import TOKEN, FakeApi

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class Ran(NamedTuple):
    """What a command left."""

    code: int
    out: str
    err: str


class Terminal:
    """Runs `funkhaus`; time passes only where the command waits. `network` stands in for the API where a test sets it."""

    def __init__(self, api: FakeApi, home: Path) -> None:
        self.api = api
        self.network: Callable[[httpx.Request], httpx.Response] = api
        self.environ = {
            "FUNKHAUS_API": "https://api.example.com",
            "FUNKHAUS_TOKEN": TOKEN,
            # A fault, also a broken contract in the stand-in, fails the test instead of reading as an exit code.
            "FUNKHAUS_DEBUG": "1",
            "HOME": str(home),
            "FUNKHAUS_NO_KEYRING": "1",  # a developer's own is none of a test's business
        }
        self.seconds = 0.0
        self.on_sleep: Callable[[float], None] = lambda _: None

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds
        self.on_sleep(self.seconds)

    def __call__(
        self, *words: str, stdin: str | bytes = "", env: dict[str, str] | None = None
    ) -> Ran:
        environ = {**self.environ, **(env or {})}
        session = Session(
            {key: value for key, value in environ.items() if value},
            transport=httpx.MockTransport(self.network),
            sleep=self.sleep,
            clock=lambda: self.seconds,
            now=lambda: datetime.fromisoformat(NOW).astimezone(UTC),
        )
        result = CliRunner(env={"COLUMNS": "100", "NO_COLOR": "1"}).invoke(
            main, words, obj=session, input=stdin
        )
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Ran(result.exit_code, result.stdout, result.stderr)


@pytest.fixture
def api() -> FakeApi:
    """The API server."""
    return FakeApi()


@pytest.fixture
def funkhaus(api: FakeApi, tmp_path: Path) -> Terminal:
    """The command."""
    return Terminal(api, tmp_path / "home")


@pytest.fixture
def hello(tmp_path: Path) -> Path:
    """A function's source."""
    path = tmp_path / "hello.py"
    path.write_text("def handler(event, context):\n    return 'hello'\n")
    return path


def answers(status: int = 200, **options: Any) -> Callable[[httpx.Request], httpx.Response]:
    """A script that always answers the same."""
    return lambda _: httpx.Response(status, **options)
