"""A recording in the stepper: the keys that walk a trace walk it."""

from __future__ import annotations

import shutil

import pytest

from tests.live.test_asides import PIPELINE
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
        assert "00010000-00012000" in screen
        assert "P ?? ? ?" in screen
        assert "6.18.0" in screen
        assert "fault  pid 8 a.out  10008" in screen


async def test_which_anon_vma_it_is_and_who_shares_it_is_not_known(folder):
    async with walking(folder, "r.jsonl", SIZE, at="op:2") as walk:
        assert "anon_vma ? (it has one)" in walk.text()
        assert "shared with pid" not in walk.text()


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


async def test_a_fork_is_shown_from_both_sides(folder):
    async with walking(folder, "r.jsonl", SIZE, at="op:2") as walk:
        screen = walk.text()

        assert "Tables pid 7, pid 8" in screen
        assert screen.count("00010000-00012000 rw-p A anon") == 2


@pytest.fixture
def pipeline(tmp_path):
    shutil.copy(PIPELINE, tmp_path / "pipeline.mmrec.gz")
    return tmp_path


def lines_with(walk, text):
    return [line for line in walk.screen if text in line]


async def test_start_up_is_one_line_once_it_is_over_and_so_are_the_loaders_mappings(pipeline):
    async with walking(pipeline, "pipeline.mmrec.gz", SIZE, at="op:78") as walk:
        screen = walk.text()
        await walk.press("4", *["up"] * 8)

        assert lines_with(walk, "       1 \u25b8 start-up of program1")
        assert lines_with(walk, "      73 \u25b8 faults in file4")
        assert "\u25b8 6 of file4" in screen


async def test_x_shows_everything_and_folds_it_again(pipeline):
    async with walking(pipeline, "pipeline.mmrec.gz", SIZE) as walk:
        await walk.press("right_curly_bracket", "n")
        folded = walk.text()
        await walk.press("X")
        everything = walk.text()
        await walk.press("X")

        assert "\u25b8 6 of file4" in folded
        assert "6 of file4" not in everything
        assert everything.count("file4") > folded.count("file4")
        assert walk.text().splitlines()[3:-1] == folded.splitlines()[3:-1]


async def test_a_folded_stop_says_which_frame_its_entry_names_now(pipeline):
    async with walking(pipeline, "pipeline.mmrec.gz", SIZE, at="op:118") as walk:
        assert lines_with(walk, "fault  pid 2938 program1  100142d9a1c    25b -> 0fc")
        (call,) = lines_with(walk, "119 \u25b8 close  pid 2938 program1")
        assert "change" not in call  # it did nothing to memory


async def test_a_fold_of_mappings_opens_under_the_cursor(pipeline):
    async with walking(pipeline, "pipeline.mmrec.gz", SIZE) as walk:
        await walk.press("right_curly_bracket", "n", "1")
        for _ in range(12):
            if any(line.startswith("> \u25b8 6 of file4") for line in walk.screen):
                break
            await walk.press("down")
        closed = walk.text()
        for keys in (("Z",), ("enter",), ("right", "right")):
            await walk.press(*keys)
            assert "> \u25be 6 of file4" in walk.text()
            assert walk.text().count("F file4") >= 5
            await walk.press("left" if keys == ("enter",) else "Z")
            assert walk.text().splitlines()[3:-1] == closed.splitlines()[3:-1]


async def test_a_fold_of_the_log_opens_and_stays_open_until_it_is_turned(pipeline):
    async with walking(pipeline, "pipeline.mmrec.gz", SIZE, at="op:78") as walk:
        await walk.press("4", *["up"] * 7)
        assert lines_with(walk, ">      1 \u25b8 start-up of program1")
        for keys in ("Z", "Z"), ("l", "h"):
            await walk.press(keys[0])
            assert lines_with(walk, ">      1 \u25be start-up of program1")
            assert lines_with(walk, "       2 \u25b8 ")
            await walk.press(keys[1])
            assert lines_with(walk, ">      1 \u25b8 start-up of program1")


async def test_the_stretch_with_the_position_is_open(pipeline):
    async with walking(pipeline, "pipeline.mmrec.gz", SIZE, at="op:20") as walk:
        assert lines_with(walk, "      18 \u25b8 openat")
        await walk.press("4", *["up"] * 21)

        assert lines_with(walk, ">      1 \u25be start-up of program1")


async def test_in_an_ordinary_trace_there_is_nothing_to_fold(tmp_path):
    async with walking(tmp_path) as walk:
        before = walk.screen[:-1]
        await walk.press("X")

        assert "everything is the program's own here" in walk.message
        assert walk.screen[:-1] == before
