"""`MemoryRegistry`, the port `ImageRegistry` in a dictionary, and a real registry process for the same exam."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import subprocess
import time
import urllib.request
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import yaml

from funkhaus.domain.archive import ARCHIVE_LIMIT
from funkhaus.domain.checkout import Checkout
from funkhaus.domain.errors import FunkhausError, InvalidError, NotFoundError, TooLargeError
from funkhaus.registry import image
from funkhaus.registry.packages import write_layer

from .ports import free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from funkhaus.domain.packages import PackagesLayer


class MemoryRegistry:
    """Remembers what was pushed; `bases` are the images one may build on."""

    def __init__(self, host: str = "registry.test", bases: set[str] | None = None) -> None:
        self.host = host
        self.bases = set(bases or ())
        self.images: dict[str, dict[str, bytes]] = {}
        self.archives: dict[tuple[str, str], bytes] = {}
        self.checkouts: dict[tuple[str, str], Checkout] = {}
        self.packages_of: dict[str, PackagesLayer | None] = {}
        """The layer of packages that each image has."""
        self.layers: dict[tuple[str, str], tuple[PackagesLayer, bytes]] = {}
        """By repository and key, with the build's log."""
        self.pushes: list[str] = []
        """References really pushed, in order."""
        self.keeps = False
        """Whether it is one that deletes nothing."""
        self.failure: Callable[[], FunkhausError | None] = lambda: None

    async def push_function(
        self,
        base: str,
        repository: str,
        files: Mapping[str, bytes],
        packages: PackagesLayer | None = None,
    ) -> str:
        if error := self.failure():
            raise error
        if not base.startswith(f"{self.host}/") or "@sha256:" not in base:
            raise InvalidError(f"the runtime's image {base!r} is not one by digest in {self.host}")
        if base not in self.bases:
            raise NotFoundError(f"the runtime's image {base} is not in the registry")
        layer = image.source_layer(files)
        digest = image.digest_of(
            (base + repository + layer.diff_id + (packages.digest if packages else "")).encode()
        )
        reference = f"{self.host}/{repository}@{digest}"
        if reference not in self.images:
            self.images[reference] = dict(files)
            self.packages_of[reference] = packages
            self.pushes.append(reference)
        return reference

    async def put_archive(self, repository: str, content: bytes) -> str:
        if len(content) > ARCHIVE_LIMIT:
            raise TooLargeError("the archive is too large")
        digest = "sha256:" + hashlib.sha256(content).hexdigest()
        self.archives[repository, digest] = content
        return digest

    async def keep_checkout(
        self, repository: str, key: str, content: bytes, commit: str
    ) -> Checkout:
        made = Checkout(await self.put_archive(repository, content), commit)
        self.checkouts[repository, key] = made
        return made

    async def checkout(self, repository: str, key: str) -> Checkout | None:
        if error := self.failure():
            raise error
        found = self.checkouts.get((repository, key))
        return found if found and (repository, found.digest) in self.archives else None

    async def has_archive(self, repository: str, digest: str) -> bool:
        if error := self.failure():
            raise error
        return (repository, digest) in self.archives

    async def archive(self, repository: str, digest: str) -> bytes:
        if (repository, digest) not in self.archives:
            raise NotFoundError(f"the registry has no {repository}/blobs/{digest}")
        return self.archives[repository, digest]

    async def packages(self, repository: str, key: str) -> PackagesLayer | None:
        if error := self.failure():
            raise error
        found = self.layers.get((repository, key))
        return found[0] if found else None

    async def push_packages(
        self, repository: str, key: str, result: Path, log: bytes
    ) -> PackagesLayer:
        with result.open("rb") as tar:
            layer = write_layer(tar, io.BytesIO(), repository)
        self.layers[repository, key] = layer, log
        return layer

    async def packages_log(self, repository: str, key: str) -> bytes:
        if (repository, key) not in self.layers:
            raise NotFoundError("the registry keeps no log of that build")
        return self.layers[repository, key][1]

    async def forget(self, below: str, *, limit: int = 200) -> int | None:
        if error := self.failure():
            raise error
        if self.keeps:
            return None
        count = 0
        held: tuple[dict[Any, Any], ...] = (self.images, self.archives, self.layers, self.checkouts)
        for things in held:
            for key in list(things):
                name = key[0] if isinstance(key, tuple) else key.removeprefix(f"{self.host}/")
                if f"{name.partition('@')[0]}/".startswith(f"{below}/") and count < limit:
                    del things[key]
                    count += 1
        return count


def missing() -> bool:
    """Whether there is no registry binary on PATH."""
    return shutil.which("registry") is None


@contextmanager
def running(folder: Path, *, deletes: bool = True) -> Iterator[str]:
    """A real registry with its data below `folder`; yields ``host:port``."""
    host = f"127.0.0.1:{free_port()}"
    settings = {
        "version": 0.1,
        "log": {"level": "warn"},
        "storage": {
            "filesystem": {"rootdirectory": str(folder / "data")},
            "delete": {"enabled": deletes},
        },
        "http": {"addr": host},
    }
    (folder / "registry.yml").write_text(yaml.safe_dump(settings))
    with (folder / "registry.log").open("wb") as log:
        argv = ["registry", "serve", str(folder / "registry.yml")]
        process = subprocess.Popen(argv, stdout=log, stderr=subprocess.STDOUT)
        try:
            _wait(host, folder / "registry.log")
            yield host
        finally:
            process.terminate()
            process.wait(10)


def _wait(host: str, log: Path) -> None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            with opener.open(f"http://{host}/v2/", timeout=1):
                return
        except OSError:
            time.sleep(0.05)
    raise AssertionError(f"the registry did not start:\n{log.read_text()[-2000:]}")


def base_image(layer: bytes = b"a base layer") -> tuple[dict[str, bytes], bytes, str]:
    """Blobs by digest, manifest and digest of a small base image, as a runtime's would be."""
    config = json.dumps(
        {
            "architecture": "amd64",
            "os": "linux",
            "created": "2026-01-01T00:00:00Z",
            "config": {
                "Entrypoint": ["/usr/bin/python3", "-m", "server"],
                "User": "65532",
                "Labels": {"runtime": "python3.11"},
            },
            "rootfs": {"type": "layers", "diff_ids": [image.digest_of(layer)]},
            "history": [{"created_by": "base"}],
        }
    ).encode()
    manifest = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": image.MANIFEST,
            "config": image.descriptor(image.CONFIG, config),
            "layers": [image.descriptor("application/vnd.oci.image.layer.v1.tar", layer)],
        }
    ).encode()
    blobs = {image.digest_of(blob): blob for blob in (config, layer)}
    return blobs, manifest, image.digest_of(manifest)
