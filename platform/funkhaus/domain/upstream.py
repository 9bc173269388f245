"""Where on the network sources may be fetched from, as an installation has it. Rules name hosts; this is the floor.

A host's name says nothing about its address: whoever owns the name decides, and may decide anew between two look-ups. So
the pods that fetch reach these networks and no others, by NetworkPolicy and by what they check themselves.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

from funkhaus.domain.errors import InvalidError
from funkhaus.domain.verdict import Finding

HTTPS = 443
PORT_LIMIT = 65535
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_SPECIAL = tuple(
    ipaddress.ip_network(text)
    for text in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
        "192.168.0.0/16", "198.18.0.0/15", "224.0.0.0/4", "240.0.0.0/4",
        "::/127", "::ffff:0:0/96", "64:ff9b::/96", "2002::/16", "fc00::/7", "fe80::/10", "ff00::/8",
    )
)  # fmt: skip
"""Not the internet's, or ways around what is (RFC 6890): part of a wider network they are left out, named they count."""
_IN_CLUSTER = (
    "0.0.0.0/0!0.0.0.0/8!127.0.0.0/8!169.254.0.0/16!224.0.0.0/4",
    "::/0!::/127!fe80::/10!ff00::/8",
)
"""What a pod of a namespace may have for an address, where nobody but the network knows which."""


@dataclass(frozen=True, slots=True)
class Block:
    """A network, and the parts of it that are left out."""

    cidr: str
    left_out: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """As builds are told: ``0.0.0.0/0!10.0.0.0/8``."""
        return "!".join((self.cidr, *self.left_out))


@dataclass(frozen=True, slots=True)
class Upstream:
    """Networks, or the pods of `namespace`, on `ports` alone. `ca` are PEM certificates that vouch for hosts there, empty
    where the build image's own do.
    """

    blocks: tuple[Block, ...] = ()
    namespace: str = ""
    ports: tuple[int, ...] = (HTTPS,)
    ca: str = ""

    @classmethod
    def of(
        cls, *, cidrs: str = "", namespace: str = "", ports: str = "", ca: str = ""
    ) -> Upstream | None:
        """From settings, ``None`` where no place is named; raises `InvalidError` naming each variable that is wrong."""
        networks, wrong = [], []
        for text in _listed(cidrs):
            try:
                networks.append(ipaddress.ip_network(text))
            except ValueError as error:
                wrong.append(_malformed("CIDRS", str(error), text))
        if namespace and not _LABEL.fullmatch(namespace):
            wrong.append(
                _malformed("NAMESPACE", f"{namespace!r} is no name of a namespace", namespace)
            )
        numbers = []
        for text in _listed(ports):
            if text.isdecimal() and 0 < int(text) <= PORT_LIMIT:
                numbers.append(int(text))
            else:
                wrong.append(_malformed("PORTS", f"{text!r} is no port; 443 passes", text))
        if wrong:
            raise InvalidError.at(*wrong)
        if not networks and not namespace:
            return None
        blocks = tuple(_block(network) for network in networks)
        return cls(blocks, namespace, tuple(numbers) or (HTTPS,), ca)

    @property
    def addresses(self) -> str:
        """What a build may connect to, in its own words: networks with spaces between."""
        named = [block.text for block in self.blocks]
        return " ".join([*named, *(_IN_CLUSTER if self.namespace else ())])


def _block(network: ipaddress.IPv4Network | ipaddress.IPv6Network) -> Block:
    inside = [
        str(part)
        for part in _SPECIAL
        if part.version == network.version and part != network and part.subnet_of(network)  # type: ignore[arg-type]
    ]
    return Block(str(network), tuple(inside))


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _malformed(variable: str, message: str, value: str) -> Finding:
    return Finding("setting-malformed", message, f"FUNKHAUS_SOURCE_{variable}", value=value)
