"""Clusters this tool does not run itself: one that exists, or one in Docker by way of kind."""

from __future__ import annotations

import json
import os
import platform
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from funkhaus_cluster import atomic, local
from funkhaus_cluster.errors import ClusterError, CommandError
from funkhaus_cluster.steps import Step

if TYPE_CHECKING:
    from funkhaus_cluster.site import Site

KIND_NAME = "funkhaus"
KIND_CONTEXT = f"kind-{KIND_NAME}"
KIND_SECONDS = 900.0
CLIENTS = {"kubectl": "kube", "helm": "helm"}
"""Programs needed to reach a cluster, and the binary each is part of when it is built here."""
NEEDED_RIGHTS = (
    ("create", "namespaces"),
    ("create", "customresourcedefinitions.apiextensions.k8s.io"),
    ("create", "validatingwebhookconfigurations.admissionregistration.k8s.io"),
    ("create", "clusterroles.rbac.authorization.k8s.io"),
)


def up_existing(site: Site) -> None:
    """Check that the named context answers and lets the product be installed; write a kubeconfig of that context alone."""
    tools(site)
    _adopt(site, site.settings.context)


def up_kind(site: Site) -> None:
    """Make the kind cluster unless it stands, then take it as an existing one."""
    tools(site)
    log = site.step_log("kind")
    if KIND_NAME in site.commands.output(["kind", "get", "clusters"]).split():
        site.progress.say(f"ok kind cluster {KIND_NAME} stands")
    else:
        site.progress.started("create the kind cluster")
        site.commands.run(
            ["kind", "create", "cluster", "--name", KIND_NAME, "--wait", "120s", "--config", "-"],
            log=log,
            seconds=KIND_SECONDS,
            stdin=kind_config(site),
        )
        site.progress.finished("create the kind cluster")
    _adopt(site, KIND_CONTEXT)


def tools(site: Site) -> None:
    """The Python environment, and kubectl and helm where the machine has none. Installs no system package."""
    lacking = sorted(name for name in CLIENTS if shutil.which(name) is None)
    if lacking and platform.system() != "Linux":
        raise ClusterError(
            f"{' and '.join(lacking)} not found: install on this {platform.system()} machine, then again."
        )
    nothing = Step("packages", "packages", lambda: "the machine's own", quiet=True)
    binaries = frozenset(CLIENTS[name] for name in lacking)
    local.make_tools(
        site, [nothing, *local.tool_steps(site, binaries=binaries if lacking else None)]
    )


def down_existing(site: Site, *, purge: bool) -> None:
    """Nothing of an existing cluster is ours to stop; with ``purge``, drop what was built."""
    site.progress.say(
        f"the cluster of context {site.settings.context} is not ours to stop: left as it is"
    )
    _drop(site, purge=purge)


def down_kind(site: Site, *, purge: bool) -> None:
    """Delete the kind cluster."""
    site.commands.run(
        ["kind", "delete", "cluster", "--name", KIND_NAME],
        log=site.step_log("kind"),
        seconds=KIND_SECONDS,
    )
    _drop(site, purge=purge)


def status(site: Site, context: str) -> bool:
    """Print whether the cluster of ``context`` answers and its nodes; return whether all are ready."""
    try:
        said = site.commands.output(
            [kubectl(site), f"--context={context}", "get", "nodes", "--output=json",
             "--request-timeout=10s"]
        )  # fmt: skip
    except CommandError as error:
        print(f"context {context}: {error}")
        return False
    well = True
    for entry in json.loads(said)["items"]:
        ready = next(
            (c["status"] for c in entry["status"]["conditions"] if c["type"] == "Ready"), "Unknown"
        )
        well = well and ready == "True"
        print(f"node {entry['metadata']['name']}: {'Ready' if ready == 'True' else 'not ready'}")
    return well


def kubectl(site: Site) -> str:
    """The machine's kubectl, or the one built here."""
    return shutil.which("kubectl") or str(site.settings.local / "bin" / "kubectl")


def kind_config(site: Site) -> str:
    """One node, its ingress port on loopback alone."""
    return json.dumps(
        {
            "kind": "Cluster",
            "apiVersion": "kind.x-k8s.io/v1alpha4",
            "networking": {"apiServerAddress": "127.0.0.1"},
            "nodes": [
                {
                    "role": "control-plane",
                    "extraPortMappings": [
                        {
                            "containerPort": 80,
                            "hostPort": site.settings.ports.ingress,
                            "listenAddress": "127.0.0.1",
                            "protocol": "TCP",
                        }
                    ],
                }
            ],
        }
    )


def _adopt(site: Site, context: str) -> None:
    program = kubectl(site)
    known = site.commands.output([program, "config", "get-contexts", "--output=name"]).split()
    if context not in known:
        raise ClusterError(
            f"FUNKHAUS_CONTEXT={context!r} is not in your kubeconfig: "
            f"it has {', '.join(known) if known else 'no contexts'}."
        )
    chosen = [program, f"--context={context}"]
    site.commands.output([*chosen, "version", "--request-timeout=10s"])
    lacking = [
        f"{verb} {resource}"
        for verb, resource in NEEDED_RIGHTS
        if not site.commands.succeeds([*chosen, "auth", "can-i", "--quiet", verb, resource])
    ]
    if lacking:
        raise ClusterError(
            f"context {context} may not {', '.join(lacking)}: use one with the rights of cluster-admin."
        )
    content = site.commands.output([*chosen, "config", "view", "--minify", "--flatten", "--raw"])
    target = site.settings.local / "kubeconfig.yaml"
    atomic.write(target, content, mode=0o600)
    site.progress.say(f"ok context {context} answers; kubeconfig of it alone in {target}")


def _drop(site: Site, *, purge: bool) -> None:
    if purge:
        shutil.rmtree(site.settings.cache, ignore_errors=True)
        site.progress.say(f"ok removed {site.settings.cache}")
    Path(os.fspath(site.settings.local / "kubeconfig.yaml")).unlink(missing_ok=True)
