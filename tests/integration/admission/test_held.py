"""What needs an approval, through a real kube-apiserver: let in, with warnings that say why it is held and who frees it."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest
import yaml

from funkhaus.domain.approval import ApprovalState
from tests.support import opa
from tests.support.admission_house import DEVELOPER, NAMESPACE, House
from tests.support.questions import function
from tests.support.webhook import serving

from .test_nobody_to_ask import asking

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.webhook import Running

HELD = {"cpu": "750m", "memory": "128Mi"}


@pytest.fixture(scope="module")
def softly(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """OPA by rules under which more than half a core of CPU takes two owners, or people of the platform."""
    folder = tmp_path_factory.mktemp("softly")
    policies = folder / "policies"
    shutil.copytree(opa.POLICIES, policies)
    plans = policies / "data/plans.yaml"
    document = yaml.safe_load(plans.read_text())
    document["plans"]["small"]["function"]["cpu"]["approval"] = "500m"
    plans.write_text(yaml.safe_dump(document))
    rule = {"platform": ["approver"], "tenant": ["owner"], "people": 2, "days": 3}
    approvals = {"approvals": {"default": rule, "rules": {}}}
    (policies / "data/approvals.yaml").write_text(yaml.safe_dump(approvals))
    with opa.running(folder, policies) as url:
        yield url


@pytest.fixture
def asked(house: House, softly: str, own_kubeconfig: Path) -> Iterator[Running]:
    """The webhook that kube-apiserver asks meanwhile."""
    with (
        serving(softly, kubeconfig=str(own_kubeconfig)) as second,
        asking(house, second.address[1]),
    ):
        for _ in range(60):  # until kube-apiserver has noticed whom to ask
            if "held" in house.apply(function("probe", resources=HELD), "--dry-run=server").stderr:
                break
        yield second


def test_it_is_stored_and_says_that_it_is_held(house: House, asked: Running) -> None:
    done = house.apply(function("held", resources=HELD))
    assert done.returncode == 0, done.stderr
    (row,) = asked.stores.state.approvals.values()
    assert 'Warning: held: spec.resources.cpu: cpu "750m" is above 500m' in done.stderr
    assert "2 different people of: owner of the tenant, platform approver" in done.stderr
    assert f"(approval {row.id})" in done.stderr
    assert house.get("function", "held")["spec"]["resources"] == HELD
    assert (row.state, row.seen_at, row.requested_by, row.rule.days) == (
        ApprovalState.PENDING, None, "fh:0b9e", 3,
    )  # fmt: skip
    (record,) = [item for item in asked.stores.state.audit if item.outcome == "allowed"]
    assert record.detail["approval"] == row.id
    charges = asked.stores.state.books.charges.values()
    assert [charge.held.cpu_millis for charge in charges] == [2250]  # three replicas of it


def test_what_is_refused_is_refused_as_ever(house: House, asked: Running) -> None:
    done = house.apply(function("denied", resources=HELD, timeout=9999))
    assert done.returncode != 0
    assert "above the plan small's ceiling of 300" in done.stderr
    assert "held" not in done.stderr
    assert asked.stores.state.approvals == {}


def test_a_dry_run_says_so_and_asks_nobody(house: House, asked: Running) -> None:
    done = house.apply(function("dry", resources=HELD), "--dry-run=server")
    assert done.returncode == 0, done.stderr
    assert "Warning: held:" in done.stderr
    assert "nothing is asked for in a dry run" in done.stderr
    assert asked.stores.state.approvals == {}


def test_b05_a_tenant_writes_no_status_and_no_mark_that_approves(
    house: House, asked: Running
) -> None:
    assert house.apply(function("faked", resources=HELD)).returncode == 0
    approved = {"type": "Approved", "status": "True", "reason": "Approved", "message": "x"}
    patch = json.dumps({"status": {"conditions": [approved]}})
    done = house.kubectl(
        *("patch", "function", "faked", "-n", NAMESPACE, "--subresource=status"),
        *("--type=merge", "-p", patch),
        who=DEVELOPER,
    )
    assert done.returncode != 0
    assert "Forbidden" in done.stderr or "forbidden" in done.stderr
    assert "status" not in house.get("function", "faked")
    for key in ("funkhaus.dev/approved", "funkhaus.dev/approved-by"):
        marked = function("faked", resources=HELD)
        marked["metadata"]["annotations"] = {key: "true"}
        done = house.apply(marked)
        assert done.returncode != 0
        assert "only the platform sets" in done.stderr
    assert {row.state for row in asked.stores.state.approvals.values()} == {ApprovalState.PENDING}
