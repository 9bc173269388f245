"""The documents OPA gets as ``input``: pure, and golden-tested against `policies/`.

No text of a user's source, no value of a variable and no dependency list is in them, and of an address no more than its
origin: names and sizes are what rules judge,
and what an engine never got it can't log. Quantities come as written and as numbers (``{"text": "3", "millis": 3000}``),
null where the text is no quantity, so that there is one reading of them.
"""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Any

from funkhaus.domain import cron, requirements
from funkhaus.domain.function import Function
from funkhaus.domain.origin import origin_of
from funkhaus.domain.quantity import bytes_of, millicores
from funkhaus.domain.trigger import CURRENT, HTTPTrigger

ANNOTATIONS_LIMIT = 256
"""Names of annotations in a document, the first of them sorted; rules let fewer pass."""

if TYPE_CHECKING:
    from funkhaus.domain.function import EnvVar, FunctionSpec, Source
    from funkhaus.domain.question import Change, Marks, Question
    from funkhaus.domain.split import Split
    from funkhaus.domain.tenant import TenantFacts
    from funkhaus.domain.trigger import CronJobTrigger, Trigger


def document(question: Question) -> dict[str, Any]:
    """The input for one question."""
    subject = question.subject
    kind, judged = _judged(subject, question.split)
    return {
        "kind": kind,
        "tenant": _tenant(question.facts),
        "platform": {"gateway": question.gateway},
        "object": {
            "namespace": subject.namespace,
            "name": subject.name,
            **_marks(question.marks),
            "annotation_keys": sorted(question.annotations)[:ANNOTATIONS_LIMIT],
            **judged,
        },
        "owned": _marks(question.owned),
        "change": _change(question.change),
    }


def _judged(subject: Function | Trigger, split: Split) -> tuple[str, dict[str, Any]]:
    if isinstance(subject, Function):
        return "Function", _function(subject)
    if isinstance(subject, HTTPTrigger):
        return "HTTPTrigger", _http_trigger(subject, split)
    return "CronJobTrigger", _cron_job_trigger(subject)


def _tenant(facts: TenantFacts) -> dict[str, Any]:
    return {
        "id": facts.tenant,
        "namespace": facts.namespace,
        "plan": facts.plan,
        "host_suffixes": list(facts.host_suffixes),
    }


def _marks(marks: Marks) -> dict[str, Any]:
    return {"labels": dict(marks.labels), "annotations": dict(marks.annotations)}


def _change(change: Change) -> dict[str, Any]:
    at = change.at.astimezone(UTC).isoformat(timespec="milliseconds") if change.at else None
    return {"operation": change.doing.value, "at": at}


def _function(function: Function) -> dict[str, Any]:
    spec = function.spec
    return {
        "runtime": spec.runtime,
        "handler": spec.handler,
        "source": _source(spec.source),
        "dependencies": _dependencies(spec.dependencies),
        "env": [_variable(item) for item in spec.env],
        "resources": _resources(spec),
        "timeout": spec.timeout,
        "concurrency": spec.concurrency,
        "scaling": {
            "min": spec.scaling.min,
            "max": spec.scaling.max,
            "cpu_percent": spec.scaling.cpu_percent,
            "idle": spec.scaling.idle,
        },
    }


def _dependencies(text: str) -> dict[str, Any]:
    """How much, and which lines are no requirements; the packages' names stay here."""
    found = requirements.parse(text)
    return {
        "bytes": len(text.strip().encode()),
        "packages": len(found.lines),
        "refused": [{"line": item.line, "kind": item.kind.value} for item in found.problems],
    }


def _source(source: Source) -> dict[str, Any]:
    if source.archive:
        return {"archive": source.archive}
    if source.url:
        return {"origin": origin_of(source.url), "sha256": source.sha256, "path": source.path}
    if source.git:
        return {"origin": origin_of(source.git), "ref": source.ref, "path": source.path}
    files = {name: len(text.encode()) for name, text in source.inline}
    return {"files": files, "bytes": sum(files.values())}


def _resources(spec: FunctionSpec) -> dict[str, Any]:
    cpu, memory = spec.resources.cpu, spec.resources.memory
    return {
        "cpu": {"text": cpu, "millis": millicores(cpu)},
        "memory": {"text": memory, "bytes": bytes_of(memory)},
    }


def _variable(item: EnvVar) -> dict[str, Any]:
    if item.secret:
        return {"name": item.name, "from": "Secret", "reference": item.secret[0]}
    if item.config_map:
        return {"name": item.name, "from": "ConfigMap", "reference": item.config_map[0]}
    return {"name": item.name, "from": "value"}


def _http_trigger(trigger: HTTPTrigger, split: Split) -> dict[str, Any]:
    return {
        "function": trigger.spec.function,
        "host": trigger.spec.host,
        "path": trigger.spec.path,
        "tls_secret": trigger.spec.tls_secret,
        "methods": list(trigger.spec.methods),
        "backends": [
            {
                "revision": item.revision,
                "weight": item.weight,
                "known": item.revision == CURRENT or item.revision in split.revisions,
            }
            for item in trigger.spec.backends
        ],
        "kept": list(split.kept),
    }


def _cron_job_trigger(trigger: CronJobTrigger) -> dict[str, Any]:
    spec = trigger.spec
    return {
        "function": spec.function,
        "schedule": _schedule(spec.schedule),
        "time_zone": {"text": spec.time_zone, "known": cron.zone(spec.time_zone) is not None},
        "payload": {"bytes": len(spec.payload.encode())},
        "history": {"successful": spec.successes_kept, "failed": spec.failures_kept},
    }


def _schedule(text: str) -> dict[str, Any]:
    """As written, the seconds between two times at least, and what is wrong with it; one of the two is null."""
    try:
        return {"text": text, "interval": cron.parse(text).interval, "problem": None}
    except ValueError as error:
        return {"text": text, "interval": None, "problem": str(error)}
