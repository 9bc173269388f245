"""An admin edits a limit and puts it in force: kubectl is refused in its words; back again, and it is let in."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from .house import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .house import House, Ran, Tenant

import pytest

POLICIES = Path(__file__).resolve().parents[2] / "policies"


@pytest.fixture
def stricter(tmp_path: Path, house: House, admin_token: str) -> Iterator[Path]:
    """Rules like the house's, with a second less for a small tenant's calls. Gone back from at the end."""
    before = house.cli(admin_token, "policy", "list", "-o", "name").out.split()[0]
    folder = tmp_path / "policies"
    shutil.copytree(POLICIES, folder)
    plans = folder / "data" / "plans.yaml"
    text = plans.read_text()
    assert "max: 300}" in text
    plans.write_text(text.replace("max: 300}", "max: 299}"))
    yield folder
    if house.cli(admin_token, "policy", "list", "-o", "name").out.split()[0] != before:
        back = house.cli(admin_token, "policy", "rollback", before, "--reason", "the test is over")
        assert back.code == 0, back.err


def manifest(tenant: Tenant) -> str:
    return yaml.safe_dump(
        {
            "apiVersion": "funkhaus.dev/v1alpha1",
            "kind": "Function",
            "metadata": {"name": "slow", "namespace": tenant.cluster_namespace},
            "spec": {
                "runtime": "python3.11",
                "handler": "slow.handler",
                "source": {"inline": {"files": {"slow.py": "def handler(e, c):\n  return 1\n"}}},
                "timeout": 300,
            },
        }
    )


def test_from_the_edit_of_a_limit_to_the_refusal_and_back(
    house: House, admin_token: str, tenant: Tenant, stricter: Path
) -> None:
    def tried() -> Ran:
        return tenant.kubectl("apply", "--dry-run=server", "-f", "-", stdin=manifest(tenant))

    assert tried().code == 0, tried().err
    done = house.cli(admin_token, "policy", "activate", str(stricter), "--reason", "calls got slow")
    assert done.code == 0, done.err
    assert "is in force" in done.out
    eventually("a refusal by the new limit", lambda: tried().code != 0)
    refused = tried()
    assert "spec.timeout" in refused.err, refused.err
    assert "299" in refused.err

    listed = house.cli(admin_token, "policy", "list")
    assert "calls got slow" in listed.out.splitlines()[1]
    owner = tenant.cli("policy", "rollback", "--reason", "mine")
    assert owner.code != 0, "a tenant puts no rules in force"

    back = house.cli(admin_token, "policy", "rollback", "--reason", "too strict")
    assert back.code == 0, back.err
    eventually("the old limit", lambda: tried().code == 0)
