"""HTTPTrigger object ↔ `funkhaus.domain.trigger.HTTPTrigger`."""

from __future__ import annotations

from typing import Any

from funkhaus.crd.fields import field, metadata, objects, texts
from funkhaus.domain.kinds import API_VERSION
from funkhaus.domain.trigger import Backend, HTTPTrigger, HTTPTriggerSpec, Pin


def parse(manifest: dict[str, Any]) -> HTTPTrigger:
    """The trigger of a manifest; raises `InvalidError` naming the field."""
    meta = metadata(manifest)
    spec = field(manifest, "spec", dict, "")
    tls = field(spec, "tls", dict, "spec", {})
    methods = field(spec, "methods", list, "spec", [])
    backends = field(spec, "backends", list, "spec", [])
    return HTTPTrigger(
        namespace=field(meta, "namespace", str, "metadata", ""),
        name=field(meta, "name", str, "metadata"),
        spec=HTTPTriggerSpec(
            function=field(spec, "function", str, "spec"),
            host=field(spec, "host", str, "spec", ""),
            path=field(spec, "path", str, "spec", "/"),
            tls_secret=field(tls, "secretName", str, "spec.tls", ""),
            methods=tuple(texts(methods, "spec.methods")),
            backends=tuple(
                Backend(field(item, "revision", str, path), field(item, "weight", int, path))
                for path, item in objects(backends, "spec.backends")
            ),
        ),
        uid=field(meta, "uid", str, "metadata", ""),
        generation=field(meta, "generation", int, "metadata", 0),
    )


def manifest(trigger: HTTPTrigger) -> dict[str, Any]:
    """The object to apply; an absent host stays absent, admission fills it."""
    spec: dict[str, Any] = {"function": trigger.spec.function, "path": trigger.spec.path}
    if trigger.spec.host:
        spec["host"] = trigger.spec.host
    if trigger.spec.tls_secret:
        spec["tls"] = {"secretName": trigger.spec.tls_secret}
    if trigger.spec.methods:
        spec["methods"] = list(trigger.spec.methods)
    if trigger.spec.backends:
        spec["backends"] = [
            {"revision": item.revision, "weight": item.weight} for item in trigger.spec.backends
        ]
    return {
        "apiVersion": API_VERSION,
        "kind": "HTTPTrigger",
        "metadata": {"namespace": trigger.namespace, "name": trigger.name},
        "spec": spec,
    }


def pins(manifest: dict[str, Any]) -> tuple[Pin, ...]:
    """What runs for the trigger's sake, as the controller wrote it into the status; nobody else may write that."""
    found = (manifest.get("status") or {}).get("pins") or []
    return tuple(
        Pin(str(item["revision"]), int(item["replicas"]), str(item.get("until") or ""))
        for item in found
    )


def pins_manifest(pins: tuple[Pin, ...]) -> list[dict[str, Any]]:
    """The same as the status has them."""
    return [
        {"revision": item.revision, "replicas": item.replicas}
        | ({"until": item.until} if item.until else {})
        for item in pins
    ]
