from __future__ import annotations

import socket
import sys
import threading
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from funkhaus_cluster import listeners, processes, records, settings
from funkhaus_cluster.errors import ClusterError
from funkhaus_cluster.parts import Part, PartError, PartRunner
from funkhaus_cluster.probes import TcpProbe
from tests.support.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SERVER = """
import socket, sys, time
time.sleep(float(sys.argv[2]))
server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
print("listening", flush=True)
while True:
    server.accept()[0].close()
"""


def server_part(port: int, *, delay: float = 0.0, **changes: object) -> Part:
    part = Part(
        name="server",
        argv=(sys.executable, "-c", SERVER, str(port), str(delay)),
        ready=TcpProbe("127.0.0.1", port),
        ports=(("127.0.0.1", port),),
        start_seconds=10,
    )
    return replace(part, **changes)  # type: ignore[arg-type]  # the caller's to get right


@pytest.fixture
def runner(tmp_path: Path) -> Iterator[PartRunner]:
    found = settings.from_environ(
        {"FUNKHAUS_STATE": str(tmp_path / "state"), "FUNKHAUS_CACHE": str(tmp_path / "cache")},
        checkout=tmp_path,
    )
    made = PartRunner(found, threading.Event())
    yield made
    made.stop("server")


def test_started_then_left_alone_then_restarted_when_its_description_changes(
    runner: PartRunner,
) -> None:
    part = server_part(free_port())

    assert runner.ensure(part).startswith("started, pid ")
    assert runner.ensure(part).startswith("already running, pid ")
    assert runner.ensure(replace(part, env={"NEW": "1"})).startswith(
        "restarted, its configuration changed"
    )


def test_restarted_when_a_file_it_watches_changes(runner: PartRunner, tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text("one")
    part = server_part(free_port(), watches=(config,))
    runner.ensure(part)

    config.write_text("two")

    assert "its configuration changed" in runner.ensure(part)


def test_started_again_after_it_was_killed(runner: PartRunner) -> None:
    part = server_part(free_port())
    runner.ensure(part)
    record = records.load(runner.settings.run, "server")
    assert record is not None
    processes.end(record.identity, grace=0)

    assert runner.ensure(part).startswith("started again, it had ended")


def test_a_stray_that_was_never_recorded_is_ended_first(runner: PartRunner) -> None:
    part = server_part(free_port())
    runner.ensure(part)
    first = records.load(runner.settings.run, "server")
    assert first is not None
    records.drop(runner.settings.run, "server")  # as if `up` was killed before it wrote it down

    assert runner.ensure(part).startswith("started, pid ")
    assert not processes.alive(first.identity)


def test_one_that_ends_early_shows_the_end_of_its_own_log_and_how_to_repeat(
    runner: PartRunner,
) -> None:
    part = Part(
        name="server",
        argv=(sys.executable, "-c", "print('no such option: --frob'); raise SystemExit(3)"),
        ready=lambda: "nobody listens",
        env={"COLOUR": "dark red"},
    )
    runner.log("server").parent.mkdir(parents=True)
    runner.log("server").write_text("of an older run\n")

    with pytest.raises(PartError) as raised:
        runner.ensure(part)

    assert "server ended with status 3 before it was ready" in str(raised.value)
    assert raised.value.tail == "no such option: --frob"
    assert raised.value.log == runner.log("server")
    assert raised.value.command.startswith("cd / && COLOUR='dark red' ")


def test_one_that_never_gets_ready_says_what_is_missing(runner: PartRunner) -> None:
    part = server_part(free_port(), delay=30, start_seconds=0.3)

    with pytest.raises(PartError, match=r"was not ready within 0 s \(127\.0\.0\.1:\d+: .*refused"):
        runner.ensure(part)


def test_a_port_another_process_holds_is_named_with_its_holder(runner: PartRunner) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]

        with pytest.raises(ClusterError) as raised:
            runner.ensure(server_part(port))

    assert f"server needs 127.0.0.1:{port}" in str(raised.value)
    assert "process " in str(raised.value)


def test_a_program_that_is_not_there(runner: PartRunner) -> None:
    part = Part(name="server", argv=("/nowhere/etcd",), ready=lambda: "no")

    with pytest.raises(PartError, match=r"did not start: .*/nowhere/etcd"):
        runner.ensure(part)


def test_stop_ends_what_runs_and_forgets_it(runner: PartRunner) -> None:
    runner.ensure(server_part(free_port()))

    assert runner.stop("server")
    assert not runner.stop("server")


def test_listeners_are_read_from_the_kernel() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        found = [entry for entry in listeners.listening() if entry.port == port]
        holder = listeners.holder("127.0.0.1", port)

    assert [(entry.protocol, entry.address) for entry in found] == [("tcp", "127.0.0.1")]
    assert holder.startswith("process ")
    assert listeners.holder("127.0.0.1", port) == ""
