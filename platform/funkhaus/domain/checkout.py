"""What a git ref was when it was looked up: a commit, and the archive of its files."""

from __future__ import annotations

import gzip
import io
import re
import tarfile
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from funkhaus.domain.errors import InvalidError
from funkhaus.domain.function import digest_of
from funkhaus.domain.verdict import Finding

if TYPE_CHECKING:
    from funkhaus.domain.function import Function, Source

FORMAT = 1
REF_LIMIT = 200
"""Characters of a ref."""
COMMIT = re.compile(r"[0-9a-f]{40}")
_COMMENT = "comment"
"""The header ``git archive`` notes a commit in."""


@dataclass(frozen=True, slots=True)
class Checkout:
    """An archive by its digest, and the commit it is of; empty where it is of none."""

    digest: str
    commit: str = ""


def is_commit(ref: str) -> bool:
    """Whether a ref is a commit's whole id, which is the same thing for ever."""
    return bool(COMMIT.fullmatch(ref))


def key(function: Function) -> str:
    """``sha256:…`` of what a git source is looked up by: a branch anew for each change of the Function, a commit once."""
    source = function.spec.source
    asked = {"format": FORMAT, "git": source.git, "ref": source.ref, "path": source.path}
    if not is_commit(source.ref):
        asked |= {"uid": function.uid, "generation": function.generation}
    return digest_of(asked)


def commit_of(content: bytes, source: Source) -> str:
    """The commit an archive says it is of, as ``git archive`` does; raises `InvalidError` for none, or another one."""
    try:
        with tarfile.open(fileobj=gzip.GzipFile(fileobj=io.BytesIO(content)), mode="r|") as archive:
            found = archive.pax_headers.get(_COMMENT, "")
    except (tarfile.TarError, zlib.error, EOFError, OSError, ValueError):
        found = ""
    if not is_commit(found) or (is_commit(source.ref) and found != source.ref):
        message = (
            f"what was fetched is not of commit {source.ref}"
            if found
            else "what was fetched names no commit"
        )
        raise InvalidError.at(Finding("archive-commit", message, "spec.source.git.ref"))
    return found
