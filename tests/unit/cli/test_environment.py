"""``--env`` and its kin."""

from __future__ import annotations

import click
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from funkhaus_cli.environment import entries, merged

NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,20}", fullmatch=True)


def env(*texts: str, dropping: bool = False) -> tuple[list[tuple[str, str]], set[str]]:
    found, dropped = entries(texts, (), (), dropping=dropping)
    return [(entry["name"], entry["value"]) for entry in found], dropped


@settings(deadline=None)  # other tests run beside it
@given(NAMES, st.sampled_from("=:"), st.text())
def test_the_value_is_everything_after_the_first_separator(
    name: str, separator: str, value: str
) -> None:
    assert env(f"{name}{separator}{value}")[0] == [(name, value)]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("A=", ""), ("A=b=c", "b=c"), ("A:b=c", "b=c"), ("A=http://x:1/?q=1,2", "http://x:1/?q=1,2"),
        ("A= spaced ", " spaced "), ("A=-", "-"), ("A=two\nlines", "two\nlines"),
    ],
)  # fmt: skip
def test_values_are_taken_as_they_are(text: str, value: str) -> None:
    assert env(text, dropping=True)[0] == [("A", value)]


@pytest.mark.parametrize("text", ["A", "", "=x", "1A=x", "A B=x", "Ä=x", "A-B=x", "A-"])
def test_what_is_no_variable(text: str) -> None:
    with pytest.raises(click.BadParameter):
        env(text)


def test_dropping_is_for_updates() -> None:
    assert env("A-", "B=1", dropping=True) == ([("B", "1")], {"A"})


def test_commas_belong_to_the_value_and_that_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert env("A=1,2")[0] == [("A", "1,2")]
    assert capsys.readouterr().err == ""
    assert env("A=1,B=2")[0] == [("A", "1,B=2")]
    assert "repeat --env to set B as well" in capsys.readouterr().err


@pytest.mark.parametrize("twice", [("A=1", "A=2"), ("A=1", "A-")])
def test_twice_is_once_too_often(twice: tuple[str, ...]) -> None:
    with pytest.raises(click.BadParameter, match="A is given twice"):
        env(*twice, dropping=True)


@pytest.mark.parametrize("text", ["A=s", "A=/k", "A=s/", "A=s/k/x", "A", "=s/k"])
def test_references_name_holder_and_key(text: str) -> None:
    with pytest.raises(click.BadParameter):
        entries((), (text,), (), dropping=False)


@settings(deadline=None)  # other tests run beside it
@given(st.lists(NAMES, unique=True), st.lists(NAMES, unique=True))
def test_merging_keeps_the_old_order_and_every_name_once(before: list[str], now: list[str]) -> None:
    old = [{"name": name, "value": "old"} for name in before]
    new = [{"name": name, "value": "new"} for name in now]
    result = merged(old, new, set())
    names = [entry["name"] for entry in result]
    assert names[: len(before)] == before
    assert sorted(names) == sorted(set(before) | set(now))
    assert all(entry["value"] == ("new" if entry["name"] in now else "old") for entry in result)
