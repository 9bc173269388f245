"""Which addresses may be connected to. A host is looked up once and connected to where that said: no second can differ."""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass

from funkhaus_build.installing import BuildError
from funkhaus_build.source.away import AwayError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True)
class Networks:
    """Networks, each with what is left out of it."""

    blocks: tuple[tuple[Network, tuple[Network, ...]], ...]

    @classmethod
    def read(cls, text: str) -> Networks:
        """From ``0.0.0.0/0!10.0.0.0/8 2001:db8::/32``; raises `ValueError`."""
        blocks = []
        for word in text.split():
            whole, *left_out = (ipaddress.ip_network(part) for part in word.split("!"))
            blocks.append((whole, tuple(left_out)))
        return cls(tuple(blocks))

    def hold(self, address: Address) -> bool:
        """Whether an address may be connected to; one of IPv4 in IPv6's clothes is what it is."""
        bare = getattr(address, "ipv4_mapped", None) or address
        return any(
            bare in whole and not any(bare in part for part in left_out)
            for whole, left_out in self.blocks
        )

    def addresses(self, host: str, port: int) -> list[str]:
        """Where a host is, as far as that may be connected to. Raises `BuildError`, `AwayError`."""
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except socket.gaierror as error:
            if error.errno == socket.EAI_AGAIN:
                raise AwayError(f"the name {host} can't be looked up just now") from error
            raise BuildError(f"there is no host {host}") from error
        except UnicodeError as error:
            raise BuildError(f"there is no host {host}") from error
        told = list(dict.fromkeys(str(item[4][0]) for item in found))
        allowed = [text for text in told if self.hold(ipaddress.ip_address(text.partition("%")[0]))]
        if not allowed:
            raise BuildError(
                f"{host} is at {', '.join(told[:3])}, where nothing is fetched from here; "
                "whoever runs the platform says from where (FUNKHAUS_SOURCE_CIDRS)"
            )
        return allowed
