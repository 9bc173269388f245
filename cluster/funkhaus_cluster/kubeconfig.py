"""Kubeconfig files, one per identity, with everything embedded."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING

from funkhaus_cluster import atomic

if TYPE_CHECKING:
    from pathlib import Path

    from funkhaus_cluster.pki import Pki
    from funkhaus_cluster.settings import Settings

CONTEXT = "funkhaus-local"


def write(settings: Settings, pki: Pki, name: str) -> Path:
    """Write the kubeconfig of the identity whose certificate is called ``name``; return its path."""
    path = settings.kubeconfig(name)
    content = render(
        server=settings.apiserver_url,
        authority=pki.certificate("ca").read_bytes(),
        user=name,
        certificate=pki.certificate(name).read_bytes(),
        key=pki.key(name).read_bytes(),
    )
    atomic.write(path, content, mode=0o600)
    return path


def render(*, server: str, authority: bytes, user: str, certificate: bytes, key: bytes) -> str:
    """The file's text. It is JSON, which is YAML too."""

    def encoded(raw: bytes) -> str:
        return base64.b64encode(raw).decode()

    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {
                "name": CONTEXT,
                "cluster": {"server": server, "certificate-authority-data": encoded(authority)},
            }
        ],
        "users": [
            {
                "name": user,
                "user": {
                    "client-certificate-data": encoded(certificate),
                    "client-key-data": encoded(key),
                },
            }
        ],
        "contexts": [{"name": CONTEXT, "context": {"cluster": CONTEXT, "user": user}}],
        "current-context": CONTEXT,
    }
    return json.dumps(content, indent=2) + "\n"


def admission_callers(address: str, certificate: Path, key: Path) -> str:
    """The kubeconfig-shaped file that tells the apiserver who it is to the webhook at ``address`` (``host:port``)."""
    user = {"client-certificate": str(certificate), "client-key": str(key)}
    content = {"apiVersion": "v1", "kind": "Config", "users": [{"name": address, "user": user}]}
    return json.dumps(content, indent=2) + "\n"


def admission(callers: Path) -> str:
    """The apiserver's admission configuration: both kinds of webhooks are called as ``callers`` says."""
    version = "apiserver.config.k8s.io/v1"
    configuration = {
        "apiVersion": version,
        "kind": "WebhookAdmissionConfiguration",
        "kubeConfigFile": str(callers),
    }
    content = {
        "apiVersion": version,
        "kind": "AdmissionConfiguration",
        "plugins": [
            {"name": name, "configuration": configuration}
            for name in ("MutatingAdmissionWebhook", "ValidatingAdmissionWebhook")
        ],
    }
    return json.dumps(content, indent=2) + "\n"


def webhook(url: str) -> str:
    """The kubeconfig-shaped file that tells the apiserver where to ask about bearer tokens."""
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "tokens", "cluster": {"server": url}}],
        "users": [{"name": "apiserver"}],
        "contexts": [{"name": "tokens", "context": {"cluster": "tokens", "user": "apiserver"}}],
        "current-context": "tokens",
    }
    return json.dumps(content, indent=2) + "\n"
