"""Where people reach kube-apiserver: public facts, which a kubeconfig is written from."""

from __future__ import annotations

import re
from dataclasses import dataclass

from funkhaus.domain.errors import InvalidError
from funkhaus.domain.verdict import Finding

_CERTIFICATE = re.compile(
    r"-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----", re.ASCII
)
_SERVER = re.compile(r"https://[^\s/@?#]+(/[^\s@?#]*)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class ClusterAddress:
    """An https URL, and the PEM certificates that vouch for it; without any, the caller's own trust store does."""

    server: str
    ca: str = ""

    @classmethod
    def of(cls, server: str, pem: str) -> ClusterAddress:
        """Of a PEM bundle only the certificates are kept: a key beside them is nobody's business.

        Raises `InvalidError` naming the setting that is wrong.
        """
        certificates = _CERTIFICATE.findall(pem)
        findings = []
        if not _SERVER.fullmatch(server):
            findings.append(
                Finding(
                    "setting-malformed",
                    f"{server!r} is no https URL without credentials; https://kube.example.com:6443 passes",
                    "FUNKHAUS_CLUSTER_SERVER",
                    value=server,
                )
            )
        if pem.strip() and not certificates:
            findings.append(
                Finding(
                    "setting-malformed",
                    "holds no certificate; a PEM bundle with one at least passes",
                    "FUNKHAUS_CLUSTER_CA_FILE",
                )
            )
        if findings:
            raise InvalidError.at(*findings)
        return cls(server.rstrip("/"), "".join(f"{text}\n" for text in certificates))
