"""The chart's admission on a real kube-apiserver, with the webhook, its RBAC and a real OPA; kubectl as a tenant."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from funkhaus.domain.tenant import Tenant
from tests.support import cases
from tests.support.admission_house import (
    DEVELOPER,
    GITOPS,
    NAMESPACE,
    House,
)
from tests.support.questions import DOMAIN, cron_job_trigger, function, http_trigger

VERDICTS = Path(__file__).resolve().parents[2] / "data" / "policy" / "verdicts.yaml"


# ── what gets in ──


def test_a_function_gets_in_with_everything_filled_in(house: House) -> None:
    manifest = function("filled")
    del manifest["spec"]["resources"]
    assert house.apply(manifest).returncode == 0
    stored = house.get("function", "filled")
    assert stored["spec"]["resources"] == {"cpu": "250m", "memory": "128Mi"}
    assert stored["metadata"]["labels"] == {
        "funkhaus.dev/tenant": "demo",
        "funkhaus.dev/namespace": "default",
    }
    assert stored["metadata"]["annotations"]["funkhaus.dev/created-by"] == "fh:0b9e"


def test_applying_it_again_changes_nothing(house: House) -> None:
    manifest = function("again")
    del manifest["spec"]["resources"]
    house.apply(manifest)
    before = house.get("function", "again")["metadata"]["resourceVersion"]
    assert house.apply(manifest).stdout.strip().endswith("unchanged")
    assert house.get("function", "again")["metadata"]["resourceVersion"] == before


def test_server_side_appliers_meet_no_conflict_over_what_was_filled_in(house: House) -> None:
    manifest = function("shared")
    del manifest["spec"]["resources"]
    for manager in ("funkhaus-api", "gitops", "funkhaus-api"):
        done = house.apply(manifest, "--server-side", f"--field-manager={manager}")
        assert done.returncode == 0, done.stderr
    stored = house.get("function", "shared")
    assert stored["spec"]["resources"]["cpu"] == "250m"
    assert stored["metadata"]["annotations"]["funkhaus.dev/created-by"] == "fh:0b9e"


def test_whose_change_it_is_stands_on_it(house: House) -> None:
    assert house.apply(function("authored")).returncode == 0
    notes = "funkhaus.dev/created-by", "funkhaus.dev/changed-by"

    def people() -> list[str]:
        found = house.get("function", "authored")["metadata"]["annotations"]
        return [found[key] for key in notes]

    assert people() == ["fh:0b9e", "fh:0b9e"]
    other = ("--as=fh:other", "--as-group=fh:demo:developer")
    done = house.kubectl("apply", "-f", "-", stdin=function("authored", timeout=61), who=other)
    assert done.returncode == 0, done.stderr
    assert people() == ["fh:0b9e", "fh:other"]
    assert house.apply(function("authored", timeout=61)).returncode == 0
    assert people() == ["fh:0b9e", "fh:other"], "who changes nothing is no author"
    forged = function("authored", timeout=62)
    forged["metadata"]["annotations"] = {"funkhaus.dev/changed-by": "fh:somebody-else"}
    done = house.apply(forged)
    assert "only the platform sets" in done.stderr


def test_a_schedule_is_judged_and_charged(house: House) -> None:
    done = house.apply(cron_job_trigger("nightly", payload={"it's": "fine"}))
    assert done.returncode == 0, done.stderr
    stored = house.get("ctr", "nightly")
    assert stored["spec"]["timeZone"] == "UTC"
    assert stored["metadata"]["annotations"]["funkhaus.dev/changed-by"] == "fh:0b9e"
    refused = house.apply(cron_job_trigger("wrong", schedule="61 * * * *", timeZone="Mars/Base"))
    assert "minute '61' is not within 0 to 59" in refused.stderr
    assert '"Mars/Base" is no time zone' in refused.stderr
    house.delete("ctr", "nightly")


def test_a_trigger_gets_its_default_host(house: House) -> None:
    manifest = http_trigger("hosted")
    del manifest["spec"]["host"]
    assert house.apply(manifest).returncode == 0
    assert house.get("httptrigger", "hosted")["spec"]["host"] == f"hello.demo.{DOMAIN}"


# ── what does not ──


def test_all_findings_are_said_at_once_and_are_on_record(house: House) -> None:
    """kube-apiserver's own policies would stop at the first; the webhook is asked before them."""
    manifest = function("wrong", timeout=9999, runtime="python2.7", scaling={"min": 1, "max": 99})
    before = len(house.webhook.stores.state.audit)
    done = house.apply(manifest)
    assert (
        'admission webhook "mutate.funkhaus.dev" denied the request: 3 rules refuse this'
        in done.stderr
    )
    assert all(f"spec.{field}: " in done.stderr for field in ("timeout", "runtime", "scaling.max"))
    assert "ValidatingAdmissionPolicy" not in done.stderr
    (row,) = house.webhook.stores.state.audit[before:]
    assert row.outcome == "denied"
    assert len(row.detail["findings"]) == 3
    assert house.apply(manifest, "--dry-run=server").returncode != 0
    assert house.webhook.stores.state.audit[before:] == [row]


