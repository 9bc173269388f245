from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from funkhaus_cluster import processes, records

if TYPE_CHECKING:
    from pathlib import Path

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]
STUBBORN = [
    sys.executable,
    "-c",
    """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print('ready', flush=True)
time.sleep(60)
""",
]


def identity_of(pid: int) -> processes.Identity:
    found = processes.identify(pid)
    assert found is not None
    return found


def stat_line(pid: int, name: str, state: str, started: int) -> str:
    middle = " ".join(["1"] * 18)
    return f"{pid} ({name}) {state} {middle} {started} 4096 10\n"


def fake_proc(
    root: Path, *, pid: int, name: str = "etcd", state: str = "S", started: int = 77
) -> Path:
    (root / "sys/kernel/random").mkdir(parents=True)
    (root / "sys/kernel/random/boot_id").write_text("boot-1\n")
    (root / str(pid)).mkdir()
    (root / str(pid) / "stat").write_text(stat_line(pid, name, state, started))
    return root


def test_a_process_is_its_pid_and_its_start(tmp_path: Path) -> None:
    proc = fake_proc(tmp_path, pid=42)

    assert processes.identify(42, proc) == processes.Identity(42, 77, "boot-1")
    assert processes.identify(43, proc) is None


def test_a_name_with_parentheses_and_blanks_does_not_shift_the_fields(tmp_path: Path) -> None:
    proc = fake_proc(tmp_path, pid=42, name="a) S 1 (b")

    assert processes.identify(42, proc) == processes.Identity(42, 77, "boot-1")


@pytest.mark.parametrize("state", ["Z", "X"])
def test_a_zombie_does_not_run(tmp_path: Path, state: str) -> None:
    assert processes.identify(42, fake_proc(tmp_path, pid=42, state=state)) is None


@pytest.mark.parametrize(
    "other",
    [{"started": 78}, {"boot": "boot-2"}, {"pid": 43}],
    ids=["pid reused", "machine restarted", "other pid"],
)
def test_what_only_looks_like_the_process_is_not_it(
    tmp_path: Path, other: dict[str, object]
) -> None:
    proc = fake_proc(tmp_path, pid=42)
    recorded = processes.Identity(42, 77, "boot-1")

    assert processes.alive(recorded, proc)
    assert not processes.alive(replace(recorded, **other), proc)  # type: ignore[arg-type]  # one field each


def test_end_stops_the_process_and_waits() -> None:
    process = subprocess.Popen(SLEEP)
    identity = identity_of(process.pid)

    assert processes.end(identity, grace=10)
    assert not processes.alive(identity)


def test_end_kills_what_ignores_the_request() -> None:
    process = subprocess.Popen(STUBBORN, stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    begun = time.monotonic()

    assert processes.end(identity_of(process.pid), grace=0.3)

    assert time.monotonic() - begun < 5
    process.stdout.close()


def test_end_spares_a_process_that_took_over_the_pid() -> None:
    process = subprocess.Popen(SLEEP)
    identity = identity_of(process.pid)
    recorded = replace(identity, started=identity.started - 1)

    assert not processes.end(recorded, grace=1)
    assert process.poll() is None

    process.kill()
    process.wait()


def test_end_of_what_is_gone_says_so() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    identity = processes.Identity(process.pid, 1, processes.boot_id())
    process.wait()

    assert not processes.end(identity, grace=1)


def test_marked_finds_what_carries_this_state_folders_mark(tmp_path: Path) -> None:
    def start(state: Path) -> subprocess.Popen[bytes]:
        variables = {
            processes.PART_VARIABLE: "etcd",
            processes.STATE_VARIABLE: str(state),
            "PATH": os.environ["PATH"],
        }
        return subprocess.Popen(["sleep", "60"], env=variables)

    ours, other = start(tmp_path / "ours"), start(tmp_path / "other")
    try:
        deadline = time.monotonic() + 5
        while ours.pid not in processes.marked(tmp_path / "ours"):
            assert time.monotonic() < deadline
            time.sleep(0.01)

        assert processes.marked(tmp_path / "ours") == {ours.pid: "etcd"}
        assert processes.program(ours.pid) == "sleep"
        assert ours.pid in processes.children()[os.getpid()]
    finally:
        for process in (ours, other):
            process.send_signal(signal.SIGKILL)
            process.wait()


def test_a_record_survives_the_disk(tmp_path: Path) -> None:
    record = records.Record("etcd", processes.Identity(7, 8, "boot"), "abc", 12.5)

    records.save(tmp_path, record)

    assert records.load(tmp_path, "etcd") == record
    assert records.names(tmp_path) == ["etcd"]
    assert (tmp_path / "etcd.json").stat().st_mode & 0o777 == 0o600

    records.drop(tmp_path, "etcd")

    assert records.load(tmp_path, "etcd") is None


@pytest.mark.parametrize("content", ["", "{", "[]", '{"name": "etcd"}', '{"identity": 5}'])
def test_a_record_that_makes_no_sense_is_none(tmp_path: Path, content: str) -> None:
    (tmp_path / "etcd.json").write_text(content)

    assert records.load(tmp_path, "etcd") is None
