"""Lists, `describe` and deletion: what a person sees, what a program gets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pytest
import yaml

from funkhaus_cli.__main__ import main

from .fake_api import condition, cron_trigger, function, serving, trigger
from .fake_tenants import namespace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .conftest import Terminal
    from .fake_answers import Document
    from .fake_api import FakeApi

GOLDEN = Path(__file__).resolve().parents[2] / "data" / "cli"


def golden(name: str, text: str, *, update: bool) -> None:
    path = GOLDEN / name
    if update:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert text == path.read_text(), f"{name} differs; look, then pytest --update-data"


@pytest.fixture
def busy(api: FakeApi) -> FakeApi:
    api.functions["hello"] = function(
        status=serving("hello") | {"urls": ["http://hello.demo.example.com/", "http://b/"]}
    )
    crash = condition("Ready", "False", "ReplicaEnded", "a replica ended")
    api.functions["broken"] = function(
        "broken", status={"conditions": [crash], "replicas": {"summary": "0/1"}}
    )
    api.functions["new"] = function("new", status={})
    return api


def test_a_table_of_functions(funkhaus: Terminal, busy: FakeApi) -> None:
    ran = funkhaus("function", "list")
    assert ran.out.splitlines() == [
        "NAME     RUNTIME      READY          REPLICAS   URL                                   AGE",
        "hello    python3.11   yes            1/1        http://hello.demo.example.com/ (+1)   5m",
        "broken   python3.11   ReplicaEnded   0/1        -                                     5m",
        "new      python3.11   Pending        -          -                                     5m",
    ]
    assert len(busy.requests) == 2


@pytest.mark.usefixtures("busy")
def test_wide_has_more(funkhaus: Terminal) -> None:
    head, first, *_ = funkhaus("fn", "ls", "-o", "wide").out.splitlines()
    assert head.split()[-5:] == ["HANDLER", "CPU", "MEMORY", "TIMEOUT", "REVISION"]
    assert first.split()[-5:] == ["hello.handler", "250m", "128Mi", "180s", "hello-0123456789"]


@pytest.mark.usefixtures("busy")
def test_programs_get_the_documents(funkhaus: Terminal) -> None:
    as_json = json.loads(funkhaus("function", "list", "-o", "json").out)
    assert [item["name"] for item in as_json["items"]] == ["hello", "broken", "new"]
    assert yaml.safe_load(funkhaus("function", "list", "-o", "yaml").out) == as_json
    assert funkhaus("function", "list", "-o", "name").out == "hello\nbroken\nnew\n"
    (one,) = json.loads(funkhaus("function", "list", "new", "-o", "json").out)["items"]
    assert one["name"] == "new"


@pytest.mark.usefixtures("busy")
def test_names_that_are_not_there(funkhaus: Terminal) -> None:
    ran = funkhaus("function", "list", "hello", "ghost")
    assert (ran.code, ran.out) == (3, "")
    assert ran.err == "Error: no function ghost in demo/default\n"


def test_nothing_is_a_sentence_for_people_and_an_empty_list_for_programs(
    funkhaus: Terminal,
) -> None:
    ran = funkhaus("function", "list")
    assert (ran.code, ran.out, ran.err) == (0, "", "No functions in demo/default.\n")
    assert json.loads(funkhaus("function", "list", "-o", "json").out) == {"items": []}


def test_all_namespaces(funkhaus: Terminal, busy: FakeApi) -> None:
    busy.namespaces = {"default": namespace("default"), "shop": namespace("shop")}
    busy.functions["till"] = function("till", namespace="shop")
    lines = funkhaus("function", "list", "-A").out.splitlines()
    assert lines[0].startswith("NAMESPACE")
    assert [line.split()[:2] for line in lines[1:]][-1] == ["shop", "till"]


def test_a_hostile_value_can_not_paint_the_terminal(funkhaus: Terminal, api: FakeApi) -> None:
    api.functions["hello"] = function()
    api.functions["hello"]["status"]["urls"] = ["http://x/\x1b[2J\x07\n\rroot# "]
    for command in (("list",), ("describe", "hello")):
        out = funkhaus("function", *command).out
        assert "\x1b" not in out
        assert "\x07" not in out
        assert "\r" not in out


def described() -> Document:
    """A function that crashed for want of memory while its next revision waits."""
    held = function(
        status=serving("hello")
        | {
            "latestRevision": "hello-aaaaaaaaaa",
            "urls": ["http://hello.demo.example.com/"],
            "replicas": {"desired": 2, "ready": 1, "summary": "1/2"},
            "conditions": [
                condition("Ready", "Unknown", "RollingOut", "revision hello-aaaaaaaaaa is starting, 0/2 replicas are "
                          "ready; revision hello-0123456789 goes on serving"),
                condition("Degraded", "True", "OOMKilled", "a replica needed more than its 128Mi of memory"),
                condition("Admitted", "True", "Admitted", "the house rules let it in"),
                condition("Built", "True", "Pushed", "", generation=0),
            ],
        },
        labels={"team": "radio", "funkhaus.dev/tenant": "demo"},
    )  # fmt: skip
    held["spec"] |= {
        "env": [
            {"name": "MODE", "value": "fast"},
            {"name": "KEY", "secretKeyRef": {"name": "api", "key": "token"}},
            {"name": "LEVEL", "configMapKeyRef": {"name": "settings", "key": "level"}},
        ],
        "dependencies": "# pinned\nrequests==2.32\n",
        "scaling": {"min": 1, "max": 3, "cpuPercent": 70},
    }
    ended = {
        "reason": "OOMKilled", "exitCode": 137, "message": "a worker ended by signal 9\n  probably out of memory",
        "finishedAt": "2026-03-01T11:58:00Z",
    }  # fmt: skip
    pod = {
        "name": "hello-0123456789-7c9f4-abcde", "revision": "hello-0123456789", "phase": "Running", "ready": True,
        "restarts": 0, "reason": "", "message": "", "lastTermination": None,
    }  # fmt: skip
    crashed = pod | {
        "name": "hello-aaaaaaaaaa-66d5c-fghij", "ready": False, "restarts": 3, "reason": "CrashLoopBackOff",
        "message": "back-off 40s restarting failed container", "lastTermination": ended,
    }  # fmt: skip
    revision = {
        "name": "hello-aaaaaaaaaa", "image": "registry/hello@sha256:00", "sourceDigest": "sha256:" + "ab" * 32,
        "createdAt": "2026-03-01T11:57:00Z", "state": "starting", "serving": False,
    }  # fmt: skip
    event = {
        "type": "Warning", "reason": "OOMKilled", "message": "a replica needed more than its 128Mi of memory",
        "object": "Function/hello", "count": 3, "lastSeen": "2026-03-01T11:58:30Z",
    }  # fmt: skip
    waiting = trigger(
        "alias", status={"conditions": [condition("Ready", "False", "HostTaken", "another has it")]}
    )
    resting = {
        "conditions": [condition("Ready", "False", "TenantSuspended", "no run begins: the tenant")]
    }
    return {
        "function": held,
        "revisions": [
            revision,
            revision | {"name": "hello-0123456789", "state": "serving", "serving": True},
            revision | {"name": "hello-bbbbbbbbbb", "state": "kept"},
        ],
        "pods": [pod, crashed],
        "triggers": [trigger(), waiting],
        "cronTriggers": [cron_trigger(), cron_trigger("resting", status=resting)],
        "events": [event, event | {"type": "Normal", "reason": "Pushed", "message": "", "count": 1}]
        * 6,
    }


LOG = """\
[hello-a] {"time":"2026-03-01T11:50:00Z","level":"error","event":"worker_died","reason":"over the limit 96Mi"}
[hello-b] {"time":"2026-03-01T11:58:00Z","level":"error","event":"worker_died","reason":"over the limit 96Mi"}
[hello-b] {"time":"2026-03-01T11:59:00Z","level":"error","event":"function_raised","traceback":"T\\nKeyError: 1\\n"}
{"time":"2026-03-01T11:57:00Z","level":"error","event":"function_timeout","timeout":2.0,"stack":["a.py, line 5"]}
{"time":"2026-03-01T11:59:30Z","level":"info","event":"call","status":200}
{"level":"error"} and what the function prints {
"""


def test_describe_is_a_page(funkhaus: Terminal, api: FakeApi, *, update_data: bool) -> None:
    api.functions["hello"] = function()
    api.descriptions["hello"] = described()
    api.logs["hello"] = LOG
    ran = funkhaus("function", "describe", "hello")
    assert ran.code == 0
    golden("describe.txt", ran.out, update=update_data)
    assert max(map(len, ran.out.splitlines())) <= 100


def test_describe_of_a_newborn(funkhaus: Terminal, api: FakeApi, *, update_data: bool) -> None:
    api.functions["hello"] = function(status={})
    golden("describe-new.txt", funkhaus("function", "describe", "hello").out, update=update_data)


def test_describe_does_not_repeat_itself(funkhaus: Terminal, api: FakeApi) -> None:
    crash = [condition(kind, "False", "Crashed", "it crashed") for kind in ("Ready", "Degraded")]
    api.functions["hello"] = function(status={"conditions": crash})
    out = funkhaus("function", "describe", "hello").out
    conditions = out[out.index("Conditions") : out.index("Source")]
    assert conditions.count("it crashed") == 1
    assert conditions.count("(the same)") == 1


def test_describe_says_that_it_sleeps_and_what_wakes_it(funkhaus: Terminal, api: FakeApi) -> None:
    asleep = condition("Ready", "True", "Asleep", "revision hello-1 sleeps; the next call wakes it")
    none = {"desired": 0, "ready": 0, "summary": "0/0"}
    made = function(status={"conditions": [asleep], "replicas": none})
    made["spec"]["scaling"] = {"min": 0, "max": 3, "cpuPercent": 80, "idle": 60}
    api.functions["hello"] = made
    out = funkhaus("function", "describe", "hello").out
    assert "asleep, the next call wakes it" in out
    assert "0/0 (autoscaled 0 to 3 at 80 % CPU, asleep after 60 s without a call)" in out
    made["spec"]["scaling"] = {"min": 0, "max": 1}
    made["status"]["conditions"] = [condition("Ready", "True", "Waking", "it starts")]
    out = funkhaus("function", "describe", "hello").out
    assert "waking" in out
    assert "(0 to 1, asleep after 300 s without a call)" in out


def test_describe_for_programs(funkhaus: Terminal, api: FakeApi) -> None:
    api.functions["hello"] = function()
    document = json.loads(funkhaus("function", "describe", "hello", "-o", "json").out)
    assert set(document) == {"function", "revisions", "pods", "triggers", "cronTriggers", "events"}


def test_delete(funkhaus: Terminal, busy: FakeApi) -> None:
    ran = funkhaus("function", "delete", "hello", "new", "--yes")
    assert ran.code == 0
    assert (
        ran.out
        == "Deleted function hello in demo/default.\nDeleted function new in demo/default.\n"
    )
    assert list(busy.functions) == ["broken"]
    assert funkhaus("function", "rm", "hello", "--yes").code == 3
    assert funkhaus("function", "rm", "hello", "--ignore-not-found", "--yes").code == 0


def commands(group: click.Group, *words: str) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, *words, name)
        else:
            yield (*words, name), command


def test_what_deletes_asks_first(funkhaus: Terminal, api: FakeApi) -> None:
    """Every command that is called so; with nobody there it wants the flag."""
    found = {
        words: command for words, command in commands(main) if words[-1] in {"delete", "remove"}
    }
    assert {" ".join(words) for words in found} >= {
        "function delete", "trigger http delete", "trigger cronjob delete", "namespace delete", "tenant delete",
        "member remove", "serviceaccount delete", "grant delete", "autoscale delete", "config delete",
    }  # fmt: skip
    for words, command in found.items():
        (flag,) = [item for item in command.params if item.name == "yes"]
        assert flag.opts == ["--yes", "-y"], words
    api.functions["hello"] = function()
    ran = funkhaus("function", "delete", "hello", "other")
    assert ran.code == 2
    assert "Delete functions hello, other in demo/default?" in ran.err
    assert "--yes" in ran.err
    assert list(api.functions) == ["hello"]


def test_triggers(funkhaus: Terminal, api: FakeApi) -> None:
    api.triggers["hello"] = trigger()
    assert funkhaus("trigger", "http", "list").out.splitlines()[1].split() == [
        "hello", "hello", "yes", "http://hello.demo.example.com/", "5m",
    ]  # fmt: skip
    assert funkhaus("trigger", "http", "delete", "hello", "--yes").code == 0
    assert api.triggers == {}
    assert funkhaus("trigger", "http", "ls").err == "No HTTP triggers in demo/default.\n"
