"""Every command through the keyboard, on the running program."""

from __future__ import annotations

from pathlib import Path

import pytest

from mmtui.sidecar import Sidecar
from mmtui.ui.commands import COMMANDS
from tests.ui.stepping import SIZES, walking


async def test_it_opens_at_the_start(tmp_path: Path) -> None:
    async with walking(tmp_path) as walk:
        assert walk.position == 0
        assert "before the first operation" in walk.screen[2]


async def test_c_stops_at_the_leak_and_says_why(tmp_path: Path) -> None:
    async with walking(tmp_path) as walk:
        await walk.press("c")

        assert walk.position == walk.desk.timeline.events("leak")[0].position
        assert walk.screen[2].startswith(" STOP leak  page 008: count 2, holders 1.")


async def test_stops_are_the_same_in_both_directions(tmp_path: Path) -> None:
    async with walking(tmp_path) as walk:
        forward, back = [], []
        await walk.press("c")
        while not forward or walk.position != forward[-1]:
            forward.append(walk.position)
            await walk.press("c")
        await walk.press(">", "C")
        while not back or walk.position != back[-1]:
            back.append(walk.position)
            await walk.press("C")

        assert forward
        assert forward == back[::-1]


@pytest.mark.parametrize(("there", "back"), [("n", "N"), ("s", "S"), ("f10", "shift+f10"), ("f11", "shift+f11")])
async def test_a_step_and_its_way_back(tmp_path: Path, there: str, back: str) -> None:
    async with walking(tmp_path, at="op:23") as walk:
        start, digest = walk.position, walk.desk.timeline.digest()
        await walk.press(there)
        assert walk.position > start
        await walk.press(back)

        assert walk.position == start
        assert walk.desk.timeline.digest() == digest


async def test_n_goes_over_an_operation_and_s_into_it(tmp_path: Path) -> None:
    async with walking(tmp_path, at="op:23") as walk:
        timeline = walk.desk.timeline
        await walk.press("s")
        assert walk.position == timeline.op_start(23) + 1
        await walk.press("n")

        assert walk.position == timeline.op_end(23)


async def test_f_goes_out_of_calls_one_by_one(tmp_path: Path) -> None:
    async with walking(tmp_path) as walk:
        await walk.press("c")
        calls = walk.desk.timeline.calls_at(walk.position)
        ends = sorted({call.end for call in calls if call.end > walk.position})
        seen = []
        for _ in ends:
            await walk.press("f")
            seen.append(walk.position)

        assert seen[-1] == ends[-1]
        assert seen == sorted(seen)


async def test_upper_f_goes_to_the_start_of_the_call(tmp_path: Path) -> None:
    async with walking(tmp_path) as walk:
        await walk.press("c", "F")

        calls = walk.desk.timeline.calls_at(walk.position + 1)
        assert walk.position in {call.start for call in calls}


async def test_w_walks_the_changes_of_the_thing_under_the_cursor(tmp_path: Path) -> None:
    async with walking(tmp_path) as walk:
        timeline = walk.desk.timeline
        await walk.press("c", "3")
        history = {int(p) for field in ("count", "mapcount", "flags", "mapping", "word", "index", "private", "free")
                   for p in timeline.history(f"page.{field}", 8)}  # fmt: skip
        earlier = sorted((p for p in history if p < walk.position), reverse=True)
        seen = []
        for _ in earlier:
            await walk.press("W")
            seen.append(walk.position)

        assert seen == earlier


async def test_w_in_the_log_walks_the_cell_of_the_row_and_the_cursor_comes_along(tmp_path: Path) -> None:
    async with walking(tmp_path) as walk:
        timeline = walk.desk.timeline
        row = timeline.transition(timeline.events("leak")[0].transition).row
        history = [int(p) for p in timeline.history("pte.val", row)]
        await walk.press("c", "W")
        assert walk.position == history[-2]
        target = walk.desk.cursor_target("log")
        assert target is not None
        assert target.position == walk.position
        await walk.press("w")

        assert walk.position == history[-1]


async def test_who_last_wrote_this_when_nothing_did(tmp_path: Path) -> None:
    async with walking(tmp_path) as walk:
        await walk.press("W")

        assert walk.message


