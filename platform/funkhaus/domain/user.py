"""Users: people an identity provider vouches for, and the sessions they get here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from funkhaus.domain.token import USE_NOTED_EVERY

if TYPE_CHECKING:
    from datetime import datetime

    from funkhaus.domain.tenant import Suspension

SESSION_HOURS = 12
"""A session's life. It is not renewed: who goes on signs in again, which asks the identity provider again."""
EMAIL_LIMIT = 254
NAME_LIMIT = 200
GROUP_LIMIT = 200
"""Groups of one user that are kept; providers send hundreds of which rules name a few."""
CLIENT_LIMIT = 100
"""Characters of what a program called itself when it got a session."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What an identity provider said of somebody: `issuer` and `sub` are who they are, the rest may change.

    `email` is empty unless the provider says that it checked it.
    """

    issuer: str
    sub: str
    email: str = ""
    display_name: str = ""
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class User:
    """A person the platform has met. `id` is the platform's uuid, the subject's id at every door."""

    id: str
    issuer: str
    sub: str
    email: str
    display_name: str
    created_at: datetime
    last_login_at: datetime
    disabled: Suspension | None = None

    @property
    def objection(self) -> str:
        """What a disabled user is told at every door; empty for one who may come in."""
        if (word := self.disabled) is None:
            return ""
        return f"your account is disabled since {word.at:%Y-%m-%d} by {word.by}: {word.reason}; ask {word.by}"

    @property
    def name(self) -> str:
        """What people read: the name, else the address, else the provider's id."""
        return self.display_name or self.email or self.sub


@dataclass(frozen=True, slots=True)
class Session:
    """A signed-in user; its token is known by digest only. `groups` are those of this sign-in; `client` is what the program
    that got it called itself, which nobody checks; `last_used_at` is coarse.
    """

    id: str
    user: User
    groups: tuple[str, ...]
    last_four: str
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None = None
    client: str = ""
    last_used_at: datetime | None = None

    def is_valid(self, now: datetime) -> bool:
        """Whether it still opens doors at `now`."""
        return self.revoked_at is None and now < self.expires_at

    def use_is_news(self, now: datetime) -> bool:
        """Whether a use at `now` is worth noting."""
        return self.last_used_at is None or now - self.last_used_at >= USE_NOTED_EVERY


def client_name(text: str) -> str:
    """What a program calls itself (``User-Agent``), as it is kept and shown: printable, in one line, bounded."""
    printable = "".join(letter if letter.isprintable() else " " for letter in text)
    return " ".join(printable.split())[:CLIENT_LIMIT]
