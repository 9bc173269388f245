"""Where a request comes from: the peer, or what proxies that are trusted say of it."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TYPE_CHECKING

from funkhaus.domain.errors import InvalidError
from funkhaus.domain.verdict import Finding

if TYPE_CHECKING:
    from ipaddress import IPv4Address

    from aiohttp import web

HOPS_LIMIT = 32
HOME_BITS = 64
"""Of an IPv6 address: who has one has at least all that share these."""


class Proxies:
    """The address ranges of proxies whose ``X-Forwarded-For`` counts. Without any, nobody's does."""

    def __init__(self, ranges: tuple[IPv4Network | IPv6Network, ...] = ()) -> None:
        self._ranges = ranges

    @classmethod
    def parse(cls, text: str) -> Proxies:
        """From CIDRs with commas between; raises `InvalidError`."""
        try:
            return cls(tuple(ip_network(item.strip()) for item in text.split(",") if item.strip()))
        except ValueError as error:
            finding = Finding("setting-malformed", str(error), "FUNKHAUS_TRUSTED_PROXIES")
            raise InvalidError.at(finding) from error

    def client(self, request: web.Request) -> str:
        """The caller's address; empty when it can't be told.

        The header is read from its end: each trusted proxy added who it heard from, and what stands before the first
        address that is nobody's we trust may be made up by the caller.
        """
        address = _parsed(request.remote or "")
        header = ",".join(request.headers.getall("X-Forwarded-For", []))
        hops = [hop.strip() for hop in header.split(",")] if header else []
        for hop in reversed(hops[-HOPS_LIMIT:]):
            if address is None or not self._trusts(address):
                break
            address = _parsed(hop)
        return str(address) if address else ""

    def home(self, request: web.Request) -> str:
        """What attempts are counted by: the caller's address, of IPv6 the network it is in."""
        address = _parsed(self.client(request))
        if isinstance(address, IPv6Address):
            return str(ip_network((address, HOME_BITS), strict=False))
        return str(address or "")

    def _trusts(self, address: IPv4Address | IPv6Address) -> bool:
        return any(address in item for item in self._ranges)


@lru_cache(maxsize=1024)  # the same callers come again and again; headers are bounded
def _parsed(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        return address.ipv4_mapped
    return address
