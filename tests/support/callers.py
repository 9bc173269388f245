"""Who may ask a webhook: an authority, kube-apiserver's certificate of it, and the files that tell it so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from funkhaus_cluster import kubeconfig
from funkhaus_cluster.commands import Commands
from funkhaus_cluster.pki import Certificate, Pki

if TYPE_CHECKING:
    from pathlib import Path

AUTHORITY, CALLER = "webhook-callers-ca", "apiserver-webhooks"


def made(folder: Path) -> Pki:
    """An authority of its own, and a client's certificate of it, below `folder`."""
    pki = Pki(folder, Commands())
    pki.authority(AUTHORITY)
    pki.issue(Certificate(CALLER, "kube-apiserver", authority=AUTHORITY))
    return pki


def flag(pki: Pki, port: int) -> str:
    """What has a kube-apiserver show the certificate to the webhook at `port` of loopback."""
    callers, admission = pki.folder / "callers.yaml", pki.folder / "admission.yaml"
    certificate, key = pki.certificate(CALLER), pki.key(CALLER)
    callers.write_text(kubeconfig.admission_callers(f"127.0.0.1:{port}", certificate, key))
    admission.write_text(kubeconfig.admission(callers))
    return f"--admission-control-config-file={admission}"
