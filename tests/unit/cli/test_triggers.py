"""`trigger http create` and `autoscale`: from Kubeless's flags to our fields."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .fake_answers import Refusal
from .fake_api import condition, finding, function, revision, trigger

if TYPE_CHECKING:
    import httpx

    from .conftest import Terminal
    from .fake_api import FakeApi

CREATE = ("trigger", "http", "create", "hello", "--function-name", "hello")


def test_the_url_is_printed(funkhaus: Terminal, api: FakeApi) -> None:
    ran = funkhaus(*CREATE)
    assert ran.code == 0
    assert ran.out.splitlines() == [
        "Created HTTP trigger hello for function hello in demo/default.",
        "URL: http://hello.demo.example.com/",
    ]
    ((_, _, body),) = api.asked("POST")
    assert body == {"name": "hello", "spec": {"function": "hello"}}


def test_every_flag_has_its_field(funkhaus: Terminal, api: FakeApi) -> None:
    ran = funkhaus(
        *CREATE, "--hostname", "Shop.example.com.", "--path", "v1/shop", "--tls-secret", "cert"
    )
    assert ran.code == 0
    ((_, _, body),) = api.asked("POST")
    assert body["spec"] == {
        "function": "hello", "host": "Shop.example.com.", "path": "/v1/shop", "tls": {"secretName": "cert"},
    }  # fmt: skip


def test_methods_are_named_one_by_one_or_with_commas(funkhaus: Terminal, api: FakeApi) -> None:
    assert funkhaus(*CREATE, "--method", "get,head", "--method", "POST").code == 0
    ((_, _, body),) = api.asked("POST")
    assert body["spec"]["methods"] == ["GET", "HEAD", "POST"]


def test_an_update_changes_what_it_names_and_nothing_else(funkhaus: Terminal, api: FakeApi) -> None:
    spec = {"function": "hello", "path": "/a", "methods": ["GET"], "tls": {"secretName": "cert"}}
    api.triggers["hello"] = trigger(spec=dict(spec))
    ran = funkhaus("trigger", "http", "update", "hello", "--path", "b")
    assert (ran.code, ran.out) == (0, "Updated HTTP trigger hello in demo/default.\n")
    assert api.triggers["hello"]["spec"] == {**spec, "path": "/b"}
    ran = funkhaus("trigger", "http", "update", "hello", "--any-method", "--no-tls")
    assert ran.code == 0
    assert api.triggers["hello"]["spec"] == {"function": "hello", "path": "/b"}
    assert [body for _, _, body in api.asked("PATCH")] == [
        {"spec": {"path": "/b"}},
        {"spec": {"tls": None, "methods": None}},
    ]


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ((), "nothing to change"),
        (("--any-method", "--method", "GET"), "--any-method and a value for methods"),
        (("--no-tls", "--tls-secret", "x"), "--no-tls and a value for tls"),
    ],
)
def test_an_update_that_makes_no_sense(
    funkhaus: Terminal, api: FakeApi, flags: tuple[str, ...], words: str
) -> None:
    ran = funkhaus("trigger", "http", "update", "hello", *flags)
    assert ran.code == 2
    assert words in ran.err
    assert not api.requests


def test_a_trigger_on_one_page(funkhaus: Terminal, api: FakeApi) -> None:
    spec = {"function": "hello", "path": "/a", "methods": ["GET", "POST"]}
    api.triggers["hello"] = trigger(spec=spec)
    ran = funkhaus("trigger", "http", "describe", "hello")
    lines = {line.split(":")[0]: line.partition(":")[2].strip() for line in ran.out.splitlines()}
    assert lines["Function"] == "hello"
    assert lines["URL"] == "http://hello.demo.example.com/"
    assert lines["Methods"] == "GET, POST"
    assert "methods:" in funkhaus("trigger", "http", "describe", "hello", "-o", "yaml").out


def test_a_dry_run(funkhaus: Terminal, api: FakeApi) -> None:
    for flags in ((), ("--replace",)):
        ran = funkhaus(*CREATE, "--dry-run", *flags)
        assert (ran.code, api.triggers) == (0, {})
        assert "function: hello" in ran.out


def test_a_url_that_comes_later_is_waited_for(funkhaus: Terminal, api: FakeApi) -> None:
    api.scripts["createHTTPTrigger"] = lambda request: _without_url(api, request)
    funkhaus.on_sleep = lambda seconds: (
        api.triggers.update(hello=trigger()) if seconds > 1 else None
    )
    ran = funkhaus(*CREATE)
    assert ran.code == 0
    assert "URL: http://hello.demo.example.com/" in ran.out
    assert "Waiting for the controller" in ran.err


def test_a_url_that_does_not_come_is_no_failure(funkhaus: Terminal, api: FakeApi) -> None:
    api.scripts["createHTTPTrigger"] = lambda request: _without_url(api, request)
    ran = funkhaus(*CREATE, "--wait-timeout", "2")
    assert ran.code == 0
    assert "URL" not in ran.out
    assert "No URL yet. Waiting for the controller." in ran.err
    assert funkhaus.seconds < 3
    again = funkhaus(*CREATE, "--replace", "--wait-timeout", "0")
    assert again.code == 0


def test_a_trigger_that_is_refused_later_is_not_waited_for(
    funkhaus: Terminal, api: FakeApi
) -> None:
    taken = condition("Admitted", "False", "HostTaken", "another trigger has this host")
    api.scripts["createHTTPTrigger"] = lambda request: _without_url(api, request, taken)
    ran = funkhaus(*CREATE)
    assert "Admitted: another trigger has this host" in ran.err
    assert funkhaus.seconds < 1


def _without_url(
    api: FakeApi, request: httpx.Request, *conditions: dict[str, object]
) -> httpx.Response:
    api.createHTTPTrigger(request)
    api.triggers["hello"]["status"] = {"conditions": list(conditions)}
    import httpx

    return httpx.Response(201, json=api.triggers["hello"])


def test_a_host_that_is_not_yours(funkhaus: Terminal, api: FakeApi) -> None:
    def refuse(_: httpx.Request) -> httpx.Response:
        found = finding(
            path="spec.host", message="is outside demo.example.com", passes="hello.demo.example.com"
        )
        raise Refusal(403, "policy-denied", "spec.host: is outside demo.example.com", [found])

    api.scripts["createHTTPTrigger"] = refuse
    ran = funkhaus(*CREATE, "--hostname", "shop.example.org")
    assert ran.code == 1
    assert (
        "  spec.host: is outside demo.example.com\n    passes: hello.demo.example.com\n" in ran.err
    )


@pytest.mark.parametrize(
    "flag", ["--gateway", "--enableTLSAcme", "--basic-auth-secret", "--cors-enable"]
)
def test_flags_of_kubeless_that_are_gone_are_explained(
    funkhaus: Terminal, api: FakeApi, flag: str
) -> None:
    ran = funkhaus(*CREATE, flag)
    assert ran.code == 2
    assert f"Error: {flag}: " in ran.err
    assert not api.requests


def test_autoscale_create_list_delete(funkhaus: Terminal, api: FakeApi) -> None:
    api.functions["hello"] = function()
    api.functions["still"] = function("still")
    ran = funkhaus("autoscale", "create", "hello", "--min", "1", "--max", "3", "--value", "70")
    assert ran.out == "Function hello in demo/default scales from 1 to 3 replicas at 70 % CPU.\n"
    ((_, path, body),) = api.asked("PUT")
    assert path.endswith("/functions/hello/scaling")
    assert body == {"min": 1, "max": 3, "cpuPercent": 70}
    assert funkhaus("autoscale", "list").out.splitlines() == [
        "FUNCTION   MIN   MAX   METRIC   VALUE   REPLICAS",
        "hello      1     3     cpu      70%     1/1",
    ]
    assert funkhaus("autoscale", "delete", "hello", "--yes").code == 0
    assert "scaling" not in api.functions["hello"]["spec"]
    assert funkhaus("autoscale", "list").err == "No function scales in demo/default.\n"


def test_autoscale_to_zero_says_when(funkhaus: Terminal, api: FakeApi) -> None:
    api.functions["hello"] = function()
    ran = funkhaus("autoscale", "create", "hello", "--min", "0", "--max", "1", "--idle", "60")
    assert ran.out == (
        "Function hello in demo/default scales from 0 to 1 replicas at 80 % CPU, and sleeps after 60 s without a call.\n"
    )
    ((_, _, body),) = api.asked("PUT")
    assert body == {"min": 0, "max": 1, "idle": 60}
    said = funkhaus("autoscale", "create", "hello", "--min", "0", "--max", "5").out
    assert said.endswith("at 80 % CPU, and sleeps after 300 s without a call.\n")


def test_autoscale_refuses_what_it_can_not_do(funkhaus: Terminal, api: FakeApi) -> None:
    base = ("autoscale", "create", "hello", "--max", "3")
    qps = funkhaus(*base, "--metric", "qps", "--value", "10")
    assert qps.code == 2
    assert "--metric qps: functions scale by cpu only" in qps.err
    assert funkhaus(*base, "--value", "much").code == 2
    assert "70 passes" in funkhaus(*base, "--value", "much").err
    assert not api.requests


def test_autoscale_bounds_are_the_servers_to_judge(funkhaus: Terminal, api: FakeApi) -> None:
    api.functions["hello"] = function()
    funkhaus("autoscale", "create", "hello", "--min", "0", "--max", "-1")
    ((_, _, body),) = api.asked("PUT")
    assert body == {"min": 0, "max": -1}


OLD = "hello-aaaaaaaaaa"


def test_a_split_names_revisions_by_name_or_digits_or_what_serves(
    funkhaus: Terminal, api: FakeApi
) -> None:
    api.functions["hello"] = function()
    api.revisions = [revision("aaaaaaaaaa")]
    api.triggers["web"] = trigger("web", spec={"function": "hello", "path": "/"})
    ran = funkhaus(
        "trigger", "http", "update", "web", "--split", "aaaa=90", "--split", "current=10"
    )
    assert ran.code == 0
    wanted = [{"revision": OLD, "weight": 90}, {"revision": "current", "weight": 10}]
    assert api.triggers["web"]["spec"]["backends"] == wanted
    assert funkhaus("trigger", "http", "update", "web", "--split", f"{OLD}=1,current=0").code == 0
    assert [item["weight"] for item in api.triggers["web"]["spec"]["backends"]] == [1, 0]
    page = funkhaus("trigger", "http", "describe", "web").out
    assert f"{OLD} 100 %, current 0 %" in page
    assert funkhaus("trigger", "http", "update", "web", "--no-split").code == 0
    assert "backends" not in api.triggers["web"]["spec"]


def test_what_nobody_keeps_is_admissions_to_refuse(funkhaus: Terminal, api: FakeApi) -> None:
    api.functions["hello"] = function()
    api.triggers["web"] = trigger("web", spec={"function": "hello"})
    assert funkhaus("trigger", "http", "update", "web", "--split", "zzz=-1").code == 0
    assert api.triggers["web"]["spec"]["backends"] == [{"revision": "zzz", "weight": -1}]


@pytest.mark.parametrize("text", ["aaaa", "aaaa=", "=1", "aaaa=x", "a/b=1", "aaaa=1=2", ""])
def test_a_share_that_is_none(funkhaus: Terminal, api: FakeApi, text: str) -> None:
    api.triggers["web"] = trigger("web", spec={"function": "hello"})
    ran = funkhaus("trigger", "http", "update", "web", "--split", text)
    assert ran.code == 2
    assert "is not REVISION=WEIGHT" in ran.err


def test_to_split_and_not_to_split_is_one_of_the_two(funkhaus: Terminal, api: FakeApi) -> None:
    api.triggers["web"] = trigger("web", spec={"function": "hello"})
    ran = funkhaus("trigger", "http", "update", "web", "--split", "current=1", "--no-split")
    assert ran.code == 2


def test_a_functions_description_shows_its_shares(funkhaus: Terminal, api: FakeApi) -> None:
    api.functions["hello"] = function()
    shares = [{"revision": OLD, "weight": 3}, {"revision": "current", "weight": 1}]
    api.descriptions["hello"] = {
        "triggers": [trigger("web", spec={"function": "hello", "backends": shares})]
    }
    assert f"{OLD} 75 %, current 25 %" in funkhaus("function", "describe", "hello").out
