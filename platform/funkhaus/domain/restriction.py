"""What a token may be used for, below its role: some permissions, some namespaces, from some addresses."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TYPE_CHECKING

from funkhaus.domain.verdict import Finding

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

ENTRIES_LIMIT = 32
"""Namespaces, and address ranges, of one token."""
Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class Restriction:
    """`scopes` are permissions, `namespaces` short names, `cidrs` address ranges; an empty one restricts nothing."""

    scopes: tuple[str, ...] = ()
    namespaces: tuple[str, ...] = ()
    cidrs: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.scopes or self.namespaces or self.cidrs)

    def admits(self, address: str) -> bool:
        """Whether a caller at `address` may use the token; an address that can't be read is nobody's."""
        if not self.cidrs:
            return True
        try:
            caller = ip_address(address)
        except ValueError:
            return False
        if isinstance(caller, IPv6Address) and caller.ipv4_mapped:
            caller = caller.ipv4_mapped
        return any(caller in ip_network(cidr) for cidr in self.cidrs)


UNRESTRICTED = Restriction()


def ranges(cidrs: Sequence[str]) -> tuple[tuple[str, ...], list[Finding]]:
    """Address ranges as they are kept, and what is wrong with them."""
    findings = too_many("cidrs", cidrs)
    kept: list[str] = []
    for place, text in enumerate(cidrs[:ENTRIES_LIMIT]):
        path = f"cidrs[{place}]"
        try:
            kept.append(str(ip_network(text)))
        except ValueError:
            passes = _mended(text)
            message = "is no address range; 192.0.2.0/24 and 2001:db8::/32 are"
            if passes:
                message = f"has bits set behind its prefix; {passes} passes"
            finding = Finding("cidr-malformed", message, path, value=text[:80], passes=passes)
            findings.append(finding)
    return tuple(dict.fromkeys(kept)), findings


def _mended(text: str) -> str | None:
    try:
        return str(ip_network(text, strict=False))
    except ValueError:
        return None


def too_many(path: str, entries: Sequence[str]) -> list[Finding]:
    """The finding for a list that is too long."""
    if len(entries) <= ENTRIES_LIMIT:
        return []
    message = f"holds {len(entries)} entries; {ENTRIES_LIMIT} pass"
    return [Finding("list-too-long", message, path, limit=ENTRIES_LIMIT, value=len(entries))]


def outside(cidrs: Iterable[str], allowed: Iterable[str]) -> list[str]:
    """The ranges that do not lie within an allowed one."""
    bounds = [ip_network(cidr) for cidr in allowed]
    return [cidr for cidr in cidrs if not any(_within(ip_network(cidr), bound) for bound in bounds)]


def _within(inner: Network, outer: Network) -> bool:
    if isinstance(inner, IPv4Network) and isinstance(outer, IPv4Network):
        return inner.subnet_of(outer)
    if isinstance(inner, IPv6Network) and isinstance(outer, IPv6Network):
        return inner.subnet_of(outer)
    return False