async def test_a_walks_alerts(tmp_path: Path) -> None:
    async with walking(tmp_path) as walk:
        await walk.press("a")

        assert walk.position in {event.position for event in walk.desk.stepper.alerts()}


async def test_the_ends_of_time(tmp_path: Path) -> None:
    async with walking(tmp_path) as walk:
        await walk.press(">")
        assert walk.position == len(walk.desk.timeline)
        await walk.press("n")
        assert walk.message == "the end of the trace"
        await walk.press("<", "N")

        assert (walk.position, walk.message) == (0, "the start of the trace")


async def test_places_visited(tmp_path: Path) -> None:
    async with walking(tmp_path) as walk:
        await walk.press("n", "n", "c")
        stop = walk.position
        await walk.press("(", "(")
        earlier = walk.position
        await walk.press(")", ")")

        assert earlier < stop == walk.position


async def test_marks(tmp_path: Path) -> None:
    async with walking(tmp_path) as walk:
        await walk.press("c", "m")
        here = walk.position
        await walk.press("<")
        seen = []
        for _ in range(6):
            await walk.press("}")
            seen.append(walk.position)

        assert here in seen
        assert "mark a" in " ".join(note.name and f"mark {note.name}" for note in walk.desk.view.notes)
        assert (tmp_path / "nopage-leak.json.mmtui").exists()


@pytest.mark.parametrize(
    ("key", "pane"),
    [*zip("1234567", ("vmas", "tables", "frames", "log", "why", "notes", "source"), strict=True), ("I", "notes")],
)
async def test_digits_focus_panes(tmp_path: Path, key: str, pane: str) -> None:
    async with walking(tmp_path, at="leak") as walk:
        await walk.press(key)

        assert walk.desk.focused == pane
        assert pane in walk.desk.panes_in_view()


@pytest.mark.parametrize("size", [*SIZES, (60, 16), (80, 50)])
async def test_tab_goes_round_the_panes_in_view(tmp_path: Path, size: tuple[int, int]) -> None:
    async with walking(tmp_path, size=size) as walk:
        seen = []
        for _ in range(7):
            await walk.press("tab")
            seen.append(walk.desk.focused)
            assert walk.desk.focused in walk.desk.panes_in_view()

        await walk.press("shift+tab")
        assert len(set(seen)) >= 4
        assert walk.desk.focused == seen[-2]


async def test_zoom_and_escape(tmp_path: Path) -> None:
    async with walking(tmp_path) as walk:
        await walk.press("3", "z")
        assert walk.desk.panes_in_view() == ["frames"]
        await walk.press("escape")

        assert len(walk.desk.panes_in_view()) == 5


async def test_arrows_never_move_time(tmp_path: Path) -> None:
    async with walking(tmp_path) as walk:
        await walk.press("c")
        here = walk.position
        for pane in "1347":
            await walk.press(
                pane, "up", "down", "j", "k", "h", "l", "left", "right", "pageup", "pagedown", "ctrl+u", "ctrl+d"
            )

        assert walk.position == here


async def test_the_log_cursor_and_enter(tmp_path: Path) -> None:
    async with walking(tmp_path) as walk:
        await walk.press("c")
        here = walk.position
        await walk.press("4", "down", "down", "enter")
        assert walk.position > here
        await walk.press("backspace")

        assert walk.position == here


async def test_the_frame_cursor(tmp_path: Path) -> None:
    async with walking(tmp_path, at="leak") as walk:
        await walk.press("3", "right", "right", "down")

        target = walk.desk.cursor_target("frames")
        assert target is not None
        assert target.subject == "page[26]"


async def test_enter_follows_vma_pte_frame_holders_and_back(tmp_path: Path) -> None:
    async with walking(tmp_path, at="op:27.1") as walk:
        await walk.press("1")
        walk.desk.put_cursor(
            "vmas",
            next(r.target for r in walk.desk.shown["vmas", 0].rows if r.target and "0x10000000" in r.target.subject),
        )
        seen = []
        for _ in range(3):
            await walk.press("enter")
            seen.append((walk.desk.focused, (t := walk.desk.cursor_target()) and t.subject))
        await walk.press("backspace", "backspace", "backspace")

        assert [pane for pane, _ in seen] == ["tables", "frames", "why"]
        assert seen[0][1] == "pte[2:0x10000000]"
        assert seen[1][1] == "page[8]"
        assert walk.desk.focused == "vmas"


