"""The controller hears of a decision from Postgres, once, and of everything that waits when it compares everything."""

from __future__ import annotations

from dataclasses import replace

from funkhaus.domain.approval import ApprovalState
from funkhaus_controller.agenda import Key
from funkhaus_controller.decisions import Decisions
from tests.support.approvals import NOW, approval, put
from tests.support.stores import MemoryStores

HELLO = Key("Function", "blue--main", "hello")


async def test_a_decision_is_handed_on_once() -> None:
    stores, added = MemoryStores(), list[Key]()
    decisions, row = Decisions(stores, added.append), approval()
    await decisions.look()
    assert added == []
    await put(stores, row)
    for _ in range(2):
        await decisions.look()
    assert added == [HELLO]
    await put(stores, replace(row, state=ApprovalState.APPROVED))
    for _ in range(2):
        await decisions.look()
    assert added == [HELLO, HELLO]


async def test_everything_open_is_looked_at_with_everything_else() -> None:
    stores, added = MemoryStores(), list[Key]()
    await put(
        stores, approval(), approval("red"), approval(state=ApprovalState.WITHDRAWN, decided_at=NOW)
    )
    await Decisions(stores, added.append).all_open()
    assert sorted(added) == [HELLO, Key("Function", "red--main", "hello")]
