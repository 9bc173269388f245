"""`KubeCluster`: the port `funkhaus.ports.Cluster` over kube-apiserver's REST API, by kind and not by generated class.

The generated classes of the client library are bypassed: they can neither send several Impersonate-Group headers nor
leave an unknown field alone. What is used is its configuration, credentials and connection pool.
"""

from __future__ import annotations

import json
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import aiohttp
from multidict import CIMultiDict

from funkhaus.domain.errors import (
    ConflictError,
    CursorError,
    NotFoundError,
    UnavailableError,
)
from funkhaus.domain.kinds import POD, SECRET, SERVICE_ACCOUNT, Kind, kind_of
from funkhaus.domain.verdict import Finding
from funkhaus.kube import status
from funkhaus.kube.connection import api_client
from funkhaus.kube.speaking import impersonation, lines, unreachable, url_path
from funkhaus.ports import Minted, ObjectPage

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from kubernetes_asyncio.client.api_client import ApiClient

    from funkhaus.domain.subject import Subject
    from funkhaus.ports import Manifest

JSON = "application/json"
METADATA = f"{JSON};as=PartialObjectMetadataList;v=v1;g=meta.k8s.io, {JSON}"
APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"
CHUNK = 500
KEYS = 100_000
"""Objects of one kind whose names are read at most."""
LOG_BYTES = 16 * 1024 * 1024
FOLLOW_SECONDS = 3600
_GONE, _ERRORS = 410, 400
_UNSEEN = {"resourceVersion": "1"}
"""That of an empty etcd: its first object has 2."""


