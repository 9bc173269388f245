"""Functions, triggers and questions about them that pass, to spoil one field at a time."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from funkhaus.crd import cron_job_trigger as cron_job_trigger_crd
from funkhaus.crd import function as function_crd
from funkhaus.crd import http_trigger as http_trigger_crd
from funkhaus.domain.question import Change, Doing, Marks, Question
from funkhaus.domain.tenant import TenantFacts
from funkhaus.services.marks import other_annotations

if TYPE_CHECKING:
    from collections.abc import Callable

    from funkhaus.domain.function import Function
    from funkhaus.domain.trigger import Trigger

DOMAIN = "127-0-0-1.nip.io"
FACTS = TenantFacts(tenant="demo", namespace="default", plan="small", host_suffixes=())
FULL_FACTS = TenantFacts(
    tenant="demo", namespace="default", plan="small", host_suffixes=(f"demo.{DOMAIN}",)
)
CREATION = Change(Doing.CREATE, datetime(2026, 1, 1, tzinfo=UTC))
API_VERSION = "funkhaus.dev/v1alpha1"
_PARSE: dict[str, Callable[[dict[str, Any]], Function | Trigger]] = {
    "Function": function_crd.parse,
    "HTTPTrigger": http_trigger_crd.parse,
    "CronJobTrigger": cron_job_trigger_crd.parse,
}


def function(name: str = "hello", **spec: Any) -> dict[str, Any]:
    """A Function as kube-apiserver hands it on, schema defaults filled in."""
    return {
        "apiVersion": API_VERSION,
        "kind": "Function",
        "metadata": {"namespace": "demo--default", "name": name},
        "spec": {
            "runtime": "python3.11",
            "handler": "hello.handler",
            "source": {"inline": {"files": {"hello.py": "def handler(event, context): ..."}}},
            "resources": {"cpu": "250m", "memory": "128Mi"},
            "timeout": 60,
            "concurrency": 8,
            "scaling": {"min": 1, "max": 3, "cpuPercent": 80},
            **spec,
        },
    }


def http_trigger(name: str = "hello", **spec: Any) -> dict[str, Any]:
    """An HTTPTrigger, likewise."""
    return {
        "apiVersion": API_VERSION,
        "kind": "HTTPTrigger",
        "metadata": {"namespace": "demo--default", "name": name},
        "spec": {"function": "hello", "host": f"hello.demo.{DOMAIN}", "path": "/", **spec},
    }


def cron_job_trigger(name: str = "nightly", **spec: Any) -> dict[str, Any]:
    """A CronJobTrigger, likewise."""
    return {
        "apiVersion": API_VERSION,
        "kind": "CronJobTrigger",
        "metadata": {"namespace": "demo--default", "name": name},
        "spec": {
            "function": "hello",
            "schedule": "0 3 * * *",
            "timeZone": "UTC",
            "concurrencyPolicy": "Allow",
            "suspend": False,
            "successfulJobsHistoryLimit": 3,
            "failedJobsHistoryLimit": 1,
            **spec,
        },
    }


def question(
    manifest: dict[str, Any], *, marks: Marks | None = None, owned: Marks | None = None
) -> Question:
    """The question about a manifest."""
    parse = _PARSE[manifest["kind"]]
    return Question(
        parse(manifest),
        FULL_FACTS,
        marks or Marks(),
        owned or Marks(),
        other_annotations(manifest),
        CREATION,
    )
