"""What the policy engine is asked: one object of one tenant, and what the platform knows of both.

A question does not say by which door the object came: the controller asks the same one again before it materialises. Then
nothing changes (`Change()`), and what rules say of the object has to be the same.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from funkhaus.domain.kinds import GROUP
from funkhaus.domain.split import NO_SPLIT, Split

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from funkhaus.domain.function import Function
    from funkhaus.domain.tenant import TenantFacts
    from funkhaus.domain.trigger import Trigger


CREATED_BY = f"{GROUP}/created-by"
"""Annotation: the cluster user who created the object. Added once; an approval must come from somebody else."""
CHANGED_BY = f"{GROUP}/changed-by"
"""Annotation: the cluster user who last changed what the object asks for. Admission writes it, nobody else may."""


@dataclass(frozen=True, slots=True)
class Marks:
    """Labels and annotations below ``funkhaus.dev/``: only the platform sets them, because decisions go by them."""

    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)


def is_mark(key: str) -> bool:
    """Whether a label or annotation of this name is the platform's."""
    prefix, slash, _ = key.partition("/")
    return bool(slash) and (prefix == GROUP or prefix.endswith(f".{GROUP}"))


class Doing(StrEnum):
    """What is done to the object; nothing, when what is stored is judged once more."""

    NONE = "NONE"
    CREATE = "CREATE"
    UPDATE = "UPDATE"


@dataclass(frozen=True, slots=True)
class Change:
    """What is done, and when (aware). The time is part of the question, so that the same question has the same answer."""

    doing: Doing = Doing.NONE
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """`marks` are what the object carries, `owned` what it may carry; `annotations` the names of its other annotations.

    `facts.host_suffixes` holds every suffix the tenant may claim hosts in, the default one first. `gateway` is whether the
    platform names a Gateway for what an Ingress can't say. `split` is what is known of the revisions a trigger names.
    """

    subject: Function | Trigger
    facts: TenantFacts
    marks: Marks = field(default_factory=Marks)
    owned: Marks = field(default_factory=Marks)
    annotations: tuple[str, ...] = ()
    change: Change = field(default_factory=Change)
    gateway: bool = False
    split: Split = NO_SPLIT


@dataclass(frozen=True, slots=True)
class Default:
    """A value policy fills in where a field is absent: `path` holds the keys from the object's top down to it."""

    path: tuple[str, ...]
    value: Any
