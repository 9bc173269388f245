"""Keys and certificates of the node, made with the ``openssl`` program and renewed before they end."""

from __future__ import annotations

import hashlib
import json
import secrets
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from funkhaus_cluster import atomic

if TYPE_CHECKING:
    from funkhaus_cluster.commands import Commands

AUTHORITY_DAYS = 3650
CERTIFICATE_DAYS = 365
RENEW_BEFORE_SECONDS = 30 * 24 * 3600


@dataclass(frozen=True)
class Certificate:
    """What a leaf certificate says."""

    name: str
    """File name below the folder, without suffix."""
    common_name: str
    organization: str = ""
    authority: str = "ca"
    addresses: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    server: bool = False
    client: bool = True


@dataclass(frozen=True)
class Pki:
    """The files below one folder: ``<name>.crt`` and ``<name>.key``."""

    folder: Path
    commands: Commands

    def certificate(self, name: str) -> Path:
        """Path of a certificate."""
        return self.folder / f"{name}.crt"

    def key(self, name: str) -> Path:
        """Path of a private key, mode 0600."""
        return self.folder / f"{name}.key"

    def authority(self, name: str) -> bool:
        """Make the authority ``name`` unless it stands and lasts; return whether it was made."""
        if self._lasts(name):
            return False
        config = (
            "[req]\ndistinguished_name=dn\nx509_extensions=v3\nprompt=no\n"
            f"[dn]\nCN=funkhaus-local {name}\n"
            "[v3]\nbasicConstraints=critical,CA:TRUE,pathlen:0\n"
            "keyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\n"
        )
        with tempfile.TemporaryDirectory(dir=self._ready_folder(), prefix=".tmp-") as name_of:
            temporary = Path(name_of)
            (temporary / "config").write_text(config)
            self._make_key(temporary / "key")
            self.commands.output(
                ["openssl", "req", "-x509", "-new", "-key", temporary / "key",
                 "-config", temporary / "config", "-days", str(AUTHORITY_DAYS),
                 "-set_serial", _serial(), "-out", temporary / "crt"]
            )  # fmt: skip
            self._put(temporary, name)
        return True

    def issue(self, wanted: Certificate) -> bool:
        """Make a leaf, unless one stands that says the same, is of today's authority and lasts.

        Return whether it was made.
        """
        said = self.folder / f"{wanted.name}.json"
        authority = self.certificate(wanted.authority).read_bytes()
        saying = json.dumps(
            {**asdict(wanted), "issuer": hashlib.sha256(authority).hexdigest()}, sort_keys=True
        )
        if said.exists() and said.read_text() == saying and self._lasts(wanted.name):
            return False
        with tempfile.TemporaryDirectory(dir=self._ready_folder(), prefix=".tmp-") as name_of:
            temporary = Path(name_of)
            (temporary / "config").write_text(_leaf_config(wanted))
            self._make_key(temporary / "key")
            self.commands.output(
                ["openssl", "req", "-new", "-key", temporary / "key",
                 "-config", temporary / "config", "-out", temporary / "csr"]
            )  # fmt: skip
            self.commands.output(
                ["openssl", "x509", "-req", "-in", temporary / "csr",
                 "-CA", self.certificate(wanted.authority), "-CAkey", self.key(wanted.authority),
                 "-set_serial", _serial(), "-days", str(CERTIFICATE_DAYS),
                 "-extfile", temporary / "config", "-extensions", "v3", "-out", temporary / "crt"]
            )  # fmt: skip
            # The note goes first out and last in: a kill in between makes the next run issue anew.
            said.unlink(missing_ok=True)
            self._put(temporary, wanted.name)
        atomic.write(said, saying, mode=0o600)
        return True

    def signing_key(self, name: str) -> bool:
        """Make the key pair that signs ServiceAccount tokens (``.key`` and ``.pub``) unless it stands."""
        if self.key(name).exists() and (self.folder / f"{name}.pub").exists():
            return False
        with tempfile.TemporaryDirectory(dir=self._ready_folder(), prefix=".tmp-") as name_of:
            temporary = Path(name_of)
            self._make_key(temporary / "key")
            public = self.commands.output(["openssl", "ec", "-in", temporary / "key", "-pubout"])
            atomic.write(self.key(name), (temporary / "key").read_bytes(), mode=0o600)
            atomic.write(self.folder / f"{name}.pub", public)
        return True

    def _lasts(self, name: str) -> bool:
        if not self.certificate(name).exists() or not self.key(name).exists():
            return False
        return self.commands.succeeds(
            ["openssl", "x509", "-in", self.certificate(name), "-noout",
             "-checkend", str(RENEW_BEFORE_SECONDS)]
        )  # fmt: skip

    def _make_key(self, path: Path) -> None:
        key = self.commands.output(
            ["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout"]
        )
        atomic.write(path, key, mode=0o600)

    def _put(self, temporary: Path, name: str) -> None:
        atomic.write(self.key(name), (temporary / "key").read_bytes(), mode=0o600)
        atomic.write(self.certificate(name), (temporary / "crt").read_bytes())

    def _ready_folder(self) -> Path:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return self.folder


def _leaf_config(wanted: Certificate) -> str:
    usages = [
        word
        for word, used in (("serverAuth", wanted.server), ("clientAuth", wanted.client))
        if used
    ]
    alternatives = [f"IP:{address}" for address in wanted.addresses]
    alternatives += [f"DNS:{host}" for host in wanted.hosts]
    lines = ["[req]", "distinguished_name=dn", "prompt=no", "[dn]"]
    if wanted.organization:
        lines.append(f"O={wanted.organization}")
    lines += [
        f"CN={wanted.common_name}",
        "[v3]",
        "basicConstraints=critical,CA:FALSE",
        "keyUsage=critical,digitalSignature",
        f"extendedKeyUsage={','.join(usages)}",
        "authorityKeyIdentifier=keyid",
    ]
    if alternatives:
        lines.append(f"subjectAltName={','.join(alternatives)}")
    return "\n".join(lines) + "\n"


def _serial() -> str:
    return f"0x{secrets.randbits(127) | 1 << 126:x}"
