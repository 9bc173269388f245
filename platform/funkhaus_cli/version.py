"""Which release this is."""

from __future__ import annotations

from importlib import metadata

try:
    VERSION = metadata.version("funkhaus")
except metadata.PackageNotFoundError:
    VERSION = "0+source"
    """Run from a checkout that is not installed."""
