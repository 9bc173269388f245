"""Gatekeeper as a contender: its program, its kinds, three rules of ours in its words, and its webhook."""

from __future__ import annotations

import base64
import os
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from tests.support import chart

if TYPE_CHECKING:
    from tests.support.apiserver import ApiServer

ROOT = Path(__file__).resolve().parents[1]
GROUP = "gatekeeper.example"
"""Of the twin kind it judges."""
HOST = "0.0.0.0"  # noqa: S104 - a name of loopback that kube-apiserver does not take for loopback
MODULE = "github.com/open-policy-agent/gatekeeper/v3"
BUILD = ROOT / "benchmarks" / "go-gatekeeper"
NAMESPACE = "gatekeeper-system"
RULES = {
    "FunctionCpu": """\
package functioncpu

millis(text) := to_number(trim_suffix(text, "m")) { endswith(text, "m") }
millis(text) := to_number(text) * 1000 { not endswith(text, "m") }

violation[{"msg": msg}] {
  asked := input.review.object.spec.resources.cpu
  millis(asked) > millis(input.parameters.max)
  msg := sprintf("cpu %v is above the ceiling of %v", [asked, input.parameters.max])
}
""",
    "FunctionRuntime": """\
package functionruntime

violation[{"msg": msg}] {
  asked := input.review.object.spec.runtime
  not allowed(asked)
  msg := sprintf("runtime %v is not among %v", [asked, input.parameters.runtimes])
}

allowed(asked) { asked == input.parameters.runtimes[_] }
""",
    "FunctionReplicas": """\
package functionreplicas

violation[{"msg": msg}] {
  asked := input.review.object.spec.scaling.max
  asked > input.parameters.max
  msg := sprintf("max %v is above the ceiling of %v replicas", [asked, input.parameters.max])
}
""",
}
PARAMETERS: dict[str, dict[str, Any]] = {
    "FunctionCpu": {"max": "1"},
    "FunctionRuntime": {"runtimes": ["python3.11"]},
    "FunctionReplicas": {"max": 5},
}


def program() -> Path:
    """The program, compiled when it isn't there yet."""
    built = BUILD / "gatekeeper"
    if not built.exists():
        print("compiling Gatekeeper; this takes minutes", flush=True)
        subprocess.run(
            ["go", "build", "-trimpath", "-ldflags=-s -w", "-o", str(built), MODULE],
            cwd=BUILD, check=True, timeout=3600, env={**os.environ, "CGO_ENABLED": "0"},
        )  # fmt: skip
    return built


def shipped() -> list[dict[str, Any]]:
    """The objects its module ships: kinds and roles, no workloads and no webhooks."""
    folder = subprocess.run(
        ["go", "list", "-m", "-f", "{{.Dir}}", MODULE],
        cwd=BUILD, check=True, timeout=120, capture_output=True, text=True,
    ).stdout.strip()  # fmt: skip
    found = yaml.safe_load_all(Path(folder, "deploy/gatekeeper.yaml").read_text())
    left = {"Deployment", "MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"}
    return [one for one in found if one and one["kind"] not in left | {"PodDisruptionBudget"}]


def rules(server: ApiServer) -> None:
    """Gatekeeper's rules and, once it made kinds of them, their parameters."""
    templates = [
        {
            "apiVersion": "templates.gatekeeper.sh/v1",
            "kind": "ConstraintTemplate",
            "metadata": {"name": kind.lower()},
            "spec": {
                "crd": {
                    "spec": {
                        "names": {"kind": kind},
                        "validation": {
                            "openAPIV3Schema": {
                                "type": "object",
                                "x-kubernetes-preserve-unknown-fields": True,
                            }
                        },
                    }
                },
                "targets": [{"target": "admission.k8s.gatekeeper.sh", "rego": rego}],
            },
        }
        for kind, rego in RULES.items()
    ]
    chart.apply_all(server, templates)
    match = {"kinds": [{"apiGroups": [GROUP], "kinds": ["Function"]}]}
    constraints = [
        {
            "apiVersion": "constraints.gatekeeper.sh/v1beta1",
            "kind": kind,
            "metadata": {"name": "small"},
            "spec": {"match": match, "parameters": parameters},
        }
        for kind, parameters in PARAMETERS.items()
    ]
    for turn in range(60):
        try:
            chart.apply_all(server, constraints)
        except AssertionError:
            if turn == 59:
                raise
            time.sleep(1)
        else:
            return


def webhook(port: int, ca: bytes) -> dict[str, Any]:
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": "gatekeeper"},
        "webhooks": [
            {
                "name": "validation.gatekeeper.sh",
                "clientConfig": {
                    "url": f"https://{HOST}:{port}/v1/admit",
                    "caBundle": base64.b64encode(ca).decode(),
                },
                "admissionReviewVersions": ["v1"],
                "failurePolicy": "Fail",
                "sideEffects": "None",
                "timeoutSeconds": 5,
                "rules": [
                    {
                        "apiGroups": [GROUP],
                        "apiVersions": ["*"],
                        "operations": ["CREATE", "UPDATE"],
                        "resources": ["functions"],
                    }
                ],
            }
        ],
    }
