"""What the use cases need of the world. Adapters implement these; every one has a `Memory…`/`Fake…` twin in
`tests/support` that sits the same contract suite.

A manifest is a plain JSON object (``dict[str, Any]``) as kube-apiserver speaks it.
"""

from funkhaus.ports.stores import AuditRow, OutboxItem, PlatformWork, Stores, TenantWork
from funkhaus.ports.world import (
    Answer,
    Clock,
    Cluster,
    Decider,
    Dialer,
    ImageRegistry,
    Manifest,
    TokenMint,
)

__all__ = [
    "Answer",
    "AuditRow",
    "Clock",
    "Cluster",
    "Decider",
    "Dialer",
    "ImageRegistry",
    "Manifest",
    "OutboxItem",
    "PlatformWork",
    "Stores",
    "TenantWork",
    "TokenMint",
]