@pytest.mark.parametrize("case", cases.ALL)
def test_bad_input_is_refused_in_words(house: House, case: str) -> None:
    manifest, _ = copy.deepcopy(cases.ALL[case])
    manifest["metadata"]["name"] = "bad"
    done = house.apply(manifest)
    assert done.returncode != 0
    verdicts = yaml.safe_load_all(VERDICTS.read_text())
    (said,) = (item["findings"] for item in verdicts if item["case"] == case)
    assert "Error from server (Forbidden)" in done.stderr
    assert 'admission webhook "mutate.funkhaus.dev" denied the request' in done.stderr
    for finding in said:
        assert f"{finding['path']}: {finding['message']}" in done.stderr


@pytest.mark.parametrize("name", ["a" * 64, "a" * 41])
def test_a_long_name_is_refused(house: House, name: str) -> None:
    assert "at most 40 pass" in house.apply(function(name)).stderr


def test_a_name_with_a_dot_is_refused_by_its_field(house: House) -> None:
    done = house.apply(function("a.b"))
    assert 'The Function "a.b" is invalid' in done.stderr
    assert "is not a DNS label" in done.stderr


def test_several_mistakes_are_a_list(house: House) -> None:
    done = house.apply(function("bad", runtime="cobol74", timeout=0))
    assert "2 rules refuse this:" in done.stderr
    assert "\n  - spec.runtime: " in done.stderr


def test_an_update_is_judged_like_a_create(house: House) -> None:
    assert house.apply(function("grows")).returncode == 0
    patch = json.dumps({"spec": {"resources": {"cpu": "3"}}})
    for form in ("merge", "json"):
        text = (
            patch
            if form == "merge"
            else '[{"op":"replace","path":"/spec/resources/cpu","value":"3"}]'
        )
        done = house.kubectl(
            *("patch", "function", "grows", "-n", NAMESPACE, f"--type={form}", "-p", text),
            who=DEVELOPER,
        )
        assert "above the plan small's ceiling" in done.stderr
    assert house.get("function", "grows")["spec"]["resources"]["cpu"] == "250m"


def test_a_refusal_leaves_a_row_and_a_dry_run_none(house: House) -> None:
    audit = house.webhook.stores.state.audit
    before = len(audit)
    bad = function("bad", timeout=0)
    assert "timeout 0 s is below" in house.apply(bad, "--dry-run=server").stderr
    assert len(house.webhook.stores.state.audit) == before
    house.apply(bad)
    (row,) = house.webhook.stores.state.audit[before:]
    assert (row.tenant, row.subject, row.target) == (
        "demo",
        "fh:0b9e",
        f"functions/{NAMESPACE}/bad",
    )


def test_a_delete_by_kubectl_is_on_record(house: House) -> None:
    assert house.apply(function("short")).returncode == 0
    before = len(house.webhook.stores.state.audit)
    done = house.kubectl("delete", "function", "short", "-n", NAMESPACE, who=DEVELOPER)
    assert done.returncode == 0, done.stderr
    (row,) = house.webhook.stores.state.audit[before:]
    assert (row.action, row.outcome, row.subject) == ("function:delete", "allowed", "fh:0b9e")
    assert row.uid


def test_the_platform_s_marks_are_not_a_tenant_s_to_set(house: House) -> None:
    manifest = function("marked")
    manifest["metadata"]["labels"] = {"funkhaus.dev/tenant": "other"}
    before = len(house.webhook.stores.state.audit)
    said = house.apply(manifest).stderr
    assert 'only the platform sets funkhaus.dev/tenant; "demo" passes' in said
    manifest["metadata"] |= {"labels": {}, "annotations": {"funkhaus.dev/approved": "yes"}}
    assert "only the platform sets funkhaus.dev/approved" in house.apply(manifest).stderr
    manifest["metadata"]["annotations"] = {"funkhaus.dev/created-by": "fh:somebody-else"}
    assert "only the platform sets funkhaus.dev/created-by" in house.apply(manifest).stderr
    assert [row.outcome for row in house.webhook.stores.state.audit[before:]] == ["denied"] * 3


