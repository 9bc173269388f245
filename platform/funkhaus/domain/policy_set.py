"""A set of policy files as a whole: what it may consist of, its revision, and when it was put in force by whom."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from funkhaus.domain.verdict import Finding

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

FILES_LIMIT = 500
FILE_LIMIT = 256 * 1024
"""Bytes of one file."""
SET_LIMIT = 1536 * 1024
"""Bytes of all: a set is uploaded as one JSON document."""
REASON_LIMIT = 500
HOUSE = "house"
"""Who puts the rules in force that come with a release."""
ROOTS = ("funkhaus", "data")
"""What a set holds. Who may ask OPA what (``system``) is no part of it: no upload opens that door."""
_NAME = re.compile(r"(funkhaus(/[a-z][a-z0-9_-]*){2,6}\.rego|data/[a-z][a-z0-9_-]*\.yaml)\Z")
_PATH_LIMIT = 200


@dataclass(frozen=True, slots=True)
class PolicySet:
    """The files of one revision: path → text."""

    files: Mapping[str, str] = field(repr=False)

    @property
    def revision(self) -> str:
        """``sha256:…`` over what decides; tests do not. The lines are those `funkhaus.policy.revision` hashes."""
        lines = [
            f"{hashlib.sha256(text.encode()).hexdigest()}  {name}\n"
            for name, text in sorted(self.deciding.items())
        ]
        return "sha256:" + hashlib.sha256("".join(lines).encode()).hexdigest()

    @property
    def deciding(self) -> dict[str, str]:
        """The files without the tests."""
        return {name: text for name, text in self.files.items() if not name.endswith("_test.rego")}

    def objections(self) -> list[Finding]:
        """What is wrong with names and sizes."""
        found = []
        if not any(name.startswith("funkhaus/admission/") for name in self.files):
            found.append(
                Finding("policy-empty", "holds no rule below funkhaus/admission/", "files")
            )
        if len(self.files) > FILES_LIMIT:
            found.append(_too_many(len(self.files)))
        for name, text in list(self.files.items())[:FILES_LIMIT]:
            if len(name) > _PATH_LIMIT or not _NAME.match(name):
                found.append(
                    Finding(
                        "policy-file-name",
                        "is no place of a set; funkhaus/<folders>/<name>.rego and data/<name>.yaml pass",
                        f"files[{name[:_PATH_LIMIT]}]",
                        value=name[:_PATH_LIMIT],
                    )
                )
            size = len(text.encode())
            if size > FILE_LIMIT:
                found.append(_too_large(f"files[{name}]", size, FILE_LIMIT))
        total = sum(len(text.encode()) for text in self.files.values())
        if total > SET_LIMIT:
            found.append(_too_large("files", total, SET_LIMIT))
        return found


def _too_many(count: int) -> Finding:
    return Finding(
        "policy-too-many-files",
        f"has {count} files; {FILES_LIMIT} pass",
        "files",
        limit=FILES_LIMIT,
        value=count,
        passes=FILES_LIMIT,
    )


def _too_large(path: str, size: int, limit: int) -> Finding:
    return Finding(
        "policy-too-large",
        f"has {size} bytes; {limit} pass",
        path,
        limit=limit,
        value=size,
        passes=limit,
    )


@dataclass(frozen=True, slots=True)
class Activation:
    """A revision put in force: the latest (by `sequence`) holds. `by` is a cluster username, or `HOUSE`."""

    revision: str
    at: datetime
    by: str
    reason: str
    sequence: int = 0
