from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from funkhaus.domain.quantity import bytes_of, cpu_text, memory_text, millicores


@pytest.mark.parametrize(
    ("text", "millis"),
    [
        ("1", 1000),
        ("1000m", 1000),
        ("3", 3000),
        ("1e0", 1000),
        ("1e3", 1_000_000),
        ("1E3", 1_000_000),
        ("1E", 10**21),
        ("0.0001", 1),
        (".5", 500),
        ("-1", -1000),
        ("2Ki", 2_048_000),
        ("100u", 1),
    ],
)
def test_b41_cpu_reads_as_kubernetes_reads_it(text: str, millis: int) -> None:
    assert millicores(text) == millis


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2 cores",
        " 1",
        "1 ",
        "m",
        "1mm",
        "0x10",
        "1e",
        "NaN",
        "inf",
        "\u0661",
        "9" * 49,
        "1,5",
        "--1",
    ],
)
def test_b41_what_is_no_quantity_is_none(text: str) -> None:
    assert millicores(text) is None


@pytest.mark.parametrize(
    ("text", "size"),
    [("128Mi", 128 * 2**20), ("1G", 10**9), ("1.5Ki", 1536), ("1m", 1), ("64", 64)],
)
def test_memory_in_bytes(text: str, size: int) -> None:
    assert bytes_of(text) == size


@given(st.integers(min_value=0, max_value=10**7))
def test_cpu_text_round_trips(millis: int) -> None:
    assert millicores(cpu_text(millis)) == millis


@given(st.integers(min_value=0, max_value=2**50))
def test_memory_text_round_trips(size: int) -> None:
    assert bytes_of(memory_text(size)) == size


@given(st.text(max_size=60))
def test_no_text_breaks_the_parser(text: str) -> None:
    millicores(text)
