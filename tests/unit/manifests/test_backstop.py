"""The house's data as texts kube-apiserver's policies can read."""

from __future__ import annotations

import pytest

from funkhaus.crd import catalogue_files
from funkhaus.manifests.backstop import RULES, bounds
from funkhaus.policy.folder import read_folder
from tests.support.opa import POLICIES

PLANS = """
plans:
  tiny:
    function:
      cpu: {min: "10.5m", max: "1"}
      memory: {min: 100.5Ki, max: 1.7e9}
      replicas: {max: 3}
      timeout: {min: 1, max: 60}
      runtimes: [old, new, gone, unheard-of]
"""
RUNTIMES = """
runtimes:
  old: {status: deprecated, suffix: .py}
  new: {status: active, suffix: .py}
  gone: {status: blocked, suffix: .py}
"""


def made(**files: str) -> dict[str, str]:
    catalogues = catalogue_files.by_name(
        {f"data/{name}.yaml": text for name, text in files.items()}
    )
    found: dict[str, str] = bounds(
        ["funkhaus/admission/cpu/cpu.rego", "funkhaus/admission/own/own.rego", "funkhaus/lib/plan/plan.rego"],
        catalogues, revision="sha256:1", domain="example.com", namespace="funkhaus-system",
    )["data"]  # fmt: skip
    return found


def test_the_houses_own_set_has_every_rule_and_every_bound() -> None:
    found = read_folder(POLICIES)
    manifest = bounds(
        found.files,
        catalogue_files.by_name(found.deciding),
        revision=found.revision,
        domain="example.com",
        namespace="funkhaus-system",
    )
    assert manifest["metadata"] == {"namespace": "funkhaus-system", "name": "funkhaus-bounds"}
    data = manifest["data"]
    assert data["rules"].split("\n") == list(RULES)
    assert data["plans"].split("\n") == ["small", "medium", "large"]
    assert data["plan.small.cpu.over"] == "9m"
    assert data["plan.small.cpu.max"] == "1000m"
    assert data["plan.small.memory.max"] == str(512 * 1024**2)
    assert data["plan.small.source.max"] == "65536"
    assert data["plan.small.runtimes"] == "python3.11"
    assert data["runtime.python3.11.suffix"] == ".py"
    assert "LD_" in data["env.reserved_prefixes"].split("\n")
    assert data["hosts.reserved_suffixes"] == "cluster.local"
    assert data["annotations.most"] == "64"
    assert all(isinstance(value, str) for value in data.values())


def test_bounds_that_are_no_whole_units_are_what_amounts_rounded_up_are_held_to() -> None:
    data = made(plans=PLANS, runtimes=RUNTIMES)
    assert (data["plan.tiny.cpu.over"], data["plan.tiny.cpu.max"]) == ("10m", "1000m")
    assert data["plan.tiny.memory.over"] == str(int(100.5 * 1024) - 1)
    assert data["plan.tiny.memory.max"] == "1700000000"


def test_only_runtimes_that_pass_are_a_plans() -> None:
    assert made(plans=PLANS, runtimes=RUNTIMES)["plan.tiny.runtimes"] == "old\nnew"


def test_only_static_rules_the_set_has_are_enforced() -> None:
    assert made(plans=PLANS, runtimes=RUNTIMES)["rules"] == "cpu"


@pytest.mark.parametrize(
    "plans", ["plans: {tiny: {}}", "plans: {tiny: 1}", "plans: 1", "other: {}"]
)
def test_what_a_set_lacks_has_no_key(plans: str) -> None:
    data = made(plans=plans)
    assert not [key for key in data if key.startswith("plan.") and not key.endswith(".runtimes")]
    assert data.get("plan.tiny.runtimes", "") == ""
    assert "env.reserved_names" not in data
