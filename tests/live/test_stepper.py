"""A recording in the stepper: the keys that walk a trace walk it."""

from __future__ import annotations

import pytest

from tests.live.test_recording import text
from tests.live.test_replay import LIVES
from tests.ui.stepping import walking

SIZE = (160, 45)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "r.jsonl").write_bytes(text(*LIVES))
    return tmp_path


async def test_a_stop_is_shown_with_its_process_its_pages_and_what_is_not_known(folder):
    async with walking(folder, "r.jsonl", SIZE, at="op:2") as walk:
        screen = walk.text()

        assert "pid 8 a.out" in screen
        assert "000000010000" in screen  # twelve digits: 64 bits
        assert "P ?? ? ?" in screen
        assert "6.18.0" in screen
        assert "fault  pid 8 a.out  10008" in screen


async def test_a_copy_is_found_from_both_sides(folder):
    async with walking(folder, "r.jsonl", SIZE) as walk:
        copy = int(walk.desk.timeline.find("cow")[0])
        for keys in (("/", "c", "o", "w", "enter"),):
            await walk.press(*keys)
        found = walk.position
        await walk.press("escape")

        assert found == copy


async def test_every_walking_key_can_be_pressed_anywhere(folder):
    async with walking(folder, "r.jsonl", SIZE) as walk:
        seen = set()
        for key in "nnsffwwcnNsSFWCnnnnNN":
            await walk.press(key)
            seen.add(walk.position)
            assert "fault in mmtui" not in walk.text()

        assert len(seen) > 5
