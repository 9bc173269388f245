"""Tokens' texts and digests."""

from __future__ import annotations

import pytest

from funkhaus.auth import KeyedMint
from funkhaus.domain.errors import InvalidError
from funkhaus.domain.token import TokenKind, kind_of

PEPPER = "x" * 32


def test_a_minted_token_is_of_its_kind_and_unlike_any_other() -> None:
    mint = KeyedMint(PEPPER)
    texts = {mint.mint(TokenKind.USER) for _ in range(100)}
    assert len(texts) == 100
    assert {kind_of(text) for text in texts} == {TokenKind.USER}


def test_a_digest_depends_on_text_and_pepper() -> None:
    text = KeyedMint(PEPPER).mint(TokenKind.ADMIN)
    digest = KeyedMint(PEPPER).digest(text)
    assert len(digest) == 32
    assert digest == KeyedMint(PEPPER).digest(text)
    assert digest != KeyedMint("y" * 32).digest(text)
    assert digest != KeyedMint(PEPPER).digest(text[:-1])


@pytest.mark.parametrize("pepper", ["", "short", "x" * 31])
def test_a_pepper_has_to_be_one(pepper: str) -> None:
    with pytest.raises(InvalidError, match="at least 32") as refused:
        KeyedMint(pepper)
    assert refused.value.findings[0].path == "FUNKHAUS_TOKEN_PEPPER"
    assert "short" not in str(refused.value)
