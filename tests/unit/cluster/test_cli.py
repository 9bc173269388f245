from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from funkhaus_cluster import cli
from funkhaus_cluster.errors import ClusterError, CommandError
from funkhaus_cluster.parts import Part, PartError
from funkhaus_cluster.steps import StepFailedError

if TYPE_CHECKING:
    import pytest


def test_a_failed_step_shows_log_tail_path_and_command(tmp_path: Path) -> None:
    log = tmp_path / "go.log"
    log.write_text("".join(f"line {number}\n" for number in range(50)))
    cause = CommandError("go ended with status 1.", command="cd cluster/go && go build", log=log)

    lines = cli.explain(StepFailedError("build the node's binaries", cause)).splitlines()

    assert lines[0] == "build the node's binaries: go ended with status 1."
    assert lines[1] == "    line 30"
    assert lines[-3] == "    line 49"
    assert lines[-2] == f"log:    {log}"
    assert lines[-1] == "repeat: cd cluster/go && go build"


def test_a_failed_part_shows_its_own_tail() -> None:
    part = Part(name="etcd", argv=("/bin/etcd", "--x"), ready=lambda: "no")
    cause = PartError(part, "ended with status 1", log=Path("/log/etcd.log"), tail_text="bad flag")

    text = cli.explain(StepFailedError("etcd", cause))

    assert text.splitlines() == [
        "etcd: etcd ended with status 1.",
        "    bad flag",
        "log:    /log/etcd.log",
        "repeat: cd / && /bin/etcd --x",
    ]


def test_a_plain_refusal_is_one_sentence() -> None:
    assert cli.explain(ClusterError("needs root.")) == "needs root."


def test_a_setting_that_cannot_be_is_said_without_a_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FUNKHAUS_CLUSTER", "swarm")

    assert cli.main(["status"]) == 1

    error = capsys.readouterr().err
    assert "FUNKHAUS_CLUSTER='swarm'" in error
    assert "Traceback" not in error


def test_a_snapshot_that_is_none_is_said_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "snapshot.json"
    file.write_text("[]")

    assert cli.main(["leftovers", "compare", str(file)]) == 1
    assert f"{file} is not a snapshot of this tool" in capsys.readouterr().err
