"""What kubectl gets in exchange for a credential: one of its own that is good for minutes and dies with its parent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from funkhaus.domain.errors import ForbiddenError
from funkhaus.domain.scope import kubectl_gap
from funkhaus.domain.token import KUBECTL_LIFETIME, KubectlCredential, TokenKind

if TYPE_CHECKING:
    from datetime import datetime

    from funkhaus.domain.subject import Subject
    from funkhaus.ports import Clock, Stores, TokenMint
    from funkhaus.services.acts import Acts, Asker
    from funkhaus.services.kubectl_accounts import KubectlAccounts


class KubectlService:
    """The exchange: with `accounts`, for a token of kube-apiserver's; else for one it asks us about."""

    def __init__(
        self,
        stores: Stores,
        acts: Acts,
        mint: TokenMint,
        clock: Clock,
        accounts: KubectlAccounts | None = None,
    ) -> None:
        self._stores, self._acts, self._mint, self._clock = stores, acts, mint, clock
        self._accounts = accounts

    async def exchange(self, asker: Asker) -> tuple[str, datetime]:
        """The text of a credential and when it ends.

        Raises `ForbiddenError` for a token that is restricted below its role, `TooManyError`.
        """
        subject = asker.subject
        tenant = next(iter(subject.roles), "") if len(subject.roles) == 1 else ""
        async with self._acts.recording(asker, tenant, "kubectl:exchange", subject.token_id) as act:
            if gap := kubectl_gap(subject):
                raise ForbiddenError(
                    f"this token does not open kubectl: {gap}; RBAC knows roles and would let it do more. "
                    "A token without scopes, namespaces and addresses does"
                )
            if self._accounts:
                text, ends = await self._accounts.token(subject)
                ends = min(ends, subject.ends_at or ends)
            else:
                text, ends = await self._opaque(subject)
            act.detail["expiresAt"] = ends.isoformat()
        return text, ends

    async def _opaque(self, subject: Subject) -> tuple[str, datetime]:
        """A credential that means nothing but to us."""
        now = self._clock.now()
        ends = now + KUBECTL_LIFETIME
        if subject.ends_at:
            ends = min(ends, subject.ends_at)
        text = self._mint.mint(TokenKind.KUBECTL)
        async with self._stores.begin_platform() as work:
            bearer = await work.bearers.holder(subject.token_id)
            kind = bearer.token.kind if bearer else TokenKind.SESSION
            credential = KubectlCredential(subject.token_id, kind, ends)
            await work.bearers.add_kubectl(credential, self._mint.digest(text), now)
        return text, ends
