"""A ref of a repository over smart HTTP: looked up, fetched without history, and one folder of it packed.

Submodules stay out and pointers of LFS are what they are, as git itself leaves both. No credential is sent. The archive
notes its commit as ``git archive`` does.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import re
import stat
import sys
import tarfile
import zlib
from typing import TYPE_CHECKING

from dulwich.client import AbstractHttpGitClient
from dulwich.errors import GitProtocolError, HangupException, NotGitRepository
from dulwich.objects import Blob, Commit, Tag, Tree
from dulwich.repo import Repo

from funkhaus_build.installing import BuildError
from funkhaus_build.source.away import AwayError
from funkhaus_build.source.web import address

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from http.client import HTTPResponse
    from pathlib import Path

    from dulwich.objects import ObjectID, ShaFile, TreeEntry
    from dulwich.refs import Ref

    from funkhaus_build.source.settings import Settings
    from funkhaus_build.source.web import Web

TRANSFER_LIMIT = 256 * 1024 * 1024
"""Bytes a server may send: all of a commit's files, whichever folder is meant."""
DEPTH_LIMIT = 64
"""Folders within folders."""
TAGS_LIMIT = 8
"""Tags of tags."""
_COMMIT = re.compile(r"[0-9a-f]{40}")
_TYPE = "application/x-git-"


def fetch(web: Web, settings: Settings, into: Path) -> str:
    """Write a gzipped tar of the folder; what was done, in a line. Raises `BuildError`, `AwayError`."""
    shown = address(settings.url).shown
    try:
        with contextlib.ExitStack() as stack:
            repo = stack.enter_context(Repo.init_bare(settings.work / "repository", mkdir=True))
            client = _Client(web, stack, settings.url)
            wanted: list[ObjectID] = []
            client.fetch(
                b"",
                repo,
                determine_wants=lambda refs, depth=None: _wanted(refs, settings, wanted),  # noqa: ARG005 - dulwich's
                depth=1,
                ref_prefix=_names(settings.ref),
            )
            commit = _commit(repo, wanted[0], settings.ref)
            files = list(_files(repo, commit, settings, shown))
            _pack(files, commit.id.decode(), into)
    except NotGitRepository as error:
        raise BuildError(f"{shown} is no git repository") from error
    except HangupException as error:
        asked = (
            "; a commit it does not have ends so, too" if _COMMIT.fullmatch(settings.ref) else ""
        )
        raise AwayError(f"{shown} hung up when asked for {settings.ref}{asked}") from error
    except (
        GitProtocolError,
        KeyError,
        ValueError,
        AssertionError,
        IndexError,
        zlib.error,
        EOFError,
    ) as error:
        raise BuildError(f"{shown} sent no {settings.ref}: {str(error)[:300]}") from error
    size = into.stat().st_size
    if size > settings.bytes_limit:
        raise BuildError(
            f"{shown} makes an archive of {size} bytes; at most {settings.bytes_limit} pass"
        )
    return f"Fetched {settings.ref} of {shown}: commit {commit.id.decode()}, {len(files)} files.\n"


class _Answer:
    """What dulwich looks at in an answer."""

    def __init__(self, answer: HTTPResponse, moved: str) -> None:
        self.content_type = answer.headers.get("Content-Type")
        self.redirect_location = moved
        self.status = answer.status

    def close(self) -> None:
        """It is closed with all others, at the end."""


class _Client(AbstractHttpGitClient):
    """The git protocol over `Web`: nothing else connects."""

    def __init__(self, web: Web, stack: contextlib.ExitStack, url: str) -> None:
        super().__init__(url, quiet=True)
        self._web, self._stack, self._left = web, stack, TRANSFER_LIMIT

    def get_url(self, path: str) -> str:
        """The repository: there is but one."""
        del path
        return self._base_url

    def _get_url(self, path: str | bytes) -> str:
        del path
        return self._base_url

    def _http_request(  # type: ignore[override]  # what dulwich uses of urllib3's answer
        self,
        url: str,
        headers: dict[str, str] | None = None,
        data: bytes | Iterator[bytes] | None = None,
        raise_for_status: bool = True,  # noqa: FBT001, FBT002 - dulwich's
    ) -> tuple[_Answer, Callable[[int], bytes]]:
        del raise_for_status
        body = data if data is None or isinstance(data, bytes) else b"".join(data)
        method = "GET" if body is None else "POST"
        answer, at = self._stack.enter_context(self._web.ask(method, url, headers, body))
        if not str(answer.headers.get("Content-Type", "")).startswith(_TYPE):
            raise NotGitRepository
        moved = at.url if at.url != url else ""

        def read(size: int) -> bytes:
            piece = answer.read(size)
            self._left -= len(piece)
            if self._left < 0:
                raise BuildError(
                    f"{at.shown} sends more than {TRANSFER_LIMIT} bytes; at most so many pass"
                )
            return piece

        return _Answer(answer, moved), read


