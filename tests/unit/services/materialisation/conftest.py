"""A house for each test."""

from __future__ import annotations

import pytest

from tests.support.materials import House


@pytest.fixture
async def house() -> House:
    made = House()
    await made.settle_in()
    return made
