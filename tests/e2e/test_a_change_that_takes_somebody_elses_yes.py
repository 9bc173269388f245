"""On the running house: a soft ceiling, a change above it that is stored and held, somebody else's yes, and it runs."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from .house import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .house import House, Tenant
    from .visitor import Visitor

pytestmark = pytest.mark.cluster
POLICIES = Path(__file__).resolve().parents[2] / "policies"
ANY = {"If-Match": "*"}
"""Whatever rules are in force."""


def rules(approval: str) -> dict[str, str]:
    """The release's rules, under which a function of plan small has `approval` CPU without asking."""
    files = {
        path.relative_to(POLICIES).as_posix(): path.read_text()
        for part in ("funkhaus", "data")
        for path in sorted((POLICIES / part).rglob("*"))
        if path.is_file()
    }
    plans = yaml.safe_load(files["data/plans.yaml"])
    plans["plans"]["small"]["function"]["cpu"]["approval"] = approval
    owners = {"platform": ["admin"], "tenant": ["owner"], "people": 1, "days": 7}
    approvals = {"approvals": {"default": owners, "rules": {}}}
    changed = {"data/plans.yaml": plans, "data/approvals.yaml": approvals}
    return files | {name: yaml.safe_dump(document) for name, document in changed.items()}


@pytest.fixture
def softly(house: House, admin_token: str) -> Iterator[None]:
    """Other rules for a while."""
    path, body = "/v1/policy/activations", {"files": rules("300m"), "reason": "a soft ceiling"}
    done = house.rest(admin_token, "POST", path, json=body, headers=ANY)
    assert done.status_code == 201, done.text
    yield
    back = {"revision": "previous", "reason": "as it was"}
    assert house.rest(admin_token, "POST", path, json=back, headers=ANY).status_code == 201


def approved(tenant: Tenant) -> dict[str, Any]:
    ran = tenant.cli("function", "list", "word", "-o", "json")
    assert ran.code == 0, ran.err
    (item,) = json.loads(ran.out)["items"]
    status = item.get("status") or {}
    found = [item for item in status.get("conditions") or [] if item["type"] == "Approved"]
    return found[0] if found else {}


def test_held_seen_refused_to_oneself_approved_and_running(
    house: House,
    tenant: Tenant,
    approver: Visitor,
    admin_token: str,
    tmp_path: Path,
    softly: None,
) -> None:
    del softly
    source = tmp_path / "word.py"
    source.write_text("def handler(event, context):\n    return 'one'\n")
    tenant.deploy("word", source)
    source.write_text("def handler(event, context):\n    return 'two'\n")
    change = ("function", "update", "word", "--from-file", str(source), "--cpu", "400m")
    eventually(
        "the webhook knows the rule",
        lambda: tenant.cli(*change, "--wait", "--wait-timeout", "20s").code == 6,
    )
    waiting = eventually(
        "it waits", lambda: approved(tenant).get("reason") == "PendingApproval" and approved(tenant)
    )
    assert waiting["status"] == "False"
    assert tenant.cli("function", "call", "word").out.strip() == "one"
    described = tenant.cli("function", "describe", "word").out
    assert "Waits for approval" in described
    listed = json.loads(tenant.cli("approval", "list", "--state", "pending", "-o", "json").out)
    (item,) = listed["items"]
    assert item["id"] in waiting["message"]

    own = tenant.cli("approval", "approve", item["id"])
    assert own.code != 0
    assert "nobody approves their own change" in own.err
    behind = house.cli(admin_token, "approval", "approve", item["id"], "--tenant", tenant.id)
    assert behind.code != 0, "the token of the change was issued by this one"
    approver.done("approval", "approve", item["id"], "--tenant", tenant.id)
    began = time.monotonic()
    eventually("the controller heard of it", lambda: approved(tenant).get("status") == "True")
    print(f"decision to condition: {time.monotonic() - began:.1f} s")  # noqa: T201 - measured, for the log
    eventually("it answers", lambda: tenant.cli("function", "call", "word").out.strip() == "two")

    by_kubectl = tenant.kubectl(
        "patch", "function", "word", "--type=merge", "-p", '{"spec": {"timeout": 77}}'
    )
    assert by_kubectl.code == 0, by_kubectl.err
    assert "Warning: held: spec.resources.cpu" in by_kubectl.err
    eventually("it waits anew", lambda: approved(tenant).get("reason") == "PendingApproval")
    assert tenant.cli("function", "call", "word").out.strip() == "two"
    assert tenant.cli("function", "delete", "word", "--yes").code == 0
    eventually(
        "nobody is asked any more",
        lambda: (
            not json.loads(tenant.cli("approval", "list", "--state", "pending", "-o", "json").out)[
                "items"
            ]
        ),
    )
