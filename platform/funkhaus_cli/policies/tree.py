"""A folder of policy files: which files it has, and whether they lie as they should.

::

    funkhaus/admission/<rule>/<rule>.rego, <rule>_test.rego      one folder, one rule, one package, one test
    funkhaus/lib/<name>/…   funkhaus/main/…   system/…           what rules share, what is asked, who may ask
    data/<name>.yaml                                             one catalogue, below the key <name>
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from funkhaus.crd import catalogue_files
from funkhaus.domain.errors import InvalidError
from funkhaus_cli.policies.problems import Problem

if TYPE_CHECKING:
    from pathlib import Path

RULES = "funkhaus/admission"
DATA = "data"
FILES_LIMIT = 1000
BYTES_LIMIT = 1024 * 1024
"""Of one file."""


@dataclass(frozen=True, slots=True)
class Tree:
    """The files of `folder`, as paths below it, sorted."""

    folder: Path
    files: tuple[str, ...]

    @classmethod
    def of(cls, folder: Path) -> Tree:
        """What is there; links are followed by nobody, so they are none of it."""
        found = sorted(
            path.relative_to(folder).as_posix()
            for path in folder.rglob("*")
            if path.is_file() and not path.is_symlink() and not _hidden(path, folder)
        )
        return cls(folder, tuple(found))

    @property
    def rules(self) -> tuple[str, ...]:
        """The names of the rules."""
        depth = len(RULES.split("/"))
        return tuple(
            sorted({file.split("/")[depth] for file in self.files if file.startswith(f"{RULES}/")})
        )

    @property
    def modules(self) -> tuple[str, ...]:
        """The Rego files that decide something."""
        return tuple(f for f in self.files if f.endswith(".rego") and not f.endswith("_test.rego"))

    @property
    def catalogues(self) -> tuple[str, ...]:
        """The data files."""
        return tuple(file for file in self.files if file.startswith(f"{DATA}/"))

    def text(self, file: str) -> str:
        """The content of a file."""
        return (self.folder / file).read_text(encoding="utf-8")

    def problems(self) -> tuple[Problem, ...]:
        """Files that are too many, too large, or where nothing reads them."""
        if not self.rules:
            return (
                Problem(RULES, "holds no rule; a folder of policies has funkhaus/admission/<rule>"),
            )
        if len(self.files) > FILES_LIMIT:
            return (
                Problem(
                    ".", f"holds {len(self.files)} files; {FILES_LIMIT} pass", limit=FILES_LIMIT
                ),
            )
        return (*self._sizes(), *self._shapes(), *self._strays())

    def _sizes(self) -> list[Problem]:
        sizes = {file: (self.folder / file).stat().st_size for file in self.files}
        return [
            Problem(
                file,
                f"has {size} bytes; {BYTES_LIMIT} pass",
                limit=BYTES_LIMIT,
                value=size,
                passes=BYTES_LIMIT,
            )
            for file, size in sizes.items()
            if size > BYTES_LIMIT
        ]

    def _shapes(self) -> list[Problem]:
        found = []
        for rule in self.rules:
            wanted = {f"{RULES}/{rule}/{rule}.rego", f"{RULES}/{rule}/{rule}_test.rego"}
            there = {file for file in self.files if file.startswith(f"{RULES}/{rule}/")}
            found += [
                Problem(file, f"is missing; the rule {rule} needs it")
                for file in sorted(wanted - there)
            ]
            found += [
                Problem(file, f"has no place here; a rule is {rule}.rego and {rule}_test.rego")
                for file in sorted(there - wanted)
            ]
        return found

    def _strays(self) -> list[Problem]:
        return [
            Problem(file, "is neither a .rego file nor a data/<name>.yaml, so nothing reads it")
            for file in self.files
            if not file.endswith(".rego")
            and not (
                file.startswith(f"{DATA}/") and file.endswith(".yaml") and file.count("/") == 1
            )
        ]

    def catalogue(self, file: str) -> tuple[Any, tuple[Problem, ...]]:
        """The document of a data file, and why it can't be read."""
        try:
            return catalogue_files.read(self.text(file), file), ()
        except InvalidError as error:
            (finding,) = error.findings
            return None, (Problem(file, finding.message, int(finding.value or 0)),)
        except UnicodeDecodeError:
            return None, (Problem(file, "is not UTF-8"),)


def _hidden(path: Path, folder: Path) -> bool:
    return any(part.startswith(".") for part in path.relative_to(folder).parts)
