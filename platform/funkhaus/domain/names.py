"""Names: the grammar of everything a user may name, and every name the platform makes.

Kubernetes labels are RFC 1123 labels (63 characters). A function's name is shorter, because the platform appends to it
(``<name>-<ten hex digits>`` for a revision and its pods' further suffixes), and tenant and namespace share one label,
``<tenant>--<name>``, which is why neither may hold two hyphens in a row.
"""

from __future__ import annotations

import re

from funkhaus.domain.errors import InvalidError
from funkhaus.domain.verdict import Finding

FUNCTION_LIMIT = 40
TRIGGER_LIMIT = 52
TENANT_LIMIT = 30
NAMESPACE_LIMIT = 30
REVISION_DIGITS = 10
HOST_SUFFIX_LIMIT = 200
"""A host has 253: what lies before the suffix is to have room."""

_LABEL = re.compile(r"[a-z]([a-z0-9-]*[a-z0-9])?\Z")
_SUFFIX = re.compile(r"([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\Z")
_REVISION = re.compile(rf"([a-z][a-z0-9-]*)-[0-9a-f]{{{REVISION_DIGITS}}}\Z")
_NOT_LABEL = re.compile(r"[^a-z0-9-]+")


def _check(kind: str, value: str, limit: int, path: str, *, single_hyphens: bool) -> str:
    if len(value) > limit:
        raise InvalidError.at(
            Finding(
                code="name-too-long",
                path=path,
                limit=limit,
                value=value,
                message=f"{kind} name {value!r} has {len(value)} characters; at most {limit} pass",
                passes=_suggestion(value, limit),
            )
        )
    if not _LABEL.match(value) or (single_hyphens and "--" in value):
        hyphens = ", no two hyphens in a row" if single_hyphens else ""
        raise InvalidError.at(
            Finding(
                code="name-malformed",
                path=path,
                value=value,
                limit="[a-z]([a-z0-9-]*[a-z0-9])?",
                message=(
                    f"{kind} name {value!r} is not a DNS label: lower-case letters, digits and "
                    f"inner hyphens, a letter first{hyphens}"
                ),
                passes=_suggestion(value, limit),
            )
        )
    return value


def _suggestion(value: str, limit: int) -> str | None:
    """A name close to what was asked that would pass, or none when nothing is left of it."""
    slug = re.sub(r"-{2,}", "-", _NOT_LABEL.sub("-", value.lower())).strip("-0123456789")
    return slug[:limit].rstrip("-") or None


def suffix_of_hosts(value: str, path: str = "suffix") -> str:
    """`value` if hosts may lie below it (RFC 1123, two labels at least, lower-case); raises `InvalidError`."""
    problem = ""
    if len(value) > HOST_SUFFIX_LIMIT:
        problem = f"has {len(value)} characters; at most {HOST_SUFFIX_LIMIT} pass"
    elif not _SUFFIX.match(value):
        problem = "is not a DNS name of two labels or more, lower-case, with no dot around; shop.example.org passes"
    elif any(label.startswith("xn--") for label in value.split(".")):
        problem = "has a label that begins with xn--, which no host may have"
    if problem:
        message = f"host suffix {value[:HOST_SUFFIX_LIMIT]!r} {problem}"
        passes = value.lower().strip(".").removeprefix("*.")
        usable = _SUFFIX.match(passes) and "xn--" not in passes and len(passes) <= HOST_SUFFIX_LIMIT
        raise InvalidError.at(
            Finding(
                "host-suffix-malformed",
                message,
                path,
                value=value[:HOST_SUFFIX_LIMIT],
                passes=passes if usable else None,
            )
        )
    return value


def function_name(value: str, path: str = "metadata.name") -> str:
    """`value` if it can name a Function; raises `InvalidError` that says what would pass."""
    return _check("function", value, FUNCTION_LIMIT, path, single_hyphens=False)


def trigger_name(value: str, path: str = "metadata.name") -> str:
    """`value` if it can name a trigger; raises `InvalidError`."""
    return _check("trigger", value, TRIGGER_LIMIT, path, single_hyphens=False)


def tenant_id(value: str, path: str = "id") -> str:
    """`value` if it can be a tenant's id; raises `InvalidError`."""
    return _check("tenant", value, TENANT_LIMIT, path, single_hyphens=True)


def namespace_name(value: str, path: str = "name") -> str:
    """`value` if it can be a namespace's short name within its tenant; raises `InvalidError`."""
    return _check("namespace", value, NAMESPACE_LIMIT, path, single_hyphens=True)


def service_account_name(value: str, path: str = "name") -> str:
    """`value` if it can name a service account; raises `InvalidError`."""
    return _check("service account", value, FUNCTION_LIMIT, path, single_hyphens=False)


def cluster_namespace(tenant: str, name: str) -> str:
    """The Kubernetes namespace of a tenant's namespace."""
    return f"{tenant}--{name}"


def split_cluster_namespace(value: str) -> tuple[str, str] | None:
    """``(tenant, short name)`` of a Kubernetes namespace, or ``None`` when it isn't one of ours."""
    tenant, separator, name = value.partition("--")
    if separator and _LABEL.match(tenant) and _LABEL.match(name) and "--" not in name:
        return tenant, name
    return None


def revision_name(function: str, digest: str) -> str:
    """The FunctionRevision's name: the function's, and the first digits of the content digest."""
    return f"{function}-{digest.removeprefix('sha256:')[:REVISION_DIGITS]}"


def function_of(revision: str) -> str:
    """The function whose revision is called so; empty for what no revision is called."""
    found = _REVISION.match(revision)
    return found[1] if found else ""


def default_host(function: str, tenant: str, domain: str) -> str:
    """The host a trigger gets that asks for none."""
    return f"{function}.{tenant}.{domain}"


def host_suffix(tenant: str, domain: str) -> str:
    """The suffix below which a tenant may claim hosts without asking."""
    return f"{tenant}.{domain}"


def within(host: str, suffix: str) -> bool:
    """Whether `host` is `suffix` or lies below it, by whole labels."""
    return host == suffix or host.endswith(f".{suffix}")
