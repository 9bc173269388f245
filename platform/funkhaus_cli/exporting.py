"""From the API to a `Bundle`: everything of a tenant but what identifies this installation, and secrets."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from funkhaus.domain.kinds import API_VERSION
from funkhaus_cli.bundle import FORMAT, KINDS, Bundle, Space
from funkhaus_cli.client import segment
from funkhaus_cli.failure import Failure
from funkhaus_cli.limits import less
from funkhaus_cli.problems import failure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from funkhaus_cli.client import Client

Document = dict[str, Any]
ARCHIVE_SECONDS = 60.0
OURS = "funkhaus.dev/"


def export(api: Client, tenant: str, say: Callable[[str], None]) -> Bundle:
    """The tenant as it is now; `say` hears what is being read. Raises `Failure` rather than leave anything out."""
    say("Reading the tenant")
    found = api.get(segment("tenants", tenant))
    quota = api.get(segment("tenants", tenant, "quota"))
    shares = {item["name"]: item["hard"] for item in quota["namespaces"]}
    names = sorted(item["name"] for item in api.items(segment("tenants", tenant, "namespaces")))
    bundle = Bundle({})
    spaces = []
    for name in names:
        say(f"Reading namespace {name}")
        space = _space(api, tenant, name)
        bundle.spaces[name] = space
        extras = [item["extra"] for item in quota["approved"] if item["namespace"] == name]
        share = less(shares[name], *extras)
        spaces.append({"name": name, "quota": share, **_references(space.objects.values())})
    bundle.head = {
        "funkhausExport": FORMAT,
        "id": tenant,
        "plan": found["plan"],
        "displayName": found["displayName"],
        "hostSuffixes": api.get(segment("tenants", tenant, "host-suffixes"))["granted"],
        "quotaOverride": _override(quota),
        "approvedQuota": _picked(quota["approved"], ("namespace", "extra", "reason", "expiresAt")),
        "members": _picked(
            (
                item
                for item in api.items(segment("tenants", tenant, "members"))
                if item.get("source")
                != "group"  # a rule of the operator's here, no word of the tenant's
            ),
            ("issuer", "sub", "email", "displayName", "role"),
        ),
        "invitations": _picked(
            (
                item
                for item in api.items(segment("tenants", tenant, "invitations"))
                if item["state"] == "open" and item["email"]
            ),
            ("email", "role"),
        ),
        "serviceAccounts": _picked(
            api.items(segment("tenants", tenant, "serviceaccounts")), ("name", "role")
        ),
        "namespaces": spaces,
    }
    return bundle


def _override(quota: Document) -> Document | None:
    override = quota.get("override")
    if not override:
        return None
    ends = {"reason": override["reason"], "expiresAt": override["expiresAt"]}
    return {**quota["base"], **ends}


def _picked(items: Iterable[Document], keys: tuple[str, ...]) -> list[Document]:
    found = [{key: item[key] for key in keys} for item in items]
    return sorted(found, key=lambda item: [str(item[key]) for key in keys])


def _space(api: Client, tenant: str, name: str) -> Space:
    space = Space()
    for kind, plural in KINDS.items():
        for item in api.items(segment("tenants", tenant, "namespaces", name, plural)):
            space.objects[kind, item["name"]] = _manifest(kind, f"{tenant}--{name}", item)
    for document in space.objects.values():
        archive = (document["spec"].get("source") or {}).get("archive") or {}
        if digest := archive.get("digest"):
            path = segment("tenants", tenant, "namespaces", name, "archives", digest)
            answer = api.raw("GET", path, seconds=ARCHIVE_SECONDS)
            if answer.status != 200:  # noqa: PLR2004 - OK
                raise failure(answer.status, answer.headers, answer.content)
            hexadecimal = hashlib.sha256(answer.content).hexdigest()
            if digest != f"sha256:{hexadecimal}":
                raise Failure(f"the archive {digest} came with other content; nothing was written")
            space.archives[hexadecimal] = answer.content
    return space


def _manifest(kind: str, namespace: str, item: Document) -> Document:
    """As `kubectl apply` takes it: without status, without what the platform or Kubernetes wrote."""
    meta: Document = {"name": item["name"], "namespace": namespace}
    own = {key: text for key, text in item["labels"].items() if OURS not in key}
    if own:
        meta["labels"] = own
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": meta, "spec": item["spec"]}


def _references(documents: Iterable[Document]) -> dict[str, list[str]]:
    """Names of the Secrets and ConfigMaps that objects refer to; what is in them is not exported."""
    secrets, maps = set(), set()
    for document in documents:
        spec = document["spec"]
        for variable in spec.get("env") or []:
            secrets.add((variable.get("secretKeyRef") or {}).get("name"))
            maps.add((variable.get("configMapKeyRef") or {}).get("name"))
        secrets.add((spec.get("tls") or {}).get("secretName"))
    return {
        "secrets": sorted(name for name in secrets if name),
        "configMaps": sorted(name for name in maps if name),
    }
