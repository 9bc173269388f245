"""Triggers: what calls a function."""

from __future__ import annotations

from typing import TYPE_CHECKING

from funkhaus.domain.kinds import CRON_JOB_TRIGGER, HTTP_TRIGGER
from funkhaus.domain.permission import Permission
from funkhaus.services.resources import ResourceService

if TYPE_CHECKING:
    from funkhaus.ports import Cluster, Stores
    from funkhaus.services.acts import Acts


def http_triggers(stores: Stores, acts: Acts, cluster: Cluster) -> ResourceService:
    """Use cases on HTTP triggers."""
    return ResourceService(
        HTTP_TRIGGER, "httptrigger", Permission.TRIGGER_READ, Permission.TRIGGER_WRITE, stores, acts, cluster,
    )  # fmt: skip


def cron_job_triggers(stores: Stores, acts: Acts, cluster: Cluster) -> ResourceService:
    """Use cases on cron triggers."""
    return ResourceService(
        CRON_JOB_TRIGGER, "cronjobtrigger", Permission.TRIGGER_READ, Permission.TRIGGER_WRITE, stores, acts, cluster,
    )  # fmt: skip
