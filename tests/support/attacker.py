"""Somebody at kube-apiserver's door with raw requests: any verb, subresource and group, whether kubectl knows it or not."""

from __future__ import annotations

import ssl
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx

from .admission_house import NAMESPACE
from .apiserver import ADMIN_TOKEN

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .apiserver import ApiServer

OWNER = ("fh:0b9e", "fh:demo:owner", "system:authenticated")
ACCOUNT = (
    f"system:serviceaccount:{NAMESPACE}:hello",
    "system:serviceaccounts",
    f"system:serviceaccounts:{NAMESPACE}",
    "system:authenticated",
)
"""Whom a function's pod runs as, if it had a token."""
FUNKHAUS = "funkhaus.dev/v1alpha1"
SECONDS = 20.0
TRIES = 50
NAME = "victim"
_METHODS = {
    "get": "GET",
    "list": "GET",
    "create": "POST",
    "update": "PUT",
    "patch": "PATCH",
    "delete": "DELETE",
    "deletecollection": "DELETE",
}


@dataclass(frozen=True)
class Attempt:
    """A verb on ``<resource>[/<subresource>]`` of a group and version; no namespace for what is the cluster's.

    `foreign` is a group this cluster does not have: RBAC is asked before kube-apiserver knows that.
    """

    verb: str
    group_version: str
    resource: str
    namespace: str = NAMESPACE
    name: str = NAME
    foreign: bool = False

    @property
    def base(self) -> str:
        """Path of the group's version."""
        root = "api" if "/" not in self.group_version else "apis"
        return f"/{root}/{self.group_version}"

    @property
    def collection(self) -> str:
        """Path of all there are in that place."""
        place = f"/namespaces/{self.namespace}" if self.namespace else ""
        return f"{self.base}{place}/{self.resource.partition('/')[0]}"

    @property
    def path(self) -> str:
        """Path the request goes to."""
        _, slash, subresource = self.resource.partition("/")
        if self.verb in {"list", "deletecollection"} or (self.verb == "create" and not slash):
            return self.collection
        return f"{self.collection}/{self.name}{slash}{subresource}"

    @property
    def method(self) -> str:
        """What the verb is in HTTP."""
        return _METHODS[self.verb]


class Hands:
    """Requests as somebody (a user, then groups); as the test's admin where nobody is named."""

    def __init__(self, client: httpx.Client, *who: str) -> None:
        self._client, self._who = client, who

    def acting_as(self, *who: str) -> Hands:
        """The same door, somebody else."""
        return Hands(self._client, *who)

    def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        content_type: str = "application/json",
        **query: str,
    ) -> httpx.Response:
        """What kube-apiserver answers."""
        headers = [("Content-Type", content_type)]
        for header, value in zip(("User", *["Group"] * len(self._who)), self._who, strict=False):
            headers.append((f"Impersonate-{header}", value))
        if isinstance(body, bytes):
            return self._client.request(method, path, content=body, headers=headers, params=query)
        return self._client.request(method, path, json=body, headers=headers, params=query)

    def attempt(self, attempt: Attempt) -> httpx.Response:
        """One attempt, with as little in it as passes for a body."""
        patch = attempt.verb == "patch"
        body: object = None if attempt.method == "GET" else {}
        kind = "application/merge-patch+json" if patch else "application/json"
        return self.ask(attempt.method, attempt.path, body, kind)

    def versions(self, collection: str) -> dict[str, str]:
        """What there is and in which state: resource versions by name; nothing where the kind is not known."""
        for _ in range(TRIES):
            answer = self.ask("GET", collection)
            if answer.status_code != 429:  # a kind nobody has asked for before
                break
            time.sleep(0.2)
        if answer.status_code in {404, 405}:
            return {}
        assert answer.status_code == 200, answer.text
        return {
            item["metadata"]["name"]: item["metadata"]["resourceVersion"]
            for item in answer.json()["items"]
        }

    def resources(self, base: str) -> dict[str, dict[str, Any]]:
        """Discovery of one group's version: resources and subresources by name."""
        answer = self.ask("GET", base)
        assert answer.status_code == 200, answer.text
        return {item["name"]: item for item in answer.json()["resources"]}


@contextmanager
def hands(server: ApiServer) -> Iterator[Hands]:
    """The admin's own, from which others are made."""
    with httpx.Client(
        base_url=server.url,
        verify=ssl.create_default_context(cafile=str(server.ca)),
        headers={"Authorization": f"Bearer {ADMIN_TOKEN}"},
        timeout=SECONDS,
        trust_env=False,
    ) as client:
        yield Hands(client)
