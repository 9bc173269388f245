from __future__ import annotations

import socket
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from funkhaus_cluster import choice, settings
from funkhaus_cluster.errors import ClusterError

DEBIAN_ROOT = choice.Machine(system="Linux", root=True, debian=True, docker=False, kind=False)


def asked(cluster: str = "", context: str = "") -> settings.Settings:
    return settings.from_environ(
        {"FUNKHAUS_CLUSTER": cluster, "FUNKHAUS_CONTEXT": context}, checkout=Path("/checkout")
    )


def test_without_docker_the_node_is_local() -> None:
    assert choice.choose(asked(), DEBIAN_ROOT) == "local"


def test_with_docker_and_kind_it_is_kind_even_for_an_ordinary_user() -> None:
    machine = replace(DEBIAN_ROOT, docker=True, kind=True, root=False)

    assert choice.choose(asked(), machine) == "kind"


def test_with_docker_but_no_kind_a_machine_that_can_goes_local() -> None:
    assert choice.choose(asked(), replace(DEBIAN_ROOT, docker=True)) == "local"


def test_what_is_asked_for_wins() -> None:
    machine = replace(DEBIAN_ROOT, docker=True, kind=True)

    assert choice.choose(asked("local"), machine) == "local"
    assert choice.choose(asked("existing", "prod"), machine) == "existing"


def test_existing_never_guesses_the_context() -> None:
    with pytest.raises(ClusterError, match=r"FUNKHAUS_CONTEXT=<a context.*never guessed"):
        choice.choose(asked("existing"), DEBIAN_ROOT)


def test_a_context_without_existing_is_not_silently_ignored() -> None:
    with pytest.raises(ClusterError, match="say FUNKHAUS_CLUSTER=existing as well"):
        choice.choose(asked(context="prod"), DEBIAN_ROOT)


@pytest.mark.parametrize(
    ("machine", "sentence"),
    [
        (replace(DEBIAN_ROOT, root=False), "needs root"),
        (replace(DEBIAN_ROOT, system="Darwin"), "needs Linux, this is Darwin"),
        (replace(DEBIAN_ROOT, debian=False), "there is no apt-get here"),
    ],
)
def test_a_machine_that_cannot_is_told_what_to_do_instead(
    machine: choice.Machine, sentence: str
) -> None:
    with pytest.raises(ClusterError) as raised:
        choice.choose(asked(), machine)

    assert sentence in str(raised.value)
    assert "FUNKHAUS_CLUSTER=existing FUNKHAUS_CONTEXT=" in str(raised.value)
    assert "FUNKHAUS_CLUSTER=kind" in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("machine", "sentence"),
    [
        (DEBIAN_ROOT, "none answers here"),
        (replace(DEBIAN_ROOT, docker=True), "needs the kind program on PATH"),
    ],
)
def test_kind_asked_for_and_not_to_be_had(machine: choice.Machine, sentence: str) -> None:
    with pytest.raises(ClusterError, match=sentence):
        choice.choose(asked("kind"), machine)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (b"HTTP/1.0 200 OK\r\n\r\nOK", "docker"),
        (b"HTTP/1.0 500 Oops\r\n\r\n", "none"),
        (b"", "none"),
    ],
)
def test_docker_answers_only_when_its_engine_does(
    tmp_path: Path, answer: bytes, expected: str
) -> None:
    path = tmp_path / "docker.sock"
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(path))
    server.listen()

    def serve() -> None:
        connection, _ = server.accept()
        connection.recv(1024)
        connection.sendall(answer)
        connection.close()

    thread = threading.Thread(target=serve)
    thread.start()

    assert choice.docker_answers(path) == (expected == "docker")

    thread.join()
    server.close()


def test_a_socket_nobody_listens_on_is_no_docker(tmp_path: Path) -> None:
    assert not choice.docker_answers(tmp_path / "absent.sock")
