"""What holds for every pane at every position: pure, one mark, columns kept, cost that does not grow with the log."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import mmtui
from mmtui.engine.timeline import Timeline, Transition
from mmtui.ui.panes import PANES
from mmtui.ui.rows import PaneRows, Target
from mmtui.ui.view import View
from tests.ui.panes.reading import SIZES, built, lines

PLACES = [(size, pane) for size, panes in SIZES.items() for pane in panes]


@pytest.fixture(scope="session")
def memo(fork_story: Timeline) -> dict[object, object]:
    """What the views of the story remember, with every other kernel run already."""
    view = View(fork_story, len(fork_story), size="wide")
    while any("..." in line for line in lines(replace(view, subject=Target("page", "page[8]")), "why")):
        time.sleep(0.05)
    return view.memo


@pytest.mark.parametrize(("size", "pane"), PLACES)
@given(data=st.data())
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_pane_depends_on_the_view_alone(
    size: Any, pane: str, fork_story: Timeline, memo: dict[object, object], data: st.DataObject
) -> None:
    position = data.draw(st.integers(0, len(fork_story)))
    first = lines(View(fork_story, position, size=size, memo=memo), pane)

    fork_story.seek(data.draw(st.integers(0, len(fork_story))))
    again = lines(View(fork_story, position, size=size, memo=memo), pane)

    assert first == again


def tinted(rows: PaneRows) -> list[str]:
    """The texts in the accent, neighbours joined."""
    found: list[str] = []
    for row in (*rows.head, *rows.rows, *rows.foot):
        before = ""
        for text, role in (*row.spans, *row.right):
            if role.startswith("accent"):
                found.append(text) if before != "accent" else None
            before = role.partition("+")[0] if text.strip() else before
    return found


@pytest.mark.parametrize(("size", "pane"), PLACES)
def test_at_most_one_spot_of_a_pane_is_tinted(size: Any, pane: str, fork_story: Timeline) -> None:
    view = View(fork_story, 0, size=size)

    for position in range(1, len(fork_story) + 1, 3):
        view = view.at(position)
        assert len(tinted(built(view, pane))) <= 1, fork_story.place_name(position)


@pytest.mark.parametrize(("size", "pane"), PLACES)
def test_the_row_under_the_cursor_has_the_mark_and_no_other_has(size: Any, pane: str, fork_story: Timeline) -> None:
    for position in range(1, len(fork_story) + 1, 7):
        rows = built(View(fork_story, position, size=size), pane)
        marked = [i for i, row in enumerate(rows.rows) if row.text.startswith(">") and pane != "why"]
        assert marked == ([] if rows.cursor is None or pane == "why" else [rows.cursor])


@pytest.mark.parametrize("pane", ["vmas", "tables", "log"])
def test_the_last_column_stays_empty_beside_right_aligned_text(pane: str, at_the_leak: View) -> None:
    width = SIZES["normal"][pane][0]

    for row in built(at_the_leak, pane).rows:
        if row.right:
            assert len(row.plain(width)) == width - 1


def long_story(pages: int) -> Timeline:
    """A process that touches many pages, on a machine of many frames, forks and exits."""
    mapping = {"op": "mmap", "pid": 1, "addr": 0x10000000, "pages": pages, "prot": "rw", "flags": ["private"]}
    touches = [{"op": "write", "pid": 1, "addr": 0x10000000 + 4096 * i} for i in range(pages)]
    ops = [{"op": "spawn", "pid": 1}, {**mapping, "backing": {"anon": True}}, *touches]
    ops += [{"op": "fork", "parent": 1, "child": 2}, {"op": "exit", "pid": 2}]
    return mmtui.load({"mmtui": 1, "kernel": "2.6.15", "machine": {"frames": 1 << 16}, "ops": ops})


def asked(timeline: Timeline, pane: str, monkeypatch: pytest.MonkeyPatch) -> int:
    """How many transitions a pane asks for to show its lines in the middle of the fork."""
    fork = next(k for k in range(timeline.op_count) if timeline.op(k).name == "fork")
    position = (timeline.op_start(fork) + timeline.op_end(fork)) // 2
    count = 0
    real = timeline.transition

    def counting(index: int) -> Transition:
        nonlocal count
        count += 1
        return real(index)

    monkeypatch.setattr(timeline, "transition", counting)
    width, height = SIZES["normal"][pane]
    rows = PANES[pane].build(View(timeline, position), width, height)
    top = max(0, (rows.cursor or 0) - height // 2)
    for index in range(top, min(len(rows.rows), top + height)):
        rows.rows[index].plain(width)
    return count


@pytest.mark.parametrize("pane", ["vmas", "tables", "frames", "log", "why"])
def test_a_long_log_costs_what_a_short_one_does(pane: str, monkeypatch: pytest.MonkeyPatch) -> None:
    short, long = long_story(50), long_story(1500)

    assert asked(long, pane, monkeypatch) <= asked(short, pane, monkeypatch) + 80


def test_rows_of_free_frames_fold_to_one_on_a_large_machine() -> None:
    timeline = long_story(20)
    rows = built(View(timeline, len(timeline)), "frames")

    assert len(rows.rows) < 20
    assert any("free" in row.text and "..." in row.text for row in rows.rows)


def test_compared_logs_are_equally_long_and_blank_where_only_one_kernel_acts(leak_story: Timeline) -> None:
    other = leak_story.with_kernel("2.6.15")
    exiting = next(k for k in range(leak_story.op_count) if leak_story.op(k).name == "exit")
    start, end = leak_story.op_start(exiting), leak_story.op_end(exiting)
    view = View(leak_story, leak_story.events("leak")[0].position, other=other, other_position=other.op_end(exiting))
    assert start < view.position <= end
    assert view.twin is not None

    ours, theirs = built(view, "log", (79, 20)), built(view.twin, "log", (79, 20))

    assert len(ours.rows) == len(theirs.rows)
    for left, right in zip(ours.rows, theirs.rows, strict=True):
        assert left.text or right.text
        if not left.text or not right.text:
            assert left.is_different
            assert right.is_different
    assert any(not row.text for row in (*ours.rows, *theirs.rows))


def test_a_comparison_marks_the_count_that_differs(leak_story: Timeline) -> None:
    other = leak_story.with_kernel("2.6.15")
    leak = leak_story.events("leak")[0]
    view = View(leak_story, leak_story.op_end(leak.op), other=other, other_position=other.op_end(leak.op))
    chosen = replace(view, cursors={})

    first = built(chosen, "frames", (41, 12)).rows[0]

    assert first.is_different
    assert any(role.startswith("diff") for _, role in first.spans)
