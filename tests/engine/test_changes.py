"""When a cell changed, found in a log that grows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

import mmtui
from mmtui.engine.changes import Changes
from mmtui.engine.log import Log

PIECES = st.lists(st.lists(st.integers(0, 5), min_size=1, max_size=40), max_size=8)


def seal(log, cells):
    values = np.array(cells, np.int64)
    log.seal(values, values, values + 1, values, values)


@given(PIECES)
def test_the_changes_of_a_cell_are_its_rows_in_order(pieces):
    log = Log()
    changes = Changes(log)
    every = []
    for cells in pieces:
        seal(log, cells)
        every += cells

        for cell in range(6):
            assert changes.of(cell).tolist() == [at + 1 for at, other in enumerate(every) if other == cell]


@given(PIECES, st.integers(0, 5), st.integers(-1, 200))
def test_the_next_and_the_previous_change_are_neighbours_of_a_position(pieces, cell, position):
    log = Log()
    changes = Changes(log)
    for cells in pieces:
        seal(log, cells)
    every = changes.of(cell).tolist()

    assert changes.after(cell, position) == min((at for at in every if at > position), default=None)
    assert changes.before(cell, position) == max((at for at in every if at < position), default=None)


def test_the_depth_at_a_position_is_how_many_calls_are_open():
    timeline = mmtui.load(Path(__file__).parents[2] / "traces" / "alsa-nocomp-2614.json")

    assert [timeline.depth_at(p) for p in range(len(timeline) + 2)] == [
        len(timeline.calls_at(p)) for p in range(len(timeline) + 2)
    ]
