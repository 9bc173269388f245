from __future__ import annotations

import os
from pathlib import Path

import pytest

from funkhaus_cluster import claim, postgres, processes, records, settings
from funkhaus_cluster.errors import ClusterError


def settings_at(state: Path) -> settings.Settings:
    return settings.from_environ({"FUNKHAUS_STATE": str(state)}, checkout=Path("/checkout"))


def running_cluster(state: Path) -> None:
    me = processes.identify(os.getpid())
    assert me is not None
    records.save(state / "run", records.Record("etcd", me, "", 0.0))


def test_the_first_takes_the_machine_and_may_take_it_again(tmp_path: Path) -> None:
    file = tmp_path / "claim"
    first = settings_at(tmp_path / "first")
    running_cluster(first.state)

    claim.take(first, file)
    claim.take(first, file)

    assert claim.other(first, file) is None


def test_a_second_is_told_whose_machine_it_is(tmp_path: Path) -> None:
    file = tmp_path / "claim"
    first, second = settings_at(tmp_path / "first"), settings_at(tmp_path / "second")
    running_cluster(first.state)
    claim.take(first, file)

    with pytest.raises(ClusterError, match=rf"FUNKHAUS_STATE={first.state} make down"):
        claim.take(second, file)


def test_a_claim_whose_cluster_no_longer_runs_is_void(tmp_path: Path) -> None:
    file = tmp_path / "claim"
    first, second = settings_at(tmp_path / "first"), settings_at(tmp_path / "second")
    claim.take(first, file)

    claim.take(second, file)

    assert file.read_text() == f"{second.state}\n"


def test_a_state_folder_postgres_cannot_reach_is_found(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)

    assert postgres.closed_folder(Path("/usr/bin")) is None
    found = postgres.closed_folder(tmp_path)
    assert found is not None
    assert tmp_path.is_relative_to(found)