@pytest.mark.parametrize(
    "key",
    [
        "nginx.ingress.kubernetes.io/server-alias",
        "projectcontour.io/response-timeout",
        "kubernetes.io/ingress.class",
    ],
)
def test_b33_an_annotation_that_speaks_to_an_ingress_controller_is_refused(
    house: House, key: str
) -> None:
    manifest = http_trigger("annotated")
    manifest["metadata"]["annotations"] = {key: "x"}
    done = house.apply(manifest)
    assert done.returncode != 0
    assert f"metadata.annotations[{key}]: {key} speaks to an ingress controller" in done.stderr
    manifest["metadata"]["annotations"] = {"example.com/note": "x"}
    assert house.apply(manifest, "--dry-run=server").returncode == 0


def test_a_finalizer_comes_off_though_policy_would_refuse_now(house: House) -> None:
    assert house.apply(function("held")).returncode == 0
    hold = '{"metadata":{"finalizers":["example.com/hold"]}}'
    done = house.kubectl("patch", "function", "held", "-n", NAMESPACE, "--type=merge", "-p", hold)
    assert done.returncode == 0, done.stderr
    stores = house.webhook.stores
    stores.state.tenants["demo"] = Tenant("demo", "no-such-plan")
    try:
        assert (
            'the plan "no-such-plan" does not exist'
            in house.apply(function("held", timeout=2)).stderr
        )
        house.kubectl("delete", "function", "held", "-n", NAMESPACE, "--wait=false", who=DEVELOPER)
        done = house.kubectl(
            *("patch", "function", "held", "-n", NAMESPACE, "--type=merge"),
            *("-p", '{"metadata":{"finalizers":null}}'),
            who=DEVELOPER,
        )
        assert done.returncode == 0, done.stderr
    finally:
        stores.state.tenants["demo"] = Tenant("demo", "small")
    assert "NotFound" in house.kubectl("get", "function", "held", "-n", NAMESPACE).stderr


def test_status_is_not_asked_about(house: House) -> None:
    assert house.apply(function("observed")).returncode == 0
    done = house.kubectl(
        *("patch", "function", "observed", "-n", NAMESPACE, "--subresource=status"),
        *("--type=merge", "-p", '{"status":{"revision":"x"}}'),
    )
    assert done.returncode == 0, done.stderr
    denied = house.kubectl(
        *("patch", "function", "observed", "-n", NAMESPACE, "--subresource=status"),
        *("--type=merge", "-p", '{"status":{"revision":"y"}}'),
        who=DEVELOPER,
    )
    assert "functions/status" in denied.stderr


# ── places ──


def test_outside_of_tenants_namespaces_there_are_no_functions(house: House) -> None:
    manifest = function("stray")
    manifest["metadata"]["namespace"] = "default"
    done = house.kubectl("apply", "-f", "-", stdin=manifest)
    assert 'namespace "default" belongs to no tenant' in done.stderr
    assert "funkhaus namespace create" in done.stderr


def test_b16_a_labelled_namespace_the_database_does_not_know_is_no_tenant_s(house: House) -> None:
    labels = {"funkhaus.dev/tenant": "demo", "funkhaus.dev/namespace": "forged"}
    forged = {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": "demo--forged", "labels": labels},
    }
    assert house.kubectl("apply", "-f", "-", stdin=forged).returncode == 0
    manifest = function("stray")
    manifest["metadata"]["namespace"] = "demo--forged"
    done = house.kubectl("apply", "-f", "-", stdin=manifest)
    assert 'namespace "demo--forged" belongs to no tenant' in done.stderr


@pytest.mark.usefixtures("gitops")
@pytest.mark.parametrize(
    "change",
    [
        {"funkhaus.dev/tenant": None},
        {"funkhaus.dev/tenant": "other"},
        {"funkhaus.dev/extra": "x"},
        {"pod-security.kubernetes.io/enforce": "privileged"},
        {"pod-security.kubernetes.io/enforce": None},
    ],
)
def test_b15_b17_a_namespace_s_labels_are_the_platform_s(
    house: House, change: dict[str, Any]
) -> None:
    patch = json.dumps({"metadata": {"labels": change}})
    done = house.kubectl("patch", "namespace", NAMESPACE, "--type=merge", "-p", patch, who=GITOPS)
    assert "ValidatingAdmissionPolicy 'funkhaus-namespaces'" in done.stderr


@pytest.mark.usefixtures("gitops")
def test_other_namespaces_and_labels_are_free(house: House) -> None:
    assert house.kubectl("create", "namespace", "elsewhere", who=GITOPS).returncode == 0
    done = house.kubectl("label", "namespace", NAMESPACE, "team=x", who=GITOPS)
    assert done.returncode == 0, done.stderr
