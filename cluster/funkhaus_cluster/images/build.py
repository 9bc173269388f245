"""From recipe to registry: which layers an image has, what each is made from, and where the image is found."""

from __future__ import annotations

import datetime as dt
import json
import os
import platform
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from funkhaus_cluster import atomic
from funkhaus_cluster.commands import Commands
from funkhaus_cluster.errors import ClusterError
from funkhaus_cluster.images import debian, layer, packages, recipe
from funkhaus_cluster.images.layout import Image, Layout
from funkhaus_cluster.images.push import Registry

if TYPE_CHECKING:
    from collections.abc import Callable

    from funkhaus_cluster.images.layer import Layer
    from funkhaus_cluster.site import Site

CHECKOUT = Path(__file__).resolve().parents[3]
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
# Not the prefix that `atomic.sweep` removes: images may also be built beside a running `up`.
UNFINISHED = ".building-"
# The modules that decide what a layer holds: a change in them makes layers anew.
PACKERS = ("debian.py", "layer.py", "packages.py")


@dataclass(frozen=True)
class Source:
    """A runtime's part of a checkout."""

    name: str
    """Its id in the catalogue, also its repository's name: ``python3.11``."""
    folder: Path
    """Holds ``image/recipe.toml``, ``requirements.lock`` and ``build.lock``, and the packages of server and builder."""
    package: str
    builder: str = ""
    """The package that installs functions' dependencies; empty where the runtime has none."""

    @property
    def recipe(self) -> Path:
        """What its images are made of."""
        return self.folder / "image" / "recipe.toml"

    @property
    def lock(self) -> Path:
        """Its server's dependencies, with hashes."""
        return self.folder / "requirements.lock"

    @property
    def build_lock(self) -> Path:
        """What its builder runs, with hashes."""
        return self.folder / "build.lock"


def sources(checkout: Path = CHECKOUT) -> list[Source]:
    """The runtimes of a checkout."""
    folder = checkout / "runtimes" / "python"
    return [Source("python3.11", folder, "funkhaus_runtime", "funkhaus_build")]


def ensure(site: Site) -> str:
    """Make every image stand in the node's registry and write ``images.json`` into the state folder; say what was done."""
    done: list[str] = []
    refs = ensure_images(
        site.settings.cache,
        site.settings.registry,
        done.append,
        commands=site.commands,
        checkout=site.settings.checkout,
    )
    atomic.write(site.settings.state / "images.json", json.dumps(refs, indent=2) + "\n")
    return "; ".join(done) or "in the registry"


def ensure_images(
    cache: Path,
    registry: str,
    log: Callable[[str], None],
    *,
    commands: Commands | None = None,
    checkout: Path = CHECKOUT,
) -> dict[str, str]:
    """Build what ``cache`` lacks, push what ``registry`` (``address:port``, plain http) lacks, and return what is where.

    The result maps ``python3.11``, ``base-python3.11`` and ``build-python3.11`` to
    ``<registry>/funkhaus/<name>@sha256:…``. ``log`` gets a few
    words for each thing that had to be done, none when all stood. Raises ``ClusterError``.
    """
    folder = cache / "images"
    runner = commands or Commands()
    waiting = lambda holder: log(f"waiting for process {holder}, which builds images")  # noqa: E731
    with atomic.lock(folder / "lock", seconds=debian.SECONDS, waiting=waiting):
        layout = Layout(folder / "oci")
        for leftover in layout.folder.glob(f"{UNFINISHED}*"):
            shutil.rmtree(leftover)  # what it had mounted went with its mount namespace
        refs: dict[str, str] = {}
        for source in sources(checkout):
            made = images(
                source, layout, log, commands=runner, build_log=cache / "log" / "images.log"
            )
            for image in made:
                repository = f"funkhaus/{image.name}"
                if Registry(registry).push(layout, image, repository):
                    log(f"pushed {image.name}, {image.size / 1e6:.1f} MB")
                refs[image.name] = f"{registry}/{repository}@{image.digest}"
        layout.prune()
    return refs


