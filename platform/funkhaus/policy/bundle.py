"""A policy set as the bundle OPA loads: the same set and key give the same bytes.

Format and signature: https://www.openpolicyagent.org/docs/management-bundles. In a bundle data come from ``data.json``
alone, so the catalogues are one document, below ``data`` as the rules read it, with the revision beside them.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from typing import TYPE_CHECKING, Any

from funkhaus.crd import catalogue_files
from funkhaus.domain.policy_set import ROOTS

if TYPE_CHECKING:
    from funkhaus.domain.policy_set import PolicySet
    from funkhaus.ports import BundleSigner

MANIFEST, SIGNATURES, DATA = ".manifest", ".signatures.json", "data/data.json"


def build(policies: PolicySet, signer: BundleSigner) -> bytes:
    """The signed bundle; raises `InvalidError` for a data file that can't be read."""
    revision = policies.revision
    manifest = {"revision": revision, "roots": list(ROOTS), "rego_version": 1}
    files = {
        MANIFEST: canonical(manifest),
        DATA: canonical({**documents(policies), "revision": revision}),
        **{
            name: text.encode()
            for name, text in policies.deciding.items()
            if name.endswith(".rego")
        },
    }
    claims = {
        "files": [
            {"name": name, "hash": hashlib.sha256(content).hexdigest(), "algorithm": "SHA-256"}
            for name, content in sorted(files.items())
        ]
    }
    signatures = canonical({"signatures": [signer.sign(claims)]})
    return _packed({SIGNATURES: signatures, **files})


def documents(policies: PolicySet) -> dict[str, Any]:
    """What the data files hold, merged by their keys; raises `InvalidError`."""
    found: dict[str, Any] = {}
    for document in catalogue_files.by_name(policies.deciding).values():
        found |= document if isinstance(document, dict) else {}
    return found


def canonical(document: object) -> bytes:
    """JSON in the one form OPA hashes it in: sorted keys, no spaces, UTF-8."""
    return json.dumps(
        document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    ).encode()


def _packed(files: dict[str, bytes]) -> bytes:
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, content in sorted(files.items()):
            entry = tarfile.TarInfo(f"/{name}")
            entry.size, entry.mode = len(content), 0o644
            archive.addfile(entry, io.BytesIO(content))
    return gzip.compress(tar.getvalue(), mtime=0)
