"""The base layer's file system, from Debian's packages by mmdebstrap and the machine's own apt sources."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from funkhaus_cluster.errors import ClusterError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from funkhaus_cluster.commands import Commands
    from funkhaus_cluster.images.recipe import Recipe

APT = Path("/etc/apt")
SECONDS = 900.0
# Settings of the machine's apt that decide whether its mirrors can be reached at all.
APT_OPTIONS = re.compile(
    r"^Acquire::(http|https|Check-Valid-Until|Check-Date|ForceIPv[46]|Retries)\b.* \"[^\"]*\";$"
)


def bootstrap(recipe: Recipe, target: Path, *, commands: Commands, log: Path) -> None:
    """Fill the empty folder ``target`` with the recipe's packages, user and folders. Needs root.

    Raises ``CommandError`` when mmdebstrap fails or takes longer than 15 minutes; ``log`` has its words.
    """
    with tempfile.TemporaryDirectory(prefix="funkhaus-debian-") as name:
        scratch = Path(name)
        sources = []
        for number, (suffix, text) in enumerate(apt_sources(recipe.debian.suite)):
            file = scratch / f"{number}{suffix}"
            file.write_text(text)
            sources.append(file)
        options = scratch / "apt.conf"
        options.write_text("\n".join(apt_options(commands.output(["apt-config", "dump"]))) + "\n")
        commands.run(
            arguments(recipe, target, sources=sources, options=options),
            log=log,
            seconds=SECONDS,
            # Not TMPDIR: mmdebstrap would hand it to the packages' scripts, where that folder is not.
            env={"SOURCE_DATE_EPOCH": str(recipe.debian.epoch), "LC_ALL": "C.UTF-8"},
        )
    furnish(recipe, target)


def arguments(
    recipe: Recipe, target: Path, *, sources: Sequence[Path], options: Path
) -> list[str | Path]:
    """The command line that makes ``target``."""
    modules = f"/usr/lib/python{recipe.site.python}"
    compiler = f"python{recipe.site.python} -m compileall -q -f --invalidation-mode unchecked-hash"
    return [
        # In a mount namespace of its own, /proc and /dev of a killed run do not stay mounted below the cache.
        "unshare", "--mount", "--propagation", "private", "--",
        "mmdebstrap",
        "--mode=root", "--variant=custom", "--format=directory",
        "--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr",
        f"--aptopt={options}",
        *(f"--include={package}" for package in recipe.debian.packages),
        # Compiled files that are trusted by their source's hash: dates change when layers are unpacked, and a read-only
        # root can't be compiled to again.
        f'--customize-hook=chroot "$1" {compiler} {modules} /usr/lib/python3',
        recipe.debian.suite, target,
        *sources,
    ]  # fmt: skip


def furnish(recipe: Recipe, root: Path) -> None:
    """Add the recipe's user and empty folders to a file system."""
    user = recipe.user
    _append(root / "etc/passwd", f"{user.name}:x:{user.id}:{user.id}::/tmp:/usr/sbin/nologin")
    _append(root / "etc/group", f"{user.name}:x:{user.id}:")
    for folder in recipe.config.directories:
        (root / folder).mkdir(mode=0o755, exist_ok=True)


def apt_sources(suite: str, apt: Path = APT) -> list[tuple[str, str]]:
    """The machine's apt sources that offer ``suite``'s main packages: pairs of file suffix and text.

    Empty on a machine that runs another suite; mmdebstrap then takes its own default mirror.
    """
    found: list[tuple[str, str]] = []
    lists = [apt / "sources.list", *sorted((apt / "sources.list.d").glob("*.list"))]
    lines = [
        line.strip() for file in lists if file.is_file() for line in file.read_text().splitlines()
    ]
    chosen = [line for line in lines if _offers_line(line, suite)]
    if chosen:
        found.append((".list", "\n".join(chosen) + "\n"))
    for file in sorted((apt / "sources.list.d").glob("*.sources")):
        stanzas = [text for text in _stanzas(file.read_text()) if _offers_stanza(text, suite)]
        if stanzas:
            found.append((".sources", "\n\n".join(stanzas) + "\n"))
    return found


def apt_options(dump: str) -> list[str]:
    """Of ``apt-config dump``, how mirrors are reached: proxies, certificates, tolerance for old indexes."""
    return [line for line in dump.splitlines() if APT_OPTIONS.match(line)]


def _offers_line(line: str, suite: str) -> bool:
    # deb [options] address suite component...
    words = re.sub(r"\[[^]]*\]", "", line).split()
    return words[:1] == ["deb"] and _is_suite(words[2:3], suite) and "main" in words[3:]


def _stanzas(text: str) -> list[str]:
    lines = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    return [stanza.strip() for stanza in re.split(r"\n\s*\n", lines) if stanza.strip()]


def _offers_stanza(stanza: str, suite: str) -> bool:
    values: dict[str, list[str]] = {}
    for name, value in re.findall(r"^([A-Za-z-]+):((?:.*)(?:\n[ \t].*)*)", stanza, re.MULTILINE):
        values[name.lower()] = value.split()
    return (
        values.get("enabled", ["yes"]) != ["no"]
        and "deb" in values.get("types", [])
        and _is_suite(values.get("suites", []), suite)
        and "main" in values.get("components", [])
    )


def _is_suite(names: Iterable[str], suite: str) -> bool:
    return any(name == suite or name.startswith(f"{suite}-") for name in names)


def _append(file: Path, line: str) -> None:
    text = file.read_text()
    if text and not text.endswith("\n"):
        raise ClusterError(f"{file} does not end with a line break; is {file.parents[1]} a Debian?")
    if line not in text.splitlines():
        file.write_text(f"{text}{line}\n")
