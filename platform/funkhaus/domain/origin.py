"""Addresses that sources are fetched from, read one way by everybody: rules, network and the build that asks.

An address is an origin (scheme, host in lower case, perhaps a port; RFC 6454) and a path. User names, fragments, IPv6
literals and whatever else a URL may hold have no place in it, so no two readers can differ about where it leads.
"""

from __future__ import annotations

import re

URL_LIMIT = 2048
"""Characters of an address."""
EXAMPLE = "https://files.example.com/hello-1.0.tar.gz"
_ORIGIN = r"https?://[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?(?::[1-9][0-9]{0,4})?"
PATTERN = rf"{_ORIGIN}/[!$-~]*"
"""Of an address; the Function's schema has the same."""
ORIGIN = _ORIGIN
_PARTS = re.compile(rf"(?P<origin>{_ORIGIN})(?P<path>/[!$-~]*)")


def origin_of(url: str) -> str:
    """``https://host`` or ``https://host:port`` of an address; empty where it is none."""
    match = _PARTS.fullmatch(url) if len(url) <= URL_LIMIT else None
    return match["origin"] if match else ""


def shown(url: str) -> str:
    """An address as logs and conditions may show it: what is behind a question mark may be a secret."""
    bare, mark, _ = url.partition("?")
    return f"{bare}?…" if mark else bare
