from __future__ import annotations

import io
import threading
from typing import TYPE_CHECKING

import pytest

from funkhaus_cluster import steps
from funkhaus_cluster.commands import Commands, tail
from funkhaus_cluster.errors import Cancelled, ClusterError, CommandError
from funkhaus_cluster.progress import Progress
from funkhaus_cluster.steps import Step, StepFailedError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def said() -> io.StringIO:
    return io.StringIO()


def run(table: list[Step], said: io.StringIO, cancelled: threading.Event | None = None) -> None:
    steps.run(table, Progress(stream=said), cancelled or threading.Event())


def test_every_step_comes_after_what_it_needs(said: io.StringIO) -> None:
    order: list[str] = []

    def step(name: str, *needs: str) -> Step:
        def action() -> str:
            order.append(name)
            return ""

        return Step(name, name, action, needs=needs)

    run([step("c", "a", "b"), step("b", "a"), step("a")], said)

    assert order == ["a", "b", "c"]


def test_independent_steps_run_at_the_same_time(said: io.StringIO) -> None:
    meeting = threading.Barrier(2, timeout=10)

    def meet() -> str:
        meeting.wait()
        return "met"

    run([Step("a", "a", meet), Step("b", "b", meet)], said)

    assert said.getvalue().count("met") == 2


def test_a_failure_stops_what_depends_on_it_and_tells_what_runs(said: io.StringIO) -> None:
    cancelled = threading.Event()
    ran: list[str] = []

    def fail() -> str:
        raise ClusterError("the disk is full.")

    def long() -> str:
        if not cancelled.wait(10):
            return "was never told"
        raise Cancelled("stopped")

    def never() -> str:
        ran.append("never")
        return ""

    with pytest.raises(StepFailedError, match=r"^build: the disk is full\.$"):
        run(
            [Step("b", "build", fail), Step("l", "long", long), Step("n", "n", never, ("b",))],
            said,
            cancelled,
        )

    assert ran == []
    assert "!! build" in said.getvalue()
    assert "!! long" not in said.getvalue()


def test_a_need_that_nothing_is_called_is_a_fault(said: io.StringIO) -> None:
    with pytest.raises(ClusterError, match="which no step is called"):
        run([Step("a", "a", lambda: "", needs=("typo",))], said)


def test_lines_name_the_step_and_its_outcome(said: io.StringIO) -> None:
    run([Step("a", "build kube", lambda: "in the cache")], said)

    lines = said.getvalue().splitlines()
    assert lines[0].endswith("…  build kube")
    assert "ok build kube: in the cache (" in lines[1]


def test_heartbeat_names_only_what_still_runs(said: io.StringIO) -> None:
    progress = Progress(stream=said)
    progress.started("compile")
    progress.started("download")
    progress.finished("download")
    said.truncate(0)

    progress.heartbeat()

    assert "still: compile 0 s" in said.getvalue()
    assert "download" not in said.getvalue()


def test_a_command_that_fails_carries_its_log_and_how_to_repeat_it(tmp_path: Path) -> None:
    log = tmp_path / "log" / "step.log"
    log.parent.mkdir()
    log.write_text("of an older run\n")

    with pytest.raises(CommandError) as raised:
        Commands().run(
            ["sh", "-c", "echo no space left; exit 4"],
            log=log,
            seconds=10,
            cwd=tmp_path,
            env={"GOFLAGS": ""},
        )

    assert str(raised.value) == "sh ended with status 4."
    assert raised.value.log == log
    assert raised.value.command == f"cd {tmp_path} && GOFLAGS='' sh -c 'echo no space left; exit 4'"
    assert tail(log, skip=raised.value.skip).splitlines()[1:] == ["no space left"]


def test_a_command_that_hangs_is_ended(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="did not end within 0 s"):
        Commands().run(["sleep", "60"], log=tmp_path / "log", seconds=0.2)


def test_a_command_ends_when_the_run_is_cancelled(tmp_path: Path) -> None:
    commands = Commands()
    threading.Timer(0.2, commands.cancelled.set).start()

    with pytest.raises(Cancelled):
        commands.run(["sleep", "60"], log=tmp_path / "log", seconds=30)


def test_a_command_reads_what_it_is_given(tmp_path: Path) -> None:
    Commands().run(["cat"], log=tmp_path / "log", seconds=10, stdin="kind: Namespace\n")

    assert (tmp_path / "log").read_text() == "$ cat\nkind: Namespace\n"


def test_a_program_that_is_not_installed() -> None:
    with pytest.raises(CommandError, match="frobnicate is not installed"):
        Commands().output(["frobnicate"])
