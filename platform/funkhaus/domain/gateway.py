"""The Gateway that carries what an Ingress can't say, where whoever runs the platform names one."""

from __future__ import annotations

import re
from dataclasses import dataclass

from funkhaus.domain.errors import InvalidError
from funkhaus.domain.verdict import Finding

_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_TEXT = re.compile(rf"(?P<namespace>{_LABEL})/(?P<name>{_LABEL}(\.{_LABEL})*)\Z")


@dataclass(frozen=True, slots=True)
class Gateway:
    """Where it lies; it is the administrator's, and nothing here writes it."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"

    @classmethod
    def of(cls, text: str) -> Gateway | None:
        """From ``namespace/name``; ``None`` for an empty text. Raises `InvalidError`."""
        if not text:
            return None
        found = _TEXT.match(text)
        if found is None:
            message = f"{text!r} names no Gateway: <namespace>/<name> passes"
            raise InvalidError.at(
                Finding("setting-malformed", message, "FUNKHAUS_GATEWAY", value=text)
            )
        return cls(found["namespace"], found["name"])
