from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from funkhaus.domain.token import ALPHABET, TokenKind, compose, kind_of

SECRET = st.binary(min_size=20, max_size=20)


@given(st.sampled_from(TokenKind), SECRET)
def test_a_token_tells_its_kind(kind: TokenKind, secret: bytes) -> None:
    text = compose(kind, secret)
    assert len(text) == len("fh_usr_") + 33
    assert kind_of(text) is kind


@given(SECRET, st.integers(0, 39), st.sampled_from(ALPHABET))
def test_one_wrong_character_is_noticed(secret: bytes, place: int, character: str) -> None:
    text = compose(TokenKind.USER, secret)
    mangled = text[:place] + character + text[place + 1 :]
    assert mangled == text or kind_of(mangled) is None


@given(st.text(max_size=80))
def test_no_text_breaks_the_parser(text: str) -> None:
    assert kind_of(text) is None
