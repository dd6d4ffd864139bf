"""A very long operation is looked through in the background; Esc stays where one is."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from mmtui.engine.timeline import Timeline
from mmtui.ui import view
from mmtui.ui.changes import OpChanges
from tests.ui.stepping import walking

look = OpChanges.of


async def test_one_gets_there_and_sees_what_a_short_operation_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with walking(tmp_path) as walk:
        await walk.press("n", "n", "s", "N")
        plain = walk.text()
    monkeypatch.setattr(view, "HEAVY", 1)
    async with walking(tmp_path) as walk:
        for key in ("n", "n", "s", "N"):
            await walk.press(key)

        assert walk.position == walk.desk.timeline.op_start(2)
        assert walk.text() == plain


async def test_esc_while_it_is_looked_through(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looked = threading.Event()

    def slowly(timeline: Timeline, start: int, end: int) -> OpChanges:
        if end > start:
            looked.wait(10)
        return look(timeline, start, end)

    monkeypatch.setattr(view, "HEAVY", 1)
    async with walking(tmp_path) as walk:
        monkeypatch.setattr(OpChanges, "of", slowly)
        await walk.pilot.press("n")
        await walk.pilot.pause(0.3)
        assert "reading operation 0 ... Esc cancels" in walk.text()
        await walk.pilot.press("escape")
        assert walk.message == "cancelled"
        looked.set()
        await walk.pilot.pause(0.1)
        assert walk.position == 0

        await walk.press("n")
        assert walk.position == walk.desk.timeline.op_end(0)
