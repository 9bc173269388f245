"""FunctionRevision object ↔ `funkhaus.domain.function.RevisionSpec`."""

from __future__ import annotations

import dataclasses
from typing import Any

from funkhaus.crd.fields import field
from funkhaus.crd.function import (
    env_manifest,
    parse_env,
    parse_resources,
    parse_source,
    source_manifest,
)
from funkhaus.domain.function import RevisionSpec, Source
from funkhaus.domain.kinds import API_VERSION
from funkhaus.domain.names import revision_name


def parse(manifest: dict[str, Any]) -> RevisionSpec:
    """The revision of a manifest; raises `InvalidError` naming the field."""
    spec = field(manifest, "spec", dict, "")
    source = field(spec, "source", dict, "spec", {})
    packages = field(spec, "packages", dict, "spec", {})
    return RevisionSpec(
        function=field(spec, "function", str, "spec"),
        runtime=field(spec, "runtime", str, "spec"),
        runtime_image=field(spec, "runtimeImage", str, "spec"),
        handler=field(spec, "handler", str, "spec"),
        source_digest=field(spec, "sourceDigest", str, "spec"),
        image=field(spec, "image", str, "spec"),
        env=parse_env(field(spec, "env", list, "spec", [])),
        resources=parse_resources(field(spec, "resources", dict, "spec")),
        timeout=field(spec, "timeout", int, "spec"),
        concurrency=field(spec, "concurrency", int, "spec"),
        source=parse_source(source) if source else Source(),
        dependencies=field(spec, "dependencies", str, "spec", ""),
        packages_layer=field(packages, "layer", str, "spec.packages", ""),
        packages_key=field(packages, "key", str, "spec.packages", ""),
        commit=field(spec, "commit", str, "spec", ""),
    )


def manifest(namespace: str, revision: RevisionSpec) -> dict[str, Any]:
    """The object to apply, without owner or labels."""
    spec: dict[str, Any] = {
        "function": revision.function,
        "digest": revision.digest,
        "runtime": revision.runtime,
        "runtimeImage": revision.runtime_image,
        "handler": revision.handler,
        "sourceDigest": revision.source_digest,
        "image": revision.image,
        "resources": {"cpu": revision.resources.cpu, "memory": revision.resources.memory},
        "timeout": revision.timeout,
        "concurrency": revision.concurrency,
    }
    if revision.source != Source():
        spec["source"] = source_manifest(revision.source)
    if revision.commit:
        spec["commit"] = revision.commit
    if revision.env:
        spec["env"] = env_manifest(revision.env)
    if revision.dependencies:
        spec["dependencies"] = revision.dependencies
    if revision.packages_layer:
        spec["packages"] = {"layer": revision.packages_layer, "key": revision.packages_key}
    return {
        "apiVersion": API_VERSION,
        "kind": "FunctionRevision",
        "metadata": {
            "namespace": namespace,
            "name": revision_name(revision.function, revision.digest),
        },
        "spec": spec,
    }


def asked_for(revision: RevisionSpec) -> dict[str, Any] | None:
    """The part of a Function's spec that asks for this revision; ``None`` where its source was not kept.

    Scaling is missing: it is the Function's own, and no revision's. A branch is named by the commit it was.
    """
    source = revision.source
    if source == Source():
        return None
    if revision.commit:
        source = dataclasses.replace(source, ref=revision.commit)
    spec: dict[str, Any] = {
        "runtime": revision.runtime,
        "handler": revision.handler,
        "source": source_manifest(source),
        "resources": {"cpu": revision.resources.cpu, "memory": revision.resources.memory},
        "timeout": revision.timeout,
        "concurrency": revision.concurrency,
    }
    if revision.env:
        spec["env"] = env_manifest(revision.env)
    if revision.dependencies:
        spec["dependencies"] = revision.dependencies
    return spec


def served_at(manifest: dict[str, Any]) -> str:
    """When a stored revision last began to serve, RFC 3339; empty while it never has."""
    return str((manifest.get("status") or {}).get("servedAt") or "")
