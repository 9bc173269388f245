"""Keeps the serving certificate fresh, shared between replicas, and trusted by kube-apiserver, without dropping a call.

The identity lies in a Secret, so that all replicas serve with one; each looks at it again and again and takes over what it
finds. It puts the authority into the webhook configurations beside the old one, and serves by it only once kube-apiserver
had the time to notice, whoever of the replicas put it there; so at no moment does one serve what kube-apiserver does not
trust. Whoever writes says what it read: of two that renew at once one does, and the other takes over what it finds.

Clocks differ. What begins later than now by a replica's clock it does not take over, while it has something to serve.
"""

from __future__ import annotations

import asyncio
import base64
import ssl
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from funkhaus import logs
from funkhaus.domain.errors import FunkhausError, InvalidError, UnavailableError
from funkhaus.domain.kinds import MUTATING_WEBHOOK, SECRET, VALIDATING_WEBHOOK, Kind
from funkhaus.domain.verdict import Finding
from funkhaus.metrics import CERTIFICATE_EXPIRY
from funkhaus_webhook import certificates
from funkhaus_webhook.certificates import Lives
from funkhaus_webhook.wanted import CONFIGURATION

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from funkhaus.ports import Clock, Cluster, Manifest
    from funkhaus_webhook.certificates import Identity

SECRET_NAME = "funkhaus-webhook-tls"  # noqa: S105 - the name of a Secret
LOOK_SECONDS = 30.0
"""Between two looks at the Secret and the configurations; also how long drift of either can last."""
RETRY_SECONDS = 2.0
OVERLAP_SECONDS = 10.0
"""Between trusting a new authority and serving by it: how long kube-apiserver may take to notice."""
_LOG = logs.logger(__name__)


def context(callers: str = "") -> ssl.SSLContext:
    """The server's context, still without a certificate; a certificate loaded later holds for new connections at once.

    `callers` is a file with the authorities of who may ask at all, PEM: others end at the handshake. Without one everybody
    may who gets here. Raises `InvalidError` for a file that is none.
    """
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version = ssl.TLSVersion.TLSv1_3
    if callers:
        try:
            made.load_verify_locations(callers)
        except OSError as error:  # ssl.SSLError is one
            finding = Finding(
                "setting-malformed",
                f"{callers!r} holds no certificates; PEM of the authority of kube-apiserver's client certificate passes",
                "FUNKHAUS_WEBHOOK_CLIENT_CA_FILE",
                value=callers,
            )
            raise InvalidError.at(finding) from error
        made.verify_mode = ssl.CERT_REQUIRED
    return made