class KubeCluster:
    """kube-apiserver for one process. `manager` is its field manager; `timeout` bounds every call, in seconds."""

    def __init__(self, client: ApiClient, *, manager: str, timeout: float = 10.0) -> None:
        self._client = client
        self._manager = manager
        self._timeout = timeout

    @classmethod
    async def connect(cls, kubeconfig: str, *, manager: str) -> KubeCluster:
        """A cluster from a kubeconfig, or the pod's own when it is empty; close it at the end."""
        return cls(await api_client(kubeconfig, manager), manager=manager)

    async def close(self) -> None:
        """Give the connections back."""
        await self._client.close()

    async def get(
        self, kind: Kind, namespace: str, name: str, *, subject: Subject | None = None
    ) -> Manifest | None:
        """One object, or ``None``."""
        try:
            return await self.request("GET", url_path(kind, namespace, name), subject=subject)
        except NotFoundError:
            return None

    async def _list(
        self,
        kind: Kind,
        namespace: str,
        labels: Mapping[str, str],
        limit: int,
        *,
        fields: Mapping[str, str] | None = None,
        subject: Subject | None = None,
        accept: str = JSON,
    ) -> list[Manifest]:
        items: list[Manifest] = []
        query = {"limit": str(min(limit, CHUNK))}
        if labels:
            query["labelSelector"] = ",".join(f"{key}={value}" for key, value in labels.items())
        if fields:
            query["fieldSelector"] = ",".join(f"{key}={value}" for key, value in fields.items())
        while True:
            path = url_path(kind, namespace)
            page = await self.request("GET", path, query, subject=subject, accept=accept)
            items += [
                {"apiVersion": kind.api_version, "kind": kind.name, **item}
                for item in page.get("items") or []
            ]
            more = (page.get("metadata") or {}).get("continue")
            if not more or len(items) >= limit:
                return items[:limit]
            query["continue"] = more

    async def list(
        self,
        kind: Kind,
        namespace: str = "",
        *,
        labels: Mapping[str, str] | None = None,
        fields: Mapping[str, str] | None = None,
        limit: int = CHUNK,
        subject: Subject | None = None,
    ) -> list[Manifest]:
        """At most `limit` objects, read in chunks; a chunked read that the apiserver forgot begins again, once."""
        read = partial(
            self._list, kind, namespace, labels or {}, limit, fields=fields, subject=subject
        )
        try:
            return await read()
        except _ExpiredError:
            return await read()

    async def page(
        self,
        kind: Kind,
        namespace: str,
        *,
        limit: int,
        after: str = "",
        subject: Subject | None = None,
    ) -> ObjectPage:
        """At most `limit` objects; `after` is kube-apiserver's own continue token. Raises `CursorError` for an old one."""
        query = {"limit": str(limit)} | ({"continue": after} if after else {})
        try:
            found = await self.request("GET", url_path(kind, namespace), query, subject=subject)
        except _ExpiredError as error:
            finding = Finding("cursor-refused", "has expired: begin again without it", "continue")
            raise CursorError(finding.sentence, findings=[finding]) from error
        items = [
            {"apiVersion": kind.api_version, "kind": kind.name, **item}
            for item in found.get("items") or []
        ]
        return ObjectPage(items, str((found.get("metadata") or {}).get("continue") or ""))

    async def keys(self, kind: Kind, namespace: str = "") -> Sequence[tuple[str, str]]:
        """Namespace and name of every object of a kind; kube-apiserver sends metadata alone."""
        found = await self._list(kind, namespace, {}, KEYS, accept=METADATA)
        metas = (item["metadata"] for item in found)
        return [(meta.get("namespace", ""), meta["name"]) for meta in metas]

    async def apply(
        self,
        manifest: Manifest,
        *,
        force: bool = False,
        new: bool = False,
        dry_run: bool = False,
        manager: str = "",
        subject: Subject | None = None,
    ) -> Manifest:
        """Server-side apply; with a ``metadata.uid`` it only ever changes that very object.

        A create that is an apply has no request of its own. But kube-apiserver compares a resource version with that of
        the object it finds in the transaction it writes in, and with nothing where it finds none: one that no object
        can have makes `new`. The fields are owned as by any apply, which those of a POST would not be.
        """
        if new:
            manifest = {**manifest, "metadata": {**manifest["metadata"], **_UNSEEN}}
        query = self._apply_query(force=force) | ({"fieldManager": manager} if manager else {})
        if dry_run:
            query["dryRun"] = "All"
        return await self.request(
            "PATCH", _path_of(manifest), query, content_type=APPLY, body=manifest, subject=subject
        )

    async def replace(self, manifest: Manifest, *, dry_run: bool = False) -> Manifest:
        """A PUT; who owns which field follows from what it changes."""
        query = {"fieldManager": self._manager, "fieldValidation": "Strict"}
        if dry_run:
            query["dryRun"] = "All"
        return await self.request("PUT", _path_of(manifest), query, body=manifest)

    async def apply_status(self, manifest: Manifest) -> Manifest:
        """Server-side apply of the status; raises `NotFoundError` when the object is gone."""
        path, query = _path_of(manifest, "status"), self._apply_query(force=True)
        return await self.request("PATCH", path, query, content_type=APPLY, body=manifest)

    def _apply_query(self, *, force: bool) -> dict[str, str]:
        return {
            "fieldManager": self._manager,
            "fieldValidation": "Strict",
            "force": "true" if force else "false",
        }

    async def merge_patch(
        self,
        kind: Kind,
        namespace: str,
        name: str,
        patch: Manifest,
        *,
        subject: Subject | None = None,
    ) -> Manifest:
        """RFC 7396 merge patch; a ``metadata.resourceVersion`` in it makes it conditional."""
        query = {"fieldManager": self._manager, "fieldValidation": "Strict"}
        path = url_path(kind, namespace, name)
        return await self.request(
            "PATCH", path, query, content_type=MERGE, body=patch, subject=subject
        )

    async def rescale(self, kind: Kind, namespace: str, name: str, *, was: int, to: int) -> bool:
        """By the object's version, so that of several who ask at once one has done it."""
        path = url_path(kind, namespace, name, "scale")
        found = await self.request("GET", path)
        if (found.get("spec") or {}).get("replicas", 0) != was:
            return False
        version = {"resourceVersion": found["metadata"]["resourceVersion"]}
        body = {"metadata": version, "spec": {"replicas": to}}
        try:
            query = {"fieldManager": self._manager}
            await self.request("PATCH", path, query, content_type=MERGE, body=body)
        except ConflictError:
            return False
        return True

    async def watch(
        self, kind: Kind, namespace: str, *, labels: Mapping[str, str], seconds: float
    ) -> AsyncIterator[tuple[Manifest, bool]]:
        """One request: without a version, kube-apiserver begins with what is there."""
        query = {
            "watch": "true",
            "timeoutSeconds": str(max(1, int(seconds))),
            "labelSelector": ",".join(f"{key}={value}" for key, value in labels.items()),
        }
        try:
            answer = await self._send(
                "GET", url_path(kind, namespace), query, "", None, None, seconds + self._timeout
            )
            async with answer:
                if answer.status >= _ERRORS:
                    raise status.error(answer.status, await answer.read())
                async for line in lines(answer):
                    event = json.loads(line)
                    if event["type"] == "ERROR":
                        raise UnavailableError(str(event["object"].get("message") or "watch ended"))
                    if event["type"] in {"ADDED", "MODIFIED", "DELETED"}:
                        yield event["object"], event["type"] == "DELETED"
        except (TimeoutError, aiohttp.ClientError, ValueError) as error:
            raise unreachable(error, seconds) from error

    async def delete(
        self,
        kind: Kind,
        namespace: str,
        name: str,
        *,
        uid: str = "",
        subject: Subject | None = None,
    ) -> bool:
        """Delete, dependents in the background; whether there was such an object."""
        options: Manifest = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "propagationPolicy": "Background",
        }
        if uid:
            options["preconditions"] = {"uid": uid}
        path = url_path(kind, namespace, name)
        try:
            await self.request("DELETE", path, body=options, subject=subject)
        except NotFoundError:
            return False
        except ConflictError:
            if uid:  # the object of that uid is gone; another one has its name
                return False
            raise
        return True

    async def mint(self, account: Manifest, secret: Manifest, seconds: int) -> Minted:
        """A TokenRequest bound to a Secret: kube-apiserver refuses the token when the Secret is gone."""
        meta, bound = account["metadata"], secret["metadata"]
        reference = {"apiVersion": SECRET.api_version, "kind": SECRET.name}
        reference |= {"name": bound["name"], "uid": bound["uid"]}
        made = await self.request(
            "POST",
            url_path(SERVICE_ACCOUNT, meta["namespace"], meta["name"], "token"),
            body={
                "apiVersion": "authentication.k8s.io/v1",
                "kind": "TokenRequest",
                "spec": {"expirationSeconds": seconds, "boundObjectRef": reference},
            },
        )
        status = made["status"]
        return Minted(status["token"], datetime.fromisoformat(status["expirationTimestamp"]))

    async def logs(
        self,
        namespace: str,
        pod: str,
        *,
        container: str,
        tail: int | None = None,
        previous: bool = False,
        follow: bool = False,
        subject: Subject | None = None,
    ) -> AsyncIterator[bytes]:
        """Whole lines where possible. A container that has not started is a `ConflictError` that says so."""
        query = {"container": container}
        if tail is not None:
            query["tailLines"] = str(tail)
        query |= {"follow": "true"} if follow else {"limitBytes": str(LOG_BYTES)}
        if previous:
            query["previous"] = "true"
        path = url_path(POD, namespace, pod, "log")
        total = FOLLOW_SECONDS if follow else max(self._timeout, 60)
        try:
            answer = await self._send("GET", path, query, "", None, subject, total)
            async with answer:
                if answer.status >= _ERRORS:
                    body = await answer.read()
                    if answer.status == _ERRORS:  # "container ... is waiting to start"
                        raise ConflictError(str(status.parse(body).get("message") or body[:200]))
                    raise status.error(answer.status, body)
                async for line in answer.content:
                    yield line
        except (TimeoutError, aiohttp.ClientError, ValueError) as error:
            raise unreachable(error, total) from error

    async def request(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        *,
        content_type: str = JSON,
        body: Manifest | None = None,
        subject: Subject | None = None,
        accept: str = JSON,
    ) -> Manifest:
        """One call to any path; raises the errors of the port."""
        try:
            answer = await self._send(
                method, path, query or {}, content_type, body, subject, self._timeout, accept
            )
            async with answer:
                content = await answer.read()
        except (TimeoutError, aiohttp.ClientError) as error:
            raise unreachable(error, self._timeout) from error
        if answer.status < _ERRORS:
            document: Manifest = json.loads(content)
            return document
        if answer.status == _GONE:
            raise _ExpiredError
        raise status.error(answer.status, content)

    async def _send(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        content_type: str,
        body: Manifest | None,
        subject: Subject | None,
        timeout: float,  # noqa: ASYNC109 - handed to the client, which gives up on the socket too
        accept: str = JSON,
    ) -> aiohttp.ClientResponse:
        configuration = self._client.configuration
        headers = CIMultiDict({"User-Agent": self._manager, "Accept": accept})
        for setting in (await configuration.auth_settings()).values():
            headers[setting["key"]] = setting["value"]
        for key, value in impersonation(subject) if subject else ():
            headers.add(key, value)
        if content_type:
            headers["Content-Type"] = content_type
        url = f"{configuration.host}{path}" + (f"?{urlencode(query)}" if query else "")
        answer: aiohttp.ClientResponse = await self._client.rest_client.request(
            method,
            url,
            headers=headers,  # type: ignore[arg-type]  # several Impersonate-Group headers fit no dict
            body=body,
            _preload_content=False,
            _request_timeout=aiohttp.ClientTimeout(total=timeout, sock_connect=min(timeout, 5)),
        )
        return answer


def _path_of(manifest: Manifest, subresource: str = "") -> str:
    meta = manifest["metadata"]
    return url_path(kind_of(manifest), meta.get("namespace", ""), meta["name"], subresource)


class _ExpiredError(UnavailableError):
    """What was read in chunks is too old to go on with; try again."""
