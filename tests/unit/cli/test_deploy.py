"""`function deploy`: what is sent, what is said, and what is refused before anything is sent."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
import yaml

from funkhaus.domain.archive import unpack

from .fake_answers import Refusal
from .fake_api import condition, finding, function, serving, trigger

if TYPE_CHECKING:
    from pathlib import Path

    import httpx

    from .conftest import Terminal
    from .fake_api import FakeApi

BASE = ("function", "deploy", "hello", "--runtime", "python3.11", "--handler", "hello.handler")
FUNCTIONS = "/v1/tenants/demo/namespaces/default/functions"


def test_source_in_function_out(funkhaus: Terminal, api: FakeApi, hello: Path) -> None:
    ran = funkhaus(*BASE, "--from-file", str(hello))
    assert (ran.code, ran.out, ran.err) == (0, "Deployed function hello in demo/default.\n", "")
    assert list(api.asked()) == [
        (
            "POST",
            FUNCTIONS,
            {
                "name": "hello",
                "spec": {
                    "runtime": "python3.11",
                    "handler": "hello.handler",
                    "source": {"inline": {"files": {"hello.py": hello.read_text()}}},
                },
            },
        )
    ]


def test_every_flag_has_its_field(
    funkhaus: Terminal, api: FakeApi, hello: Path, tmp_path: Path
) -> None:
    (tmp_path / "requirements.txt").write_text("requests==2.32\n")
    ran = funkhaus(
        "fn", "deploy", "hello", "-r", "python3.11", "--handler", "hello.handler", "-f", str(hello),
        "-d", str(tmp_path / "requirements.txt"), "-e", "A=1,2", "-e", "B:x=y", "--secret-env", "C=s/k",
        "--config-env", "D=m/k", "--cpu", "100m", "--memory", "64Mi", "--timeout", "3m", "--concurrency", "4",
        "-l", "team=a,tier=b", "-n", "shop", "-t", "acme",
    )  # fmt: skip
    assert ran.code == 0, ran.err
    ((_, path, body),) = api.asked()
    assert path == "/v1/tenants/acme/namespaces/shop/functions"
    assert body["labels"] == {"team": "a", "tier": "b"}
    spec = body["spec"]
    assert spec["env"] == [
        {"name": "A", "value": "1,2"},
        {"name": "B", "value": "x=y"},
        {"name": "C", "secretKeyRef": {"name": "s", "key": "k"}},
        {"name": "D", "configMapKeyRef": {"name": "m", "key": "k"}},
    ]
    assert spec["resources"] == {"cpu": "100m", "memory": "64Mi"}
    assert (spec["timeout"], spec["concurrency"]) == (180, 4)
    assert spec["dependencies"] == "requests==2.32\n"


@pytest.mark.parametrize("cpu", ["3", "-1", "1e3", "2 cores"])
def test_amounts_are_the_servers_to_judge(
    funkhaus: Terminal, api: FakeApi, hello: Path, cpu: str
) -> None:
    funkhaus(*BASE, "-f", str(hello), "--cpu", cpu, "--timeout", "-5")
    ((_, _, body),) = api.asked()
    assert body["spec"]["resources"] == {"cpu": cpu}
    assert body["spec"]["timeout"] == -5


def test_a_refusal_is_shown_finding_by_finding(
    funkhaus: Terminal, api: FakeApi, hello: Path
) -> None:
    findings = [
        finding(path="spec.resources.cpu", message="3 CPUs are above the plan's 1", passes="1"),
        finding(path="spec.runtime", message="is not allowed", passes=["python3.11"]),
    ]

    def refuse(_: httpx.Request) -> httpx.Response:
        raise Refusal(
            403,
            "policy-denied",
            "spec.resources.cpu: 3 CPUs are above the plan's 1; spec.runtime: is not allowed",
            findings,
        )

    api.scripts["createFunction"] = refuse
    ran = funkhaus(*BASE, "-f", str(hello), "--wait")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err == (
        "Error: The house rules refuse this\n"
        "  spec.resources.cpu: 3 CPUs are above the plan's 1\n"
        "    passes: 1\n"
        "  spec.runtime: is not allowed\n"
        "    passes: python3.11\n"
    )


def test_one_of_that_name_is_there(funkhaus: Terminal, api: FakeApi, hello: Path) -> None:
    api.functions["hello"] = function()
    ran = funkhaus(*BASE, "-f", str(hello))
    assert ran.code == 1
    assert "there is a 'hello' already" in ran.err
    assert "funkhaus function update hello" in ran.err
    assert "--replace" in ran.err
    assert funkhaus(*BASE, "-f", str(hello), "--replace").code == 0
    assert [method for method, *_ in api.asked()] == ["POST", "PUT"]


def test_waiting_tells_each_step_and_ends_with_the_url(
    funkhaus: Terminal, api: FakeApi, hello: Path
) -> None:
    api.triggers["hello"] = trigger()
    states = [
        {"conditions": []},
        {"conditions": [condition("Admitted", "True", "Admitted"), condition("Built", "Unknown", "Pushing", "pushing")]},
        {"conditions": [condition("Admitted", "True", "Admitted"), condition("Built", "True", "Pushed"),
                        condition("Ready", "Unknown", "Starting", "0/1 replicas are ready")]},
        serving("hello") | {"urls": ["http://hello.demo.example.com/"]},
    ]  # fmt: skip

    def progress(_: float) -> None:
        api.functions["hello"]["status"] = states.pop(0) if states else serving("hello")

    funkhaus.on_sleep = progress
    api.scripts["createFunction"] = lambda request: _unready(api, request)
    ran = funkhaus(*BASE, "-f", str(hello), "--wait")
    assert ran.code == 0, ran.err
    assert ran.out.splitlines() == [
        "Deployed function hello in demo/default.",
        f"Ready after {funkhaus.seconds:.1f} s: revision hello-0123456789, 1/1 replicas.",
        "URL: http://hello.demo.example.com/",
    ]
    assert [line[10:] for line in ran.err.splitlines()] == [
        "Waiting for the controller",
        "Built: pushing",
        "Ready: 0/1 replicas are ready",
    ]


def _unready(api: FakeApi, request: httpx.Request) -> httpx.Response:
    answer = api.createFunction(request)
    api.functions["hello"]["status"] = {}
    return answer


def test_waiting_without_a_trigger_says_how_to_get_one(funkhaus: Terminal, hello: Path) -> None:
    ran = funkhaus(*BASE, "-f", str(hello), "--wait")
    assert ran.code == 0
    assert "funkhaus trigger http create hello --function-name hello" in ran.err
    assert "URL" not in ran.out


def test_waiting_with_json_leaves_standard_output_to_the_document(
    funkhaus: Terminal, hello: Path
) -> None:
    ran = funkhaus(*BASE, "-f", str(hello), "--wait", "-o", "json")
    assert json.loads(ran.out)["status"]["revision"] == "hello-0123456789"


def test_output_formats(funkhaus: Terminal, hello: Path) -> None:
    named = funkhaus(*BASE, "-f", str(hello), "-o", "name")
    assert named.out == "hello\n"
    shown = funkhaus(*BASE, "-f", str(hello), "--replace", "-o", "yaml")
    assert yaml.safe_load(shown.out)["spec"]["handler"] == "hello.handler"
    assert "hello.py: |" in shown.out


def test_a_dry_run_stores_nothing_and_shows_what_it_would(
    funkhaus: Terminal, api: FakeApi, hello: Path, tmp_path: Path
) -> None:
    (tmp_path / "data.txt").write_text("x" * 70_000)
    ran = funkhaus(*BASE, "-f", str(hello), "-f", str(tmp_path / "data.txt"), "--dry-run", "--wait")
    assert ran.code == 0, ran.err
    assert ran.err == "Dry run: admitted, and nothing was stored.\n"
    digest = yaml.safe_load(ran.out)["spec"]["source"]["archive"]["digest"]
    assert (api.functions, api.archives) == ({}, {})
    assert funkhaus(*BASE, "-f", str(hello), "-f", str(tmp_path / "data.txt")).code == 0
    assert list(api.archives) == [digest]
    changed = funkhaus("function", "update", "hello", "--cpu", "1", "--dry-run", "-o", "json")
    assert json.loads(changed.out)["spec"]["resources"]["cpu"] == "1"
    assert "resources" not in api.functions["hello"]["spec"]


def test_replacing_by_force(funkhaus: Terminal, api: FakeApi, hello: Path) -> None:
    funkhaus(*BASE, "-f", str(hello), "--replace", "--force")
    assert dict(api.requests[-1].url.params) == {"force": "true"}
    funkhaus(*BASE, "-f", str(hello), "--replace")
    assert dict(api.requests[-1].url.params) == {}


def test_a_large_source_is_uploaded_and_named_by_digest(
    funkhaus: Terminal, api: FakeApi, hello: Path, tmp_path: Path
) -> None:
    (tmp_path / "data.txt").write_text("x" * 70_000)
    ran = funkhaus(*BASE, "-f", str(hello), "-f", str(tmp_path / "data.txt"))
    assert ran.code == 0, ran.err
    ((digest, content),) = api.archives.items()
    assert unpack(content) == {"data.txt": b"x" * 70_000, "hello.py": hello.read_bytes()}
    assert api.functions["hello"]["spec"]["source"] == {"archive": {"digest": digest}}


def test_from_standard_input(funkhaus: Terminal, api: FakeApi) -> None:
    ran = funkhaus(*BASE, "-f", "-", stdin="def handler(event, context):\n    return 1\n")
    assert ran.code == 0, ran.err
    assert list(api.functions["hello"]["spec"]["source"]["inline"]["files"]) == ["hello.py"]


def test_no_request_is_sent_for_a_line_that_is_wrong(
    funkhaus: Terminal, api: FakeApi, hello: Path, tmp_path: Path
) -> None:
    cases: dict[str, tuple[str, ...]] = {
        "no-such.py: No such file": ("-f", str(tmp_path / "no-such.py")),
        "hello.handler passes": ("-f", str(hello), "--handler", "handler"),
        "no file other.* among hello.py": ("-f", str(hello), "--handler", "other.handler"),
        "--dependencies none.txt": ("-f", str(hello), "-d", "none.txt"),
        "NAME=VALUE passes": ("-f", str(hello), "-e", "LONELY"),
        "is given twice": ("-f", str(hello), "-e", "A=1", "-e", "A=2"),
        "NAME=SECRET/KEY passes": ("-f", str(hello), "--secret-env", "A=s"),
        "is not KEY=VALUE": ("-f", str(hello), "-l", "team"),
        "90, 90s and 3m pass": ("-f", str(hello), "--timeout", "soon"),
        "whole seconds pass": ("-f", str(hello), "--timeout", "1.5"),
        "is too short": ("-f", str(hello), "--wait-timeout", "0"),
        "--from-url has the platform fetch it": ("-f", "https://example.com/hello.py"),
        "a schedule is a trigger of its own": ("-f", str(hello), "--schedule", "* * * * *"),
    }
    for words, flags in cases.items():
        ran = funkhaus(*BASE, *flags)
        assert ran.code == 2, (words, ran)
        assert words in ran.err
        assert ran.out == ""
    assert list(api.asked()) == []


def test_a_function_that_is_not_in_its_file_is_a_warning(
    funkhaus: Terminal, api: FakeApi, hello: Path
) -> None:
    ran = funkhaus(
        "function",
        "deploy",
        "hello",
        "-r",
        "python3.11",
        "--handler",
        "hello.handel",
        "-f",
        str(hello),
    )
    assert ran.code == 0
    assert ran.err == "Warning: hello defines handler, but not handel (--handler hello.handel)\n"
    assert "hello" in api.functions


URL = "https://files.example.com/hello-1.0.zip"
DIGITS = "0123456789abcdef" * 4


@pytest.mark.parametrize("digits", [DIGITS, f"sha256:{DIGITS}", DIGITS.upper()])
def test_source_from_an_address(funkhaus: Terminal, api: FakeApi, digits: str) -> None:
    ran = funkhaus(*BASE, "--from-url", URL, "--sha256", digits, "--path", "src/fn/")
    assert ran.code == 0, ran.err
    ((_, _, body),) = api.asked("POST")
    assert body["spec"]["source"] == {"url": URL, "sha256": DIGITS, "path": "src/fn"}


def test_source_from_a_repository(funkhaus: Terminal, api: FakeApi) -> None:
    url = "https://github.com/o/r"
    ran = funkhaus(*BASE, "--from-git", url, "--ref", "main", "--path", "fn")
    assert ran.code == 0, ran.err
    ((_, _, body),) = api.asked("POST")
    assert body["spec"]["source"] == {"git": {"url": url, "ref": "main", "path": "fn"}}


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ((), "no source is named"),
        (("--from-url", URL), f"curl -fsSL '{URL}' | sha256sum"),
        (("--from-url", URL, "--sha256", "latest"), "'latest' is no SHA-256"),
        (("--from-url", URL, "--sha256", DIGITS, "-f", "hello.py"), "one of them passes"),
        (("--from-url", URL, "--from-git", URL, "--ref", "main"), "one of them passes"),
        (("--from-git", URL), "--ref is missing"),
        (("--from-git", URL, "--ref", "main", "--sha256", DIGITS), "--sha256 goes with --from-url"),
        (("-f", "hello.py", "--ref", "main"), "--ref goes with --from-git"),
        (("-f", "hello.py", "--sha256", DIGITS), "--sha256 goes with --from-url"),
        (("-f", "hello.py", "--path", "fn"), "--path goes with --from-url or --from-git"),
    ],
)
def test_half_an_address_is_refused_here(
    funkhaus: Terminal, api: FakeApi, flags: tuple[str, ...], words: str
) -> None:
    ran = funkhaus(*BASE, *flags)
    assert ran.code == 2
    assert words in ran.err
    assert list(api.asked("POST")) == []
