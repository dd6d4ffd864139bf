"""The drawers: find, note, go to, command line, explain, marks, stops, watch, kernels, export."""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import signal
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import mmtui
from mmtui.formats.verdicts import verdict_of
from mmtui.sidecar import Sidecar
from tests.ui.stepping import TRACES, walking


def drawer_rows(screen: list[str]) -> list[str]:
    """The rows of an open drawer at 120x40."""
    return screen[22:39]


async def test_find_shows_hits_while_one_types_and_the_panes_follow(tmp_path: Path) -> None:
    async with walking(tmp_path) as walk:
        await walk.press("/")
        await walk.type("page[8].count")
        hits = walk.desk.timeline.find("page[8].count")
        assert f"{len(hits)} hits: 0 before, {len(hits)} after" in walk.screen[22]
        await walk.press("down")

        assert walk.position == hits[1]
        assert walk.screen[0].startswith(f" {walk.desk.timeline.place_name(int(hits[1]))} of")


async def test_the_last_hit_is_shown_with_those_before_it_and_each_names_its_page(tmp_path: Path) -> None:
    async with walking(tmp_path) as walk:
        await walk.press("end", "/")
        await walk.type("page.count < 2")
        hits = walk.desk.timeline.find("page.count < 2")
        shown = drawer_rows(walk.screen)[4:]
        last = walk.desk.timeline.transition(int(hits[-1]) - 1)

        assert sum(" -> " in row for row in shown) == min(len(hits), 13)
        assert f"{last.row:03x} count  {last.old} -> {last.new}" in next(row for row in shown if row.startswith(">"))


async def test_escape_gives_everything_back_as_it_was(tmp_path: Path) -> None:
    async with walking(tmp_path, at="op:20") as walk:
        await walk.press("3", "down")
        before, view = walk.text(), walk.desk.view
        await walk.press("/")
        await walk.type("leak")
        await walk.press("down", "escape")

        assert walk.desk.view.position == view.position
        assert walk.text().splitlines()[:-1] == before.splitlines()[:-1]


async def test_enter_goes_to_the_hit_and_brackets_walk_the_others(tmp_path: Path) -> None:
    async with walking(tmp_path) as walk:
        hits = [int(p) for p in walk.desk.timeline.find("page[8].count")]
        await walk.press("/")
        await walk.type("page[8].count")
        await walk.press("enter")
        seen = [walk.position]
        for _ in hits[1:]:
            await walk.press("]")
            seen.append(walk.position)
        assert seen == hits
        await walk.press("[")

        assert walk.position == hits[-2]


async def test_a_wrong_query_says_where_and_what_could_stand_there(tmp_path: Path) -> None:
    async with walking(tmp_path) as walk:
        await walk.press("/")
        await walk.type("leak and vma.VM_RESERVE")
        rows = drawer_rows(walk.screen)

        caret = next(row for row in rows if row.strip() == "^")
        assert rows[1][caret.index("^")] == "V"
        assert any("VM_RESERVED" in row for row in rows)


async def test_a_draft_of_a_search_is_kept(tmp_path: Path) -> None:
    async with walking(tmp_path) as walk:
        await walk.press("/")
        await walk.type("pfn 8 and")
        await walk.press("escape")
    async with walking(tmp_path) as walk:
        await walk.press("/")

        assert " / pfn 8 and" in drawer_rows(walk.screen)[1]
        await walk.type("leak")
        assert drawer_rows(walk.screen)[1].startswith(" / leak ")


async def test_a_search_becomes_a_stop(tmp_path: Path) -> None:
    async with walking(tmp_path) as walk:
        await walk.press("/")
        await walk.type("op fork or cow or page[8].count")
        await walk.press("ctrl+t", "escape", "c")

        assert walk.position == walk.desk.timeline.find("page[8].count")[0]


async def test_a_note_is_on_the_disk_before_the_key_returns(tmp_path: Path) -> None:
    async with walking(tmp_path, at="leak") as walk:
        await walk.press("3", "i")
        await walk.type("who lost it")
        assert walk.screen[31].endswith("page[8] ─")
        await walk.press("enter")
        kept = Sidecar.open(tmp_path / "nopage-leak.json").of_kind("note")

        assert [(note["text"], note["about"]) for note in kept] == [("who lost it", "page[8]")]
        assert "1 note" in walk.screen[0]


