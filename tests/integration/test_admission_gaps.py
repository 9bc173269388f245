from __future__ import annotations

import copy
from typing import Any

import pytest
import yaml

from funkhaus.domain.kinds import MUTATING_WEBHOOK, VALIDATING_WEBHOOK, Kind
from funkhaus_webhook.guarding import gaps
from tests.support import chart

KINDS = (MUTATING_WEBHOOK, VALIDATING_WEBHOOK)


@pytest.fixture(scope="module")
def configurations() -> dict[str, Any]:
    documents = yaml.safe_load_all(chart.rendered(show=("webhook/configurations.yaml",)))
    return {document["kind"]: document for document in documents if document}


@pytest.mark.parametrize("kind", KINDS)
def test_as_the_chart_makes_them_there_is_none(kind: Kind, configurations: dict[str, Any]) -> None:
    assert gaps(kind, configurations[kind.name]) == []


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
    assert words in "; ".join(gaps(kind, configuration))


@pytest.mark.parametrize("kind", KINDS)
def test_b59_what_is_missing_is_named(kind: Kind, configurations: dict[str, Any]) -> None:
    assert gaps(kind, None) == [f"there is no {kind.name} of that name"]
    configuration = copy.deepcopy(configurations[kind.name])
    configuration["webhooks"][0]["name"] = "other"
    assert "has no" in gaps(kind, configuration)[0]
