"""`trigger cronjob`: Kubeless's flags, and nothing changes that was not named."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from .fake_api import cron_trigger

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Ran, Terminal
    from .fake_api import FakeApi

CREATE = ("create", "nightly", "--function", "hello", "--schedule", "0 3 * * *")


def cronjob(funkhaus: Terminal, *words: str) -> Ran:
    return funkhaus("trigger", "cronjob", *words)


def sent(api: FakeApi, method: str) -> Any:
    ((_, _, body),) = api.asked(method)
    return body["spec"]


def test_what_is_named_is_sent(funkhaus: Terminal, api: FakeApi) -> None:
    ran = cronjob(funkhaus, *CREATE)
    assert ran.out == "Created cron trigger nightly for function hello in demo/default.\n"
    assert sent(api, "POST") == {"function": "hello", "schedule": "0 3 * * *"}


def test_every_flag_has_its_field(funkhaus: Terminal, api: FakeApi) -> None:
    more = (
        "--timezone", "Europe/Berlin", "--payload", '{"a": "it\'s"}', "--concurrency-policy", "forbid", "--suspend",
        "--successful-history", "5", "--failed-history", "2",
    )  # fmt: skip
    assert cronjob(funkhaus, *CREATE, *more).code == 0
    assert sent(api, "POST") == {
        "function": "hello", "schedule": "0 3 * * *", "timeZone": "Europe/Berlin", "payload": {"a": "it's"},
        "concurrencyPolicy": "Forbid", "suspend": True, "successfulJobsHistoryLimit": 5, "failedJobsHistoryLimit": 2,
    }  # fmt: skip


@pytest.mark.parametrize(("name", "text"), [("p.json", '{"a": 1}'), ("p.yaml", "a: 1\n")])
def test_a_payload_from_a_file(
    funkhaus: Terminal, api: FakeApi, tmp_path: Path, name: str, text: str
) -> None:
    (tmp_path / name).write_text(text)
    assert cronjob(funkhaus, *CREATE, "-f", str(tmp_path / name)).code == 0
    assert sent(api, "POST")["payload"] == {"a": 1}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("-p", "{"), "--payload can't be read"),
        (("-p", "[1]"), "--payload is no JSON object"),
        (("-p", "{}", "-f", "x"), "one of the two passes"),
        (("-f", "/nowhere.json"), "No such file"),
    ],
)
def test_a_payload_that_is_none(funkhaus: Terminal, words: tuple[str, ...], said: str) -> None:
    ran = cronjob(funkhaus, *CREATE, *words)
    assert ran.code == 2
    assert said in ran.err


@pytest.fixture
def held(api: FakeApi) -> None:
    api.crons["nightly"] = cron_trigger()


@pytest.mark.usefixtures("held")
@pytest.mark.parametrize(
    ("words", "patch"),
    [
        (("--schedule", "@daily"), {"schedule": "@daily"}),
        (("--suspend",), {"suspend": True}),
        (("--resume",), {"suspend": False}),
        (("--function", "other"), {"function": "other"}),
        (("--no-payload",), {"payload": None}),
        (("-p", '{"a": {"b": 3}, "d": 4}'), {"payload": {"a": {"b": 3, "c": None}, "d": 4}}),
        (("-p", '{"d": 4}'), {"payload": {"a": None, "d": 4}}),
    ],
)
def test_an_update_sends_nothing_else(
    funkhaus: Terminal, api: FakeApi, words: tuple[str, ...], patch: dict[str, Any]
) -> None:
    ran = cronjob(funkhaus, "update", "nightly", *words)
    assert ran.out == "Updated cron trigger nightly in demo/default.\n"
    assert sent(api, "PATCH") == patch


@pytest.mark.usefixtures("held")
def test_an_update_of_nothing_is_a_mistake(funkhaus: Terminal) -> None:
    assert "nothing to change" in cronjob(funkhaus, "update", "nightly").err
    assert cronjob(funkhaus, "update", "nightly", "--no-payload", "-p", "{}").code == 2


@pytest.mark.usefixtures("held")
def test_a_dry_run_stores_nothing(funkhaus: Terminal, api: FakeApi) -> None:
    ran = cronjob(funkhaus, "update", "nightly", "--suspend", "--dry-run")
    assert "nothing was stored" in ran.err
    assert api.crons["nightly"]["spec"]["suspend"] is False


@pytest.mark.usefixtures("held")
def test_the_list_says_when_and_how(funkhaus: Terminal) -> None:
    heading, row = (line.split() for line in cronjob(funkhaus, "list").out.splitlines())
    assert heading == ["NAME", "FUNCTION", "READY", "SCHEDULE", "NEXT", "LAST", "RESULT", "AGE"]
    assert row == [
        "nightly",
        "hello",
        "yes",
        *["0", "3", "*", "*", "*"],
        "in",
        "15h",
        "9h",
        "Failed",
        "60m",
    ]
    assert cronjob(funkhaus, "list", "-o", "name").out == "nightly\n"
    assert "2" in cronjob(funkhaus, "list", "-o", "wide").out.splitlines()[1].split()


def test_an_empty_list(funkhaus: Terminal) -> None:
    assert "No cron triggers in demo/default." in cronjob(funkhaus, "list").err


@pytest.mark.usefixtures("held")
def test_the_page(funkhaus: Terminal) -> None:
    page = " ".join(cronjob(funkhaus, "describe", "nightly").out.split())
    for words in (
        "Schedule: 0 3 * * * (UTC)", "Next run: 2026-03-02T03:00:00Z (in 15h)", "Last run: Failed, 9h ago (exit code 200)",
        "Missed: 2 since the last run that began", "500: it broke", '"b": 1',
    ):  # fmt: skip
        assert words in page


@pytest.mark.usefixtures("held")
def test_deletion(funkhaus: Terminal, api: FakeApi) -> None:
    assert (
        cronjob(funkhaus, "delete", "nightly", "--yes").out
        == "Deleted cron trigger nightly in demo/default.\n"
    )
    assert not api.crons
    assert cronjob(funkhaus, "delete", "nightly", "--yes").code != 0
    assert cronjob(funkhaus, "delete", "nightly", "--ignore-not-found", "--yes").code == 0


def test_who_looks_for_the_old_flag_is_told(funkhaus: Terminal) -> None:
    ran = funkhaus("function", "deploy", "x", "--schedule", "@daily")
    assert "funkhaus trigger cronjob create" in ran.err
