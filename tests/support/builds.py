"""Build pods without pods: results by address, and tars as a build would leave them, or an attacker."""

from __future__ import annotations

import asyncio
import io
import tarfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

from funkhaus.domain.errors import FunkhausError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def tar_of(files: Mapping[str, bytes]) -> bytes:
    """A plain tar of these files and their folders, as `funkhaus_build` packs them."""
    folders = {name.rpartition("/")[0] for name in files} - {""}
    members = [member(name, type=tarfile.DIRTYPE) for name in sorted(folders)]
    return tar(*members, *(member(name, content) for name, content in files.items()))


def member(name: str, content: bytes = b"", **fields: object) -> tuple[tarfile.TarInfo, bytes]:
    """A member of a tar with these header fields, whatever they are."""
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for key, value in fields.items():
        setattr(info, key, value)
    return info, content


def tar(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    """A GNU tar of such members."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for info, content in members:
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


@dataclass
class Result:
    """What a build pod serves, and how it was ended: ``None`` not yet, empty well, else the refusal."""

    secret: str
    tar: bytes
    log: bytes = b"installed\n"
    ended: str | None = None


class FakeResults:
    """The port `BuildResults` in a dictionary, by address."""

    def __init__(self) -> None:
        self.served: dict[str, Result] = {}
        self.failure: FunkhausError | None = None

    async def fetch(self, host: str, secret: str, into: Path) -> None:
        await asyncio.to_thread(into.write_bytes, self._known(host, secret).tar)

    async def log(self, host: str, secret: str) -> bytes:
        return self._known(host, secret).log

    async def end(self, host: str, secret: str, refusal: str = "") -> None:
        self._known(host, secret).ended = refusal

    def _known(self, host: str, secret: str) -> Result:
        if self.failure:
            raise self.failure
        found = self.served.get(host)
        if found is None or found.secret != secret:
            raise UnavailableError("what answered is not the build's pod")
        return found
