"""AdmissionReview (admission.k8s.io/v1) → `funkhaus.services.reviews.Review`.

https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#request
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from funkhaus.crd.fields import field
from funkhaus.domain.errors import InvalidError
from funkhaus.domain.kubectl_account import CREDENTIAL_EXTRA
from funkhaus.domain.subject import TOKEN_EXTRA
from funkhaus.services.reviews import Operation, Review

if TYPE_CHECKING:
    from funkhaus.domain.kinds import Kind

API_VERSION = "admission.k8s.io/v1"
UID_LIMIT = 128


@dataclass(frozen=True, slots=True)
class Asked:
    """The envelope: who is answered (`uid`), what about (`resource`, with its subresource), and the rest, unread."""

    uid: str
    group: str
    resource: str
    subresource: str
    request: dict[str, Any]

    @property
    def about(self) -> dict[str, str]:
        """Group, kind and name of the object, as far as the request says them: for words only."""
        kind = self.request.get("kind")
        said = {
            "group": self.group,
            "kind": kind.get("kind") if isinstance(kind, dict) else None,
            "name": self.request.get("name"),
        }
        return {key: text for key, text in said.items() if isinstance(text, str) and text}


def envelope(body: bytes) -> Asked:
    """The envelope of a review; raises `InvalidError` when there is nobody to answer."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise InvalidError(f"the body is not JSON: {error}") from error
    if not isinstance(document, dict) or document.get("kind") != "AdmissionReview":
        raise InvalidError("the body is no AdmissionReview")
    if document.get("apiVersion") != API_VERSION:
        raise InvalidError(
            f"the review is of version {document.get('apiVersion')!r:.40}; {API_VERSION} passes"
        )
    request = field(document, "request", dict, "")
    uid = field(request, "uid", str, "request")
    if not 0 < len(uid) <= UID_LIMIT:
        raise InvalidError(f"request.uid has {len(uid)} characters; 1 to {UID_LIMIT} pass")
    resource = field(request, "resource", dict, "request")
    return Asked(
        uid=uid,
        group=field(resource, "group", str, "request.resource", ""),
        resource=field(resource, "resource", str, "request.resource"),
        subresource=field(request, "subResource", str, "request", ""),
        request=request,
    )


def review(asked: Asked, kind: Kind) -> Review:
    """The review of an object of `kind`; raises `InvalidError` naming the field."""
    request = asked.request
    user = field(request, "userInfo", dict, "request")
    extra = field(user, "extra", dict, "request.userInfo", {})
    tokens = field(extra, TOKEN_EXTRA, list, "", [])
    credentials = field(extra, CREDENTIAL_EXTRA, list, "", [])
    try:
        operation = Operation(field(request, "operation", str, "request"))
    except ValueError as error:
        raise InvalidError(
            f"the operation {request['operation']!r:.40} is not judged here"
        ) from error
    return Review(
        uid=asked.uid,
        operation=operation,
        kind=kind,
        namespace=field(request, "namespace", str, "request", ""),
        name=field(request, "name", str, "request", ""),
        manifest=_object(request, "object", needed=operation is not Operation.DELETE),
        old=_object(request, "oldObject", needed=operation is not Operation.CREATE),
        requester=field(user, "username", str, "request.userInfo"),
        token_id=str(tokens[0]) if tokens else "",
        credential_id=str(credentials[0]) if credentials else "",
        dry_run=request.get("dryRun") is True,
    )


def _object(request: dict[str, Any], name: str, *, needed: bool) -> dict[str, Any]:
    found: dict[str, Any] = (
        field(request, name, dict, "request")
        if needed
        else field(request, name, dict, "request", {})
    )
    field(found, "metadata", dict, f"request.{name}", {})
    return found
