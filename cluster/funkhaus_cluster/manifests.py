"""The objects the cluster needs before anything else: applied from ``cluster/manifests`` with server-side apply."""

from __future__ import annotations

import base64
import json
import math
import string
import time
from datetime import datetime
from typing import TYPE_CHECKING

from funkhaus_cluster import addons, go_build, records
from funkhaus_cluster.errors import Cancelled, ClusterError, CommandError
from funkhaus_cluster.settings import NODE_NAME

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from funkhaus_cluster.site import Site

FIELD_MANAGER = "funkhaus-cluster"
NODE_SECONDS = 120.0
NAMESPACE_SECONDS = 30.0
KINDS_SECONDS = 60.0


def render(text: str, values: dict[str, str], *, source: Path) -> str:
    """Fill ``${NAME}`` in a manifest. Raises ``ClusterError`` for a name without a value."""
    try:
        return string.Template(text).substitute(values)
    except KeyError as missing:
        raise ClusterError(f"{source} asks for {missing}, which has no value.") from None
    except ValueError as error:
        raise ClusterError(f"{source}: {error}; write $$ for a dollar sign.") from None


def values(site: Site) -> dict[str, str]:
    """What manifests may ask for."""
    settings = site.settings
    authority = site.pki.certificate("ca").read_bytes()
    return {
        "NODE_ADDRESS": settings.node_address,
        "DNS_ADDRESS": settings.dns_address,
        "WAKER_PORT": str(settings.ports.waker),
        "METRICS_SERVER_PORT": str(settings.ports.metrics_server),
        "CA_BUNDLE": base64.b64encode(authority).decode(),
        "GATEWAY_HTTP_PORT": str(addons.listener_port(settings.ports.ingress)),
        "GATEWAY_HTTPS_PORT": str(addons.listener_port(settings.ports.ingress_tls)),
        "GATEWAY_CERTIFICATE": _encoded(site.pki.certificate("gateway-serving")),
        "GATEWAY_KEY": _encoded(site.pki.key("gateway-serving")),
    }


def apply_all(site: Site) -> str:
    """Apply the numbered files of ``cluster/manifests`` and Contour's own; the others are applied by who needs them."""
    filled = values(site)
    definitions = [file.read_text() for file in go_build.contour_definitions(site)]
    # Ours first: they make the namespace that Contour's role lives in.
    texts = [
        render(file.read_text(), filled, source=file)
        for file in sorted((site.sources / "manifests").glob("[0-9]*.yaml"))
    ]
    texts.append(go_build.contour_role(site).read_text())
    # A fresh apiserver says it is ready a moment before kube-system exists.
    kubectl = [site.program("kubectl"), f"--kubeconfig={site.settings.kubeconfig('admin')}"]
    deadline = time.monotonic() + NAMESPACE_SECONDS
    while not site.commands.succeeds([*kubectl, "get", "namespace", "kube-system"]):
        if time.monotonic() > deadline:
            raise ClusterError(f"kube-system does not exist after {NAMESPACE_SECONDS:.0f} s.")
        time.sleep(0.2)
    apply(site, "\n---\n".join(definitions), log="manifests")
    # A kind is served a moment after its definition is stored: one of ours is of such a kind, and Contour ends when it asks
    # for one before.
    site.commands.run(
        [*kubectl, "wait", "--for=condition=Established", "customresourcedefinitions", "--all",
         f"--timeout={KINDS_SECONDS:.0f}s"],
        log=site.step_log("manifests"),
        seconds=KINDS_SECONDS + 10,
    )  # fmt: skip
    apply(site, "\n---\n".join(texts), log="manifests")
    return f"{len(definitions) + len(texts)} files"


def _encoded(file: Path) -> str:
    return base64.b64encode(file.read_bytes()).decode()


def apply(site: Site, text: str, *, log: str) -> None:
    """Apply manifests as this tool. Namespaced objects of a role that no namespace holds are an error of the manifest's."""
    site.commands.run(
        [site.program("kubectl"), f"--kubeconfig={site.settings.kubeconfig('admin')}",
         "apply", "--server-side", "--force-conflicts", f"--field-manager={FIELD_MANAGER}",
         "--filename=-"],
        log=site.step_log(log),
        seconds=120,
        stdin=text,
    )  # fmt: skip


def await_registered(site: Site) -> str:
    """Wait until kubelet has made its Node object."""
    return _await_node(site, "registered", lambda _conditions, _since: True)


def await_ready(site: Site) -> str:
    """Wait until the kubelet that runs now says it is ready.

    After a restart the Node object still holds what the last one said.
    """
    return _await_node(site, "ready", says_ready)


def says_ready(conditions: list[dict[str, str]], since: float) -> bool:
    """Whether the Ready condition is true and was confirmed after ``since`` (seconds since the epoch)."""
    for condition in conditions:
        if condition["type"] == "Ready" and condition["status"] == "True":
            beat = datetime.fromisoformat(condition["lastHeartbeatTime"]).timestamp()
            return beat >= math.floor(since)  # the API keeps whole seconds
    return False


def _await_node(
    site: Site, wanted: str, done: Callable[[list[dict[str, str]], float], bool]
) -> str:
    record = records.load(site.settings.run, "kubelet")
    since = record.since if record else 0.0
    deadline = time.monotonic() + NODE_SECONDS
    said = "nothing"
    while time.monotonic() < deadline:
        if site.commands.cancelled.is_set():
            raise Cancelled("the node was not awaited.")
        try:
            content = site.commands.output(
                [site.program("kubectl"), f"--kubeconfig={site.settings.kubeconfig('admin')}",
                 "get", "node", NODE_NAME, "--output=json"]
            )  # fmt: skip
        except CommandError as error:
            said = str(error)
        else:
            conditions = json.loads(content)["status"].get("conditions", [])
            if done(conditions, since):
                return wanted
            said = "; ".join(entry.get("message", "") for entry in conditions)
        time.sleep(0.3)
    raise ClusterError(
        f"node {NODE_NAME} is not {wanted} after {NODE_SECONDS:.0f} s ({said}): "
        f"see {site.parts.log('kubelet')}."
    )
