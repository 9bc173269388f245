"""What every `BuildResults` promises: the fake, and http to the very program that runs in a build pod."""

from __future__ import annotations

import asyncio
import threading
import time
import urllib.request
from typing import TYPE_CHECKING

import pytest

from funkhaus.domain.errors import UnavailableError
from funkhaus_build.packing import keyed_digest
from funkhaus_build.serving import Counter
from funkhaus_controller.collecting import PodResults
from tests.support.apiserver import free_port
from tests.support.builds import FakeResults, Result

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from funkhaus.ports import BuildResults

HOST, SECRET, CONTENT = "127.0.0.1", "s3cret", b"a tar" * 100_000


class Exam:
    """A build that has something to fetch; `waits` says whether it does still, `ended` how it was let go."""

    def __init__(
        self, results: BuildResults, waits: Callable[[], bool], ended: Callable[[], str | None]
    ) -> None:
        self.results, self.waits, self.ended = results, waits, ended


@pytest.fixture(params=["fake", "http"])
async def exam(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Exam]:
    if request.param == "fake":
        fake, result = FakeResults(), Result(SECRET, CONTENT, b"log")
        fake.served[HOST] = result
        yield Exam(fake, lambda: result.ended is None, lambda: result.ended)
        return
    request.getfixturevalue("socket_enabled")
    file, port = tmp_path / "served.tar", free_port()
    file.write_bytes(CONTENT)
    counter = Counter(file, b"log", keyed_digest(file, SECRET), SECRET)
    said: list[str | None] = []
    thread = threading.Thread(target=lambda: said.append(counter.run(HOST, port, 60)))
    thread.start()
    await asyncio.to_thread(_listens, port)
    results = PodResults.open(port)

    def ended() -> str | None:
        thread.join(20)
        return said[0]

    yield Exam(results, thread.is_alive, ended)
    counter.end("")
    thread.join()
    await results.close()


def _listens(port: int) -> None:
    """Wait until the thread has its port: a machine with other work starts threads late."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + 30
    while True:
        try:
            with opener.open(f"http://{HOST}:{port}/healthz", timeout=5):
                return
        except OSError:
            assert time.monotonic() < deadline, "nobody listens"
            time.sleep(0.01)


async def test_the_result_and_its_log(exam: Exam, tmp_path: Path) -> None:
    await exam.results.fetch(HOST, SECRET, tmp_path / "result.tar")
    assert (tmp_path / "result.tar").read_bytes() == CONTENT
    assert await exam.results.log(HOST, SECRET) == b"log"
    assert exam.waits()


async def test_it_is_let_go(exam: Exam) -> None:
    await exam.results.end(HOST, SECRET)
    assert exam.ended() == ""


async def test_it_is_refused_with_words(exam: Exam) -> None:
    await exam.results.end(HOST, SECRET, "has a link")
    assert exam.ended() == "has a link"


async def test_another_s_key_opens_nothing(exam: Exam, tmp_path: Path) -> None:
    with pytest.raises(UnavailableError):
        await exam.results.fetch(HOST, "another", tmp_path / "result.tar")
    with pytest.raises(UnavailableError):
        await exam.results.log(HOST, "another")
    with pytest.raises(UnavailableError):
        await exam.results.end(HOST, "another")
    assert exam.waits()
