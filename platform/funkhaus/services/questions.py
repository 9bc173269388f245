"""Manifests as what the policy engine is asked about."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from funkhaus.crd import cron_job_trigger as cron_job_trigger_crd
from funkhaus.crd import function as function_crd
from funkhaus.crd import http_trigger as http_trigger_crd
from funkhaus.domain import names
from funkhaus.domain.errors import InvalidError
from funkhaus.domain.function import Function
from funkhaus.domain.kinds import CRON_JOB_TRIGGER, FUNCTION, HTTP_TRIGGER, Kind
from funkhaus.domain.question import Question
from funkhaus.services.marks import marks_of, other_annotations, owned_by_platform
from funkhaus.services.splits import split_of

if TYPE_CHECKING:
    from funkhaus.domain.tenant import TenantFacts
    from funkhaus.domain.trigger import Trigger
    from funkhaus.ports import Cluster, Manifest

GENERATED_FROM = 58
"""Characters of ``generateName`` that end up in the name."""
GENERATED = "00000"
"""In place of the five random characters behind them."""


def full(facts: TenantFacts, domain: str) -> TenantFacts:
    """The facts with every host suffix, the default one (below the platform's `domain`) first."""
    own = names.host_suffix(facts.tenant, domain)
    granted = [suffix for suffix in facts.host_suffixes if suffix != own]
    return dataclasses.replace(facts, host_suffixes=(own, *granted))


async def stored_question(
    cluster: Cluster,
    kind: Kind,
    manifest: Manifest,
    facts: TenantFacts,
    domain: str,
    *,
    gateway: bool,
) -> Question:
    """The question about an object as it is stored, where nothing changes; raises `InvalidError` for a wrong shape."""
    marks, known = marks_of(manifest), full(facts, domain)
    subject = named_subject(kind, manifest)
    return Question(
        subject,
        known,
        marks,
        owned_by_platform(marks, known),
        other_annotations(manifest),
        gateway=gateway,
        split=await split_of(cluster, subject),
    )


def subject_of(kind: Kind, manifest: Manifest) -> Function | Trigger:
    """The object parsed; raises `InvalidError`."""
    if kind == FUNCTION:
        return function_crd.parse(manifest)
    if kind == HTTP_TRIGGER:
        return http_trigger_crd.parse(manifest)
    if kind == CRON_JOB_TRIGGER:
        return cron_job_trigger_crd.parse(manifest)
    raise InvalidError(f"objects of kind {kind.name} are not judged here")


def named_subject(kind: Kind, manifest: Manifest) -> Function | Trigger:
    """The object parsed, its names checked; raises `InvalidError`."""
    subject = subject_of(kind, manifest)
    if isinstance(subject, Function):
        names.function_name(subject.name)
    else:
        names.trigger_name(subject.name)
        names.function_name(subject.spec.function, "spec.function")
    return subject


def with_a_name(manifest: Manifest) -> Manifest:
    """The manifest with a name as long as the one kube-apiserver makes of ``generateName`` once it was mutated."""
    meta = manifest.get("metadata") or {}
    base = meta.get("generateName")
    if meta.get("name") or not isinstance(base, str) or not base:
        return manifest
    return {**manifest, "metadata": {**meta, "name": base[:GENERATED_FROM] + GENERATED}}
