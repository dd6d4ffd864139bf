"""What a kernel function logged for the first unit of a run: the pattern for the units that are like it.

A unit is an entry or a page table of 1024 entries (`alike.py`). The log of another unit has the same rows, but for what
follows from the unit: its entries, its frames, its addresses, and the counters, which go on by as much each time. Here
each row is told what it follows from; a pattern with a row that does not fit is not repeated.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mmtui.engine.alike import STATE, Units
from mmtui.engine.instrument import Build
from mmtui.engine.log import AnyInts, Ints
from mmtui.engine.pgtable import PAGE_SHIFT
from mmtui.engine.schema import BASE, COLUMNS, PTES_PER_PT, ROW_BITS, ROW_MASK

Flags = NDArray[np.bool_]

NOBODY, PAGE, COUNTER, TABLE, ENTRY = range(5)
"""What a row of the log is about; nobody here knows what the cells of other columns follow from."""

_ABOUT = dict.fromkeys(STATE, PAGE) | {"mm": COUNTER, "sys.nr_mapped": COUNTER, "pt": TABLE, "pte": ENTRY}
ABOUT = np.array([_ABOUT.get(info.name, _ABOUT.get(info.table, NOBODY)) for info in COLUMNS], np.int8)
MAPPING, PT_BASE = (BASE[name] >> ROW_BITS for name in ("page.mapping", "pt.base"))

STAYS, ADDRESS, FRAME, OTHER = range(4)
_ARGUMENTS = {"": STAYS, "mm": STAYS, "order": STAYS, "address": ADDRESS, "end": ADDRESS, "pfn": FRAME}


def argument_kinds(build: Build) -> AnyInts:
    """What the first and the second shown argument (a row each) of every function follow from, as far as known."""
    shown = [(*function.shown, "", "")[:2] for function in build.functions]
    return np.array([[_ARGUMENTS.get(names[at], OTHER) for names in shown] for at in (0, 1)], np.int8)


class Pattern:
    """The rows (5 columns) and calls (6 columns) of a unit. `child`: the row of its first entry in the child of a fork,
    else -1."""

    def __init__(self, rows: Ints, calls: Ints, first_call: int, units: Units, child: int) -> None:
        self.rows, self.calls, self.first_call = rows, calls, first_call
        self.entries, self.child, self.frames = int(units.rows[0]), child, units.frames[0]
        self.cell, self.values = rows[0], rows[1:3]
        self.column, self.row = self.cell >> ROW_BITS, self.cell & ROW_MASK
        self.about = ABOUT[self.column]
        self.page = self.about == PAGE
        entry = self.about == ENTRY
        self.source = self._in_unit(self.entries) & entry
        self.target = self._in_unit(child) & entry if child >= 0 else None
        """Which rows are about entries of the unit, and of that of a fork's child."""
        self.entry = (self.row - self.entries) * self.source
        """The number in the unit of the entry that a row is about, 0 if it is about none."""
        if self.target is not None:
            entry = self.source | self.target
            self.entry += (self.row - child) * self.target
        self.holds_frame = entry & (self.values != 0)
        """Of the old and the new values, which are entries with a frame in them."""

    def _in_unit(self, first: int) -> Flags:
        # What is before it is far after it, as an unsigned number.
        found: Flags = (self.row - first).view(np.uint64) < len(self.frames)
        return found

    def sound(self, places: AnyInts, kinds: AnyInts) -> bool:
        """Every row and every argument follows from its entry, its frame or the unit alone. `places`: of the frames in
        the unit (`Alike.places`); `kinds`: `argument_kinds`."""
        self.entry[self.page] = places[self.row[self.page]]
        self.kinds = kinds[:, self.calls[0]]
        """Of the two arguments of each call, what they follow from."""
        self.argument_entry = places.take(self.calls[4:], mode="clip") * (self.kinds == FRAME)
        """The number in the unit of the entry with that frame."""
        return self._rows_sound() and self._arguments_sound()

    def _rows_sound(self) -> bool:
        frame = self._frame_of(self.entry)
        ours = self.source if self.target is None else self.source | self.target
        page = self.page & (frame == self.row) & ((self.column != MAPPING) | (self.values[1] == 0))
        entry = ours & (~self.holds_frame | (self.values >> PAGE_SHIFT == frame)).all(axis=0)
        unit = (self.about == COUNTER) | (self.about == TABLE) & (self.row == self.child // PTES_PER_PT)
        return bool((page | entry | unit).all())

    def _arguments_sound(self) -> bool:
        frame = self._frame_of(self.argument_entry)
        return bool(((self.kinds <= ADDRESS) | (self.kinds == FRAME) & (frame == self.calls[4:])).all())

    def _frame_of(self, entry: Ints) -> Ints:
        """The frame of an entry. (What `places` says of a frame that is not in the unit has no meaning.)"""
        frame: Ints = self.frames.take(entry, mode="clip")
        return frame

    @property
    def new_table(self) -> bool:
        """A page table was made for a fork's child."""
        return TABLE in self.about

    def changes(self) -> dict[int, int]:
        """By how much each counter changes in a unit, by cell."""
        found = {}
        for cell in set(self.cell[self.about == COUNTER].tolist()):
            at = np.flatnonzero(self.cell == cell)
            found[cell] = int(self.values[1, at[-1]] - self.values[0, at[0]])
        return found
