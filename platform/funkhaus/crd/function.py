"""Function object ↔ `funkhaus.domain.function.Function`."""

from __future__ import annotations

from typing import Any

from funkhaus.crd.fields import field, metadata
from funkhaus.domain.function import (
    DEFAULT_CONCURRENCY,
    DEFAULT_IDLE,
    DEFAULT_TIMEOUT,
    EnvVar,
    Function,
    FunctionSpec,
    Resources,
    Scaling,
    Source,
)
from funkhaus.domain.kinds import API_VERSION
from funkhaus.domain.question import CHANGED_BY, CREATED_BY


def parse(manifest: dict[str, Any]) -> Function:
    """The function of a manifest; raises `InvalidError` naming the field that is missing or of the wrong type."""
    meta = metadata(manifest)
    return Function(
        namespace=field(meta, "namespace", str, "metadata", ""),
        name=field(meta, "name", str, "metadata"),
        spec=parse_spec(field(manifest, "spec", dict, "")),
        uid=field(meta, "uid", str, "metadata", ""),
        generation=field(meta, "generation", int, "metadata", 0),
        author=_author(meta),
    )


def _author(meta: dict[str, Any]) -> str:
    annotations = meta.get("annotations")
    noted: dict[str, Any] = annotations if isinstance(annotations, dict) else {}
    return str(noted.get(CHANGED_BY) or noted.get(CREATED_BY) or "")


def parse_spec(spec: dict[str, Any]) -> FunctionSpec:
    """The spec alone."""
    scaling = field(spec, "scaling", dict, "spec", {})
    return FunctionSpec(
        runtime=field(spec, "runtime", str, "spec"),
        handler=field(spec, "handler", str, "spec"),
        source=parse_source(field(spec, "source", dict, "spec")),
        dependencies=field(spec, "dependencies", str, "spec", ""),
        env=parse_env(field(spec, "env", list, "spec", [])),
        resources=parse_resources(field(spec, "resources", dict, "spec", {})),
        timeout=field(spec, "timeout", int, "spec", DEFAULT_TIMEOUT),
        concurrency=field(spec, "concurrency", int, "spec", DEFAULT_CONCURRENCY),
        scaling=Scaling(
            min=field(scaling, "min", int, "spec.scaling", 1),
            max=field(scaling, "max", int, "spec.scaling", 1),
            cpu_percent=field(scaling, "cpuPercent", int, "spec.scaling", 80),
            idle=field(scaling, "idle", int, "spec.scaling", DEFAULT_IDLE),
        ),
    )


def parse_source(source: dict[str, Any]) -> Source:
    """The source."""
    if archive := field(source, "archive", dict, "spec.source", {}):
        return Source(archive=field(archive, "digest", str, "spec.source.archive"))
    if url := field(source, "url", str, "spec.source", ""):
        return Source(
            url=url,
            sha256=field(source, "sha256", str, "spec.source"),
            path=field(source, "path", str, "spec.source", ""),
        )
    if git := field(source, "git", dict, "spec.source", {}):
        return Source(
            git=field(git, "url", str, "spec.source.git"),
            ref=field(git, "ref", str, "spec.source.git"),
            path=field(git, "path", str, "spec.source.git", ""),
        )
    inline = field(source, "inline", dict, "spec.source")
    files = field(inline, "files", dict, "spec.source.inline")
    path = "spec.source.inline.files"
    return Source(inline=tuple((name, field(files, name, str, path)) for name in sorted(files)))


def parse_env(items: list[Any], path: str = "spec.env") -> tuple[EnvVar, ...]:
    """The environment, in the order given."""
    parsed = []
    for index, item in enumerate(items):
        where = f"{path}[{index}]"
        entry = item if isinstance(item, dict) else {}
        parsed.append(
            EnvVar(
                name=field(entry, "name", str, where),
                value=field(entry, "value", str, where, None),
                secret=_key_ref(entry, "secretKeyRef", where),
                config_map=_key_ref(entry, "configMapKeyRef", where),
            )
        )
    return tuple(parsed)


def _key_ref(entry: dict[str, Any], name: str, path: str) -> tuple[str, str] | None:
    ref = field(entry, name, dict, path, {})
    if not ref:
        return None
    where = f"{path}.{name}"
    return field(ref, "name", str, where), field(ref, "key", str, where)


def parse_resources(resources: dict[str, Any]) -> Resources:
    """CPU and memory as texts."""
    return Resources(
        cpu=field(resources, "cpu", str, "spec.resources", ""),
        memory=field(resources, "memory", str, "spec.resources", ""),
    )


def manifest(function: Function) -> dict[str, Any]:
    """The object to apply; what equals the schema's default is written all the same, so that nothing is implied."""
    return {
        "apiVersion": API_VERSION,
        "kind": "Function",
        "metadata": {"namespace": function.namespace, "name": function.name},
        "spec": spec_manifest(function.spec),
    }


def spec_manifest(spec: FunctionSpec) -> dict[str, Any]:
    """The spec alone."""
    resources = {"cpu": spec.resources.cpu, "memory": spec.resources.memory}
    # It has no default in the schema: one would change every stored spec, and with it what approvals are bound to.
    idle = {"idle": spec.scaling.idle} if spec.scaling.idle != DEFAULT_IDLE else {}
    document: dict[str, Any] = {
        "runtime": spec.runtime,
        "handler": spec.handler,
        "source": source_manifest(spec.source),
        "dependencies": spec.dependencies or None,
        "env": env_manifest(spec.env) or None,
        "resources": {key: text for key, text in resources.items() if text} or None,
        "timeout": spec.timeout,
        "concurrency": spec.concurrency,
        "scaling": {
            "min": spec.scaling.min,
            "max": spec.scaling.max,
            "cpuPercent": spec.scaling.cpu_percent,
            **idle,
        },
    }
    return {key: value for key, value in document.items() if value is not None}


def source_manifest(source: Source) -> dict[str, Any]:
    """The source as the Function and FunctionRevision schemas write it."""
    if source.archive:
        return {"archive": {"digest": source.archive}}
    inside = {"path": source.path} if source.path else {}
    if source.git:
        return {"git": {"url": source.git, "ref": source.ref, **inside}}
    if source.url:
        return {"url": source.url, "sha256": source.sha256, **inside}
    return {"inline": {"files": dict(source.inline)}}


def env_manifest(env: tuple[EnvVar, ...]) -> list[dict[str, Any]]:
    """The environment as the Function and FunctionRevision schemas write it."""
    items = []
    for item in env:
        entry: dict[str, Any] = {"name": item.name}
        if item.value is not None:
            entry["value"] = item.value
        if item.secret:
            entry["secretKeyRef"] = {"name": item.secret[0], "key": item.secret[1]}
        if item.config_map:
            entry["configMapKeyRef"] = {"name": item.config_map[0], "key": item.config_map[1]}
        items.append(entry)
    return items
