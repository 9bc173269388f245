"""JSON lines on stderr, one event each.

Context (tenant, function, request_id) is bound, never formatted into the message. Our own events go straight to a line:
the standard library's way, by record, handler and formatter, is for what libraries say.
"""

from __future__ import annotations

import logging
import sys
from typing import Any

import structlog

Logger = structlog.typing.FilteringBoundLogger

_SHARED: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.processors.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
    structlog.processors.format_exc_info,
]


class _Lines(structlog.WriteLogger):
    """Writes what it is given to stderr, a line each, under its name."""

    def __init__(self, name: str) -> None:
        super().__init__(sys.stderr)
        self.name = name


def configure(level: str) -> None:
    """Send structlog's and the standard library's loggers to stderr as JSON lines, from `level` up."""
    structlog.configure(
        processors=[*_SHARED, structlog.processors.JSONRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=_Lines,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=_SHARED,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for chatty in ("kopf.objects", "kopf._core", "aiohttp.access", "kubernetes_asyncio"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


def logger(name: str) -> Logger:
    """A logger for one module or part."""
    bound: Logger = structlog.get_logger(name)
    return bound
