"""OPA and kube-apiserver's own policies judge the same 10,000 objects by the same data, and say the same of each."""

from __future__ import annotations

import asyncio
import json
import re
import ssl
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from funkhaus.crd import cron_job_trigger, function, http_trigger
from funkhaus.domain.question import Question
from funkhaus.manifests.backstop import RULES
from funkhaus.policy import inputs
from funkhaus.services.marks import marks_of, other_annotations, owned_by_tenant
from tests.integration.backstop.conftest import TENANTS
from tests.integration.backstop.objects import objects
from tests.support.apiserver import ADMIN_TOKEN
from tests.support.questions import CREATION

if TYPE_CHECKING:
    from pathlib import Path

    from funkhaus.domain.tenant import TenantFacts
    from tests.integration.backstop.conftest import Ground

LEAST = 10_000
MADE = 12_000
"""Some have a shape the schema refuses before anybody judges them."""
AT_ONCE = 24
WHO = "admin"
"""Whose token asks kube-apiserver."""
SHAPE = {400, 422}
"""What kube-apiserver says of an object it can't read, or that its schema refuses."""
QUERY = """[codes |
  some question in input.questions
  findings := data.funkhaus.main.decision.findings with input as question
  codes := [finding.code | some finding in findings; finding.outcome == "deny"]
]"""
_SAID = re.compile(
    r"ValidatingAdmissionPolicy 'funkhaus-[a-z-]+'.* denied request: (?P<rule>[a-z]+): ", re.DOTALL
)
_PARSE = {
    "Function": function.parse,
    "HTTPTrigger": http_trigger.parse,
    "CronJobTrigger": cron_job_trigger.parse,
}
_PLURAL = {"Function": "functions", "HTTPTrigger": "httptriggers", "CronJobTrigger": "cronjobtriggers"}  # fmt: skip


@dataclass(frozen=True)
class Answer:
    """kube-apiserver's to a dry-run create: `shape` when the schema refused, else the `rule` that did, if any."""

    rule: str = ""
    shape: bool = False
    text: str = ""


@pytest.mark.timeout(1200)  # half a minute where nothing else runs
async def test_opa_and_the_backstop_agree(ground: Ground) -> None:
    began = time.monotonic()
    made = list(objects(MADE, TENANTS, ground.catalogues))
    answers = await _asked_of_kubernetes(ground, [manifest for _, manifest in made])
    tell(f"{len(answers)} objects shown to kube-apiserver in {time.monotonic() - began:.1f} s")
    judged = [
        (facts, manifest, answer)
        for (facts, manifest), answer in zip(made, answers, strict=True)
        if not answer.shape
    ]
    verdicts = await asyncio.to_thread(
        _asked_of_opa, ground.policies, [(facts, manifest) for facts, manifest, _ in judged]
    )
    tell(f"and judged by OPA after {time.monotonic() - began:.1f} s")
    apart = []
    seen: Counter[str] = Counter()
    for (_, manifest, answer), codes in zip(judged, verdicts, strict=True):
        rules = {rule for code in codes if (rule := static(code))}
        seen.update(rules or {"nothing"})
        if answer.rule not in (rules or {""}):
            apart.append((manifest, answer, sorted(codes)))
    tell(f"{len(judged)} objects judged twice, {len(apart)} apart; refused by {dict(seen)}")
    for manifest, answer, codes in apart:
        tell(json.dumps(manifest)[:3000], answer, codes)
    assert not apart
    assert len(judged) >= LEAST
    assert all(seen[rule] for rule in {*RULES, "labels", "request", "nothing"} - {"path"}), seen


def tell(*words: object) -> None:
    """Into the run's output: how many there were is part of the answer."""
    sys.stdout.write(" ".join(str(word) for word in words) + "\n")


def static(code: str) -> str:
    """The static rule a finding's code is of, or "" when it is another rule's."""
    if code == "request-plan-unknown":
        return "request"
    if code == "labels-reserved":  # held to whatever rules are in force
        return "labels"
    if code.startswith("schedule-") and code != "schedule-history-malformed":
        return ""
    return next((rule for rule in RULES if code.startswith(f"{rule}-")), "")


async def _asked_of_kubernetes(ground: Ground, manifests: list[dict[str, Any]]) -> list[Answer]:
    answers: list[Answer] = [Answer()] * len(manifests)
    rest = iter(enumerate(manifests))
    context = ssl.create_default_context(cafile=str(ground.server.ca))

    async def ask(session: aiohttp.ClientSession) -> None:
        for index, manifest in rest:
            namespace, plural = manifest["metadata"]["namespace"], _PLURAL[manifest["kind"]]
            path = f"/apis/funkhaus.dev/v1alpha1/namespaces/{namespace}/{plural}"
            async with session.post(
                f"{ground.server.url}{path}?dryRun=All", json=manifest
            ) as answer:
                answers[index] = _read(answer.status, await answer.json())

    async with (
        aiohttp.ClientSession(
            headers={"Authorization": f"Bearer {ADMIN_TOKEN}"},
            connector=aiohttp.TCPConnector(limit=AT_ONCE, ssl=context),
            timeout=aiohttp.ClientTimeout(total=None, sock_read=60),
        ) as session,
        asyncio.TaskGroup() as tasks,
    ):
        for _ in range(AT_ONCE):
            tasks.create_task(ask(session))
    return answers


def _read(status: int, body: dict[str, Any]) -> Answer:
    if status == 201:
        return Answer()
    message = str(body.get("message"))
    if found := _SAID.search(message):
        return Answer(found["rule"], text=message)
    if status in SHAPE and "ValidatingAdmissionPolicy" not in message:
        return Answer(shape=True, text=message)
    return Answer(f"{status}: no rule's refusal", text=message)


def _asked_of_opa(
    policies: Path, judged: list[tuple[TenantFacts, dict[str, Any]]]
) -> list[list[str]]:
    questions = [
        inputs.document(
            Question(
                _PARSE[manifest["kind"]](manifest),
                facts,
                marks=marks_of(manifest),
                owned=owned_by_tenant(None, facts, WHO),
                annotations=other_annotations(manifest),
                change=CREATION,
            )
        )
        for facts, manifest in judged
    ]
    done = subprocess.run(
        ["opa", "eval", "--data", str(policies), "--ignore=*_test.rego", "--stdin-input", "--format=raw", QUERY],
        input=json.dumps({"questions": questions}), capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found: list[list[str]] = json.loads(done.stdout)
    return found
