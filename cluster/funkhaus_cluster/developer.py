"""The developer's environment: a virtualenv in the cache, and files in ``.local`` that point to it."""

from __future__ import annotations

import hashlib
import shlex
import shutil
import sys
from typing import TYPE_CHECKING

from funkhaus_cluster import addons, atomic, go_build

if TYPE_CHECKING:
    from pathlib import Path

    from funkhaus_cluster.site import Site

SECONDS = 1200.0
LOCK_FILE = "requirements/dev.lock"
SOURCE_ROOTS = ("platform", "webhook", "controller", "cluster")
COMPLETE = ".complete"


def interpreter() -> str:
    """The machine's own Python, also when this runs in a virtualenv, ours included: one made from another ends with it."""
    return str(getattr(sys, "_base_executable", sys.executable))


def virtualenv(site: Site) -> Path:
    """Where the virtualenv for this checkout's lock files is or will be."""
    locks = sorted((site.settings.checkout / "requirements").glob("*.lock"))
    digest = hashlib.sha256(f"{sys.version_info[:3]} {sys.base_prefix}".encode())
    for lock in locks:
        digest.update(lock.name.encode() + lock.read_bytes())
    return site.settings.cache / "venv" / digest.hexdigest()[:20]


def build(site: Site) -> str:
    """Make the virtualenv from the hashed lock file unless it is complete."""
    target = virtualenv(site)
    # Its scripts hold its own path, so it is made in place; a marker written last says that it is whole.
    if (target / COMPLETE).exists():
        return "in the cache"
    shutil.rmtree(target, ignore_errors=True)
    log = site.step_log("virtualenv")
    site.commands.run([interpreter(), "-m", "venv", target], log=log, seconds=SECONDS)
    site.commands.run(
        [target / "bin/python", "-m", "pip", "install", "--quiet", "--require-hashes", "--no-deps",
         "--disable-pip-version-check", "--requirement", site.settings.checkout / LOCK_FILE],
        log=log,
        seconds=SECONDS,
        env={"PYTHONDONTWRITEBYTECODE": ""},
    )  # fmt: skip
    atomic.write(target / COMPLETE, "")
    return "installed"


def write_files(site: Site) -> str:
    """Write ``.local/dev`` to source and ``.local/bin/funkhaus`` to run."""
    local = site.settings.local
    go_build.link_developer_tools(site)
    if addons.envoy_program(site).exists():
        atomic.link(local / "bin" / "envoy", addons.envoy_program(site))
    atomic.write(local / "dev", environment_file(site))
    atomic.write(local / "bin" / "funkhaus", wrapper(site), mode=0o755)
    return str(local / "dev")


def environment_file(site: Site) -> str:
    """Shell lines that put the virtualenv, the cluster's programs and the source roots on the paths."""
    settings = site.settings
    roots = ":".join(str(settings.checkout / root) for root in SOURCE_ROOTS)
    path = f"{settings.local / 'bin'}:{virtualenv(site) / 'bin'}"
    go = go_build.found(site)
    if go is not None and shutil.which("go") is None:
        path += f":{go.parent}"
    return (
        "# Written by `make up` and `make tools`: source it, do not edit it.\n"
        f'export PATH={shlex.quote(path)}:"$PATH"\n'
        f"export PYTHONPATH={shlex.quote(roots)}\n"
    )


def wrapper(site: Site) -> str:
    """The command line of the checkout, runnable from anywhere."""
    settings = site.settings
    roots = ":".join(str(settings.checkout / root) for root in SOURCE_ROOTS[:1])
    return (
        "#!/bin/sh\n"
        f"PYTHONPATH={shlex.quote(roots)} exec {shlex.quote(str(virtualenv(site) / 'bin/python'))}"
        ' -m funkhaus_cli "$@"\n'
    )
