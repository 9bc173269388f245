"""Flag over environment over context over default; tokens from files; and contexts kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import yaml

from .fake_api import TOKEN

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Terminal
    from .fake_api import FakeApi

LIST = ("function", "list")


def asked(api: FakeApi) -> str:
    return f"{api.requests[-1].url.host}{api.requests[-1].url.path}"


def test_what_wins(funkhaus: Terminal, api: FakeApi) -> None:
    funkhaus("config", "set", "tenant", "from-context")
    funkhaus("config", "set", "namespace", "from-context")
    funkhaus(*LIST)
    assert asked(api).endswith("/tenants/from-context/namespaces/from-context/functions")
    environ = {"FUNKHAUS_TENANT": "from-env", "FUNKHAUS_NAMESPACE": "from-env"}
    funkhaus(*LIST, env=environ)
    assert asked(api).endswith("/tenants/from-env/namespaces/from-env/functions")
    funkhaus(
        *LIST,
        "-t",
        "from-flag",
        "-n",
        "from-flag",
        "--api",
        "https://flag.example.com",
        env=environ,
    )
    assert asked(api) == "flag.example.com/v1/tenants/from-flag/namespaces/from-flag/functions"


def test_connection_flags_stand_anywhere(funkhaus: Terminal, api: FakeApi) -> None:
    funkhaus("--api", "https://first.example.com", *LIST, "-t", "demo")
    assert asked(api).startswith("first.example.com")
    funkhaus(
        "--api",
        "https://first.example.com",
        *LIST,
        "-t",
        "demo",
        "--api",
        "https://last.example.com",
    )
    assert asked(api).startswith("last.example.com")


def test_contexts_are_kept_and_used(funkhaus: Terminal, api: FakeApi, tmp_path: Path) -> None:
    secret = tmp_path / "work.token"
    secret.write_text(f"{TOKEN}\n")
    for key, value in {
        "api": "https://work.example.com",
        "tenant": "demo",
        "token-file": str(secret),
    }.items():
        assert funkhaus("config", "set", key, value, "--context", "work").code == 0
    funkhaus("config", "set", "api", "https://home.example.com", "--context", "home")
    bare = {"FUNKHAUS_API": "", "FUNKHAUS_TOKEN": ""}
    assert funkhaus(*LIST, env=bare).code == 0
    assert asked(api).startswith("work.example.com/v1/tenants/demo")
    funkhaus("config", "use", "home")
    assert funkhaus(*LIST, env=bare).code == 4
    assert funkhaus(*LIST, "--context", "work", env=bare).code == 0
    assert [line.split()[:2] for line in funkhaus("config", "list").out.splitlines()[1:]] == [
        ["*", "home"],
        ["work", "https://work.example.com"],
    ]
    assert funkhaus("config", "delete", "home", "--yes").code == 0
    assert funkhaus("config", "delete", "home", "--yes").code == 3
    assert funkhaus("config", "use", "home").code == 3
    assert funkhaus(*LIST, "--context", "home").code == 2


def test_the_file_never_holds_a_token(funkhaus: Terminal, tmp_path: Path) -> None:
    funkhaus("config", "set", "token-file", "~/secret")
    text = (tmp_path / "home/.config/funkhaus/config.yaml").read_text()
    document = yaml.safe_load(text)
    assert set(document["contexts"]["default"]) == {"token-file"}
    assert document["contexts"]["default"]["token-file"].startswith("/")
    assert funkhaus("config", "set", "token", "fh_usr_x").code == 2


def test_unset(funkhaus: Terminal, api: FakeApi) -> None:
    funkhaus("config", "set", "tenant", "acme")
    assert funkhaus("config", "unset", "tenant").code == 0
    assert funkhaus("config", "unset", "tenant").code == 3
    funkhaus(*LIST)
    assert "/tenants/demo/" in asked(api)


def test_view_says_where_each_value_is_from(funkhaus: Terminal) -> None:
    funkhaus("config", "set", "namespace", "shop")
    rows = {
        line.split()[0]: line for line in funkhaus("config", "view", "-t", "acme").out.splitlines()
    }
    assert rows["api"].endswith("FUNKHAUS_API")
    assert rows["tenant"].endswith("--tenant")
    assert "context 'default'" in rows["namespace"]
    assert TOKEN not in rows["token"]
    assert f"…{TOKEN[-4:]}" in rows["token"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[]", "is not a contexts file"),
        ("current: 3\ncontexts: {}", "is not a contexts file"),
        ("contexts: {a: 3}", "is not a contexts file"),
        ("contexts: {a: {token: x}}", "contexts.a.token"),
        ("contexts: {a: {api: 3}}", "contexts.a.api"),
        ("{", "is not YAML"),
        ("current: gone\ncontexts: {a: {api: x}}", "no context 'gone'"),
        ("#" * 70_000, "more than"),
    ],
)
def test_contexts_files_that_are_broken(
    funkhaus: Terminal, api: FakeApi, tmp_path: Path, text: str, words: str
) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(text)
    ran = funkhaus(*LIST, env={"FUNKHAUS_CONFIG": str(path)})
    assert ran.code == 2
    assert words in ran.err
    assert str(path) in ran.err
    assert not api.requests


def test_an_empty_contexts_file_is_none(funkhaus: Terminal, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("")
    assert funkhaus(*LIST, env={"FUNKHAUS_CONFIG": str(tmp_path / "config.yaml")}).code == 0


def test_a_token_from_a_file_wins_over_the_environment(
    funkhaus: Terminal, api: FakeApi, tmp_path: Path
) -> None:
    (tmp_path / "token").write_text(f"\n{TOKEN}\n")
    ran = funkhaus(*LIST, "--token-file", str(tmp_path / "token"), env={"FUNKHAUS_TOKEN": "other"})
    assert ran.code == 0
    assert api.requests[-1].headers["authorization"] == f"Bearer {TOKEN}"


@pytest.mark.parametrize(
    "text", [b"", b"two words", b"line\r\nX-Evil: 1", b"\xff\xfe", "tökén".encode()]
)
def test_tokens_that_can_be_none(
    funkhaus: Terminal, api: FakeApi, tmp_path: Path, text: bytes
) -> None:
    (tmp_path / "token").write_bytes(text)
    ran = funkhaus(*LIST, "--token-file", str(tmp_path / "token"))
    assert ran.code in {2, 4}
    assert "token" in ran.err
    assert not api.requests


def test_no_token(funkhaus: Terminal, api: FakeApi) -> None:
    ran = funkhaus(*LIST, env={"FUNKHAUS_TOKEN": ""})
    assert ran.code == 4
    assert "FUNKHAUS_TOKEN or --token-file" in ran.err
    assert funkhaus(*LIST, "--token-file", "/no/such/file").code == 2
    assert not api.requests


def test_a_token_that_is_not_valid(funkhaus: Terminal) -> None:
    ran = funkhaus(*LIST, env={"FUNKHAUS_TOKEN": "fh_usr_mangled"})
    assert ran.code == 4
    assert "Hint: funkhaus login, or set FUNKHAUS_TOKEN or --token-file" in ran.err
    assert "fh_usr_mangled" not in ran.err