class Keeper:
    """Serves `context` with a certificate for `hosts`, kept in a Secret of `namespace`."""

    def __init__(
        self,
        cluster: Cluster,
        clock: Clock,
        tls: ssl.SSLContext,
        *,
        hosts: Sequence[str],
        namespace: str,
        lives: Lives | None = None,
        overlap: float = OVERLAP_SECONDS,
    ) -> None:
        self._cluster = cluster
        self._clock = clock
        self._tls = tls
        self._hosts = tuple(hosts)
        self._namespace = namespace
        self._lives = lives or Lives()
        self._overlap = overlap
        self._served: Identity | None = None

    async def keep(self, retry: float = RETRY_SECONDS) -> None:
        """Look after the certificate for ever, often enough for its life; after a failure again in `retry` seconds."""
        look = min(LOOK_SECONDS, self._lives.serving.total_seconds() / 10)
        while True:
            try:
                await self.look()
            except FunkhausError as error:
                _LOG.warning("certificate not looked after", error=error.message)
                await asyncio.sleep(retry)
            else:
                await asyncio.sleep(look)

    async def look(self) -> None:
        """Take over, renew and publish what has to be; raises `FunkhausError` when the cluster does not let us."""
        now = self._clock.now()
        secret = await self._cluster.get(SECRET, self._namespace, SECRET_NAME)
        identity = _read(secret)
        if identity and identity.begins > now and self._served_lasts(now):
            _LOG.warning("the stored certificate begins later than now", at=f"{identity.begins:%c}")
            return
        if identity and not self._served and identity.is_good(now, self._hosts):
            await self._take_over(identity)  # as the others do, until a new one is trusted
        if identity is None or identity.begins > now or identity.authority_due(now):
            what = "authority renewed" if identity else "authority made"
            identity = certificates.new_identity(self._hosts, now, self._lives)
            await self._store(identity, what, secret)
        elif identity.serving_due(now, self._hosts):
            identity = certificates.renewed(identity, self._hosts, now, self._lives)
            await self._store(identity, "certificate renewed", secret)
        await self._take_over(identity)

    @property
    def authority(self) -> bytes | None:
        """The authority of what is served, PEM; ``None`` before anything is."""
        return self._served.authority if self._served else None

    async def ready(self) -> None:
        """Pass if a certificate is served and has not ended; raises `UnavailableError`."""
        if self._served is None:
            raise UnavailableError("there is no serving certificate yet")
        if self._served.expires <= self._clock.now():
            raise UnavailableError(
                f"the serving certificate ended at {self._served.expires:%c} UTC"
            )

    def _served_lasts(self, now: datetime) -> bool:
        served = self._served
        return (
            served is not None and served.begins <= now and not served.serving_due(now, self._hosts)
        )

    async def _take_over(self, identity: Identity) -> None:
        """Serve it, once it is trusted everywhere."""
        news, others = await self._trust(identity)
        if identity == self._served:
            return
        if others:
            await asyncio.sleep(self._pause(identity, news=news))
        self._serve(identity)

    def _pause(self, identity: Identity, *, news: bool) -> float:
        """Seconds in which kube-apiserver may still trust others alone."""
        if news or (self._served and self._served.authority != identity.authority):
            return self._overlap
        age = (self._clock.now() - identity.authority_made).total_seconds()
        return 0.0 if self._served else min(max(self._overlap - age, 0.0), self._overlap)

    async def _store(self, identity: Identity, what: str, before: Manifest | None) -> None:
        """Write it in place of what was read; raises `ConflictError` where that is not there any more."""
        files = certificates.written(identity)
        version = _version(before) if before else {}
        await self._cluster.apply(
            {
                "apiVersion": SECRET.api_version,
                "kind": SECRET.name,
                "metadata": {"namespace": self._namespace, "name": SECRET_NAME, **version},
                "type": "kubernetes.io/tls",
                "data": {name: base64.b64encode(pem).decode() for name, pem in files.items()},
            },
            force=True,
            new=before is None,
        )
        _LOG.info(what, until=identity.expires.isoformat())

    def _serve(self, identity: Identity) -> None:
        with tempfile.TemporaryDirectory(prefix="funkhaus-tls-") as folder:
            # Python loads a chain from files only. The folder is ours alone (0700) and gone at once.
            chain, key = Path(folder) / "tls.crt", Path(folder) / "tls.key"
            chain.write_bytes(identity.certificate)
            key.write_bytes(identity.key)
            self._tls.load_cert_chain(chain, key)
        self._served = identity
        CERTIFICATE_EXPIRY.set(identity.expires.timestamp())
        _LOG.info("certificate served", until=identity.expires.isoformat())

    async def _trust(self, identity: Identity) -> tuple[bool, bool]:
        """Have every webhook of both configurations trust the identity; whether one did not yet, and one trusts others."""
        news = others = False
        for kind in (MUTATING_WEBHOOK, VALIDATING_WEBHOOK):
            configuration = await self._cluster.get(kind, "", CONFIGURATION)
            if configuration is None:
                continue
            bundles = self._bundles(configuration, identity)
            others = others or any(len(wanted) > len(identity.authority) for _, wanted in bundles)
            if all(present == wanted for present, wanted in bundles):
                continue
            await self._cluster.apply(_trusting(kind, configuration, bundles), force=True)
            _LOG.info("authority trusted", kind=kind.name)
            news = True
        return news, others

    def _bundles(self, configuration: Manifest, identity: Identity) -> list[tuple[bytes, bytes]]:
        """Of every webhook: the authorities it trusts, and those it has to."""
        now, found = self._clock.now(), []
        for webhook in configuration.get("webhooks") or []:
            text = (webhook.get("clientConfig") or {}).get("caBundle") or ""
            present = base64.b64decode(text)
            found.append((present, certificates.bundle(present, identity.authority, now)))
        return found


def _read(secret: Manifest | None) -> Identity | None:
    data: dict[str, str] = (secret or {}).get("data") or {}
    return certificates.read({name: base64.b64decode(text) for name, text in data.items()})


def _version(manifest: Manifest) -> dict[str, str]:
    """What an apply says so that it changes only what was read."""
    return {"resourceVersion": manifest["metadata"]["resourceVersion"]}


def _trusting(kind: Kind, configuration: Manifest, bundles: list[tuple[bytes, bytes]]) -> Manifest:
    webhooks: list[dict[str, Any]] = [
        {
            "name": webhook["name"],
            "clientConfig": {"caBundle": base64.b64encode(wanted).decode()},
        }
        for webhook, (_, wanted) in zip(configuration["webhooks"], bundles, strict=True)
    ]
    return {
        "apiVersion": kind.api_version,
        "kind": kind.name,
        "metadata": {"name": CONFIGURATION, **_version(configuration)},
        "webhooks": webhooks,
    }
