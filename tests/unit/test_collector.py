"""What a process holds when it begins to serve is not looked at again."""

from __future__ import annotations

import gc

from funkhaus import collector


def test_what_stands_is_left_out_of_later_collections() -> None:
    before = gc.get_freeze_count()
    try:
        collector.settle()
        assert gc.get_freeze_count() > before
        assert len(gc.get_objects(generation=2)) < gc.get_freeze_count()
    finally:
        gc.unfreeze()
