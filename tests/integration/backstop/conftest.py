from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from funkhaus.crd import catalogue_files
from funkhaus.domain.tenant import TenantFacts
from funkhaus.policy.folder import read_folder
from tests.support import apiserver as kube
from tests.support import chart
from tests.support.opa import POLICIES
from tests.support.questions import DOMAIN

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.apiserver import ApiServer

TENANTS = [
    TenantFacts("demo", "default", "small", (f"demo.{DOMAIN}",)),
    TenantFacts("acme", "prod", "medium", (f"acme.{DOMAIN}", "acme.example", "shop.example.org")),
    TenantFacts("umbra", "default", "large", (f"umbra.{DOMAIN}", "cluster.local")),
    TenantFacts("lost", "default", "gone", (f"lost.{DOMAIN}",)),
]
"""One on every plan, and one on a plan that is none."""


@dataclass
class Ground:
    """An apiserver with the chart's policies and no webhook, and the set both sides judge by."""

    server: ApiServer
    policies: Path
    catalogues: dict[str, Any]


@pytest.fixture(scope="session")
def policies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The house's rules, with runtimes of every status and an approval, so that no rule has nothing to say."""
    folder = tmp_path_factory.mktemp("backstop") / "policies"
    shutil.copytree(POLICIES, folder)
    runtimes = {
        "python3.11": {"status": "active", "suffix": ".py", "dependencies": "requirements.txt"},
        "python3.9": {"status": "deprecated", "suffix": ".py"},
        "python2.7": {"status": "blocked", "suffix": ".py"},
        "node20": {"status": "active", "suffix": ".js"},
    }
    (folder / "data" / "runtimes.yaml").write_text(yaml.safe_dump({"runtimes": runtimes}))
    path = folder / "data" / "plans.yaml"
    document = yaml.safe_load(path.read_text())
    for plan in document["plans"].values():
        plan["function"]["runtimes"] = ["python3.11", "python3.9", "python2.7"]
    document["plans"]["large"]["function"]["runtimes"] = list(runtimes)
    medium = document["plans"]["medium"]["function"]
    medium["cpu"]["approval"], medium["replicas"]["approval"] = "1", 10
    # Bounds that are no whole units.
    medium["memory"] |= {"min": "100.5Ki", "max": "1.7e9"}
    medium["cpu"] |= {"min": "10.5m"}
    medium["source"] |= {"min": 2, "max": 4096}
    path.write_text(yaml.safe_dump(document))
    return folder


@pytest.fixture(scope="session")
def ground(policies: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    catalogues = catalogue_files.by_name(read_folder(policies).deciding)
    with kube.running(tmp_path_factory.mktemp("backstop-apiserver")) as server:
        chart.prepare(server)
        shown = tuple(
            f"webhook/backstop-{name}.yaml" for name in ("functions", "triggers", "marks")
        )
        chart.fill(server, policies)
        for text in (
            chart.rendered(show=shown),
            *(json.dumps(namespace(facts)) for facts in TENANTS),
        ):
            chart.apply(server, text)
        yield Ground(server, policies, catalogues)


def namespace(facts: TenantFacts) -> dict[str, Any]:
    """The tenant's Kubernetes namespace."""
    labels = {
        "funkhaus.dev/tenant": facts.tenant,
        "funkhaus.dev/namespace": facts.namespace,
        "funkhaus.dev/plan": facts.plan,
    }
    annotations = {"funkhaus.dev/host-suffixes": ",".join(facts.host_suffixes[1:])}
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {
            "name": f"{facts.tenant}--{facts.namespace}",
            "labels": labels,
            "annotations": annotations,
        },
    }