async def test_tab_changes_what_a_note_is_about(tmp_path: Path) -> None:
    async with walking(tmp_path, at="leak") as walk:
        await walk.press("3", "i", "tab")
        await walk.type("x")
        await walk.press("enter")

        about = (
            walk.desk.view.notes[-1]
            if walk.desk.view.notes[-1].text
            else next(n for n in walk.desk.view.notes if n.text)
        )
        assert about.about != "page[8]"


async def test_the_draft_of_a_note_is_kept_and_comes_back(tmp_path: Path) -> None:
    async with walking(tmp_path, at="leak") as walk:
        await walk.press("i")
        await walk.type("half a thou")
        await walk.press("escape")
    async with walking(tmp_path, at="leak") as walk:
        await walk.press("i")

        assert "half a thou" in "\n".join(drawer_rows(walk.screen))


@pytest.mark.parametrize(
    ("text", "check"),
    [
        ("op:6", lambda t: t.op_start(6)),
        ("op:6.3", lambda t: t.op_start(6) + 3),
        ("120", lambda t: 120),
        ("50%", lambda t: round(len(t) / 2)),
        ("leak", lambda t: t.events("leak")[0].position),
        ("@exit", lambda t: t.op_start(27)),
    ],
)
async def test_go_to_a_place(tmp_path: Path, text: str, check: object) -> None:
    async with walking(tmp_path) as walk:
        await walk.press("g")
        await walk.type(text)
        await walk.press("enter")

        assert walk.position == check(walk.desk.timeline)  # type: ignore[operator]


async def test_a_wrong_place_stays_open_and_says_why(tmp_path: Path) -> None:
    async with walking(tmp_path) as walk:
        await walk.press("g")
        await walk.type("op:999")
        await walk.press("enter")

        assert walk.position == 0
        assert any("there is no op:999" in row for row in drawer_rows(walk.screen))


async def test_the_command_line_runs_ids_short_names_and_places(tmp_path: Path) -> None:
    async with walking(tmp_path) as walk:
        for line, op in (("time.op 3", 3), ("n 2", 5), ("op:9", 9)):
            await walk.press(":")
            await walk.type(line) if line != "op:9" else await walk.type("goto op:9")
            await walk.press("enter")
            assert walk.position == walk.desk.timeline.op_start(op)


async def test_the_command_line_completes(tmp_path: Path) -> None:
    async with walking(tmp_path) as walk:
        await walk.press(":")
        await walk.type("pane.z")
        await walk.press("tab", "enter")

        assert walk.desk.zoomed == "log"


async def test_an_unknown_command_gets_a_hint(tmp_path: Path) -> None:
    async with walking(tmp_path) as walk:
        await walk.press(":")
        await walk.type("explian")
        await walk.press("enter")

        assert walk.message == "no command 'explian'; did you mean explain?"


async def test_the_palette_takes_the_best_match(tmp_path: Path) -> None:
    async with walking(tmp_path) as walk:
        await walk.press("ctrl+p")
        await walk.type("overlay")
        await walk.press("enter")

        assert walk.desk.view.overlay == "count"


async def test_explain_stays_open_while_one_steps(tmp_path: Path) -> None:
    async with walking(tmp_path, at="leak") as walk:
        await walk.press("e")
        first = drawer_rows(walk.screen)
        await walk.press("s")

        assert any("zap_pte_range" in row or "pte" in row for row in first)
        assert drawer_rows(walk.screen) != first
        await walk.press("e")
        assert walk.desk.drawer is None


async def test_marks_are_listed_and_the_panes_follow(tmp_path: Path) -> None:
    async with walking(tmp_path) as walk:
        await walk.press("'", "down")
        there = walk.position
        await walk.press("escape")
        assert walk.position == 0
        await walk.press("'", "down", "enter")

        assert walk.position == there > 0


