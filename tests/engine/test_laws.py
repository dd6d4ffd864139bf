"""The laws of the log, on random traces and every kernel."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import mmtui
from mmtui.engine import framemap, index
from mmtui.engine.bootmap import boot_folds
from mmtui.engine.schema import COLUMNS
from tests.machines import KERNELS, traces

LAW = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])

kernels = pytest.mark.parametrize("kernel", KERNELS)


@kernels
@LAW
@given(trace=traces())
def test_forward_to_the_end_and_back_leaves_nothing_behind(kernel, trace):
    timeline = mmtui.load(trace, kernel=kernel)
    boot = timeline.digest()
    timeline.step(len(timeline))
    end = timeline.digest()

    timeline.step_back(len(timeline))
    assert timeline.digest() == boot

    for _ in range(len(timeline)):
        timeline.step()
    assert timeline.digest() == end


@kernels
@LAW
@given(trace=traces(), data=st.data())
def test_a_walk_from_anywhere_and_back_is_no_walk(kernel, trace, data):
    timeline = mmtui.load(trace, kernel=kernel)
    anywhere = st.integers(0, len(timeline))
    start = timeline.seek(data.draw(anywhere))
    here = timeline.digest()

    for place in data.draw(st.lists(anywhere, max_size=6)):
        timeline.seek(place)
    timeline.seek(start)

    assert timeline.digest() == here


@kernels
@LAW
@given(trace=traces(), data=st.data())
def test_a_seek_equals_stepping(kernel, trace, data):
    timeline, stepper = mmtui.load(trace, kernel=kernel), mmtui.load(trace, kernel=kernel)
    place = data.draw(st.integers(0, len(timeline)))

    timeline.seek(place)
    for _ in range(place):
        stepper.step()

    assert timeline.digest() == stepper.digest()


@kernels
@LAW
@given(trace=traces())
def test_the_same_trace_gives_the_same_log(kernel, trace):
    one, other = mmtui.load(trace, kernel=kernel), mmtui.load(trace, kernel=kernel)

    rows = [[one.log.row(i) for i in range(len(one))], [other.log.row(i) for i in range(len(other))]]

    assert rows[0] == rows[1]
    assert list(one.events()) == list(other.events())


@kernels
@LAW
@given(trace=traces())
def test_stops_found_forwards_are_those_found_backwards(kernel, trace):
    timeline = mmtui.load(trace, kernel=kernel)
    for expression in ("leak", "free_unpaged or free_mapped", "page.count < 1", "call put_page and fault"):
        forwards, position = [], 0
        while (found := timeline.next(expression, position)) is not None:
            forwards.append(found)
            position = found
        backwards, position = [], len(timeline) + 1
        while (found := timeline.previous(expression, position)) is not None:
            backwards.append(found)
            position = found
        assert forwards == backwards[::-1] == timeline.find(expression).tolist()


@kernels
@LAW
@given(trace=traces())
def test_the_log_is_a_chain_every_old_value_is_the_last_new_one(kernel, trace):
    timeline = mmtui.load(trace, kernel=kernel)
    image = [column.copy() for column in timeline._seeker.image]
    for number in range(len(timeline)):
        cell, old, new, _, _ = timeline.log.row(number)
        column, row = cell >> 25, cell & (1 << 25) - 1
        assert image[column][row] == old != new
        image[column][row] = new


@kernels
@LAW
@given(trace=traces())
def test_calls_nest_and_no_operation_is_empty(kernel, trace):
    timeline = mmtui.load(trace, kernel=kernel)
    calls = timeline.log.calls
    for number in range(len(calls)):
        parent = int(calls.parent[number])
        assert calls.start[number] <= calls.end[number]
        assert parent < number
        if parent >= 0:
            assert calls.start[parent] <= calls.start[number]
            assert calls.end[number] <= calls.end[parent]
    for number in range(timeline.op_count):
        first = timeline.transition(timeline.op_start(number))
        last = timeline.transition(timeline.op_end(number) - 1)
        assert (first.name, first.new) == ("trace.op", number)
        assert (last.name, last.row, timeline.string(last.new)) == ("trace.result", number, timeline.result(number))


@kernels
@LAW
@given(trace=traces())
def test_the_indexes_are_what_the_cells_say(kernel, trace):
    timeline = mmtui.load(trace, kernel=kernel)
    run = timeline._story
    kept, made = run.kernel.index, index.rebuild(run.cells, run.spec.frames)

    for name in ("pts", "drivers", "bufs", "pins", "cache", "messages", "free_count"):
        assert getattr(kept, name) == getattr(made, name), name
    if not timeline.over:
        assert kept.tasks == made.tasks
        live = {mm: rows for mm, rows in kept.vmas.items() if rows}
        assert live == made.vmas
        assert {mm: starts for mm, starts in kept.starts.items() if starts} == made.starts
    free = run.cells.columns["page.free"]
    assert kept.lowest_free(memoryview(free)) == made.lowest_free(memoryview(free))


@kernels
@LAW
@given(trace=traces())
def test_the_ledger_of_the_events_is_the_ledger_of_the_columns(kernel, trace):
    timeline = mmtui.load(trace, kernel=kernel)
    timeline.events()
    checker = timeline._story._checker
    timeline.seek(len(timeline))

    windows, managed, held = framemap.frame_uses(timeline)

    assert np.array_equal(checker.carried.window, windows)
    assert np.array_equal(checker.carried.managed, managed)
    assert np.array_equal(checker.carried.held, held)
    assert np.array_equal(checker.carried.surplus + held, timeline.machine.page.count)


@kernels
@LAW
@given(trace=traces(), data=st.data())
def test_holders_add_up_to_what_is_held(kernel, trace, data):
    timeline = mmtui.load(trace, kernel=kernel)
    timeline.seek(timeline.op_end(data.draw(st.integers(0, timeline.op_count - 1))))
    held = framemap.frame_uses(timeline)[2]
    for pfn in range(len(held)):
        found = timeline.holders(pfn)
        assert found.held == held[found.head]
        if found.surplus >= 0:
            assert sum(row.ref for row in found.rows) == found.count


@LAW
@given(trace=traces())
def test_digests_of_all_columns_differ_where_a_cell_differs(trace):
    timeline = mmtui.load(trace)
    seen = {timeline.digest()}
    for _ in range(min(len(timeline), 20)):
        timeline.step()
        seen.add(timeline.digest())
    assert len(seen) > 1
    assert len(timeline._seeker.image) == len(COLUMNS)


def lines_of(glyphs, across):
    """The code of each line of one glyph, 0 for the others; the last line ends in holes."""
    lines = [glyphs[at : at + across].ljust(across, b"_") for at in range(0, len(glyphs), across)]
    return [line[0] if len(set(line)) == 1 else 0 for line in lines]


@kernels
@LAW
@given(trace=traces(), data=st.data())
def test_the_frame_map_follows_the_position(kernel, trace, data):
    timeline = mmtui.load(trace, kernel=kernel)
    followed = timeline._frame_map
    for place in data.draw(st.lists(st.integers(0, len(timeline)), min_size=2, max_size=8)):
        timeline.seek(place)
        fresh = framemap.FrameMap(timeline)

        glyphs = fresh.kinds()
        assert timeline.frame_kinds().tolist() == glyphs.tolist()
        assert timeline.frame_tally() == {chr(code): n for code, n in Counter(glyphs.tobytes()).items()}
        assert followed.lines(16).tolist() == lines_of(glyphs.tobytes(), 16)
        assert timeline.frame_folds(16, "._").tolist() == boot_folds(glyphs.tobytes(), 16, "._")
        for name in ("windows", "managed", "held"):
            assert np.array_equal(getattr(followed, name), getattr(fresh, name)), name
