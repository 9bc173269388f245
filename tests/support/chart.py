"""The chart, as it's installed for processes outside the cluster."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from funkhaus.crd import catalogue_files
from funkhaus.manifests import backstop
from funkhaus.policy.folder import read_folder

from .opa import POLICIES
from .questions import DOMAIN

if TYPE_CHECKING:
    from .apiserver import ApiServer

CHART = Path(__file__).resolve().parents[2] / "helm" / "funkhaus"
SYSTEM = "funkhaus-system"


def rendered(*words: str, port: int = 8743, show: tuple[str, ...] = ()) -> str:
    """Its objects, with a webhook at `port` of loopback; of `show` alone, templates, where some are given."""
    shown = [word for name in show for word in ("-s", f"templates/{name}")]
    return subprocess.run(
        [
            *("helm", "template", "funkhaus", str(CHART), "--namespace", SYSTEM),
            *("--set", "workloads=false", "--set", "registry.host=127.0.0.1:5050"),
            *("--set", f"webhook.url=https://127.0.0.1:{port}"),
            *words,
            *shown,
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout


def prepare(server: ApiServer) -> None:
    """Its kinds, and the platform's namespace."""
    server.kubectl("apply", "--server-side", "-f", str(CHART / "crds"))
    server.kubectl("wait", "crd", "--all", "--for=condition=Established", "--timeout=30s")
    server.kubectl("create", "namespace", SYSTEM)


def apply(server: ApiServer, manifests: str, manager: str = "chart") -> None:
    """As the one who installs, or `manager`."""
    server.kubectl(
        *("apply", "--server-side", "--force-conflicts", f"--field-manager={manager}", "-f", "-"),
        stdin=manifests,
    )


def apply_all(server: ApiServer, manifests: list[dict[str, Any]]) -> None:
    """Likewise, several."""
    apply(server, yaml.safe_dump_all(manifests))


def fill(server: ApiServer, policies: Path = POLICIES, domain: str = DOMAIN) -> None:
    """The data its own policies judge by, as the API server writes them of the set in force."""
    found = read_folder(policies)
    catalogues = catalogue_files.by_name(found.deciding)
    bounds = backstop.bounds(
        found.files, catalogues, revision=found.revision, domain=domain, namespace=SYSTEM
    )
    apply(server, json.dumps(bounds), manager="funkhaus-api")


def kubeconfig_of(server: ApiServer, account: str, folder: Path) -> Path:
    """A kubeconfig in `folder` that is a ServiceAccount of the platform's and nothing else."""
    token = server.kubectl("create", "token", account, "-n", SYSTEM).strip()
    return with_token(server, token, folder / f"{account}.yaml")


def with_token(server: ApiServer, token: str, path: Path) -> Path:
    """The kubeconfig of whoever has `token`, written to `path`."""
    config = yaml.safe_load(server.kubeconfig.read_text())
    config["users"] = [{"name": "admin", "user": {"token": token}}]
    path.write_text(yaml.safe_dump(config))
    return path
