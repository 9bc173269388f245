"""A function's dependencies as Python's requirements files write them: read strictly, and written anew for the build.

A line is a package's name with extras, versions, a marker (PEP 508) and hashes. Options, addresses and paths are pip's, not
ours: they would have the build look elsewhere than the platform's index. What is handed to pip is `Requirements.text`,
never the text that came: encodings, variables and options that pip finds in a file have no way in.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

LINE_LIMIT = 512
"""Characters of one requirement, hashes and spaces around left out."""
PROBLEMS_LIMIT = 20
"""Lines that are named as wrong."""


class Wrong(StrEnum):
    """What a line is that is no requirement."""

    INDEX = "index"
    EDITABLE = "editable"
    FILE = "file"
    OPTION = "option"
    VCS = "vcs"
    URL = "url"
    PATH = "path"
    MALFORMED = "malformed"


@dataclass(frozen=True, slots=True)
class Problem:
    """A line, counted from 1, that is no requirement."""

    line: int
    kind: Wrong


@dataclass(frozen=True, slots=True)
class Requirements:
    """`lines` are the requirements in the order given, in one spelling; `problems` the first lines that are none."""

    lines: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()

    @property
    def text(self) -> str:
        """What pip reads: printable ASCII, a line each. The same requirements are the same text, whatever the comments."""
        return "".join(f"{line}\n" for line in self.lines)


_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"
_VERSION = r"(?:===|==|~=|!=|<=|>=|<|>) ?[A-Za-z0-9][A-Za-z0-9.*+!_-]*"
_VERSIONS = rf"{_VERSION}(?: ?, ?{_VERSION})*"
_REQUIREMENT = re.compile(
    rf"(?P<name>{_NAME}) ?(?P<extras>\[ ?{_NAME}(?: ?, ?{_NAME})* ?\])? ?"
    rf"(?:\( ?(?P<inside>{_VERSIONS}) ?\)|(?P<versions>{_VERSIONS}))?"
    r"(?: ?; ?(?P<marker>[A-Za-z0-9_.'\"<>=!~(), -]+))?"
)
_HASH = re.compile(
    r"(?:^| )--hash[= ](sha256:[0-9a-f]{64}|sha384:[0-9a-f]{96}|sha512:[0-9a-f]{128})(?= |$)"
)
_COMMENT = re.compile(r"(?:^|\s)#.*$")
_OPTIONS = {
    Wrong.EDITABLE: {"-e", "--editable"},
    Wrong.FILE: {"-r", "--requirement", "-c", "--constraint"},
    Wrong.INDEX: {
        "-i", "--index-url", "--extra-index-url", "--pypi-url", "--no-index", "-f", "--find-links", "--trusted-host",
    },
}  # fmt: skip
_VCS = re.compile(r"(?:^|[ @])(?:git|hg|svn|bzr)\+", re.IGNORECASE)
_PATH = re.compile(r"^[.~]|[/\\]|\.(?:whl|zip|tar\.gz|tar\.bz2|tgz|egg)$", re.IGNORECASE)
_PACKED = (".whl", ".zip", ".tar.gz", ".tar.bz2", ".tgz", ".egg")


def parse(text: str) -> Requirements:
    """The requirements of a file's content; never raises. A byte order mark and comments are left out."""
    lines: list[str] = []
    problems: list[Problem] = []
    for number, line in _logical(text.removeprefix("\N{BYTE ORDER MARK}")):
        found = _requirement(line)
        if not isinstance(found, Wrong):
            lines.append(found)
        elif len(problems) < PROBLEMS_LIMIT:
            problems.append(Problem(number, found))
    return Requirements(tuple(lines), tuple(problems))


def _logical(text: str) -> Iterator[tuple[int, str]]:
    """Lines that say something, with the number they begin at; a backslash at the end goes on in the next."""
    begun = 0
    parts: list[str] = []
    physical = text.replace("\r\n", "\n").split("\n")
    for number, raw in enumerate(physical, 1):
        line = _COMMENT.sub("", raw)
        goes_on = line.endswith("\\") and number < len(physical)
        begun = begun or number
        parts.append(line.removesuffix("\\") if goes_on else line)
        if goes_on:
            continue
        if whole := " ".join(" ".join(parts).split()):
            yield begun, whole
        begun, parts = 0, []


def _requirement(line: str) -> str | Wrong:
    hashes = sorted(set(_HASH.findall(line)))
    bare = " ".join(_HASH.sub(" ", line).split())
    match = _REQUIREMENT.fullmatch(bare) if len(bare) <= LINE_LIMIT else None
    if match is None or bare.lower().endswith(_PACKED):
        return _wrong(bare)
    extras = (match["extras"] or "").replace(" ", "")
    versions = (match["inside"] or match["versions"] or "").replace(" ", "")
    marker = f" ; {match['marker'].strip()}" if match["marker"] else ""
    checked = "".join(f" --hash={item}" for item in hashes)
    return f"{match['name']}{extras}{versions}{marker}{checked}"


def _wrong(bare: str) -> Wrong:
    option = re.split(r"[= ]", bare, maxsplit=1)[0]
    if option.startswith("-"):
        return next((kind for kind, words in _OPTIONS.items() if option in words), Wrong.OPTION)
    if _VCS.search(bare):
        return Wrong.VCS
    if "://" in bare or "@" in bare:
        return Wrong.URL
    return Wrong.PATH if _PATH.search(bare) else Wrong.MALFORMED
