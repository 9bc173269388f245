"""The documents OPA gets. `tests/integration/test_policy_verdicts.py` shows the same cases to the rules."""

from __future__ import annotations

import dataclasses
import json
from datetime import datetime, timedelta, timezone

from funkhaus.domain.question import Change, Doing, Marks
from funkhaus.policy.inputs import document
from tests.support import cases, golden
from tests.support.questions import cron_job_trigger, function, http_trigger, question


def test_the_documents(*, update_data: bool) -> None:
    good = {
        "a function": function(),
        "a trigger": http_trigger(methods=["GET"]),
        "a cron trigger": cron_job_trigger(),
    }
    bad = {name: manifest for name, (manifest, _) in cases.ALL.items()}
    golden.compare(
        "policy/inputs.yaml",
        [
            {"case": name, "input": document(question(manifest))}
            for name, manifest in {**good, **bad}.items()
        ],
        update=update_data,
    )


def test_nothing_secret_is_in_them() -> None:
    secret = "never-in-a-log-5f2c"
    manifest = function(
        source={"inline": {"files": {"hello.py": f"KEY = '{secret}'"}}},
        env=[{"name": "KEY", "value": secret}],
        dependencies=f"https://user:{secret}@example.com/x.whl",
    )
    assert secret not in json.dumps(document(question(manifest)))
    address = {"url": f"https://files.example.com/a.zip?sig={secret}", "sha256": "0" * 64}
    source = document(question(function(source=address)))["object"]["source"]
    assert source == {"origin": "https://files.example.com", "sha256": "0" * 64, "path": ""}


def test_sizes_are_bytes_of_utf_8() -> None:
    files = {"a.py": "é", "b.py": "€€"}
    source = document(question(function(source={"inline": {"files": files}})))["object"]["source"]
    assert source == {"files": {"a.py": 2, "b.py": 6}, "bytes": 8}


def test_blank_dependencies_are_none() -> None:
    asked = question(function(dependencies=" \n\t"))
    assert document(asked)["object"]["dependencies"] == {"bytes": 0, "packages": 0, "refused": []}


def test_the_time_of_a_change_is_in_utc_and_nothing_has_none() -> None:
    at = datetime(2026, 3, 1, 12, 0, 0, 5000, tzinfo=timezone(timedelta(hours=2)))
    asked = dataclasses.replace(question(function()), change=Change(Doing.UPDATE, at))
    change = {"operation": "UPDATE", "at": "2026-03-01T10:00:00.005+00:00"}
    assert document(asked)["change"] == change
    stored = dataclasses.replace(asked, change=Change())
    assert document(stored)["change"] == {"operation": "NONE", "at": None}


def test_names_of_annotations_are_bounded() -> None:
    names = tuple(f"a-{number:04}" for number in reversed(range(10_000)))
    asked = dataclasses.replace(question(function()), annotations=names)
    assert document(asked)["object"]["annotation_keys"] == [f"a-{n:04}" for n in range(256)]


def test_marks_travel_with_what_may_be_there() -> None:
    carried = Marks({"funkhaus.dev/tenant": "other"}, {})
    owned = Marks({"funkhaus.dev/tenant": "demo"}, {"funkhaus.dev/created-by": "fh:1"})
    found = document(question(function(), marks=carried, owned=owned))
    assert found["object"]["labels"] == {"funkhaus.dev/tenant": "other"}
    assert found["owned"] == {
        "labels": {"funkhaus.dev/tenant": "demo"},
        "annotations": {"funkhaus.dev/created-by": "fh:1"},
    }
