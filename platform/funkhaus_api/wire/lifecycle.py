"""A tenant's standing on the wire."""

from __future__ import annotations

from pydantic import Field

from funkhaus.services.quotas import REASON_LIMIT
from funkhaus_api.wire.reading import Body


class NewSuspension(Body):
    """What has a tenant rest."""

    reason: str = Field(min_length=1, max_length=REASON_LIMIT)
