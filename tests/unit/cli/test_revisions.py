"""`function history|diff|rollback`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from .fake_answers import Refusal
from .fake_api import condition, function, revision, trigger

if TYPE_CHECKING:
    from .conftest import Terminal
    from .fake_api import FakeApi

OLD, NEW = "aaaaaaaaaa", "bbbbbbbbbb"


def spec(**change: Any) -> dict[str, Any]:
    return {**revision(OLD)["spec"], **change}


@pytest.fixture(autouse=True)
def kept(api: FakeApi) -> None:
    api.functions["hello"] = function()
    files = {"hello.py": "def handler(event, context):\n    return 2\n", "new.py": "x = 1\n"}
    changed = spec(
        timeout=31,
        source={"inline": {"files": files}},
        env=[{"name": "A", "value": "1"}, {"name": "S", "secretKeyRef": {"name": "s", "key": "k"}}],
    )
    api.revisions = [
        revision(NEW, "serving", spec=changed, servedAt="2026-03-01T11:50:00Z"),
        revision(OLD, previous=None, changes=[]),
    ]


def test_history_is_a_table(funkhaus: Terminal) -> None:
    ran = funkhaus("function", "history", "hello")
    assert ran.code == 0
    heading, new, old = (line.split() for line in ran.out.splitlines())
    assert heading == ["REVISION", "STATE", "AUTHOR", "AGE", "IMAGE", "CHANGED"]
    assert new[:5] == ["hello-bbbbbbbbbb", "serving", "Ada", "60m", "sha256:bbbbbbbbbbbb"]
    assert new[5:] == ["timeout", "30", "s", "→", "31", "s"]
    assert old[1] == "kept"
    assert " ".join(old[5:]) == "the first that is kept"


def test_history_for_programs(funkhaus: Terminal, api: FakeApi) -> None:
    names = funkhaus("function", "history", "hello", "-o", "name").out.split()
    assert names == ["hello-bbbbbbbbbb", "hello-aaaaaaaaaa"]
    wide = funkhaus("function", "history", "hello", "-o", "wide").out
    assert "sha256:" + "1" * 64 in wide
    api.revisions = []
    assert "no revision yet" in funkhaus("function", "history", "hello").err


def test_the_diff_is_of_what_serves_to_what_served_before(funkhaus: Terminal) -> None:
    ran = funkhaus("function", "diff", "hello")
    assert ran.code == 0
    lines = ran.out.splitlines()
    assert lines[:2] == ["--- hello-aaaaaaaaaa", "+++ hello-bbbbbbbbbb"]
    for line in ("-timeout: 30 s", "+timeout: 31 s", "+env A: 1", "+env S: from Secret s, key k"):
        assert line in lines
    assert "--- hello-aaaaaaaaaa/hello.py" in lines
    assert "-    return 1" in lines
    assert "+    return 2" in lines
    assert "+x = 1" in lines


def test_the_diff_of_what_waits_is_to_what_serves(funkhaus: Terminal, api: FakeApi) -> None:
    failing = revision("cccccccccc", "failed", spec=spec(timeout=99), servedAt=None)
    api.revisions = [failing, *api.revisions]
    lines = funkhaus("function", "diff", "hello").out.splitlines()
    assert lines[:2] == ["--- hello-bbbbbbbbbb", "+++ hello-cccccccccc"]


def test_named_sides(funkhaus: Terminal) -> None:
    one = funkhaus("function", "diff", "hello", OLD).out.splitlines()
    assert one[:2] == ["--- hello-aaaaaaaaaa", "+++ hello-bbbbbbbbbb"]
    two = funkhaus("function", "diff", "hello", NEW, OLD).out.splitlines()
    assert two[:2] == ["--- hello-bbbbbbbbbb", "+++ hello-aaaaaaaaaa"]
    same = funkhaus("function", "diff", "hello", OLD, OLD)
    assert same.out == "hello-aaaaaaaaaa and hello-aaaaaaaaaa are the same.\n"
    assert funkhaus("function", "diff", "hello", OLD, NEW, OLD).code == 2
    document = json.loads(funkhaus("function", "diff", "hello", "-o", "json").out)
    assert document["to"]["name"] == "hello-bbbbbbbbbb"


def test_archives_differ_by_digest(funkhaus: Terminal, api: FakeApi) -> None:
    archived = spec(source={"archive": {"digest": "sha256:" + "9" * 64}})
    api.revisions[0] |= {"spec": archived, "sourceDigest": "sha256:" + "9" * 64}
    assert "+source: sha256:" + "9" * 64 in funkhaus("function", "diff", "hello").out.splitlines()


def test_nothing_to_compare(funkhaus: Terminal, api: FakeApi) -> None:
    del api.revisions[1]
    ran = funkhaus("function", "diff", "hello")
    assert ran.code == 3
    assert "no two revisions" in ran.err


def test_what_a_source_holds_cannot_reach_the_terminal(funkhaus: Terminal, api: FakeApi) -> None:
    api.revisions[0]["spec"]["source"]["inline"]["files"]["hello.py"] = "\x1b[31mred\x07\n"
    assert "\x1b" not in funkhaus("function", "diff", "hello").out


def test_rollback_waits_and_says_what_serves(funkhaus: Terminal, api: FakeApi) -> None:
    ran = funkhaus("function", "rollback", "hello")
    assert ran.code == 0
    assert ran.out.startswith("Rolled back function hello in demo/default.\nReady after ")
    ((_, path, body),) = api.asked("POST")
    assert (path, body) == ("/v1/tenants/demo/namespaces/default/functions/hello/rollback", {})


def test_rollback_to_one(funkhaus: Terminal, api: FakeApi) -> None:
    ran = funkhaus("function", "rollback", "hello", "--to", "aaaa", "--no-wait")
    assert ran.out == "Rolled back function hello in demo/default.\n"
    ((_, _, body),) = api.asked("POST")
    assert body == {"revision": "aaaa"}


def test_a_dry_run_changes_nothing(funkhaus: Terminal, api: FakeApi) -> None:
    ran = funkhaus("function", "rollback", "hello", "--dry-run")
    assert "nothing was stored" in ran.err
    assert api.functions["hello"]["generation"] == 1


def test_a_refusal_is_told(funkhaus: Terminal, api: FakeApi) -> None:
    def refuse(_: httpx.Request) -> httpx.Response:
        raise Refusal(409, "conflict", "function 'hello' has no revision that served before")

    api.scripts["rollbackFunction"] = refuse
    ran = funkhaus("function", "rollback", "hello")
    assert ran.code != 0
    assert "no revision that served before" in ran.err


def test_promote_leads_all_calls_to_the_last_one(funkhaus: Terminal, api: FakeApi) -> None:
    api.triggers["web"] = trigger("web", spec={"function": "hello", "backends": [{}]})
    ran = funkhaus("function", "promote", "hello")
    assert ran.out == (
        "Promoted function hello in demo/default: revision hello-bbbbbbbbbb gets all calls, no split any more: web.\n"
    )
    ((_, path, body),) = api.asked("POST")
    assert (path, body) == ("/v1/tenants/demo/namespaces/default/functions/hello/promote", {})


def test_promote_sees_it_through(funkhaus: Terminal, api: FakeApi) -> None:
    """One that does not serve yet takes over first; then the same revision is asked for once more."""
    answers = [(202, False), (202, False), (200, True)]

    def step(_: httpx.Request) -> httpx.Response:
        status, done = answers.pop(0)
        body = {
            "revision": "hello-aaaaaaaaaa",
            "done": done,
            "triggers": [],
            "function": function(),
        }
        return httpx.Response(status, json=body)

    api.scripts["promoteFunction"] = step
    ran = funkhaus("function", "promote", "hello", "--revision", "aaaa")
    assert ran.code == 0
    assert ran.out.startswith(
        "Revision hello-aaaaaaaaaa takes over; splits stand until it serves.\n"
    )
    assert ran.out.endswith("revision hello-aaaaaaaaaa gets all calls, no trigger splits.\n")
    assert [body for _, _, body in api.asked("POST")] == [
        {"revision": "aaaa"},
        {"revision": "hello-aaaaaaaaaa"},
        {"revision": "hello-aaaaaaaaaa"},
    ]


def test_promote_gives_up_in_time(funkhaus: Terminal, api: FakeApi) -> None:
    body = {"revision": "hello-aaaaaaaaaa", "done": False, "triggers": [], "function": function()}
    api.scripts["promoteFunction"] = lambda _: httpx.Response(202, json=body)
    ran = funkhaus("function", "promote", "hello", "--revision", "aaaa", "--no-wait")
    assert "promote it once more when it serves" in ran.out
    api.functions["hello"]["status"]["conditions"] = [condition("Ready", "False", "OOMKilled")]
    ran = funkhaus("function", "promote", "hello", "--revision", "aaaa", "--wait-timeout", "0.2")
    assert ran.code == 6


def test_a_dry_promotion_says_what_would_be(funkhaus: Terminal, api: FakeApi) -> None:
    api.triggers["web"] = trigger("web", spec={"function": "hello", "backends": [{}]})
    ran = funkhaus("function", "promote", "hello", "--dry-run")
    assert "nothing was changed" in ran.err
    assert "would get all calls; these triggers would split no more: web" in ran.out
