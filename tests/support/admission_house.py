"""A real kube-apiserver with the chart's admission, the webhook in front of it, and kubectl: what its tests lean on."""

from __future__ import annotations

import json
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from funkhaus.domain.kinds import FUNCTION
from funkhaus.manifests import tenant as tenant_manifests
from funkhaus.manifests.labels import Owner

from .questions import function
from .webhook import Running, demo_stores

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .apiserver import ApiServer

REGISTRY = "127.0.0.1:5050"
SYSTEM = "funkhaus-system"
DEVELOPER = ("--as=fh:0b9e", "--as-group=fh:demo:developer", "--as-group=system:authenticated")
GITOPS = ("--as=gitops", "--as-group=gitops")
"""A user who may do everything and is not the platform."""
NAMESPACE = "demo--default"


@dataclass
class House:
    """The apiserver, the webhook in front of it, and kubectl."""

    server: ApiServer
    webhook: Running

    def kubectl(
        self, *words: str, stdin: dict[str, Any] | None = None, who: tuple[str, ...] = ()
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["kubectl", f"--kubeconfig={self.server.kubeconfig}", *who, *words],
            input=json.dumps(stdin) if stdin else None,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def apply(self, manifest: dict[str, Any], *words: str) -> subprocess.CompletedProcess[str]:
        return self.kubectl("apply", "-f", "-", *words, stdin=manifest, who=DEVELOPER)

    def get(self, kind: str, name: str) -> dict[str, Any]:
        done = self.kubectl("get", kind, name, "-n", NAMESPACE, "-o", "json")
        assert done.returncode == 0, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def delete(self, kind: str, name: str) -> None:
        self.kubectl("delete", kind, name, "-n", NAMESPACE, "--ignore-not-found", "--wait=false")


def tenant_namespace() -> list[dict[str, Any]]:
    state = demo_stores().state
    namespace, _ = state.namespaces["demo", "default"]
    namespace = replace(namespace, plan=state.tenants["demo"].plan)
    place = tenant_manifests.site(namespace)
    owner = Owner(FUNCTION, "x", "0")
    made = [
        tenant_manifests.kubernetes_namespace(namespace, owner),
        *tenant_manifests.role_bindings(place, owner),
    ]
    for manifest in made:
        del manifest["metadata"]["ownerReferences"]
    return made


def until_trusted(house: House) -> None:
    """Wait until kube-apiserver trusts the webhook and asks it."""
    for _ in range(60):
        done = house.apply(function("probe"), "--dry-run=server")
        if done.returncode == 0:
            return
    raise AssertionError(done.stderr)


@contextmanager
def asking(
    house: House, port: int, validating: int = 0, *, seconds: int = 3, trusted: bool = True
) -> Iterator[None]:
    """Have kube-apiserver ask the webhook at another port for a while; at `validating` whether an object may get in.

    It waits so many `seconds` for an answer. Unless `trusted` is false, it ends once whoever is asked then is trusted.
    """
    there = f"https://127.0.0.1:{validating or port}/validate"
    kinds = {
        "mutatingwebhookconfiguration": (f"https://127.0.0.1:{port}/mutate", seconds),
        "validatingwebhookconfiguration": (there, seconds),
    }
    before = {}
    for kind in kinds:
        found = json.loads(house.server.kubectl("get", kind, "funkhaus", "-o=json"))["webhooks"][0]
        before[kind] = found["clientConfig"]["url"], found["timeoutSeconds"]

    def ask(whom: dict[str, tuple[str, int]]) -> None:
        for kind, (url, waiting) in whom.items():
            change = [
                {"op": "replace", "path": "/webhooks/0/clientConfig/url", "value": url},
                {"op": "replace", "path": "/webhooks/0/timeoutSeconds", "value": waiting},
            ]
            house.server.kubectl("patch", kind, "funkhaus", "--type=json", "-p", json.dumps(change))

    ask(kinds)
    try:
        yield
    finally:
        ask(before)
        if trusted:
            until_trusted(house)


def refused(house: House, words: str) -> None:
    """Wait until kube-apiserver has noticed whom to ask, and the refusal says this; nothing may get in after that."""
    for _ in range(60):
        done = house.apply(function("nobody", timeout=7), "--dry-run=server")
        if words in done.stderr:
            break
    else:
        raise AssertionError(done.stderr or "it got in")
    assert house.apply(function("nobody", timeout=7)).returncode != 0
    assert house.kubectl("get", "function", "nobody", "-n", NAMESPACE).returncode != 0
