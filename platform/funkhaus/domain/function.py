"""Function and its immutable revision."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

from funkhaus.domain import requirements

INLINE_LIMIT = 64 * 1024
"""Bytes of inline source, all files together; more goes into an archive (etcd is not a file store)."""
INLINE_FILES_LIMIT = 32
DEPENDENCIES_LIMIT = 64 * 1024
"""Characters of a dependency file."""
DEFAULT_TIMEOUT = 180
DEFAULT_CONCURRENCY = 8
DEFAULT_IDLE = 300
"""Seconds without a call after which a function that may go to zero does."""
DEFAULT_PORT = 8080
OPS_PORT = 8081
"""Health and metrics of the runtime have a port of their own that no trigger reaches."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where the code comes from: exactly one of `inline`, `archive`, `url` and `git` is set.

    `inline` maps file names to text; `archive` is the digest of an upload (``sha256:…``). `url` is an archive's address,
    `sha256` its 64 hexadecimal digits. `git` is a repository's address, `ref` a branch, tag or commit of it. `path` is
    the folder of either that is the function; empty: all of it.
    """

    inline: tuple[tuple[str, str], ...] = ()
    archive: str = ""
    url: str = ""
    sha256: str = ""
    git: str = ""
    ref: str = ""
    path: str = ""

    @property
    def stored(self) -> str:
        """The digest of the archive that holds it; empty where it is inline, or has to be looked up."""
        return f"sha256:{self.sha256}" if self.url else self.archive

    @property
    def inside(self) -> str:
        """The folder of the archive that is the function; one of a repository holds nothing else."""
        return "" if self.git else self.path


@dataclass(frozen=True, slots=True)
class EnvVar:
    """An environment variable: a literal value, or a key of a Secret or ConfigMap of the same namespace."""

    name: str
    value: str | None = None
    secret: tuple[str, str] | None = None
    config_map: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Resources:
    """What one replica gets; request equals limit. Texts as the user wrote them (``250m``, ``128Mi``)."""

    cpu: str = ""
    memory: str = ""


@dataclass(frozen=True, slots=True)
class Scaling:
    """Replicas, and the CPU utilisation in percent the autoscaler holds; no target means no autoscaler unless min < max.

    With `min` 0 the function goes to zero replicas after `idle` seconds without a call (docs/scale-to-zero.md).
    """

    min: int = 1
    max: int = 1
    cpu_percent: int = 80
    idle: int = DEFAULT_IDLE

    @property
    def least(self) -> int:
        """Replicas while it is awake, at least."""
        return max(1, self.min)


@dataclass(frozen=True, slots=True)
class FunctionSpec:
    """The desired function."""

    runtime: str
    handler: str
    source: Source
    dependencies: str = ""
    env: tuple[EnvVar, ...] = ()
    resources: Resources = field(default_factory=Resources)
    timeout: int = DEFAULT_TIMEOUT
    concurrency: int = DEFAULT_CONCURRENCY
    scaling: Scaling = field(default_factory=Scaling)

    @property
    def module(self) -> str:
        """The file part of the handler."""
        return self.handler.rpartition(".")[0]

    @property
    def callable(self) -> str:
        """The function part of the handler."""
        return self.handler.rpartition(".")[2]


@dataclass(frozen=True, slots=True)
class Function:
    """A Function object as the controller sees it; `uid` and `generation` come from the apiserver."""

    namespace: str
    name: str
    spec: FunctionSpec
    uid: str = ""
    generation: int = 0
    author: str = ""
    """The cluster user whose change the spec is (`funkhaus.services.marks`); empty where nobody wrote it down."""


@dataclass(frozen=True, slots=True)
class RevisionSpec:
    """What a revision runs: everything that is materialised, resolved; scaling is the Function's and not part of it.

    `source` is kept beside its digest so that the revision can be asked for again; older revisions have none.
    `dependencies` are as the user wrote them, `packages_layer` the digest of the layer they were built into, `packages_key`
    of what it was built of (`funkhaus.domain.build.key`); all three are empty where there is nothing to install.
    `commit` is what a git ref was when it was looked up.
    """

    function: str
    runtime: str
    runtime_image: str
    handler: str
    source_digest: str
    image: str
    env: tuple[EnvVar, ...]
    resources: Resources
    timeout: int
    concurrency: int
    source: Source = field(default_factory=Source)
    dependencies: str = ""
    packages_layer: str = ""
    packages_key: str = ""
    commit: str = ""

    @property
    def content(self) -> dict[str, Any]:
        """The materialised fields in a canonical shape; the pushed image follows from them and is left out."""
        document: dict[str, Any] = {
            "function": self.function,
            "runtime": self.runtime,
            "runtimeImage": self.runtime_image,
            "handler": self.handler,
            "sourceDigest": self.source_digest,
            "env": [
                [item.name, item.value, list(item.secret or ()), list(item.config_map or ())]
                for item in self.env
            ],
            "resources": [self.resources.cpu, self.resources.memory],
            "timeout": self.timeout,
            "concurrency": self.concurrency,
        }
        if self.dependencies:
            text = requirements.parse(self.dependencies).text
            document["dependencies"] = [text, self.packages_layer]
        return document

    @property
    def digest(self) -> str:
        """``sha256:…`` over the canonical content: the same content is the same revision."""
        return digest_of(self.content)


def digest_of(document: Any) -> str:  # noqa: ANN401 - any JSON value
    """``sha256:…`` of a JSON value in canonical form (sorted keys, no spaces, UTF-8)."""
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def source_digest(source: Source, archive: str) -> str:
    """The content digest of a function's source; an `archive`'s is its own, whichever way it came."""
    if source.inside:
        return digest_of({"archive": archive, "path": source.inside})
    return archive or digest_of(dict(source.inline))