async def test_p_changes_the_process_in_view_and_never_time(tmp_path: Path) -> None:
    async with walking(tmp_path, at="op:27") as walk:
        before = walk.desk.view.process
        await walk.press("p")
        assert walk.desk.view.process != before
        await walk.press("P")

        assert walk.desk.view.process == before
        assert walk.position == walk.desk.timeline.op_start(27)


async def test_overlays_numbers_and_all_processes(tmp_path: Path) -> None:
    async with walking(tmp_path, at="leak") as walk:
        screens = [walk.text()]
        for key in ("o", "o", "o", "v"):
            await walk.press(key)
            screens.append(walk.text())
        await walk.press("o", "v", "v", "x", "x")

        assert len(set(screens)) == 5
        assert (walk.desk.view.overlay, walk.desk.view.numbers) == ("state", "hex")


async def test_u_and_d_walk_the_call_chain(tmp_path: Path) -> None:
    async with walking(tmp_path, at="leak", size=(200, 60)) as walk:
        await walk.press("u", "u")
        assert walk.desk.view.up == 2
        await walk.press("d")

        assert walk.desk.view.up == 1


async def test_v_shows_the_next_kernels_text(tmp_path: Path) -> None:
    async with walking(tmp_path, at="leak", size=(200, 60)) as walk:
        before = walk.text()
        await walk.press("V")

        assert walk.desk.view.beside
        assert walk.text() != before


async def test_hiding_a_function(tmp_path: Path) -> None:
    async with walking(tmp_path, at="leak") as walk:
        await walk.press("H")
        assert walk.desk.view.hidden
        await walk.press("H")

        assert not walk.desk.view.hidden


async def test_an_operations_own_change_has_no_function_to_hide(tmp_path: Path) -> None:
    async with walking(tmp_path, at="op:6.1") as walk:
        await walk.press("H")

        assert not walk.desk.view.hidden
        assert "no function under the cursor" in walk.screen[-1]


async def test_a_stop_at_80_columns_says_its_why_and_the_log_what_the_kernel_said(tmp_path: Path) -> None:
    async with walking(tmp_path, trace="usx2y-noget.json", size=(80, 24)) as walk:
        await walk.press("c")

        assert walk.screen[2].endswith("count 0. PG_reserved is set")
        assert "the kernel says    bad_page: fn free_hot" in walk.text()


async def test_k_takes_another_kernel_at_the_same_operation(tmp_path: Path) -> None:
    async with walking(tmp_path, at="op:27") as walk:
        await walk.press("K", "down", "enter")

        assert walk.desk.timeline.kernel == "vm-unpaged"
        assert walk.position == walk.desk.timeline.op_start(27)
        assert "vm-unpaged" in walk.screen[0]


async def test_d_compares_and_escape_ends_it(tmp_path: Path) -> None:
    async with walking(tmp_path, at="leak", size=(160, 48)) as walk:
        await walk.press("D", "end")
        await walk.type("")
        await walk.press("enter")
        assert walk.desk.view.other is not None
        assert "2.6.15-rc2 with" in walk.screen[0]
        assert walk.screen[2].startswith(" ≠ ") or "STOP" in walk.screen[2]
        await walk.press("escape")

        assert walk.desk.view.other is None


async def test_in_a_comparison_c_walks_the_divergences(tmp_path: Path) -> None:
    from mmtui.compare import divergences

    async with walking(tmp_path, size=(160, 48)) as walk:
        await walk.press(":")
        await walk.type("diff 2.6.15")
        await walk.press("enter")
        assert walk.desk.view.other is not None
        expected = divergences(walk.desk.timeline, walk.desk.view.other, {})
        await walk.press("c")
        assert walk.position == expected[0]
        await walk.press("c", "C")

        assert walk.position == expected[0]


