"""A schedule on the running house: the function is called on its minute, a failure is told, and deletion leaves nothing."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from .house import eventually

if TYPE_CHECKING:
    from pathlib import Path

    from .house import Tenant

pytestmark = pytest.mark.cluster
MINUTES = 150
"""Seconds in which a run of every minute must have come and ended."""
SOURCE = """\
import json


def handler(event, context):
    seen = {key: event[key] for key in ("data", "event-id", "event-type", "event-time", "event-namespace")}
    print("CALLED " + json.dumps(seen), flush=True)
    if event["data"]["fail"]:
        raise RuntimeError("as asked")
    return "fine"
"""


def shown(tenant: Tenant, name: str) -> dict[str, Any]:
    ran = tenant.cli("trigger", "cronjob", "describe", name, "-o", "json")
    document: dict[str, Any] = json.loads(ran.out)
    return document["status"]


def last(tenant: Tenant, name: str) -> dict[str, Any]:
    found: dict[str, Any] = shown(tenant, name).get("lastRun") or {}
    return found if found.get("result") in {"Succeeded", "Failed"} else {}


def test_calls_on_schedule(tenant: Tenant, tmp_path: Path) -> None:
    path = tmp_path / "cron.py"
    path.write_text(SOURCE)
    tenant.deploy("cron", path)
    every_minute = ("--function", "cron", "--schedule", "* * * * *")
    made = tenant.cli(
        "trigger", "cronjob", "create", "good", *every_minute, "-p", '{"fail": false, "it\'s": 1}'
    )
    assert made.code == 0, made.err
    made = tenant.cli("trigger", "cronjob", "create", "bad", *every_minute, "-p", '{"fail": true}')
    assert made.code == 0, made.err
    eventually("the next run is shown", lambda: shown(tenant, "good").get("nextRun"))

    good = eventually("a run that went well", lambda: last(tenant, "good"), MINUTES)
    assert (good["result"], good["exitCode"]) == ("Succeeded", 0)
    bad = eventually("a run that failed", lambda: last(tenant, "bad"), MINUTES)
    assert (bad["result"], bad["exitCode"]) == ("Failed", 200)
    assert bad["message"].startswith("500: ")

    log = tenant.cli("function", "logs", "cron").out
    calls = [
        json.loads(line.partition("CALLED ")[2]) for line in log.splitlines() if "CALLED " in line
    ]
    assert {call["event-namespace"] for call in calls} == {"cronjobtrigger.funkhaus.dev"}
    assert {call["event-type"] for call in calls} == {"application/json"}
    assert len({call["event-id"] for call in calls}) == len(calls), "a failed run is not repeated"
    assert {"fail": False, "it's": 1} in [call["data"] for call in calls]

    listed = tenant.kubectl("get", "ctr")
    assert "good" in listed.out
    suspended = tenant.cli("trigger", "cronjob", "update", "bad", "--suspend")
    assert suspended.code == 0, suspended.err
    eventually("suspended", lambda: "nextRun" not in shown(tenant, "bad"))
    assert tenant.cli("trigger", "cronjob", "delete", "good", "bad", "--yes").code == 0
    eventually(
        "all is gone",
        lambda: tenant.kubectl("get", "cronjobs,jobs", "-o", "name").out.strip() == "",
    )


def test_a_tenant_writes_no_cron_job(tenant: Tenant) -> None:
    refused = tenant.kubectl("create", "cronjob", "mine", "--image=x", "--schedule=@daily")
    assert refused.code != 0
    assert "forbidden" in refused.err.lower()
