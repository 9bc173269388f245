"""The providers an operator configures, as JSON (``FUNKHAUS_OIDC`` or ``FUNKHAUS_OIDC_FILE``).

::

    [
        {
            "id": "work",
            "title": "Sign in with Work",
            "issuer": "https://id.example.com",
            "clientId": "funkhaus",
            "clientSecret": "…",
            "scopes": ["openid", "profile", "email", "groups"],
            "groupClaim": "groups",
            "algorithms": ["RS256", "ES256"],
            "userinfo": false,
            "trustEmails": true,
            "rules": [
                {"group": "ops", "platformRole": "admin"},
                {"group": "blue", "tenant": "blue", "role": "developer"},
            ],
        }
    ]

Only `id`, `issuer` and `clientId` are required. Without `clientSecret` the platform is a public client: PKCE alone
protects codes.
"""

from __future__ import annotations

import ipaddress
import json
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from funkhaus.domain.errors import InvalidError
from funkhaus.domain.group_rule import GroupRule
from funkhaus.domain.subject import PlatformRole, Role
from funkhaus.domain.verdict import Finding

VARIABLE = "FUNKHAUS_OIDC"
ALGORITHMS = (
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "ES512",
    "Ed25519",
)
"""Signatures a provider may use; all with a key pair: a shared secret would let the client sign its own tokens."""
DEFAULT_ALGORITHMS = ("RS256", "ES256")
DEFAULT_SCOPES = ("openid", "profile", "email")
PROVIDERS_LIMIT = 20
RULES_LIMIT = 500
_ID = re.compile(r"[a-z][a-z0-9-]{0,30}\Z")
_FIELDS: dict[str, type] = {
    "id": str, "title": str, "issuer": str, "clientId": str, "clientSecret": str, "scopes": list,
    "groupClaim": str, "algorithms": list, "userinfo": bool, "trustEmails": bool, "rules": list,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class ProviderSettings:
    """One provider. `trust_emails`: whether an address it calls verified may take invitations to that address."""

    id: str
    title: str
    issuer: str
    client_id: str
    client_secret: str = ""
    scopes: tuple[str, ...] = DEFAULT_SCOPES
    group_claim: str = "groups"
    algorithms: tuple[str, ...] = DEFAULT_ALGORITHMS
    userinfo: bool = False
    trust_emails: bool = True
    rules: tuple[GroupRule, ...] = ()

    def __repr__(self) -> str:
        """Without the secret."""
        return f"ProviderSettings({self.id!r}, {self.issuer!r})"


def parse(text: str) -> tuple[ProviderSettings, ...]:
    """The providers of a setting's text, none for an empty one; raises `InvalidError` naming everything that is wrong."""
    if not text.strip():
        return ()
    try:
        document = json.loads(text)
    except ValueError as error:
        raise _invalid(VARIABLE, f"is not JSON: {error}") from None
    if not isinstance(document, list) or len(document) > PROVIDERS_LIMIT:
        raise _invalid(VARIABLE, f"is a list of at most {PROVIDERS_LIMIT} providers")
    findings: list[Finding] = []
    found = [_provider(item, f"[{number}]", findings) for number, item in enumerate(document)]
    for field in ("id", "issuer"):
        values = [getattr(item, field) for item in found]
        findings += [
            _finding(f"[{number}].{field}", f"{value!r} is there twice")
            for number, value in enumerate(values)
            if value and value in values[:number]
        ]
    if findings:
        raise InvalidError.at(*findings)
    return tuple(found)


def is_safe_url(text: str) -> bool:
    """Whether tokens may travel there: https, or http that does not leave the machine; no credentials, no fragment."""
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        return False
    if not parts.hostname or parts.username is not None or parts.password is not None:
        return False
    if "#" in text or not text.isascii() or not text.isprintable() or " " in text:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(parts.hostname))


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _provider(item: Any, path: str, findings: list[Finding]) -> ProviderSettings:  # noqa: ANN401 - JSON
    fields: dict[str, Any] = item if isinstance(item, dict) else {}
    if not isinstance(item, dict):
        findings.append(_finding(path, "is an object"))
    for name, value in fields.items():
        kind = _FIELDS.get(name)
        if kind is None:
            findings.append(
                _finding(f"{path}.{name}", f"there is no such field; {', '.join(_FIELDS)} pass")
            )
        elif not isinstance(value, kind):
            findings.append(_finding(f"{path}.{name}", f"has to be a {kind.__name__}"))
    if findings:
        return ProviderSettings("", "", "", "")
    rules = fields.get("rules", [])
    algorithms = tuple(fields.get("algorithms", DEFAULT_ALGORITHMS))
    scopes = tuple(fields.get("scopes", DEFAULT_SCOPES))
    issuer = fields.get("issuer", "")
    checks = {
        "id": (
            bool(_ID.match(fields.get("id", ""))),
            "lower-case letters, digits and hyphens pass",
        ),
        "issuer": (
            is_safe_url(issuer) and "?" not in issuer,
            "an https URL passes, or http on loopback",
        ),
        "clientId": (bool(fields.get("clientId")), "is required"),
        "algorithms": (
            bool(algorithms) and all(item in ALGORITHMS for item in algorithms),
            f"some of {', '.join(ALGORITHMS)} pass",
        ),
        "scopes": (
            "openid" in scopes and all(isinstance(item, str) for item in scopes),
            "texts pass, openid among them",
        ),
        "rules": (len(rules) <= RULES_LIMIT, f"at most {RULES_LIMIT} pass"),
    }
    findings.extend(
        _finding(f"{path}.{name}", message)
        for name, (passes, message) in checks.items()
        if not passes
    )
    return ProviderSettings(
        id=fields.get("id", ""),
        title=fields.get("title") or fields.get("id", ""),
        issuer=issuer,
        client_id=fields.get("clientId", ""),
        client_secret=fields.get("clientSecret", ""),
        scopes=scopes,
        group_claim=fields.get("groupClaim", "groups"),
        algorithms=algorithms,
        userinfo=fields.get("userinfo", False),
        trust_emails=fields.get("trustEmails", True),
        rules=tuple(
            rule
            for number, entry in enumerate(rules[:RULES_LIMIT])
            if (rule := _rule(entry, issuer, f"{path}.rules[{number}]", findings))
        ),
    )


def _rule(
    entry: Any,  # noqa: ANN401 - JSON
    issuer: str,
    path: str,
    findings: list[Finding],
) -> GroupRule | None:
    texts = isinstance(entry, dict) and all(isinstance(value, str) for value in entry.values())
    by_platform = texts and set(entry) == {"group", "platformRole"}
    by_tenant = texts and set(entry) == {"group", "tenant", "role"}
    try:
        if by_platform and entry["group"]:
            return GroupRule(issuer, entry["group"], PlatformRole(entry["platformRole"]))
        if by_tenant and entry["group"] and entry["tenant"]:
            return GroupRule(
                issuer, entry["group"], tenant=entry["tenant"], role=Role(entry["role"])
            )
    except ValueError as error:
        findings.append(_finding(path, f"{error}"))
        return None
    findings.append(
        _finding(path, "group with platformRole, or group with tenant and role, passes")
    )
    return None


def _finding(path: str, message: str) -> Finding:
    return Finding("setting-malformed", message, f"{VARIABLE}{path}")


def _invalid(path: str, message: str) -> InvalidError:
    return InvalidError.at(Finding("setting-malformed", message, path))
