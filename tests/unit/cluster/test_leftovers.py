from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from funkhaus_cluster import leftovers, teardown
from funkhaus_cluster.errors import ClusterError

if TYPE_CHECKING:
    from pathlib import Path


def test_equal_snapshots_leave_nothing() -> None:
    snapshot = {"processes": ["1@2 init"], "links": ["lo 127.0.0.1"]}

    assert leftovers.compare(snapshot, snapshot) == {}
    assert leftovers.report({}) == "nothing was left behind"


def test_what_is_new_is_reported_and_what_is_gone_is_not() -> None:
    before = {"processes": ["1@2 init", "5@6 old"], "links": ["lo"]}
    after = {"processes": ["1@2 init"], "links": ["lo", "funkhaus0 10.222.0.1"]}

    found = leftovers.compare(before, after)

    assert found == {"links": ["funkhaus0 10.222.0.1"]}
    assert leftovers.report(found) == "links: funkhaus0 10.222.0.1"


def test_a_second_mount_on_the_same_point_counts() -> None:
    before = {"mounts": ["/x tmpfs"]}
    after = {"mounts": ["/x tmpfs", "/x tmpfs"]}

    assert leftovers.compare(before, after) == {"mounts": ["/x tmpfs"]}


def test_a_kind_the_first_snapshot_lacked_counts_whole() -> None:
    assert leftovers.compare({}, {"listening": ["tcp 0.0.0.0:1"]}) == {
        "listening": ["tcp 0.0.0.0:1"]
    }


def test_a_snapshot_survives_the_disk(tmp_path: Path) -> None:
    snapshot = {"processes": ["1@2 init"], "links": ["lo"]}

    leftovers.write(tmp_path / "one.json", snapshot)

    assert leftovers.read(tmp_path / "one.json") == snapshot


@pytest.mark.parametrize("content", ["", "[]", '{"links": []}'])
def test_a_file_that_is_no_snapshot(tmp_path: Path, content: str) -> None:
    (tmp_path / "one.json").write_text(content)

    with pytest.raises(ClusterError, match="is not a snapshot"):
        leftovers.read(tmp_path / "one.json")


EMPTY = """\
table ip nat {
\tchain PREROUTING {
\t\ttype nat hook prerouting priority dstnat; policy accept;
\t}
}
"""
USED = """\
table ip nat {
\tchain POSTROUTING {
\t\ttype nat hook postrouting priority srcnat; policy accept;
\t\tip saddr 172.17.0.0/16 masquerade
\t}
}
"""


def test_only_a_table_without_rules_may_be_removed() -> None:
    assert teardown._is_empty(EMPTY)
    assert not teardown._is_empty(USED)
    assert not teardown._is_empty(EMPTY.replace("policy accept", "policy drop"))
