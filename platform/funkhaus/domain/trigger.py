"""What calls a function."""

from __future__ import annotations

from dataclasses import dataclass

PATH_LIMIT = 256


@dataclass(frozen=True, slots=True)
class HTTPTriggerSpec:
    """Host and path below which a function answers; an empty host asks for the default one.

    `tls_secret` names a Secret of type kubernetes.io/tls in the same namespace.
    """

    function: str
    host: str = ""
    path: str = "/"
    tls_secret: str = ""


@dataclass(frozen=True, slots=True)
class HTTPTrigger:
    """An HTTPTrigger object."""

    namespace: str
    name: str
    spec: HTTPTriggerSpec
    uid: str = ""
    generation: int = 0
