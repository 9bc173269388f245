"""The node's own binaries, compiled from Go modules and kept in the cache by the digest of what they are made from."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from funkhaus_cluster import atomic, wheels

if TYPE_CHECKING:
    from funkhaus_cluster.site import Site
    from funkhaus_cluster.versions import Versions

SECONDS = 3600.0
CONTOUR_FILES = {
    "01-crds.yaml": "contour/01-crds.yaml",
    "02-role-contour.yaml": "contour/02-role-contour.yaml",
    "gateway-crds.yaml": "gateway/00-crds.yaml",
}
"""What is kept beside the program, and where it lies below `examples` of its module. The last are the Gateway API's."""


@dataclass(frozen=True)
class Binary:
    """One program: the module folder below ``cluster/`` it is built in, and its package."""

    name: str
    module: str
    package: str
    also: tuple[str, ...] = ()
    """Other names it is called by."""

    def sources(self, cluster: Path) -> list[Path]:
        """The files of this checkout that decide what it becomes."""
        module = cluster / self.module
        own = []
        if self.package.startswith("./"):
            own = sorted((module / self.package).rglob("*.go"))
            own += sorted((module / "internal").rglob("*.go"))
        return [module / "go.mod", module / "go.sum", *own]


KUBE_NAMES = (
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kubelet",
    "kube-proxy",
    "kubectl",
    "metrics-server",
)
THIRD_PARTY = (
    Binary("opa", "go", "github.com/open-policy-agent/opa"),
    Binary("registry", "go", "github.com/distribution/distribution/v3/cmd/registry"),
    Binary("helm", "go", "helm.sh/helm/v4/cmd/helm"),
)
CONTOUR = Binary("contour", "go-contour", "github.com/projectcontour/contour/cmd/contour")
DEVELOPER_TOOLS = ("kubectl", "helm", "opa", "etcd", "kube-apiserver", "registry", "contour")


def binaries(cluster: Path) -> list[Binary]:
    """Everything to build: each folder of ``go/cmd`` and the tools ``go.mod`` names."""
    own = [
        Binary(
            folder.name,
            "go",
            f"./cmd/{folder.name}",
            also=KUBE_NAMES if folder.name == "kube" else (),
        )
        for folder in sorted((cluster / "go/cmd").iterdir())
        if folder.is_dir() and any(folder.glob("*.go"))
    ]
    return [*own, *THIRD_PARTY, CONTOUR]


def linker_flags(versions: Versions) -> str:
    """What Kubernetes' programs say when asked for their version; no dates, so that a build can be repeated."""
    package = "k8s.io/component-base/version"
    major, minor, _ = versions.kubernetes.removeprefix("v").split(".")
    values = {
        "gitVersion": versions.kubernetes,
        "gitMajor": major,
        "gitMinor": minor,
        "gitTreeState": "clean",
    }
    return " ".join(["-s", "-w", *(f"-X {package}.{key}={value}" for key, value in values.items())])


def place(site: Site, binary: Binary) -> Path:
    """Where ``binary`` is or will be in the cache."""
    digest = hashlib.sha256(linker_flags(site.versions).encode())
    digest.update(binary.package.encode())
    for file in binary.sources(site.sources):
        digest.update(f"{file.relative_to(site.sources)}\0".encode() + file.read_bytes())
    return site.settings.cache / "go" / f"{binary.name}-{digest.hexdigest()[:20]}" / binary.name


def missing(site: Site) -> list[Binary]:
    """What is not in the cache."""
    return [entry for entry in binaries(site.sources) if not place(site, entry).exists()]


def build(site: Site, *, names: frozenset[str] = frozenset()) -> str:
    """Compile what is missing (of ``names``, where given).

    One module at a time: two compilers would only take turns on the cores.
    """
    wanted = [entry for entry in missing(site) if not names or entry.name in names]
    if not wanted:
        return "in the cache" if names else _complete_contour(site)
    go = toolchain(site)
    for module in sorted({entry.module for entry in wanted}):
        _build_module(site, go, module, [entry for entry in wanted if entry.module == module])
    return f"built {', '.join(entry.name for entry in wanted)}"


def found(site: Site) -> Path | None:
    """The ``go`` to build with: the machine's when it is new enough, else the pinned one; None when neither is here."""
    pinned = wheels.place(site, site.versions.wheels["go"]) / "go/bin/go"
    for candidate in (shutil.which("go"), "/usr/local/go/bin/go"):
        if candidate and _go_version(candidate) >= _numbers(site.versions.go):
            return Path(candidate)
    return pinned if pinned.exists() else None


