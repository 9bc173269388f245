"""A kubeconfig without a secret in it, and the plugin it names."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from .conftest import answers
from .fake_answers import Refusal
from .fake_api import TOKEN
from .fake_credentials import CA
from .fake_tenants import namespace

if TYPE_CHECKING:
    import httpx

    from .conftest import Ran, Terminal
    from .fake_api import FakeApi

V1 = "client.authentication.k8s.io/v1"


@pytest.fixture(autouse=True)
def _default(api: FakeApi) -> None:
    api.namespaces["default"] = namespace("default")


def written(ran: Ran) -> dict[str, Any]:
    """The document at the path printed."""
    assert ran.code == 0, ran.err
    document: dict[str, Any] = yaml.safe_load(Path(ran.out.strip()).read_text())
    return document


def plugin(document: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = document["users"][0]["user"]["exec"]
    return found


def refuse(_: httpx.Request) -> httpx.Response:
    raise Refusal(403, "forbidden", "this token does not open kubectl: its scopes leave out a lot")


def test_what_is_written(funkhaus: Terminal) -> None:
    ran = funkhaus("kubeconfig")
    document = written(ran)
    (cluster,) = document["clusters"]
    assert cluster["cluster"] == {
        "server": "https://kube.example.com:6443",
        "certificate-authority-data": base64.b64encode(CA.encode()).decode(),
    }
    assert plugin(document) | {"installHint": ""} == {
        "apiVersion": V1,
        "command": "funkhaus",
        "args": ["kubectl-credential", "--api", "https://api.example.com", "--context", "default"],
        "installHint": "",
        "interactiveMode": "Never",
        "provideClusterInfo": False,
    }
    (context,) = document["contexts"]
    assert context["name"] == document["current-context"]
    assert context["context"]["namespace"] == "demo--default"
    path = Path(ran.out.strip())
    assert path.stat().st_mode & 0o777 == 0o600
    assert [item.name for item in path.parent.iterdir()] == ["demo--default.yaml"]
    for secret in (TOKEN, "fh_kct_secret"):
        assert secret not in path.read_text()


def test_to_a_file_and_again(funkhaus: Terminal, tmp_path: Path) -> None:
    path = tmp_path / "new" / "k"
    for _ in range(2):
        assert funkhaus("kubeconfig", "--output", str(path)).out == f"{path}\n"
    assert path.stat().st_mode & 0o777 == 0o600


def test_to_standard_output(funkhaus: Terminal, tmp_path: Path) -> None:
    ran = funkhaus("kubeconfig", "-o", "-")
    assert yaml.safe_load(ran.out)["kind"] == "Config"
    assert not (tmp_path / "home").exists()


def test_a_file_of_somebody_elses_stays(funkhaus: Terminal, tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text("apiVersion: v1\nkind: Config\n")
    ran = funkhaus("kubeconfig", "-o", str(path))
    assert (ran.code, ran.out) == (2, "")
    assert "was not written by this command" in ran.err
    assert path.read_text() == "apiVersion: v1\nkind: Config\n"


def test_a_file_that_can_not_be(funkhaus: Terminal, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    ran = funkhaus("kubeconfig", "-o", str(tmp_path / "taken" / "k"))
    assert ran.code == 1
    assert "can't be written: " in ran.err


def test_the_plugin_asks_as_who_wrote_it(funkhaus: Terminal, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(TOKEN)
    assert (
        funkhaus("config", "set", "api", "https://api.example.com/", "--context", "work").code == 0
    )
    ran = funkhaus(
        "kubeconfig", "--context", "work", "--token-file", str(file), env={"FUNKHAUS_TOKEN": "", "FUNKHAUS_API": ""}
    )  # fmt: skip
    args = plugin(written(ran))["args"]
    assert args == [
        "kubectl-credential", "--api", "https://api.example.com", "--context", "work", "--token-file", str(file),
    ]  # fmt: skip
    made = funkhaus(*args, env={"FUNKHAUS_TOKEN": "", "FUNKHAUS_API": ""})
    assert json.loads(made.out)["status"]["token"] == "fh_kct_secret"


def test_no_certificates_means_the_callers_own(funkhaus: Terminal, api: FakeApi) -> None:
    api.cluster["certificateAuthority"] = ""
    document = written(funkhaus("kubeconfig"))
    assert document["clusters"][0]["cluster"] == {"server": "https://kube.example.com:6443"}


@pytest.mark.parametrize("words", [("kubeconfig",), ("kubectl-credential",)])
def test_a_restricted_token_is_told(
    funkhaus: Terminal, api: FakeApi, tmp_path: Path, words: tuple[str, ...]
) -> None:
    api.scripts["exchangeForKubectl"] = refuse
    ran = funkhaus(*words)
    assert (ran.code, ran.out) == (4, "")
    assert "does not open kubectl" in ran.err
    assert not (tmp_path / "home").exists()


def test_a_namespace_that_is_not_there(funkhaus: Terminal, tmp_path: Path) -> None:
    assert funkhaus("kubeconfig", "-n", "ghost").code == 3
    assert not (tmp_path / "home").exists()


def test_the_credential_is_all_there_is(funkhaus: Terminal, api: FakeApi) -> None:
    told = json.dumps({"apiVersion": V1, "kind": "ExecCredential", "spec": {"interactive": False}})
    ran = funkhaus("kubectl-credential", env={"KUBERNETES_EXEC_INFO": told})
    assert json.loads(ran.out) == {
        "apiVersion": V1,
        "kind": "ExecCredential",
        "status": {"token": "fh_kct_secret", "expirationTimestamp": "2026-03-01T12:10:00Z"},
    }
    assert ran.err == ""
    assert list(api.asked()) == [("POST", "/v1/me/kubectl-credential", None)]


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ('{"apiVersion": "client.authentication.k8s.io/v1beta1"}', "wants a credential of client"),
        ("[]", "is not what kubectl sets"),
        ("nonsense", "is not what kubectl sets"),
    ],
)
def test_another_version_is_refused(
    funkhaus: Terminal, api: FakeApi, told: str, words: str
) -> None:
    ran = funkhaus("kubectl-credential", env={"KUBERNETES_EXEC_INFO": told})
    assert (ran.code, ran.out) == (2, "")
    assert words in ran.err
    assert not list(api.asked())


def test_nobody_to_ask_as(funkhaus: Terminal) -> None:
    ran = funkhaus("kubectl-credential", env={"FUNKHAUS_TOKEN": ""})
    assert (ran.code, ran.out) == (4, "")
    assert "funkhaus login" in ran.err


def test_a_server_that_is_away(funkhaus: Terminal) -> None:
    funkhaus.network = answers(503, text="<html>")
    ran = funkhaus("kubectl-credential")
    assert (ran.code, ran.out) == (5, "")
    assert ran.err
