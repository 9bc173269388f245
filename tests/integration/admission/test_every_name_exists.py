"""What the chart selects by name is there: a name spelt wrongly would be watched over by nobody, and nothing would tell."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.support.admission_house import House
    from tests.support.attacker import Hands

ADMISSION = "/apis/admissionregistration.k8s.io/v1"
RBAC = "/apis/rbac.authorization.k8s.io/v1"
OUTSIDE = {"metrics.k8s.io"}
"""Groups of servers this cluster does not run."""
Named = list[tuple[str, str, str]]
"""Group, version and resource, with its subresource."""


@functools.cache
def served(admin: Hands) -> frozenset[tuple[str, str, str]]:
    """Everything kube-apiserver serves."""
    groups = admin.ask("GET", "/apis").json()["groups"]
    found = {("", "v1", name) for name in admin.resources("/api/v1")}
    for group in groups:
        for version in group["versions"]:
            base = f"/apis/{version['groupVersion']}"
            found |= {(group["name"], version["version"], name) for name in admin.resources(base)}
    return frozenset(found)


def matched(rules: list[dict[str, Any]]) -> Named:
    return [
        (group, version, resource)
        for rule in rules
        for group in rule["apiGroups"]
        for version in rule["apiVersions"]
        for resource in rule["resources"]
    ]


def there(admin: Hands, named: Named) -> None:
    for group, version, resource in named:
        if group in OUTSIDE:
            continue
        assert [
            item
            for item in served(admin)
            if item[0] == group and version in {"*", item[1]} and resource in {"*", item[2]}
        ], f"nothing is called {resource} in {group} {version}"


@pytest.mark.parametrize(
    "kind", ["validatingwebhookconfigurations", "mutatingwebhookconfigurations"]
)
def test_b07_what_the_webhook_is_asked_about_exists(admin: Hands, house: House, kind: str) -> None:
    del house
    found = admin.ask("GET", f"{ADMISSION}/{kind}/funkhaus").json()["webhooks"]
    for webhook in found:
        named = matched(webhook["rules"])
        assert len(named) == 3
        there(admin, named)
        assert all("/" not in resource for _, _, resource in named)
        assert {version for _, version, _ in named} == {"*"}, "a version to come is judged too"
        told_only = {verb for rule in webhook["rules"] for verb in rule["operations"]} == {"DELETE"}
        assert webhook["failurePolicy"] == ("Ignore" if told_only else "Fail")
        assert webhook["matchPolicy"] == "Equivalent"


def test_b07_what_policies_of_kube_apiserver_look_at_exists(admin: Hands, house: House) -> None:
    del house
    found = admin.ask("GET", f"{ADMISSION}/validatingadmissionpolicies").json()["items"]
    bound = admin.ask("GET", f"{ADMISSION}/validatingadmissionpolicybindings").json()["items"]
    ours = {item["metadata"]["name"]: item for item in found}
    assert ours.keys() == {item["spec"]["policyName"] for item in bound}
    assert len(ours) >= 8
    for item in ours.values():
        there(admin, matched(item["spec"]["matchConstraints"]["resourceRules"]))
        assert item["spec"]["failurePolicy"] == "Fail"
        assert not (item["status"].get("typeChecking") or {}).get("expressionWarnings")
    assert all(item["spec"]["validationActions"] == ["Deny"] for item in bound)


def test_b07_what_roles_name_exists(admin: Hands, house: House) -> None:
    del house
    roles = admin.ask(
        "GET", f"{RBAC}/clusterroles", labelSelector="app.kubernetes.io/part-of=funkhaus"
    )
    assert len(roles.json()["items"]) >= 6
    for role in roles.json()["items"]:
        for rule in role["rules"]:
            if any(verb.startswith("impersonate") for verb in rule["verbs"]):
                continue  # users and groups are no objects
            there(admin, matched([{"apiVersions": ["*"], **rule}]))