async def test_deleting_ones_own_mark_but_not_the_traces(tmp_path: Path) -> None:
    async with walking(tmp_path, at="op:1") as walk:
        await walk.press("m", "'", "delete")
        assert not any(note.name == "a" for note in walk.desk.view.notes)
        count = len(walk.desk.view.notes)
        await walk.press("delete")

        assert len(walk.desk.view.notes) == count
        assert walk.message == "it stands in the trace file itself"


async def test_stops_can_be_switched_off_and_on(tmp_path: Path) -> None:
    async with walking(tmp_path) as walk:
        await walk.press("B")
        assert any("x" in row and "leak" in row for row in drawer_rows(walk.screen))
        for _ in range(len(walk.desk.stepper.stops())):
            await walk.press("space", "down")
        await walk.press("escape", "c")

        assert walk.position == 0
        assert walk.message == "there is no stop"


async def test_a_template_is_switched_on(tmp_path: Path) -> None:
    async with walking(tmp_path) as walk:
        await walk.press("B")
        row = next(i for i, stop in enumerate(walk.desk.drawer.stops) if stop.expr == "page.count < 0")  # type: ignore[union-attr]
        await walk.press(*["down"] * row, "space", "escape")

        assert any(stop.expr == "page.count < 0" and stop.on for stop in walk.desk.stepper.stops())


async def test_b_offers_the_function_of_this_step(tmp_path: Path) -> None:
    async with walking(tmp_path, at="leak") as walk:
        await walk.press("b")
        assert "call zap_pte_range" in drawer_rows(walk.screen)[1]
        await walk.press("enter", "<", "c")

        assert walk.position == walk.desk.timeline.find("call zap_pte_range")[0]
        assert "STOP call zap_pte_range" in walk.screen[2]


async def test_t_watches_the_thing_under_the_cursor(tmp_path: Path) -> None:
    async with walking(tmp_path, at="leak") as walk:
        await walk.press("3", "t", "enter", "<", "c")

        expected = np.unique(
            np.concatenate([walk.desk.timeline.find(q) for q in ("page[8]", "leak", "free_unpaged", "bug")])
        )
        assert walk.position == expected[0]


async def test_every_offer_is_a_query_that_can_be_read(tmp_path: Path) -> None:
    from mmtui.ui.drawers.lists import TEMPLATES
    from mmtui.ui.drawers.stop import stops_here, watches
    from mmtui.ui.rows import Target

    async with walking(tmp_path, at="leak") as walk:
        offers = [query for query, _ in (*TEMPLATES, *stops_here(walk.desk))]
        for subject in ("page[8]", "page[8].count", "pte[2:0x10000000]", "vma[2:0x10000000]", "task[2]", "mm[2]"):
            offers += [query for query, _ in watches(walk.desk, Target("x", subject))]
        for query in offers:
            walk.desk.timeline.find(query)

        assert len(offers) > 30


@pytest.mark.parametrize("ending", [".json", ".json.gz"])
async def test_an_exported_trace_opens_again_in_the_same_place_with_the_same_notes(tmp_path: Path, ending: str) -> None:
    out = tmp_path / f"out{ending}"
    async with walking(tmp_path, at="leak", kernel="2.6.15-rc2") as walk:
        await walk.press("3", "i")
        await walk.type("noted")
        await walk.press("enter", "m")
        walk.desk.run("stop.toggle", "cow")
        walk.desk.run("export", str(out))
        position, notes = walk.position, walk.desk.view.notes
        assert walk.message == f"written: {out}"
    data = out.read_bytes()
    json.loads(gzip.decompress(data) if ending.endswith("gz") else data)
    async with walking(tmp_path, trace=out.name) as walk:
        assert walk.position == position
        assert [(n.position, n.name, n.about, n.text) for n in walk.desk.view.notes] == [
            (n.position, n.name, n.about, n.text) for n in notes
        ]
        assert any(stop.expr == "cow" for stop in walk.desk.stepper.stops())


@pytest.mark.parametrize(
    ("name", "begins"),
    [("out.html", b"<!"), ("out.md", b"#"), ("out.svg", b"<svg"), ("out.perfetto.json", b"{")],
)
async def test_reports_are_written_by_the_ending_of_the_name(tmp_path: Path, name: str, begins: bytes) -> None:
    async with walking(tmp_path, at="leak") as walk:
        before = walk.position
        walk.desk.run("export", str(tmp_path / name))

        assert (tmp_path / name).read_bytes().startswith(begins)
        assert walk.message == f"written: {tmp_path / name}"
        assert walk.desk.timeline.position == before