def images(
    source: Source,
    layout: Layout,
    log: Callable[[str], None],
    *,
    commands: Commands,
    build_log: Path,
) -> list[Image]:
    """The base image, the runtime image and the build image of ``source``, with the layers that ``layout`` lacks built."""
    made_of = recipe.load(source.recipe)
    machine = platform.machine()
    if machine not in ARCHITECTURES:
        raise ClusterError(
            f"this machine is {machine}; images are built on {' and '.join(ARCHITECTURES)}."
        )
    if not source.lock.is_file():
        raise ClusterError(f"{source.lock} is missing: it locks what the runtime's server imports.")
    builder = _Builder(source, made_of, layout, log, commands, build_log, machine)
    base = builder.base()
    config = _config(made_of, ARCHITECTURES[machine])
    described = {**config["config"], "Labels": {"funkhaus.dev/runtime": source.name}}
    described["Entrypoint"] = list(made_of.config.entrypoint)
    described["ExposedPorts"] = {port: {} for port in made_of.config.ports}
    runtime = {**config, "config": described}
    return [
        layout.image(f"base-{source.name}", [base], config),
        layout.image(
            source.name,
            [base, builder.wheels(source.lock), builder.program(source.package)],
            runtime,
        ),
        *(
            [
                layout.image(
                    f"build-{source.name}",
                    [base, builder.wheels(source.build_lock), builder.program(source.builder)],
                    config,
                )
            ]
            if source.builder
            else []
        ),
    ]


@dataclass(frozen=True)
class _Builder:
    source: Source
    recipe: recipe.Recipe
    layout: Layout
    log: Callable[[str], None]
    commands: Commands
    build_log: Path
    machine: str

    def base(self) -> Layer:
        """Debian's packages."""
        made_of = (self.recipe.debian, self.recipe.user, self.recipe.config.directories)

        def fill(root: Path) -> None:
            if os.geteuid() != 0:
                raise ClusterError(
                    "building a Debian file system needs root: run this as root once."
                )
            debian.bootstrap(self.recipe, root, commands=self.commands, log=self.build_log)

        rules = self.recipe.debian
        return self._layer("Debian", made_of, fill, drop=rules.drop, keep=rules.keep)

    def wheels(self, lock: Path) -> Layer:
        """What a program of the runtime's imports."""
        site = self.recipe.site
        made_of = (site, lock.read_text())

        def fill(root: Path) -> None:
            packages.install(
                site, lock, root, machine=self.machine, commands=self.commands, log=self.build_log
            )

        return self._layer("wheels", made_of, fill, owner=(0, 0))

    def program(self, name: str) -> Layer:
        """The runtime's server, or its builder."""
        package, site = self.source.folder / name, self.recipe.site
        made_of = (site, name, recipe.tree_digest(package))

        def fill(root: Path) -> None:
            packages.place_source(site, package, root)

        title = "server" if name == self.source.package else "builder"
        return self._layer(title, made_of, fill, owner=(0, 0))

    def _layer(
        self,
        title: str,
        made_of: tuple[object, ...],
        fill: Callable[[Path], None],
        *,
        drop: tuple[str, ...] = (),
        keep: tuple[str, ...] = (),
        owner: tuple[int, int] | None = None,
    ) -> Layer:
        here = Path(__file__).parent
        packers = recipe.tree_digest(*(here / name for name in PACKERS))
        key = recipe.key(title, self.machine, self.recipe.debian.epoch, packers, *made_of)
        if kept := self.layout.layer(key):
            return kept
        self.layout.folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self.layout.folder, prefix=UNFINISHED) as name:
            root = Path(name)
            root.chmod(0o755)
            fill(root)
            made = self.layout.keep(
                key,
                lambda file: layer.pack(
                    root, file, epoch=self.recipe.debian.epoch, owner=owner, drop=drop, keep=keep
                ),
            )
        self.log(f"built {self.source.name}'s {title} layer, {made.size / 1e6:.1f} MB")
        return made


def _config(made_of: recipe.Recipe, architecture: str) -> dict[str, Any]:
    """An image configuration that runs nothing yet (OCI image specification, ``config.md``)."""
    created = dt.datetime.fromtimestamp(made_of.debian.epoch, dt.UTC)
    return {
        "architecture": architecture,
        "os": "linux",
        "created": created.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "config": {
            "User": f"{made_of.user.id}:{made_of.user.id}",
            "Env": [f"{name}={value}" for name, value in sorted(made_of.config.env.items())],
            "WorkingDir": made_of.config.workdir,
            "StopSignal": "SIGTERM",
        },
    }
