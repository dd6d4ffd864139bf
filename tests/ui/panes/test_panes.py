"""The panes as plain text: what a person reads at the leak, in a fork, and where there is nothing to read."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

import mmtui
from mmtui.engine.timeline import Timeline
from mmtui.ui.panes import PANES
from mmtui.ui.rows import Target
from mmtui.ui.view import Note, View
from tests.ui.panes.reading import TRACES, built, lines, roles, row_with


def test_vmas_show_the_exiting_process_and_the_flag_that_the_story_is_about(at_the_leak: View) -> None:
    assert lines(at_the_leak, "vmas")[:7] == [
        " ▸ pid 1 sh             F 3  A 5",
        " ▾ pid 2 aplay  exiting F 0  A 1",
        "  08048000-0804a000 r-xp F aplay",
        "  0804c000-0804f000 rw-p A anon",
        "> 10000000-10004000 rw-s N drv",
        "    VM_RESERVED",
        "  bfffd000-c0000000 rw-p A anon",
    ]


def test_a_wide_vmas_pane_says_what_the_flag_means_on_this_kernel(at_the_leak: View) -> None:
    wide = lines(replace(at_the_leak, size="wide"), "vmas")

    assert "    VM_RESERVED its ptes hold no reference" in wide
    assert "  0804c000-0804f000 rw-p A anon           0/3" in wide


def test_a_narrow_vmas_pane_opens_the_selected_vma_to_its_ptes(at_the_leak: View) -> None:
    assert "    10000000 008 -> none    was P RW A" in lines(replace(at_the_leak, size="narrow"), "vmas")


def test_tables_keep_the_entries_that_this_operation_emptied(at_the_leak: View) -> None:
    assert lines(at_the_leak, "tables") == [
        "  address  pfn P RW A D ref  page",
        " pgd 020   08000000-08400000      0 present",
        "  08048000 none              was 013",
        "  08049000 none              was 014",
        "  0804c000 none              was 015",
        "  0804d000 none              was 016",
        "  0804e000 none              was 017",
        " pgd 040   10000000-10400000      0 present",
        "> 10000000 008 -> none           was P RW A",
        " pgd 2ff   bfc00000-c0000000      1 present",
        "  bfffe000 018 P RW A D +1   A anon",
        "  value    00008027 -> 00000000",
        "  was ~    window: mapped 008, held no ref",
    ]


def test_a_step_back_shows_the_entry_again_and_marks_it(leak_story: Timeline) -> None:
    leak = leak_story.events("leak")[0].position
    back = View(leak_story, leak).at(leak - 1)

    row = row_with(built(back, "tables"), "10000000 ")

    assert row.text.startswith("> 10000000 008 P RW A ·  ~")
    assert roles(row, "008") == "accent"
    assert row_with(built(back, "log"), "pte 2:10000000").right == (("undone", "dim"),)


def test_frames_show_the_leaked_page_a_tally_and_the_page_in_words(at_the_leak: View) -> None:
    text = lines(at_the_leak, "frames")

    assert text[:3] == [
        "      0 1 2 3  4 5 6 7  8 9 a b  c d e f",
        "> 000 R Z R R  R R R R  !2N0N0N0 F2F2F2A",
        "  010 A A A F1 F1. . .  A A . .  . . . .",
    ]
    assert text[10:13] == [
        "  R   11 reserved    A    6 anon -3",
        "  F    5 file        N    3 nopage -1",
        "  !    1 leaked +1   .   93 free +3",
    ]
    assert text[13:16] == ["  008 ! leaked", "  count 2  mapcount 0  flags -", "  page of drv, block 008-00b"]


def test_the_frame_at_fault_is_filled_and_what_the_operation_changed_is_amber(at_the_leak: View) -> None:
    rows = built(at_the_leak, "frames").rows

    assert roles(rows[0], "!") == "alarm_fill+underline"
    assert ("F", "kind.F+bold") in rows[1].spans
    assert ("1", "recent") in rows[1].spans


def test_the_log_shows_the_open_calls_as_the_stack_and_the_future_faint(at_the_leak: View) -> None:
    rows = built(at_the_leak, "log")
    assert rows.cursor is not None
    here = rows.rows[rows.cursor]

    assert re.fullmatch(r">  27\.\d+ +pte 2:10000000 +008 P RW A -> none", here.text)
    assert roles(here, "->") == "accent"
    assert here.right == (("leak", "alarm_fill"),)
    assert roles(row_with(rows, "unmap_vmas"), "unmap_vmas") == "text"
    assert roles(row_with(rows, "zap_pte_range bfffd000"), "zap_pte_range") == "faint"
    assert roles(row_with(rows, "spawn  pid 1"), "spawn") == "dim"


def test_a_folded_call_says_what_it_did_in_sum(at_the_leak: View) -> None:
    assert "2 ptes   11 changes" in row_with(built(at_the_leak, "log"), "zap_pte_range 08048000").text


def test_a_turned_fold_opens_an_operation_of_the_past_and_a_hidden_function_gives_its_changes_to_its_caller(
    at_the_leak: View,
) -> None:
    timeline = at_the_leak.timeline
    folded = built(at_the_leak, "log")

    opened = built(replace(at_the_leak, folds=frozenset({timeline.op_call(0)})), "log")
    hidden = built(replace(at_the_leak, hidden=frozenset({"exit_mmap"})), "log")

    assert len(opened.rows) > len(folded.rows)
    assert opened.rows[0].text.startswith("       0 ▾ alloc")
    assert not any("exit_mmap" in row.text for row in hidden.rows)
    assert "unmap_vmas" in "".join(row.text for row in hidden.rows)


def test_why_adds_up_to_page_count_and_names_what_nobody_holds(at_the_leak: View) -> None:
    rows = built(at_the_leak, "why")
    text = [row.plain(47) for row in rows.rows]
    ledger = text[: text.index("                      ───")]
    total = sum(int(line[22:25]) for line in ledger if line[22:25].strip() not in ("~", ""))

    assert rows.note[0][0] == "count 2, held 1"
    assert total == 2
    assert ledger[1].startswith("  nobody               +1")
    assert "  page_count            2  1 more than is held" in text
    assert roles(rows.rows[1], "nobody") == "alarm"
    assert any("the vma" in line for line in text)


def test_why_explains_the_page_that_the_person_chose(at_the_leak: View) -> None:
    chosen = replace(at_the_leak, subject=Target("page", "page[12]"))

    rows = built(chosen, "why")

    assert rows.title[0][0] == "Why page 00c"
    assert rows.note[0][0] == "count 2, held 2"


def test_why_of_a_free_page_says_since_when(leak_story: Timeline) -> None:
    end = View(leak_story, len(leak_story))

    free = lines(replace(end, subject=Target("page", "page[21]")), "why")
    never = lines(replace(end, subject=Target("page", "page[64]")), "why")

    assert free[0].startswith("  page 015 is free since 27.")
    assert never[0] == "  Nobody holds page 040: it has never been"


def test_a_fork_shows_each_copied_pte_facing_its_original(copying: View) -> None:
    rows = built(copying, "tables")

    assert [row.plain(44) for row in rows.head] == [
        "  address  pid 1 sh         pid 2 sh",
        "           pfn P RW A D     pfn P RW A D",
    ]
    row = row_with(rows, "0804c000")
    assert row.text == "> 0804c000 00b P ·· A D +1  00b P ·· · D +1"
    assert ("··", "recent+bold") in row.spans
    assert ("00b P ·· · D +1", "accent") in row.spans
    assert row_with(rows, "0804d000").text == "  0804d000 00c P RW A D +1  none"


def test_stepping_back_through_a_fork_takes_the_child_away(fork_story: Timeline, copying: View) -> None:
    assert copying.timeline is fork_story
    before = copying.at(copying.op_start)

    assert any("pid 2" in line for line in lines(copying, "vmas"))
    assert not any("pid 2" in line for line in lines(before, "vmas"))
    assert built(before, "tables").title[0][0] == "Tables pid 1"


def test_the_source_stands_at_the_line_that_ran_and_u_goes_to_the_caller(at_the_leak: View) -> None:
    rows = built(at_the_leak, "source", (80, 16))
    caller = built(replace(at_the_leak, up=1), "source", (80, 16))

    assert rows.cursor is not None
    assert rows.rows[rows.cursor].band
    assert "self.pte.val[ptep] = 0" in rows.rows[rows.cursor].text
    assert caller.title[0][0] != rows.title[0][0]
    assert caller.cursor is not None


def test_the_next_kernels_text_stands_beside_it_with_the_changed_lines_marked() -> None:
    timeline = mmtui.load(_small_exit(), "2.6.14")
    zap = next(p for p in range(1, len(timeline)) if "zap" in timeline.transition(p - 1).function)
    view = View(timeline, zap, beside=True)

    rows = built(view, "source", (160, 30))

    assert any(row.is_different for row in rows.rows)
    assert any("2.6.15" in row.text for row in rows.head)


def test_notes_stand_in_order_with_those_of_this_place_in_text(at_the_leak: View) -> None:
    here = Note(
        at_the_leak.position, about="page[8]", text="The reference that nopage took is given back nowhere.", author="hd"
    )
    view = replace(at_the_leak, notes=(Note(0, name="first"), here))

    shown = lines(view, "notes", (47, 16))

    assert shown[0] == "  start  m first"
    assert shown[1].endswith("page 008  hd")
    assert shown[2:] == ["         The reference that nopage took is", "         given back nowhere."]


@pytest.mark.parametrize("pane", PANES)
def test_no_pane_is_empty_without_a_word_why(pane: str, leak_story: Timeline) -> None:
    rows = built(View(leak_story, 0), pane, (47, 16))

    assert len(rows.rows) or rows.empty.endswith(".")


def test_an_empty_pane_says_what_would_be_there(leak_story: Timeline) -> None:
    assert built(View(leak_story, 0), "vmas").empty == "No process yet. n runs the first operation."
    assert built(View(leak_story, leak_story.op_end(2)), "tables").empty == "pid 1 has no page tables."


def test_names_from_a_trace_are_shown_and_do_nothing() -> None:
    name = "\x1b[31m[bold]\u202eevil"
    trace = {"mmtui": 1, "ops": [{"op": "spawn", "pid": 1, "name": name}]}
    timeline = mmtui.load(trace)
    view = View(timeline, len(timeline))

    shown = "".join(text for pane in PANES for row in built(view, pane, (80, 20)).rows for text, _ in row.spans)

    assert shown.isprintable()
    assert "[bold]" in shown


def _small_exit() -> dict[str, object]:
    """One process that touches one page and exits."""
    mapping = {"op": "mmap", "pid": 1, "addr": 0x10000000, "pages": 1, "prot": "rw", "flags": ["private"]}
    ops = [
        {"op": "spawn", "pid": 1},
        {**mapping, "backing": {"anon": True}},
        {"op": "write", "pid": 1, "addr": 0x10000000},
        {"op": "exit", "pid": 1},
    ]
    return {"mmtui": 1, "ops": ops}


@pytest.mark.parametrize("pane", ["vmas", "tables", "log", "why", "source"])
def test_a_trace_without_operations_says_so_in_every_pane(pane: str) -> None:
    empty = mmtui.load({"mmtui": 1, "ops": []})

    assert built(View(empty, 0), pane, (47, 16)).empty == "This trace has no operations."


def test_a_refusal_is_explained_with_the_test_that_refused() -> None:
    timeline = mmtui.load(TRACES / "bttv-gup.json", "2.6.15-rc2")
    refused = timeline.events("refused")[0]
    view = View(timeline, timeline.op_end(refused.op))

    text = " ".join(line.strip() for line in lines(view, "why"))

    assert "-EFAULT" in text
    assert "b5810039a54e" in text
    assert next(row for row in built(view, "log").rows if "▾ pin" in row.text).right == (("-EFAULT", "text"),)
