"""Builds: what one is of, and what an installation lets them reach and take."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from funkhaus.domain.errors import InvalidError
from funkhaus.domain.function import digest_of
from funkhaus.domain.verdict import Finding

if TYPE_CHECKING:
    from funkhaus.domain.function import Source
    from funkhaus.domain.upstream import Upstream

FORMAT = 1
"""Of what builds make; another one is built anew."""
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class Index:
    """The package index builds install from. It is reached at `cidrs` and in the pods of `namespace`, on `port` alone."""

    url: str
    port: int
    cidrs: tuple[str, ...] = ()
    namespace: str = ""
    ca: str = ""
    """PEM certificates that vouch for it; empty: those the build image trusts."""

    @classmethod
    def of(cls, url: str, *, cidrs: str = "", namespace: str = "", ca: str = "") -> Index | None:
        """From settings, ``None`` where there is no URL; raises `InvalidError` naming the variable."""
        if not url:
            return None
        networks = tuple(part.strip() for part in cidrs.split(",") if part.strip())
        wrong = [*_wrong_url(url), *_wrong_places(networks, namespace)]
        if wrong:
            raise InvalidError.at(*wrong)
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        return cls(url, port, networks, namespace, ca)


@dataclass(frozen=True, slots=True)
class BuildRules:
    """What builds may take: `seconds` for one, Kubernetes quantities of its pod, how many at once."""

    index: Index | None = None
    seconds: int = 600
    cpu: str = "500m"
    memory: str = "512Mi"
    disk: str = "1Gi"
    at_once: int = 10
    at_once_tenant: int = 2
    upstream: Upstream | None = None
    """Where sources are fetched from; ``None``: nowhere."""
    source_runtime: str = "python3.11"
    """Runtime whose build image fetches them."""


def key(runtime_image: str, index: str, text: str) -> str:
    """``sha256:…`` of all that decides what a build makes: the same key is the same packages. `text` is normalised."""
    return digest_of(
        {"format": FORMAT, "runtimeImage": runtime_image, "index": index, "dependencies": text}
    )


def source_key(source: Source) -> str:
    """``sha256:…`` of what a source is fetched by."""
    return digest_of({"format": FORMAT, "url": source.url, "sha256": source.sha256})


def _wrong_url(url: str) -> list[Finding]:
    name = "FUNKHAUS_BUILD_INDEX_URL"
    try:
        parts = urlsplit(url)
        fine = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        fine = False
    if not fine:
        message = "is no http or https URL; https://packages.example.com/simple/ passes"
        return [Finding("setting-malformed", message, name)]
    if "@" in parts.netloc:
        return [
            Finding("setting-malformed", "holds a credential, which every build would see", name)
        ]
    return []


def _wrong_places(cidrs: tuple[str, ...], namespace: str) -> list[Finding]:
    found = []
    for text in cidrs:
        try:
            ipaddress.ip_network(text)
        except ValueError as error:
            found.append(
                Finding("setting-malformed", str(error), "FUNKHAUS_BUILD_INDEX_CIDRS", value=text)
            )
    if namespace and not _LABEL.fullmatch(namespace):
        message = f"{namespace!r} is no name of a namespace"
        found.append(Finding("setting-malformed", message, "FUNKHAUS_BUILD_INDEX_NAMESPACE"))
    if not cidrs and not namespace:
        message = "is required with FUNKHAUS_BUILD_INDEX_URL, or FUNKHAUS_BUILD_INDEX_NAMESPACE: builds reach nothing else"
        found.append(Finding("setting-missing", message, "FUNKHAUS_BUILD_INDEX_CIDRS"))
    return found
