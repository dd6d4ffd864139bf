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


@pytest.mark.parametrize("way", ["goto", "the g line", "End", "Enter", "a click"])
async def test_every_way_into_one_is_in_the_background(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    threads: list[str] = []

    def seen(timeline: Timeline, start: int, end: int) -> OpChanges:
        if end > start:
            threads.append(threading.current_thread().name)
        return look(timeline, start, end)

    async with walking(tmp_path) as walk:
        monkeypatch.setattr(view, "HEAVY", 1)
        monkeypatch.setattr(OpChanges, "of", seen)
        if way == "goto":
            walk.desk.run("time.goto", "op:5.1")
            await walk.settle()
        elif way == "the g line":
            await walk.press("g")
            await walk.type("op:5.1")
            await walk.press("enter")
        elif way == "End":
            await walk.press("4", "end")
        elif way == "Enter":
            await walk.press("4", "down", "down", "enter")
        else:
            await walk.pilot.click(offset=(walk.desk.layout.width - 2, 1))
            await walk.settle()

        assert walk.position > 0
        assert threads
        assert set(threads) == {"load"}
