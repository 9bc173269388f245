"""The program that fetches sources, with a repository: git's own server on loopback, and what comes of the result."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from funkhaus.domain import archive
from funkhaus.domain.checkout import commit_of
from funkhaus.domain.function import Source
from funkhaus_controller.collecting import PodResults
from tests.integration.test_source_program import HOST, SECRET, fetch, fetched
from tests.support.git_server import git, serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass(frozen=True)
class Served:
    """A repository's address, and its first and second commit."""

    url: str
    first: str
    second: str


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    root = tmp_path_factory.mktemp("git")
    work = root / "hello"
    (work / "fn" / "lib").mkdir(parents=True)
    (work / "links").mkdir()
    (work / "many").mkdir()
    (work / "fn" / "hello.py").write_text("def handler(event, context): return 1\n")
    (work / "fn" / "lib" / "run").write_text("#!/bin/sh\n")
    (work / "fn" / "lib" / "run").chmod(0o755)
    (work / "links" / "x.py").symlink_to("/etc/passwd")
    for number in range(30):
        (work / "many" / f"{number}.py").write_text("x" * 100)
    git(work, "init", "-q", "-b", "main")
    git(work, "add", ".")
    git(work, "commit", "-q", "-m", "first")
    first = git(work, "rev-parse", "HEAD")
    git(work, "tag", "-a", "v1.0", "-m", "one")
    git(work, "tag", "tree-only", "HEAD^{tree}")
    (work / "fn" / "hello.py").write_text("def handler(event, context): return 2\n")
    git(work, "update-index", "--add", "--cacheinfo", f"160000,{first},fn/vendor")
    git(work, "commit", "-q", "-am", "second")
    git(work, "branch", "feature/a+b")
    second = git(work, "rev-parse", "HEAD")
    with serving(root) as origin:
        yield Served(f"{origin}/hello/.git", first, second)


def told(ref: str, **more: str) -> dict[str, str]:
    return {"SOURCE_REF": ref, "SOURCE_PATH": "fn", **more, "SOURCE_SHA256": ""}


async def taken(served: Served, folder: Path, ref: str, **more: str) -> tuple[bytes, str]:
    """What the controller gets, and the log."""
    with fetch(folder, served.url, **told(ref, **more)) as (process, port):
        results = PodResults.open(port)
        await fetched(process, results, folder / "result")
        log = (await results.log(HOST, SECRET)).decode()
        await results.end(HOST, SECRET)
        await results.close()
    return (folder / "result").read_bytes(), log


@pytest.mark.parametrize("ref", ["main", "feature/a+b", "refs/heads/main", "second"])
async def test_a_ref_is_its_commit_and_a_folder_its_files(
    served: Served, tmp_path: Path, ref: str
) -> None:
    named = served.second if ref == "second" else ref
    content, log = await taken(served, tmp_path, named)
    files = archive.unpack(content)
    assert files == {
        "hello.py": b"def handler(event, context): return 2\n",
        "lib/run": b"#!/bin/sh\n",
    }, "and no submodule"
    assert commit_of(content, Source(git=served.url, ref=named)) == served.second
    assert log == f"Fetched {named} of {served.url}: commit {served.second}, 2 files.\n"


async def test_a_tag_and_an_older_commit_are_the_same_bytes(served: Served, tmp_path: Path) -> None:
    made = []
    for ref in ("v1.0", served.first):
        (tmp_path / ref).mkdir()
        content, _ = await taken(served, tmp_path / ref, ref)
        assert commit_of(content, Source(git=served.url, ref=ref)) == served.first
        made.append(content)
    assert made[0] == made[1]


@pytest.mark.parametrize(
    ("ref", "more", "words"),
    [
        ("no-such", {}, "has no branch or tag 'no-such'"),
        ("tree-only", {}, "tree-only is no commit, nor a tag of one"),
        ("main", {"SOURCE_PATH": "gone"}, "has no folder 'gone' at main"),
        ("main", {"SOURCE_PATH": "fn/hello.py"}, "has 'fn/hello.py' as a file; a folder passes"),
        ("main", {"SOURCE_PATH": "links"}, "has the link x.py; files and folders pass"),
        ("main", {"SOURCE_PATH": "many", "FILES_LIMIT": "20"}, "more than 20 files"),
        ("main", {"SOURCE_PATH": "many", "UNPACKED_LIMIT": "1000"}, "more than 1000 bytes"),
        ("main", {"BYTES_LIMIT": "10"}, "bytes; at most 10 pass"),
    ],
)
def test_what_the_user_can_mend_is_said(
    served: Served, tmp_path: Path, ref: str, more: dict[str, str], words: str
) -> None:
    with fetch(tmp_path, served.url, **told(ref, **more)) as (process, _):
        output = process.communicate(timeout=120)[0]
    assert process.returncode == 3, output
    assert words in (tmp_path / "last").read_text()


def test_a_commit_that_is_not_there(served: Served, tmp_path: Path) -> None:
    """Git's server hangs up, which may have other reasons."""
    absent = "0" * 39 + "1"
    with fetch(tmp_path, served.url, **told(absent)) as (process, _):
        output = process.communicate(timeout=120)[0]
    assert process.returncode == 5, output
    assert f"asked for {absent}; a commit it does not have" in (tmp_path / "last").read_text()


@pytest.mark.parametrize(
    ("path", "code", "words"),
    [("/none/.git", 3, "answers 404"), ("/hello/fn", 3, "answers 404")],
)
def test_what_is_no_repository(
    served: Served, tmp_path: Path, path: str, code: int, words: str
) -> None:
    url = served.url.removesuffix("/hello/.git") + path
    with fetch(tmp_path, url, **told("main")) as (process, _):
        output = process.communicate(timeout=120)[0]
    assert process.returncode == code, output
    assert words in (tmp_path / "last").read_text()
