from __future__ import annotations

import os
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

from funkhaus_cluster import atomic, cgroups, pruning, runtime_traces, wheels
from funkhaus_cluster.errors import ClusterError


def test_write_says_whether_anything_changed(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "file"

    assert atomic.write(path, "one", mode=0o600)
    assert not atomic.write(path, "one", mode=0o600)
    assert atomic.write(path, "two", mode=0o600)
    assert path.read_text() == "two"
    assert path.stat().st_mode & 0o777 == 0o600
    assert [entry.name for entry in path.parent.iterdir()] == ["file"]


def test_a_folder_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "part"

    def half() -> None:
        with atomic.folder(target) as temporary:
            (temporary / "half").write_text("")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        half()
    assert list(tmp_path.iterdir()) == []

    with atomic.folder(target) as temporary:
        (temporary / "whole").write_text("")
    assert [entry.name for entry in target.iterdir()] == ["whole"]


def test_what_a_killed_run_left_is_swept(tmp_path: Path) -> None:
    (tmp_path / "go" / ".tmp-abc").mkdir(parents=True)
    (tmp_path / "go" / "kube-1").mkdir()

    atomic.sweep(tmp_path)

    assert [entry.name for entry in (tmp_path / "go").iterdir()] == ["kube-1"]


def test_a_link_is_moved_in_one_go(tmp_path: Path) -> None:
    atomic.link(tmp_path / "bin" / "etcd", tmp_path / "one")
    atomic.link(tmp_path / "bin" / "etcd", tmp_path / "two")

    assert (tmp_path / "bin" / "etcd").readlink() == tmp_path / "two"


def test_only_what_no_checkout_used_for_a_month_is_stale(tmp_path: Path) -> None:
    now = 10_000_000.0
    for name, age_days in (("old", 31), ("recent", 29)):
        (tmp_path / name).mkdir()
        used = now - age_days * 24 * 3600
        os.utime(tmp_path / name, (used, used))

    assert pruning.stale([tmp_path, tmp_path / "absent"], now=now) == [tmp_path / "old"]


HOLD = """
import sys, time
from pathlib import Path
from funkhaus_cluster import atomic
with atomic.lock(Path(sys.argv[1]), seconds=1, waiting=print):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_lock_names_its_holder_and_dies_with_it(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)],
        stdout=subprocess.PIPE,
        env={"PYTHONPATH": str(Path(atomic.__file__).parents[1])},
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    told: list[str] = []

    with (
        pytest.raises(ClusterError, match=rf"another run \(process {holder.pid}\) still holds"),
        atomic.lock(path, seconds=0.3, waiting=told.append),
    ):
        pass
    holder.kill()
    holder.wait()
    holder.stdout.close()

    assert told == [str(holder.pid)]
    begun = time.monotonic()
    with atomic.lock(path, seconds=5, waiting=told.append):
        assert time.monotonic() - begun < 2


def test_only_kept_folders_of_a_wheel_are_unpacked_and_programs_can_run(tmp_path: Path) -> None:
    file = tmp_path / "tool.whl"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("kit/bin/run", "#!/bin/sh\n")
        archive.writestr("kit/share/data", "x")
        archive.writestr("other/setup.py", "")

    wheels.unpack(file, ("kit",), tmp_path / "out")

    assert (tmp_path / "out/kit/bin/run").stat().st_mode & 0o111
    assert not (tmp_path / "out/kit/share/data").stat().st_mode & 0o111
    assert not (tmp_path / "out/other").exists()


MOUNTINFO = """\
31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw
32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime shared:5 - cgroup cgroup rw,cpu
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
50 23 0:40 / /var/lib/funkhaus/data/kubelet rw - ext4 /dev/vda rw
51 50 0:41 / /var/lib/funkhaus/data/kubelet/pods/a\\040b rw - tmpfs tmpfs rw
52 23 0:42 / /var/lib/funkhaus-other rw - tmpfs tmpfs rw
"""


def test_version_one_cgroups_win_where_both_are_mounted(tmp_path: Path) -> None:
    file = tmp_path / "mountinfo"
    file.write_text(MOUNTINFO)

    assert cgroups.hierarchies(file) == [Path("/sys/fs/cgroup/cpu")]
    assert cgroups.hierarchies(file, every=True)[-1] == Path("/sys/fs/cgroup/unified")


def test_mounts_below_a_folder_come_innermost_first_and_neighbours_are_spared(
    tmp_path: Path,
) -> None:
    file = tmp_path / "mountinfo"
    file.write_text(MOUNTINFO)

    assert runtime_traces.mounts_below(Path("/var/lib/funkhaus"), file) == [
        Path("/var/lib/funkhaus/data/kubelet/pods/a b"),
        Path("/var/lib/funkhaus/data/kubelet"),
    ]
