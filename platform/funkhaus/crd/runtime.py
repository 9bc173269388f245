"""Runtime object ↔ `funkhaus.domain.runtime.Runtime`."""

from __future__ import annotations

from typing import Any

from funkhaus.crd.fields import field, metadata
from funkhaus.domain.kinds import API_VERSION
from funkhaus.domain.runtime import Builder, Runtime, RuntimeStatus


def parse(manifest: dict[str, Any]) -> Runtime:
    """The catalogue entry of a manifest; raises `InvalidError` naming the field."""
    spec = field(manifest, "spec", dict, "")
    return Runtime(
        id=field(metadata(manifest), "name", str, "metadata"),
        image=field(spec, "image", str, "spec"),
        status=RuntimeStatus(field(spec, "status", str, "spec", "active")),
        dependency_file=field(spec, "dependencyFile", str, "spec", ""),
        file_suffix=field(spec, "fileSuffix", str, "spec", ""),
        builder=_builder(field(spec, "build", dict, "spec", {})),
    )


def _builder(build: dict[str, Any]) -> Builder | None:
    if not build:
        return None
    words = field(build, "command", list, "spec.build")
    return Builder(
        image=field(build, "image", str, "spec.build"),
        command=tuple(
            field({str(index): word}, str(index), str, "spec.build.command")
            for index, word in enumerate(words)
        ),
    )


def manifest(runtime: Runtime) -> dict[str, Any]:
    """The object to apply."""
    spec: dict[str, Any] = {
        "image": runtime.image,
        "status": runtime.status.value,
        "dependencyFile": runtime.dependency_file,
        "fileSuffix": runtime.file_suffix,
    }
    if runtime.builder:
        spec["build"] = {
            "image": runtime.builder.image,
            "command": list(runtime.builder.command),
        }
    return {
        "apiVersion": API_VERSION,
        "kind": "Runtime",
        "metadata": {"name": runtime.id},
        "spec": spec,
    }
