"""The program of build pods as it runs there: real pip, an index of the test's own, and fetched as the controller does."""

from __future__ import annotations

import asyncio
import functools
import http.server
import os
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from funkhaus.domain import packages
from funkhaus.domain.errors import UnavailableError
from funkhaus_build.installing import BuildError
from funkhaus_build.packing import pack
from funkhaus_build.settings import read
from funkhaus_controller.collecting import PodResults
from tests.support.apiserver import free_port
from tests.support.wheels import wheel

if TYPE_CHECKING:
    from collections.abc import Iterator

HOST, SECRET = "127.0.0.1", "5ec2e7"
SOURCES = Path(__file__).resolve().parents[2] / "runtimes" / "python"


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of an index with the packages `greeting` and `wordy`."""
    folder = tmp_path_factory.mktemp("index")
    wheel(folder, "greeting", "1.0", {"greeting/__init__.py": "WORD = 'moin'\n"})
    wheel(folder, "wordy", "2.0", {f"wordy/m{number}.py": "" for number in range(50)})
    handler = functools.partial(Quiet, directory=folder)
    with http.server.ThreadingHTTPServer((HOST, 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://{HOST}:{server.server_address[1]}/simple/"
        server.shutdown()


@contextmanager
def build(
    folder: Path, index: str, requirements: str, **more: str
) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """The program at work; it and the port it will serve on."""
    port = free_port()
    (folder / "work").mkdir()
    told = {
        "REQUIREMENTS": requirements, "INDEX_URL": index, "SECRET": SECRET, "PORT": str(port), "HOST": HOST,
        "WORK": str(folder / "work"), "TERMINATION_LOG": str(folder / "last"), "PATIENCE": "60",
    } | more  # fmt: skip
    environ = {f"FUNKHAUS_BUILD_{name}": value for name, value in told.items()}
    process = subprocess.Popen(
        [sys.executable, "-m", "funkhaus_build"],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(SOURCES), **environ},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield process, port
    finally:
        process.kill()
        process.communicate(timeout=20)


async def fetched(process: subprocess.Popen[str], results: PodResults, into: Path) -> None:
    """The result, once it is there."""
    while process.poll() is None:
        try:
            return await results.fetch(HOST, SECRET, into)
        except UnavailableError:
            await asyncio.sleep(0.1)
    raise AssertionError(process.communicate()[0])


async def test_what_is_asked_for_is_installed_and_fetched(index: str, tmp_path: Path) -> None:
    with build(tmp_path, index, "greeting==1.0\n") as (process, port):
        results = PodResults.open(port)
        into = tmp_path / "result.tar"
        await fetched(process, results, into)
        log = (await results.log(HOST, SECRET)).decode()
        await results.end(HOST, SECRET)
        code = await asyncio.to_thread(process.wait, 20)
        await results.close()
    assert code == 0
    assert "Successfully installed greeting-1.0" in log
    with into.open("rb") as tar:
        names = {entry.name for entry in packages.index(tar)}
    assert "greeting/__init__.py" in names
    assert "greeting/__pycache__/__init__.cpython-311.pyc" in names, "compiled once, for all pods"


async def test_a_refusal_is_the_last_word(index: str, tmp_path: Path) -> None:
    with build(tmp_path, index, "greeting\n") as (process, port):
        results = PodResults.open(port)
        await fetched(process, results, tmp_path / "result.tar")
        await results.end(HOST, SECRET, "what was built has a link")
        assert await asyncio.to_thread(process.wait, 20) == 3
        await results.close()
    assert (tmp_path / "last").read_text() == "what was built has a link"


@pytest.mark.parametrize(
    ("requirements", "more", "words"),
    [
        ("nowhere==1\n", {}, "No matching distribution found for nowhere==1\nOnly wheels are installed"),
        ("greeting==9\n", {}, "(from versions: 1.0)"),
        (f"greeting==1.0 --hash=sha256:{'0' * 64}\n", {}, "THESE PACKAGES DO NOT MATCH THE HASHES"),
        ("wordy\n", {"FILES_LIMIT": "20"}, "files; at most 20 pass"),
        ("wordy\n", {"BYTES_LIMIT": "100"}, "bytes; at most 100 pass"),
    ],
)  # fmt: skip
def test_what_the_user_can_mend_is_said(
    index: str, tmp_path: Path, requirements: str, more: dict[str, str], words: str
) -> None:
    with build(tmp_path, index, requirements, **more) as (process, _):
        output = process.communicate(timeout=120)[0]
        assert process.returncode == 3, output
    assert words in (tmp_path / "last").read_text()


def test_an_index_that_is_away_is_no_missing_package(tmp_path: Path) -> None:
    nobody = f"http://{HOST}:{free_port()}/simple/"
    with build(tmp_path, nobody, "greeting\n") as (process, _):
        output = process.communicate(timeout=120)[0]
        assert process.returncode == 5, output
    assert (
        "the package index does not answer: NewConnectionError" in (tmp_path / "last").read_text()
    )


def test_a_result_nobody_fetches_ends(index: str, tmp_path: Path) -> None:
    with build(tmp_path, index, "greeting\n", PATIENCE="0.1") as (process, _):
        process.communicate(timeout=120)
        assert process.returncode == 4
    assert "did not fetch" in (tmp_path / "last").read_text()


def test_a_link_is_packed_by_nobody(tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "x").symlink_to("/etc/passwd")
    with pytest.raises(BuildError, match="have a link, x"):
        pack(tmp_path / "tree", tmp_path / "tar", bytes_limit=100, files_limit=10)


def test_settings_without_a_secret_are_none() -> None:
    with pytest.raises(KeyError):
        read({"FUNKHAUS_BUILD_REQUIREMENTS": "", "FUNKHAUS_BUILD_INDEX_URL": "x"})