async def test_an_unknown_ending_says_which_there_are(tmp_path: Path) -> None:
    async with walking(tmp_path) as walk:
        walk.desk.run("export", str(tmp_path / "x.pdf"))
        walk.app.repaint()

        assert any("expected a name that ends in .json, .html" in row for row in drawer_rows(walk.screen))


async def test_export_asks_before_it_writes_over_a_file(tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    out.write_text("mine")
    async with walking(tmp_path) as walk:
        walk.desk.run("export", str(out))
        assert out.read_text() == "mine"
        walk.desk.drawer.press("enter", None)  # type: ignore[union-attr]

    assert mmtui.load(out)


async def test_export_to_an_impossible_place_says_so(tmp_path: Path) -> None:
    async with walking(tmp_path) as walk:
        walk.desk.run("export", str(tmp_path / "no" / "where.json"))
        await walk.press("left")
        assert walk.desk.drawer is not None
        walk.desk.drawer.press("enter", None)
        walk.app.repaint()

        assert walk.desk.drawer.trouble.endswith("not written: No such file or directory")  # type: ignore[attr-defined]
        assert "not written" in " ".join(row.strip() for row in drawer_rows(walk.screen))


async def test_strings_of_a_trace_are_only_text(tmp_path: Path) -> None:
    trace = json.loads((TRACES / "nopage-leak.json").read_text())
    trace["ops"][2]["name"] = "[red]sh\x1b[2J\u202e"
    trace["ops"][2]["note"] = "\x1b]0;x\x07[bold]note"
    (tmp_path / "odd.json").write_text(json.dumps(trace))
    async with walking(tmp_path, trace="odd.json", at="op:3") as walk:
        await walk.press("e")

        assert "[red]sh" in walk.text()
        assert all(c.isprintable() or c == "\n" for c in walk.text())


def test_kill_9_with_the_stepper_open_loses_no_note(tmp_path: Path) -> None:
    """The real program on a pty: a note is entered, the process is killed at once."""
    import pty

    trace = tmp_path / "t.json"
    trace.write_bytes((TRACES / "nopage-leak-small.json").read_bytes())
    pid, fd = pty.fork()
    if pid == 0:
        os.environ.update(TERM="xterm-256color", MMTUI_CONFIG_DIR=str(tmp_path), MMTUI_STATE_DIR=str(tmp_path))
        os.chdir(Path(__file__).parents[2])
        os.execv(sys.executable, [sys.executable, "-m", "mmtui", str(trace)])
    journal = tmp_path / "t.json.mmtui"
    os.set_blocking(fd, False)
    deadline = time.monotonic() + 30
    painted = sent = False
    while time.monotonic() < deadline and not (journal.exists() and b"kept" in journal.read_bytes()):
        with contextlib.suppress(OSError):
            painted |= bool(os.read(fd, 1 << 16))
        if painted and not sent:
            os.write(fd, b"nikept\r")  # keys that come while the trace is being read are kept
            sent = True
        time.sleep(0.05)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    os.close(fd)

    assert [note["text"] for note in Sidecar.open(trace).of_kind("note")] == ["kept"]


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_the_kernels_drawer_says_what_comes_of_this_trace_on_each(tmp_path: Path, size: tuple[int, int]) -> None:
    kernels = ("2.6.14", "2.6.15-rc2", "vm-unpaged")
    expected = {name: verdict_of(mmtui.load(TRACES / "nopage-leak.json", kernel=name)).text for name in kernels}
    assert len(set(expected.values())) > 1
    async with walking(tmp_path, size=size) as walk:
        await walk.press("K")
        deadline = time.monotonic() + 20
        while walk.desk.others_running() and time.monotonic() < deadline:
            await walk.pilot.pause(0.1)

        assert not any(" ... " in line for line in walk.screen)
        rows = [line.lstrip("> ") for line in walk.screen]
        for name, text in expected.items():
            row = next(row for row in rows if row.startswith(name + " "))
            assert row[14:].startswith(text + "  ")