def toolchain(site: Site) -> Path:
    """The ``go`` to build with, fetched when it is not here."""
    here = found(site)
    if here is not None:
        return here
    wheel = site.versions.wheels["go"]
    site.progress.say(f"   no go {site.versions.go} or newer here: fetching {wheel.version}")
    wheels.fetch(site, wheel)
    return wheels.place(site, wheel) / "go/bin/go"


def link(site: Site) -> str:
    """Give the binaries the names parts call them by, and the developer theirs."""
    for entry in binaries(site.sources):
        for name in (entry.name, *entry.also):
            atomic.link(site.settings.bin / name, place(site, entry))
    return "linked"


def link_developer_tools(site: Site) -> str:
    """Put kubectl, helm and opa into the checkout's ``.local/bin``."""
    for entry in binaries(site.sources):
        for name in (entry.name, *entry.also):
            if name in DEVELOPER_TOOLS and place(site, entry).exists():
                atomic.link(site.settings.local / "bin" / name, place(site, entry))
    return "linked"


def contour_definitions(site: Site) -> list[Path]:
    """The CRDs of Contour and of the Gateway API, as Contour's module ships them."""
    folder = place(site, CONTOUR).parent
    return [folder / name for name in CONTOUR_FILES if name.endswith("-crds.yaml")]


def contour_role(site: Site) -> Path:
    """What Contour may read, as its module ships it."""
    return place(site, CONTOUR).parent / "02-role-contour.yaml"


def _complete_contour(site: Site) -> str:
    """Put beside a program that was built before what is kept with it since."""
    folder = place(site, CONTOUR).parent
    if all((folder / name).exists() for name in CONTOUR_FILES):
        return "in the cache"
    _copy_contour_files(toolchain(site), site.sources / CONTOUR.module, folder)
    return "in the cache, Contour's files added"


def _build_module(site: Site, go: Path, module: str, wanted: list[Binary]) -> None:
    folder = site.sources / module
    environment = go_environment(go)
    log = site.step_log(f"go-{module}")
    names = ", ".join(entry.name for entry in wanted)
    site.progress.say(f"   compiling {names} (module cluster/{module}, log {log})")
    with atomic.folder(site.settings.cache / "go" / f".build-{module}") as temporary:
        site.commands.run(
            ["nice", "-n", "5", go, "build", "-trimpath", "-buildvcs=false",
             "-ldflags", linker_flags(site.versions), "-o", f"{temporary}/",
             *(entry.package for entry in wanted)],
            cwd=folder,
            env=environment,
            log=log,
            seconds=SECONDS,
        )  # fmt: skip
        if CONTOUR in wanted:
            _copy_contour_files(go, folder, temporary)
        for entry in wanted:
            with atomic.folder(place(site, entry).parent) as ready:
                (temporary / entry.name).rename(ready / entry.name)
                if entry == CONTOUR:
                    for name in CONTOUR_FILES:
                        shutil.copyfile(temporary / name, ready / name)
    shutil.rmtree(site.settings.cache / "go" / f".build-{module}", ignore_errors=True)


def go_environment(go: Path) -> dict[str, str]:
    """Variables a build is run with: none of the user's flags, no other toolchain than this."""
    return {
        "CGO_ENABLED": "0",
        "GOFLAGS": "",
        "GOTOOLCHAIN": "local",
        "GOWORK": "off",
        "PATH": f"{go.parent}:{os.environ.get('PATH', '/usr/bin:/bin')}",
    }


def _copy_contour_files(go: Path, folder: Path, target: Path) -> None:
    listed = subprocess.run(
        [go, "list", "-m", "-f", "{{.Dir}}", "github.com/projectcontour/contour"],
        cwd=folder,
        env={**os.environ, **go_environment(go)},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    for name, source in CONTOUR_FILES.items():
        content = (Path(listed.stdout.strip()) / "examples" / source).read_bytes()
        atomic.write(target / name, content)


def _go_version(go: str) -> tuple[int, ...]:
    try:
        text = subprocess.run(
            [go, "env", "GOVERSION"], capture_output=True, text=True, timeout=30, check=False,
            env={**os.environ, "GOTOOLCHAIN": "local"}, cwd="/",
        ).stdout  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return (0,)
    return _numbers(text)


def _numbers(version: str) -> tuple[int, ...]:
    found = re.search(r"(\d+)\.(\d+)(?:\.(\d+))?", version)
    return tuple(int(number or 0) for number in found.groups()) if found else (0,)
