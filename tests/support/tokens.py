"""`Tokens`, `Bearers` and `ServiceAccounts` without a database."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from funkhaus.domain.errors import ConflictError, NotFoundError, TooManyError
from funkhaus.domain.token import KUBECTL_LIMIT
from funkhaus.ports.bearers import Bearer

from .ages import newest

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime

    from funkhaus.domain.keyset import Moment
    from funkhaus.domain.service_account import ServiceAccount
    from funkhaus.domain.token import KubectlCredential, Token

    from .stores import State


def _by_id(state: State, token_id: str, tenant: str | None) -> tuple[bytes, Token]:
    for digest, token in state.tokens.items():
        if token.id == token_id and tenant in {None, token.tenant}:
            return digest, token
    raise NotFoundError(f"there is no token {token_id!r}, or it was revoked")


def _rotate(
    state: State,
    found: tuple[bytes, Token],
    digest: bytes,
    last_four: str,
    expires_at: datetime,
    old_until: datetime,
) -> Token:
    old, token = found
    if token.revoked_at:
        raise NotFoundError(f"there is no token {token.id!r}, or it was revoked")
    del state.tokens[old]
    kept = {key: item for key, item in state.previous.items() if item[0] != token.id}
    state.previous = kept | {old: (token.id, min(old_until, token.expires_at))}
    state.tokens[digest] = replace(token, last_four=last_four, expires_at=expires_at)
    return state.tokens[digest]


class MemoryTokens:
    """`Tokens`."""

    def __init__(self, state: State, tenant: str) -> None:
        self._state, self._tenant = state, tenant

    async def get(self, token_id: str) -> Token:
        return _by_id(self._state, token_id, self._tenant)[1]

    async def valid(self, now: datetime) -> int:
        own = [token for token in self._state.tokens.values() if token.tenant == self._tenant]
        return sum(not token.revoked_at and token.expires_at > now for token in own)

    async def page(self, *, after: str = "", limit: int = 100) -> Sequence[Token]:
        own = [token for token in self._state.tokens.values() if token.tenant == self._tenant]
        own.sort(key=lambda token: (token.created_at, token.id), reverse=True)
        if after:
            own = own[own.index(await self.get(after)) + 1 :]
        return own[:limit]

    async def rotate(
        self,
        token_id: str,
        digest: bytes,
        last_four: str,
        expires_at: datetime,
        old_until: datetime,
        *,
        issued_by: str = "",
    ) -> Token:
        found = _by_id(self._state, token_id, self._tenant)
        token = _rotate(self._state, found, digest, last_four, expires_at, old_until)
        self._state.tokens[digest] = replace(token, issued_by=issued_by or token.issued_by)
        return self._state.tokens[digest]

    async def issued_by(self, person: str, now: datetime, *, limit: int = 200) -> Sequence[Token]:
        whole = await self.page(limit=len(self._state.tokens))
        return [item for item in whole if item.issued_by == person and item.is_valid(now)][:limit]

    async def revoke_issued(self, person: str, now: datetime) -> int:
        found = await self.issued_by(person, now, limit=len(self._state.tokens))
        for digest, token in self._state.tokens.items():
            if token in found:
                self._state.tokens[digest] = replace(token, revoked_at=now)
        return len(found)

    async def revoke_of(self, subject_id: str, now: datetime) -> int:
        count = 0
        for digest, token in self._state.tokens.items():
            if (token.tenant, token.subject_id) == (self._tenant, subject_id):
                count += token.revoked_at is None
                self._state.tokens[digest] = replace(token, revoked_at=token.revoked_at or now)
        return count


class MemoryBearers:
    """`Bearers`."""

    def __init__(self, state: State) -> None:
        self._state = state

    async def find(self, digest: bytes, now: datetime) -> Bearer | None:
        if digest in self._state.tokens:
            return self._bearer(self._state.tokens[digest])
        token_id, until = self._state.previous.get(digest, ("", now))
        return await self.holder(token_id) if until > now else None

    async def holder(self, token_id: str) -> Bearer | None:
        try:
            return self._bearer(_by_id(self._state, token_id, None)[1])
        except NotFoundError:
            return None

    def _bearer(self, token: Token) -> Bearer | None:
        tenant = self._state.tenants.get(token.tenant)
        if token.tenant and (tenant is None or token.tenant in self._state.ended):
            return None
        return Bearer(token, tenant is not None and tenant.suspended)

    async def suspended(self, tenants: Collection[str]) -> frozenset[str]:
        known = self._state.tenants
        return frozenset(name for name in tenants if name in known and known[name].suspended)

    async def gone(self, tenants: Collection[str]) -> frozenset[str]:
        return frozenset(tenants) & self._state.ended

    async def touch(self, uses: Mapping[str, datetime]) -> None:
        for digest, token in self._state.tokens.items():
            if at := uses.get(token.id):
                latest = max(token.last_used_at or at, at)
                self._state.tokens[digest] = replace(token, last_used_at=latest)

    async def rotate(
        self,
        token_id: str,
        digest: bytes,
        last_four: str,
        expires_at: datetime,
        old_until: datetime,
    ) -> Token:
        found = _by_id(self._state, token_id, None)
        return _rotate(self._state, found, digest, last_four, expires_at, old_until)

    async def of_admins(self, *, after: Moment | None = None, limit: int = 100) -> Sequence[Token]:
        own = [token for token in self._state.tokens.values() if not token.tenant]
        return newest(own, lambda item: item.created_at, after, limit)

    async def revoke_of_admin(self, token_id: str, now: datetime) -> Token:
        digest, token = _by_id(self._state, token_id, "")
        self._state.tokens[digest] = replace(token, revoked_at=token.revoked_at or now)
        return self._state.tokens[digest]

    async def add_kubectl(
        self, credential: KubectlCredential, digest: bytes, now: datetime
    ) -> None:
        kept = {
            key: item
            for key, item in self._state.kubectl.items()
            if item.parent_id != credential.parent_id or item.expires_at > now
        }
        if sum(item.parent_id == credential.parent_id for item in kept.values()) >= KUBECTL_LIMIT:
            raise TooManyError("too many")
        self._state.kubectl = kept | {digest: credential}

    async def forget_kubectl(self, before: datetime, *, limit: int = 200) -> int:
        ended = [key for key, item in self._state.kubectl.items() if item.expires_at < before]
        for key in ended[:limit]:
            del self._state.kubectl[key]
        return len(ended[:limit])

    async def find_kubectl(self, digest: bytes) -> KubectlCredential | None:
        return self._state.kubectl.get(digest)


class MemoryServiceAccounts:
    """`ServiceAccounts`."""

    def __init__(self, state: State, tenant: str) -> None:
        self._state, self._tenant = state, tenant

    async def add(self, account: ServiceAccount) -> None:
        if account.tenant != self._tenant:
            raise ValueError(account.tenant)
        key = (self._tenant, account.name)
        if key in self._state.accounts:
            raise ConflictError(f"there is a service account {account.name!r} already")
        self._state.accounts[key] = account

    async def get(self, name: str) -> ServiceAccount:
        if (self._tenant, name) not in self._state.accounts:
            raise NotFoundError(f"there is no service account {name!r}")
        return self._state.accounts[self._tenant, name]

    async def page(self, *, after: str = "", limit: int = 100) -> Sequence[ServiceAccount]:
        found = sorted(
            (name, account)
            for (tenant, name), account in self._state.accounts.items()
            if tenant == self._tenant and name > after
        )
        return [account for _, account in found][:limit]

    async def remove(self, name: str) -> None:
        await self.get(name)
        del self._state.accounts[self._tenant, name]