def _names(ref: str) -> list[bytes]:
    """What a ref may be called: in full, a branch, a tag."""
    return [f"{start}{ref}".encode() for start in ("refs/heads/", "refs/tags/", "")]


def _wanted(refs: dict[Ref, ObjectID], settings: Settings, found: list[ObjectID]) -> list[ObjectID]:
    """The object a ref is: a branch before a tag of that name, as ``git clone --branch`` has it."""
    if _COMMIT.fullmatch(settings.ref):
        found.append(settings.ref.encode())  # type: ignore[arg-type]  # an ObjectID is bytes
        return found
    for name in _names(settings.ref):
        if name in refs:
            found.append(refs[name])  # type: ignore[index]  # a Ref is bytes
            return found
    raise BuildError(f"{address(settings.url).shown} has no branch or tag {settings.ref!r}")


def _commit(repo: Repo, name: ObjectID, ref: str) -> Commit:
    found: ShaFile = repo[name]
    for _ in range(TAGS_LIMIT):
        if not isinstance(found, Tag):
            break
        found = repo[found.object[1]]
    if not isinstance(found, Commit):
        raise BuildError(f"{ref} is no commit, nor a tag of one")
    return found


def _files(
    repo: Repo, commit: Commit, settings: Settings, shown: str
) -> Iterator[tuple[str, Blob, bool]]:
    """Path, content and whether it may be executed, of each file in the folder."""
    folder = _folder(repo, commit, settings, shown)
    count = total = 0
    for entry in repo.object_store.iter_tree_contents(folder, max_depth=DEPTH_LIMIT):
        path = _path(entry)
        if stat.S_IFMT(entry.mode) == stat.S_IFLNK | stat.S_IFDIR:  # a gitlink
            sys.stdout.write(f"{path} is a submodule, which is left out.\n")
            continue
        if not stat.S_ISREG(entry.mode):
            raise BuildError(f"{shown} has the link {path}; files and folders pass")
        blob = repo[entry.sha]
        if not isinstance(blob, Blob):
            raise BuildError(f"{shown} has {path}, which is no file")
        count, total = count + 1, total + blob.raw_length()
        if count > settings.files_limit:
            raise BuildError(
                f"the source has more than {settings.files_limit} files; at most so many pass: name a folder (path)"
            )
        if total > settings.unpacked_limit:
            raise BuildError(
                f"the source has more than {settings.unpacked_limit} bytes; at most so many pass: name a folder (path)"
            )
        yield path, blob, bool(entry.mode & stat.S_IXUSR)


def _folder(repo: Repo, commit: Commit, settings: Settings, shown: str) -> ObjectID:
    at: ObjectID = commit.tree
    for part in filter(None, settings.path.split("/")):
        tree = repo[at]
        if not isinstance(tree, Tree) or part.encode() not in tree:
            raise BuildError(f"{shown} has no folder {settings.path!r} at {settings.ref}")
        _, at = tree[part.encode()]
    if not isinstance(repo[at], Tree):
        raise BuildError(f"{shown} has {settings.path!r} as a file; a folder passes")
    return at


def _path(entry: TreeEntry) -> str:
    try:
        return bytes(entry.path).decode()
    except UnicodeDecodeError as error:
        raise BuildError(
            f"the source has the name {bytes(entry.path)!r}, which is no UTF-8"
        ) from error


def _pack(files: list[tuple[str, Blob, bool]], commit: str, into: Path) -> None:
    """The same commit and folder are the same bytes."""
    with (
        into.open("xb") as file,
        gzip.GzipFile("", "wb", 6, file, mtime=0) as packed,
        tarfile.open(
            fileobj=packed, mode="w", format=tarfile.PAX_FORMAT, pax_headers={"comment": commit}
        ) as archive,
    ):
        for path, blob, executable in sorted(files, key=lambda item: item[0]):
            info = tarfile.TarInfo(path)
            info.size, info.mode = blob.raw_length(), 0o755 if executable else 0o644
            archive.addfile(info, io.BytesIO(blob.as_raw_string()))
