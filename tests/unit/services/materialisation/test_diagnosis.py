"""What ails a revision, in words."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from funkhaus.services.materialisation import diagnosis
from funkhaus.services.materialisation.upkeep import covers
from tests.support.materials import ended, waiting
from tests.unit.manifests.test_golden import REVISION

NOW = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
AGO = "2026-01-01T11:59:00Z"
LONG_AGO = "2026-01-01T11:00:00Z"


def say(status: dict[str, Any], *, deleted: bool = False) -> diagnosis.Trouble | None:
    meta: dict[str, Any] = {"name": "p"}
    if deleted:
        meta["deletionTimestamp"] = AGO
    pod = {"metadata": meta, "status": status}
    return diagnosis.trouble(REVISION, None, [pod], NOW)


@pytest.mark.parametrize(
    ("status", "reason", "words"),
    [
        (ended(137, "OOMKilled", AGO), "OOMKilled", "raise spec.resources.memory"),
        (ended(137, "Error", AGO, "a worker ran out of memory"), "OOMKilled", "worker"),
        (ended(1, "Error", AGO, "there is no module 'x'"), "ReplicaEnded", "exit code 1"),
        (ended(1, "Error", AGO, "there is no module 'x'"), "ReplicaEnded", "no module 'x'"),
        (ended(0, "Completed", AGO), "ReplicaEnded", "exit code 0"),
        (waiting("ImagePullBackOff", "not found"), "ImagePull", "can't be pulled: not found"),
        (waiting("ErrImagePull"), "ImagePull", "can't be pulled: ErrImagePull"),
        (
            waiting("CreateContainerConfigError", 'secret "db" not found'),
            "MissingReference",
            'secret "db" not found; create what is missing or change spec.env',
        ),
        (
            {
                "conditions": [
                    {
                        "type": "PodScheduled",
                        "status": "False",
                        "message": "0/1 nodes are available: 1 Insufficient cpu",
                    }
                ]
            },
            "Unschedulable",
            "250m CPU and 128Mi memory: 0/1 nodes",
        ),
        (
            {
                "phase": "Failed",
                "reason": "Evicted",
                "message": "the node was low on disk",
                "conditions": [{"type": "Ready", "status": "False", "lastTransitionTime": AGO}],
            },
            "Evicted",
            "low on disk",
        ),
    ],
)
def test_words(status: dict[str, Any], reason: str, words: str) -> None:
    trouble = say(status)
    assert trouble is not None
    assert trouble.reason == reason
    assert words in trouble.message


@pytest.mark.parametrize(
    "status",
    [
        {},
        waiting("ContainerCreating"),
        waiting("PodInitializing"),
        ended(1, "Error", LONG_AGO),
        {
            "phase": "Failed",
            "reason": "Evicted",
            "conditions": [{"type": "Ready", "status": "False", "lastTransitionTime": LONG_AGO}],
        },
    ],
)
def test_nothing_worth_mentioning(status: dict[str, Any]) -> None:
    assert say(status) is None


def test_a_pod_that_ends_because_it_was_told_to_is_no_trouble() -> None:
    assert say(ended(1, "Error", AGO), deleted=True) is None


def test_a_crash_loop_is_mentioned_however_old_the_last_end() -> None:
    status = ended(1, "Error", LONG_AGO, "boom")
    status["containerStatuses"][0]["state"] = {"waiting": {"reason": "CrashLoopBackOff"}}
    trouble = say(status)
    assert trouble is not None
    assert "boom" in trouble.message


def test_last_words_are_cut_at_the_front() -> None:
    trouble = say(ended(1, "Error", AGO, "x" * 5000 + "ValueError: the point"))
    assert trouble is not None
    assert "ValueError: the point" in trouble.message
    assert len(trouble.message) < 1400


def test_the_gravest_comes_first() -> None:
    pods = [
        {"metadata": {"name": "a"}, "status": ended(1, "Error", AGO)},
        {"metadata": {"name": "b"}, "status": waiting("ImagePullBackOff")},
    ]
    trouble = diagnosis.trouble(REVISION, None, pods, NOW)
    assert trouble is not None
    assert trouble.reason == "ImagePull"


@pytest.mark.parametrize(
    ("condition", "reason"),
    [
        (
            {"type": "ReplicaFailure", "status": "True", "message": "exceeded quota: funkhaus"},
            "QuotaExceeded",
        ),
        (
            {"type": "ReplicaFailure", "status": "True", "message": "violates PodSecurity"},
            "ReplicaRefused",
        ),
        ({"type": "Progressing", "status": "False", "message": "timed out"}, "TooSlow"),
    ],
)
def test_what_a_deployment_says(condition: dict[str, str], reason: str) -> None:
    deployment = {
        "metadata": {"generation": 1},
        "spec": {},
        "status": {"conditions": [condition]},
    }
    trouble = diagnosis.trouble(REVISION, deployment, [], NOW)
    assert trouble is not None
    assert trouble.reason == reason
    assert condition["message"] in trouble.message


def test_replicas_of_an_older_template_do_not_count() -> None:
    status = {"observedGeneration": 2, "availableReplicas": 3, "updatedReplicas": 1}
    deployment = {"metadata": {"generation": 2}, "spec": {"replicas": 3}, "status": status}
    assert diagnosis.replicas(deployment).summary == "1/3"
    deployment["metadata"]["generation"] = 3
    assert diagnosis.replicas(deployment).summary == "0/3"
    assert not diagnosis.replicas(None).complete


@pytest.mark.parametrize(
    ("live", "wanted", "fits"),
    [
        ({"a": 1, "b": 2}, {"a": 1}, True),
        ({"a": 1}, {"a": 1, "b": 2}, False),
        ({"a": [1, 2]}, {"a": [1]}, False),
        ({"a": []}, {"a": []}, True),
        ({}, {"a": []}, True),
        ({}, {"a": {}}, True),
        ({"limits": {"cpu": "1"}}, {"limits": {"cpu": "1000m"}}, True),
        ({"limits": {"cpu": "1"}}, {"limits": {"cpu": "2"}}, False),
        ({"hard": {"limits.memory": "1Gi"}}, {"hard": {"limits.memory": "1024Mi"}}, True),
        ({"value": "1"}, {"value": "1000m"}, False),
        ({"a": [{"x": 1, "y": 2}]}, {"a": [{"x": 1}]}, True),
        ({"a": None}, {"a": {"b": 1}}, False),
    ],
)
def test_what_covers_what(live: dict[str, Any], wanted: dict[str, Any], fits: bool) -> None:  # noqa: FBT001
    assert covers(live, wanted) is fits
