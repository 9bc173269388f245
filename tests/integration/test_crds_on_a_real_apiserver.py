"""What the structural schemas and their CEL rules let in, asked of a real kube-apiserver."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.support.apiserver import ApiServer

SPEC: dict[str, Any] = {
    "runtime": "python3.11",
    "handler": "hello.handler",
    "source": {"inline": {"files": {"hello.py": "x"}}},
}


def apply(apiserver: ApiServer, kind: str, spec: dict[str, Any], name: str = "x") -> dict[str, Any]:
    document = {
        "apiVersion": "funkhaus.dev/v1alpha1",
        "kind": kind,
        "metadata": {"name": name, "namespace": "default"},
        "spec": spec,
    }
    out = apiserver.kubectl(
        "create", "--dry-run=server", "-o", "json", "-f", "-", stdin=json.dumps(document)
    )
    stored: dict[str, Any] = json.loads(out)
    return stored


def test_defaults_are_filled_in(apiserver: ApiServer) -> None:
    spec = apply(apiserver, "Function", SPEC)["spec"]
    assert spec["timeout"] == 180
    assert spec["scaling"] == {"min": 1, "max": 1, "cpuPercent": 80}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"handler": "handler"}, "a handler is module.function"),
        ({"handler": "a.b-c"}, "a handler is module.function"),
        ({"source": {}}, "exactly one of inline, archive"),
        ({"source": {"inline": {"files": {}}}}, "at least 1"),
        ({"source": {"inline": {"files": {"../x.py": ""}}}}, "without '..'"),
        ({"source": {"inline": {"files": {"a/../x.py": ""}}}}, "without '..'"),
        ({"source": {"inline": {"files": {"/x.py": ""}}}}, "without '..'"),
        ({"source": {"archive": {"digest": "latest"}}}, "spec.source.archive.digest"),
        ({"source": {"url": "https://x.example/a"}}, "url and sha256 are given together"),
        ({"source": {"url": "https://u:p@x.example/a", "sha256": "0" * 64}}, "spec.source.url"),
        ({"source": {"url": "https://x.example/a", "sha256": "latest"}}, "spec.source.sha256"),
        (
            {"source": {"url": "https://x.example/a", "sha256": "0" * 64, "path": "../b"}},
            "without '..'",
        ),
        ({"source": {"inline": {"files": {"a.py": ""}}, "path": "b"}}, "path is given with url"),
        (
            {
                "source": {
                    "url": "https://x/a",
                    "sha256": "0" * 64,
                    "archive": {"digest": "sha256:" + "0" * 64},
                }
            },
            "exactly one of",
        ),
        ({"source": {"git": {"url": "https://x.example/r"}}}, "spec.source.git.ref"),
        ({"source": {"git": {"url": "git@x.example:r", "ref": "main"}}}, "spec.source.git.url"),
        ({"source": {"git": {"url": "https://x.example/r", "ref": "-u"}}}, "spec.source.git.ref"),
        (
            {"source": {"git": {"url": "https://x.example/r", "ref": "main", "path": "a/../b"}}},
            "without '..'",
        ),
        (
            {
                "source": {
                    "git": {"url": "https://x/r", "ref": "main"},
                    "url": "https://x/a",
                    "sha256": "0" * 64,
                }
            },
            "exactly one of",
        ),
        ({"env": [{"name": "1X", "value": ""}]}, "spec.env[0].name"),
        ({"env": [{"name": "X"}]}, "exactly one of value, secretKeyRef, configMapKeyRef"),
        ({"env": [{"name": "X", "value": ""}, {"name": "X", "value": ""}]}, "Duplicate value"),
        ({"timeout": "soon"}, "spec.timeout"),
    ],
)
def test_a_wrong_shape_is_refused_in_words(
    apiserver: ApiServer, change: dict[str, Any], words: str
) -> None:
    with pytest.raises(AssertionError) as refused:
        apply(apiserver, "Function", SPEC | change)
    assert words in str(refused.value)


def test_names_have_room_for_what_is_made_from_them(apiserver: ApiServer) -> None:
    apply(apiserver, "Function", SPEC, "a" * 40)
    with pytest.raises(AssertionError, match="at most 40 characters"):
        apply(apiserver, "Function", SPEC, "a" * 41)


@pytest.mark.parametrize("path", ["x", "/a//b", "/a/../b", "/a b", "/{a}", "/a;b"])
def test_a_wrong_path_is_refused(apiserver: ApiServer, path: str) -> None:
    with pytest.raises(AssertionError, match="a path starts with /"):
        apply(apiserver, "HTTPTrigger", {"function": "x", "path": path})


@pytest.mark.parametrize("methods", [[], ["GET"] * 17, [7], [""], "GET"])
def test_methods_of_a_wrong_shape_are_refused(apiserver: ApiServer, methods: Any) -> None:
    with pytest.raises(AssertionError, match="methods"):
        apply(apiserver, "HTTPTrigger", {"function": "x", "methods": methods})


def test_a_cron_trigger_has_defaults_and_a_payload_of_any_shape(apiserver: ApiServer) -> None:
    asked = {"function": "x", "schedule": "@daily", "payload": {"a": [1, {"b": None}]}}
    spec = apply(apiserver, "CronJobTrigger", asked)["spec"]
    assert spec == {
        **asked, "timeZone": "UTC", "concurrencyPolicy": "Allow", "suspend": False,
        "successfulJobsHistoryLimit": 3, "failedJobsHistoryLimit": 1,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"schedule": None}, "spec.schedule"),
        ({"payload": [1]}, "spec.payload"),
        ({"concurrencyPolicy": "Maybe"}, "Unsupported value"),
        ({"suspend": "yes"}, "spec.suspend"),
    ],
)
def test_a_cron_trigger_of_a_wrong_shape_is_refused(
    apiserver: ApiServer, change: dict[str, Any], words: str
) -> None:
    with pytest.raises(AssertionError) as refused:
        apply(apiserver, "CronJobTrigger", {"function": "x", "schedule": "@daily"} | change)
    assert words in str(refused.value)


def test_b28_a_revision_never_changes(apiserver: ApiServer) -> None:
    revision = {
        "apiVersion": "funkhaus.dev/v1alpha1",
        "kind": "FunctionRevision",
        "metadata": {"name": "r", "namespace": "default"},
        "spec": {
            "function": "x",
            "digest": "sha256:" + "0" * 64,
            "runtime": "python3.11",
            "runtimeImage": "i",
            "handler": "a.b",
            "sourceDigest": "d",
            "image": "i",
            "resources": {"cpu": "1", "memory": "1"},
            "timeout": 1,
            "concurrency": 1,
        },
    }
    apiserver.kubectl("create", "-f", "-", stdin=json.dumps(revision))
    patch = json.dumps({"spec": {"timeout": 2}})
    with pytest.raises(AssertionError, match="a revision never changes"):
        apiserver.kubectl("patch", "fnrev", "r", "--type=merge", "-p", patch)


def test_b28_a_runtime_image_is_named_by_digest(apiserver: ApiServer) -> None:
    document = {
        "apiVersion": "funkhaus.dev/v1alpha1",
        "kind": "Runtime",
        "metadata": {"name": "r"},
        "spec": {"image": "registry/python:latest"},
    }
    with pytest.raises(AssertionError, match=r"spec\.image"):
        apiserver.kubectl("create", "--dry-run=server", "-f", "-", stdin=json.dumps(document))
