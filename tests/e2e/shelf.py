"""Files that a pod in the cluster serves over HTTP: what would be on the internet, without asking it."""

from __future__ import annotations

import base64
import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from .house import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from .house import House

PORT = 8080


def build_image(house: House) -> str:
    """An image with Python that is in the registry."""
    found: str = house.admin_json("get", "runtime", "python3.11")["spec"]["build"]["image"]
    return found


@contextmanager
def shelf(
    house: House, namespace: str, name: str, files: Mapping[str, bytes], program: str = ""
) -> Iterator[None]:
    """Serve `files` at ``http://<name>.<namespace>:8080/`` in a namespace of its own, which goes at the end.

    With `program` they are what that text of Python makes of them, below ``/shelf``.
    """
    served = (
        ["-c", program] if program else ["-m", "http.server", str(PORT), "--directory", "/shelf"]
    )
    keys = {f"f{number}": path for number, path in enumerate(files)}
    content = {key: base64.b64encode(files[path]).decode() for key, path in keys.items()}
    meta = {"name": name, "namespace": namespace}
    pod = {
        "terminationGracePeriodSeconds": 1,
        "containers": [
            {
                "name": "shelf",
                "image": build_image(house),
                "command": ["python3", *served],
                "readinessProbe": {"tcpSocket": {"port": PORT}},
                "volumeMounts": [{"name": "shelf", "mountPath": "/shelf"}],
            }
        ],
        "volumes": [
            {
                "name": "shelf",
                "configMap": {
                    "name": name,
                    "items": [{"key": key, "path": path} for key, path in keys.items()],
                },
            }
        ],
    }
    ports = [{"port": PORT, "targetPort": PORT}]
    items: list[dict[str, Any]] = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}},
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "binaryData": content},
        {"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": {"selector": {"app": name}, "ports": ports}},
        {"apiVersion": "v1", "kind": "Pod", "metadata": {**meta, "labels": {"app": name}}, "spec": pod},
    ]  # fmt: skip
    listed = json.dumps({"apiVersion": "v1", "kind": "List", "items": items})
    made = house.kubectl("apply", "-f", "-", stdin=listed)
    assert made.code == 0, made.err
    ready = ("wait", "--for=condition=Ready", f"pod/{name}", "-n", namespace, "--timeout=60s")
    eventually(f"the pod {name}", lambda: house.kubectl(*ready).code == 0)
    try:
        yield
    finally:
        house.kubectl("delete", "namespace", namespace, "--wait=false")