async def test_d_compares_with_another_moment_that_stays(tmp_path: Path) -> None:
    async with walking(tmp_path, size=(160, 48), at="leak") as walk:
        walk.desk.run("diff", "@first-touch")
        await walk.settle()
        there = walk.desk.view.other_position
        assert there == walk.desk.timeline.op_start(23)
        assert f"cells differ from {walk.desk.timeline.place_name(there)}." in walk.screen[2]
        await walk.press("s", "C")

        assert walk.desk.view.other_position == there
        await walk.press("escape")
        walk.desk.run("diff", "nowhere")
        assert walk.message.startswith("neither a kernel nor a place")


async def test_space_plays_until_the_stop(tmp_path: Path) -> None:
    async with walking(tmp_path, at="op:26", play__ops_per_second=50.0) as walk:
        await walk.press("space")
        for _ in range(100):
            await walk.pilot.pause(0.02)
            if not walk.desk.playing:
                break

        assert walk.position == walk.desk.timeline.events("leak")[0].position
        assert not walk.desk.playing


async def test_plus_and_minus_set_the_speed(tmp_path: Path) -> None:
    async with walking(tmp_path) as walk:
        await walk.press("+", "+", "-")

        assert walk.desk.speed == 4


async def test_layouts_are_saved_and_reset(tmp_path: Path) -> None:
    async with walking(tmp_path, size=(80, 24)) as walk:
        await walk.press("2", "6", ":")
        await walk.type("layout save mine")
        await walk.press("enter", ":")
        await walk.type("layout reset")
        await walk.press("enter")
        assert walk.desk.slots["left"] == "vmas"
        await walk.press("L")

        assert (walk.desk.slots["left"], walk.desk.slots["why"]) == ("tables", "notes")


async def test_reload_keeps_position_and_notes(tmp_path: Path) -> None:
    async with walking(tmp_path) as walk:
        await walk.press("c", "m")
        here, notes = walk.position, walk.desk.view.notes
        await walk.press("R")

        assert (walk.position, walk.desk.view.notes) == (here, notes)


async def test_reload_of_a_broken_file_says_so_and_goes_on(tmp_path: Path) -> None:
    async with walking(tmp_path) as walk:
        await walk.press("c")
        (tmp_path / "nopage-leak.json").write_text("{")
        await walk.press("R")

        assert "nopage-leak.json" in walk.message
        assert walk.screen[2].startswith(" STOP leak")


async def test_following_can_be_switched_off(tmp_path: Path) -> None:
    async with walking(tmp_path, at="leak") as walk:
        await walk.press("3", "right", "T", "S", "S")

        target = walk.desk.cursor_target("frames")
        assert target is not None
        assert target.subject == "page[9]"


async def test_copy(tmp_path: Path) -> None:
    async with walking(tmp_path, at="leak") as walk:
        await walk.press("3", "y")

        assert walk.app.clipboard.startswith("nopage-leak.json op:27.")
        assert walk.app.clipboard.endswith("page[8]")


async def test_a_key_that_does_nothing_says_so(tmp_path: Path) -> None:
    async with walking(tmp_path) as walk:
        await walk.press("Q")

        assert walk.message == "Q does nothing; ? shows the keys"


async def test_quitting(tmp_path: Path) -> None:
    async with walking(tmp_path) as walk:
        await walk.press("ctrl+c")
        assert walk.message == "q leaves"
        await walk.press("q")

    assert walk.app.return_value == 0


async def test_ctrl_q_keeps_the_place_and_the_draft_as_q_does(tmp_path: Path) -> None:
    async with walking(tmp_path, open__at="last") as walk:
        await walk.press("n", "n", "i", "x", "ctrl+q")
        here = walk.position

    side = Sidecar.open(tmp_path / "nopage-leak.json")
    assert side.get("drafts") == {"note": "x"}
    assert walk.desk.stepper.position_of(**side.get("position")) == here


async def test_every_command_can_be_given_by_its_id(tmp_path: Path) -> None:
    """Whatever the state, no command fails: each runs once from the `:` line's own path."""
    skipped = {"quit", "suspend", "interrupt"}
    async with walking(tmp_path, at="leak") as walk:
        for name in COMMANDS:
            if name not in skipped:
                walk.desk.run(name)
                await walk.settle()
                walk.app.repaint()
                walk.desk.run("cancel")
        assert walk.screen
