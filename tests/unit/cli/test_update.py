"""`function update`: what was named changes, and nothing else does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from .fake_api import function

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Terminal
    from .fake_api import FakeApi


@pytest.fixture
def held(api: FakeApi) -> dict[str, Any]:
    api.functions["hello"] = function()
    spec: dict[str, Any] = api.functions["hello"]["spec"]
    spec["env"] = [
        {"name": "A", "value": "1"},
        {"name": "S", "secretKeyRef": {"name": "s", "key": "k"}},
    ]
    return spec


def patch(api: FakeApi) -> Any:
    ((_, _, body),) = api.asked("PATCH")
    return body["spec"]


@pytest.mark.usefixtures("held")
def test_only_what_is_named_is_sent(funkhaus: Terminal, api: FakeApi) -> None:
    ran = funkhaus("function", "update", "hello", "--memory", "256Mi")
    assert (ran.code, ran.out) == (0, "Updated function hello in demo/default.\n")
    assert patch(api) == {"resources": {"memory": "256Mi"}}
    spec = api.functions["hello"]["spec"]
    assert spec["resources"] == {"cpu": "250m", "memory": "256Mi"}
    assert spec["timeout"] == 180
    assert spec["env"][1] == {"name": "S", "secretKeyRef": {"name": "s", "key": "k"}}


@pytest.mark.usefixtures("held")
def test_variables_change_one_by_one(funkhaus: Terminal, api: FakeApi) -> None:
    ran = funkhaus("function", "update", "hello", "-e", "S=plain", "-e", "A-", "-e", "N=new")
    assert ran.code == 0, ran.err
    assert api.functions["hello"]["spec"]["env"] == [
        {"name": "S", "value": "plain"},
        {"name": "N", "value": "new"},
    ]


@pytest.mark.usefixtures("held")
def test_a_variable_that_is_not_there_can_not_be_dropped(funkhaus: Terminal, api: FakeApi) -> None:
    ran = funkhaus("function", "update", "hello", "-e", "B-")
    assert ran.code == 2
    assert "the function has no B; it has: A, S" in ran.err
    assert not list(api.asked("PATCH"))


def test_new_source_replaces_all_the_old(
    funkhaus: Terminal, api: FakeApi, held: dict[str, Any], hello: Path
) -> None:
    held["source"] = {"inline": {"files": {"hello.py": "old", "gone.py": "old"}}}
    assert funkhaus("function", "update", "hello", "-f", str(hello)).code == 0
    assert api.functions["hello"]["spec"]["source"] == {
        "inline": {"files": {"hello.py": hello.read_text()}}
    }
    assert patch(api)["source"]["inline"]["files"]["gone.py"] is None


def test_source_moves_between_inline_and_archive(
    funkhaus: Terminal, api: FakeApi, held: dict[str, Any], hello: Path, tmp_path: Path
) -> None:
    (tmp_path / "big.txt").write_text("x" * 70_000)
    assert funkhaus("function", "update", "hello", "-f", str(tmp_path)).code == 0
    (digest,) = api.archives
    assert api.functions["hello"]["spec"]["source"] == {"archive": {"digest": digest}}
    assert funkhaus("function", "update", "hello", "-f", str(hello)).code == 0
    assert list(api.functions["hello"]["spec"]["source"]) == ["inline"]
    assert held is not None


@pytest.mark.usefixtures("held")
def test_the_handler_in_force_is_looked_for_in_new_source(
    funkhaus: Terminal, api: FakeApi, tmp_path: Path
) -> None:
    other = tmp_path / "other.py"
    other.write_text("def main(event, context):\n    return 1\n")
    ran = funkhaus("function", "update", "hello", "-f", str(other))
    assert ran.code == 2
    assert "--handler other.main passes" in ran.err
    assert not list(api.asked("PATCH"))
    assert (
        funkhaus("function", "update", "hello", "-f", str(other), "--handler", "other.main").code
        == 0
    )


@pytest.mark.usefixtures("held")
def test_a_change_that_changes_nothing_says_so(funkhaus: Terminal) -> None:
    ran = funkhaus("function", "update", "hello", "--memory", "128Mi")
    assert ran.out == "Unchanged: function hello in demo/default.\n"


def test_nothing_named_is_a_wrong_line(funkhaus: Terminal, api: FakeApi) -> None:
    ran = funkhaus("function", "update", "hello", "--wait")
    assert ran.code == 2
    assert "nothing to change" in ran.err
    assert not list(api.asked())


def test_no_such_function(funkhaus: Terminal) -> None:
    ran = funkhaus("function", "update", "ghost", "--cpu", "1")
    assert ran.code == 3
    assert ran.err == "Error: 'ghost' does not exist, or you may not see it\n"


@pytest.mark.usefixtures("held")
def test_waits_for_the_new_generation(funkhaus: Terminal, api: FakeApi) -> None:
    update = api.updateFunction

    def lagging(request: Any) -> Any:
        before = api.functions["hello"]["status"]
        answer = update(request)
        api.functions["hello"]["status"] = before
        return answer

    api.scripts["updateFunction"] = lagging
    funkhaus.on_sleep = lambda seconds: _catch_up(api) if seconds > 1 else None
    ran = funkhaus("function", "update", "hello", "--cpu", "1", "--wait")
    assert ran.code == 0
    assert "Waiting for the controller" in ran.err
    assert funkhaus.seconds > 1


def _catch_up(api: FakeApi) -> None:
    for item in api.functions["hello"]["status"]["conditions"]:
        item["observedGeneration"] = 2


def test_source_from_an_address_replaces_what_was_there(
    funkhaus: Terminal, api: FakeApi, held: dict[str, Any]
) -> None:
    url, digits = "https://files.example.com/a.zip", "0" * 64
    assert "inline" in held["source"]
    ran = funkhaus("function", "update", "hello", "--from-url", url, "--sha256", digits)
    assert ran.code == 0, ran.err
    assert patch(api) == {"source": {"inline": None, "url": url, "sha256": digits}}
