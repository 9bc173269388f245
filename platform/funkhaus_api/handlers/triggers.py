"""HTTP and cron triggers."""

from __future__ import annotations

from funkhaus_api.resources import Resources

ROUTES = [
    *Resources("httptriggers", "trigger", lambda services: services.http_triggers).routes(),
    *Resources("cronjobtriggers", "trigger", lambda services: services.cron_job_triggers).routes(),
]
