"""Sign-ins and sessions on the wire."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from funkhaus.domain.login import TEXT_LIMIT
from funkhaus_api.wire.reading import Body

if TYPE_CHECKING:
    from datetime import datetime

    from funkhaus.domain.user import Session
    from funkhaus.ports import Provider
    from funkhaus.services.device_logins import DeviceLogin
    from funkhaus.services.sessions import IssuedSession


class NewLogin(Body):
    """What begins a sign-in of a program that waits at `redirect_uri`."""

    provider: str = Field(default="", max_length=TEXT_LIMIT)
    redirect_uri: str = Field(max_length=TEXT_LIMIT)
    code_challenge: str = Field(max_length=TEXT_LIMIT)
    code_challenge_method: Literal["S256"]
    state: str = Field(max_length=TEXT_LIMIT)


class NewSession(Body):
    """What gets a session: a code with its verifier, or a device's code."""

    code: str = Field(default="", max_length=TEXT_LIMIT)
    code_verifier: str = Field(default="", max_length=TEXT_LIMIT)
    redirect_uri: str = Field(default="", max_length=TEXT_LIMIT)
    device_code: str = Field(default="", max_length=TEXT_LIMIT)


def provider(item: Provider) -> dict[str, Any]:
    """An identity provider."""
    return {"id": item.id, "title": item.title, "issuer": item.issuer}


def session(item: IssuedSession) -> dict[str, Any]:
    """A session with its token: the one answer that holds it."""
    user = item.session.user
    return {
        "token": item.text,
        "expiresAt": _time(item.session.expires_at),
        "user": {"id": user.id, "name": user.name, "email": user.email, "issuer": user.issuer},
    }


def own_session(item: Session, current: str) -> dict[str, Any]:
    """A session as its user sees it; `current` is the id of the one that asks."""
    return {
        "id": item.id,
        "client": item.client,
        "lastFour": item.last_four,
        "createdAt": _time(item.created_at),
        "lastUsedAt": _time(item.last_used_at) if item.last_used_at else None,
        "expiresAt": _time(item.expires_at),
        "current": item.id == current,
    }


def device(item: DeviceLogin, public_url: str) -> dict[str, Any]:
    """What a device shows and keeps (RFC 8628, 3.2)."""
    return {
        "deviceCode": item.device_code,
        "userCode": item.user_code,
        "verificationUri": f"{public_url}/device",
        "verificationUriComplete": f"{public_url}/device?code={item.user_code}",
        "expiresIn": item.seconds,
        "interval": item.interval,
    }


def _time(value: datetime) -> str:
    return value.strftime("%Y-%m-%dT%H:%M:%SZ")
