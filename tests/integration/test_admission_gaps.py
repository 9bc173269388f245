"""What the chart says admission has to be, what it may never be made to say, and how a difference is told."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import yaml

from funkhaus.domain.errors import InvalidError
from funkhaus.domain.kinds import MUTATING_WEBHOOK, VALIDATING_WEBHOOK, Kind
from funkhaus_webhook.wanted import Asked, differences, openings, read
from tests.support import chart

KINDS = (MUTATING_WEBHOOK, VALIDATING_WEBHOOK)
ASKED = Asked("https://127.0.0.1:8743", "funkhaus-system", "funkhaus-webhook")


@pytest.fixture(scope="module")
def configurations() -> dict[str, Any]:
    documents = yaml.safe_load_all(chart.rendered(show=("webhook/configurations.yaml",)))
    return {document["kind"]: document for document in documents if document}


@pytest.mark.parametrize("kind", KINDS)
def test_as_the_chart_makes_them_there_is_none(kind: Kind, configurations: dict[str, Any]) -> None:
    assert openings(kind, configurations[kind.name], ASKED) == []


OPENED: dict[str, tuple[Any, str]] = {
    "ignored": (lambda hook: hook.update(failurePolicy="Ignore"), "failurePolicy is not Fail"),
    "another namespace": (
        lambda hook: hook["namespaceSelector"]["matchExpressions"].append(
            {"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": ["demo--x"]}
        ),
        "a selector leaves",
    ),
    "by a label of its own": (
        lambda hook: hook.update(objectSelector={"matchLabels": {"judged": "yes"}}),
        "a selector leaves",
    ),
    "a condition": (
        lambda hook: hook["matchConditions"].append({"name": "never", "expression": "false"}),
        "a condition was added",
    ),
    "a kind": (
        lambda hook: hook["rules"][0].update(resources=["functions", "httptriggers"]),
        "no rule covers CREATE of cronjobtriggers",
    ),
    "a verb": (
        lambda hook: hook["rules"][0].update(operations=["CREATE"]),
        "no rule covers UPDATE of functions",
    ),
    "a version": (
        lambda hook: hook["rules"][0].update(apiVersions=["v1alpha1"]),
        "no rule covers CREATE of functions",
    ),
    "somebody else": (
        lambda hook: hook.update(clientConfig={"url": "https://127.0.0.1:1/mutate"}),
        "it asks somebody else",
    ),
    "all rules": (lambda hook: hook.update(rules=[]), "no rule covers"),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("case", OPENED)
def test_b59_what_was_opened_is_named(
    kind: Kind, case: str, configurations: dict[str, Any]
) -> None:
    spoil, words = OPENED[case]
    configuration = copy.deepcopy(configurations[kind.name])
    spoil(configuration["webhooks"][0])
    assert words in "; ".join(openings(kind, configuration, ASKED))


@pytest.mark.parametrize("kind", KINDS)
def test_b59_what_is_missing_is_named(kind: Kind, configurations: dict[str, Any]) -> None:
    assert openings(kind, None, ASKED) == [f"there is no {kind.name} of that name"]
    configuration = copy.deepcopy(configurations[kind.name])
    configuration["webhooks"][0]["name"] = "other"
    assert "has no" in "; ".join(openings(kind, configuration, ASKED))


@pytest.mark.parametrize("kind", KINDS)
def test_b59_a_webhook_of_others_is_named(kind: Kind, configurations: dict[str, Any]) -> None:
    configuration = copy.deepcopy(configurations[kind.name])
    configuration["webhooks"].append({"name": "other.example.com"})
    assert openings(kind, configuration, ASKED) == ["other.example.com is none of ours"]


@pytest.mark.parametrize("kind", KINDS)
def test_behind_a_service_it_is_asked_there(kind: Kind) -> None:
    rendered = chart.rendered("--set", "webhook.url=", show=("webhook/configurations.yaml",))
    (found,) = [item for item in yaml.safe_load_all(rendered) if item["kind"] == kind.name]
    asked = Asked("", chart.SYSTEM, "funkhaus-webhook")
    assert openings(kind, found, asked) == []
    assert openings(kind, found, ASKED) != []


@pytest.fixture(scope="module", params=["webhook", "token-request"])
def whole(request: pytest.FixtureRequest) -> list[dict[str, Any]]:
    rendered = chart.rendered("--set", f"kubectl={request.param}")
    return [document for document in yaml.safe_load_all(rendered) if document]


def test_the_chart_says_of_every_object_of_admission_what_it_has_to_be(
    whole: list[dict[str, Any]],
) -> None:
    (config_map,) = [item for item in whole if item["metadata"]["name"] == "funkhaus-admission"]
    installed = {
        (item["kind"], item["metadata"]["name"]): item.get("spec") or item.get("webhooks")
        for item in whole
        if item["apiVersion"].startswith("admissionregistration.k8s.io/")
    }
    known = {
        (kind.name, name): item.get("spec") or item.get("webhooks")
        for (kind, name), item in read(config_map).items()
    }
    assert known == installed
    assert len(installed) >= 20


def test_the_webhook_may_write_these_names_and_no_other(whole: list[dict[str, Any]]) -> None:
    (role,) = [
        item
        for item in whole
        if (item["kind"], item["metadata"]["name"]) == ("ClusterRole", "funkhaus-webhook")
    ]
    may: dict[str, set[str]] = {}
    for rule in role["rules"]:
        if rule["apiGroups"] == ["funkhaus.dev"]:
            assert set(rule["verbs"]) <= {"get", "list"}
            continue
        assert rule["resourceNames"], rule
        for resource in rule["resources"]:
            may.setdefault(resource, set()).update(rule["resourceNames"])
    assert may.pop("configmaps") == {"*"}
    for item in whole:
        if item["apiVersion"].startswith("admissionregistration.k8s.io/"):
            plural = item["kind"].lower()
            plural = plural[:-1] + "ies" if plural.endswith("y") else plural + "s"
            assert item["metadata"]["name"] in may[plural]
    assert set(may) == {
        "mutatingwebhookconfigurations", "validatingwebhookconfigurations",
        "validatingadmissionpolicies", "validatingadmissionpolicybindings",
    }  # fmt: skip


@pytest.mark.parametrize(
    "data",
    [
        None,
        {},
        {"x": "{"},
        {"x": "[]"},
        {"x": '{"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "x"}}'},
        {
            "x": '{"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy"}'
        },
    ],
)
def test_what_can_not_be_read_says_nothing(data: dict[str, str] | None) -> None:
    with pytest.raises(InvalidError, match="funkhaus-admission"):
        read({"data": data})


def test_differences_name_the_place_and_both_sides() -> None:
    wanted = {
        "rules": [{"operations": ["CREATE"]}],
        "matchConditions": [{"name": "a", "expression": "x"}, {"name": "b", "expression": "y"}],
        "failurePolicy": "Fail",
    }
    assert differences(wanted, copy.deepcopy(wanted), "spec") == []
    live = {
        "rules": [{"operations": ["UPDATE"]}, {"operations": ["DELETE"]}],
        "matchConditions": [{"name": "b", "expression": "z" * 200}],
        "objectSelector": {"matchLabels": {"a": "b"}},
    }
    assert differences(wanted, live, "spec") == [
        'spec.failurePolicy is missing, not "Fail"',
        'spec.matchConditions[a] is missing, not {"name": "a", "expression": "x"}',
        f'spec.matchConditions[b].expression is "{"z" * 119}…, not "y"',
        'spec.objectSelector is {"matchLabels": {"a": "b"}}, not missing',
        'spec.rules[0].operations[0] is "UPDATE", not "CREATE"',
        'spec.rules[1] is {"operations": ["DELETE"]}, not missing',
    ]
    turned = {**wanted, "matchConditions": wanted["matchConditions"][::-1]}
    assert differences(wanted, turned, "spec") == ["spec.matchConditions is in another order"]
