"""Writes again what a kernel function did to the first unit of a run, for the units that are like it.

The log of a page table is what comes before its entries, the pattern of the first entry as often as there are entries,
and what comes after them. A number in the log of entry `e` of copy `r` is that of the pattern, plus so much for each
copy before it and so much for each entry; a frame, and what is made of it, is looked up. A run of entries is one copy.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mmtui.engine.alike import Where, index_of
from mmtui.engine.cells import Recorder
from mmtui.engine.log import CHUNK, AnyInts, Ints, narrowest
from mmtui.engine.pattern import ABOUT, ADDRESS, COUNTER, ENTRY, FRAME, PAGE, TABLE, Kinds, Pattern, Row
from mmtui.engine.pgtable import PAGE_SHIFT, PMD_SIZE
from mmtui.engine.schema import BASE, COLUMNS, PTES_PER_PT, ROW_BITS, ROW_MASK

FREE, PT_BASE = (BASE[name] >> ROW_BITS for name in ("page.free", "pt.base"))
BITS = (1 << PAGE_SHIFT) - 1

CallsOn = Callable[[int], int | Ints]
"""By how much the number of a call goes on in the copies (copies x entries)."""


class Place:
    """A pattern in the log of a copy: its first row and call there, and the numbers of the entries that it is repeated
    for (1 x entries), of which the pattern's own is 0."""

    def __init__(self, pattern: Pattern, row: int, call: int, entry: Ints) -> None:
        self.pattern, self.row, self.call, self.entry = pattern, row, call, entry
        self.changes = pattern.changes()
        self._rows, self._calls = len(pattern.rows), len(pattern.calls)

    def rows(self, at: int) -> slice:
        """Where the pattern's row `at` stands in the log of a copy."""
        return slice(self.row + at, self.row + self._rows * self.entry.size, self._rows)

    def calls(self, at: int) -> slice:
        """Where the pattern's call `at` stands in the log of a copy."""
        return slice(self.call + at, self.call + self._calls * self.entry.size, self._calls)


@dataclass(slots=True)
class Units:
    """What the copies are of."""

    frames: Ints
    """Copies x entries."""
    where: Where
    """An index of the frames, in order."""
    sources: Ints
    """Copies x entries: the rows of the entries."""
    targets: Ints
    """Copies x entries: those in the child of a fork."""


class Copies:
    """The copies of a run: page tables, or one, of those entries of a page table that are left.

    `number`: copies x 1, from 1 on; a 0 for the one of entries. `first_call`: the number of the pattern's first call.
    """

    def __init__(self, places: list[Place], units: Units, number: Ints, first_call: int) -> None:
        self._places, self._units, self._number, self._first_call = places, units, number, first_call
        self._rows = sum(len(place.pattern.rows) * place.entry.size for place in places)
        self._calls = sum(len(place.pattern.calls) * place.entry.size for place in places)
        self._steps: dict[int, int] = {}
        """By how much each counter changes in a copy, by cell."""
        for place in places:
            for cell, change in place.changes.items():
                self._steps[cell] = self._steps.get(cell, 0) + change * place.entry.size

    @property
    def shape(self) -> tuple[int, ...]:
        """Copies, entries of each."""
        return self._units.frames.shape

    def log(self, recorder: Recorder, kinds: Kinds) -> None:
        """Append the rows and calls, in pieces as long as a chunk should be."""
        own = self._rows * len(self._number) >= CHUNK // 4
        types = (np.uint32, *map(self._type, (1, 2)), np.uint32, np.uint16) if own else ()
        piece = max(CHUNK // max(self._rows, 1), 1)
        for start in range(0, len(self._number), piece):
            part = slice(start, start + piece)
            count = len(self._number[part])
            rows = [np.empty(count * self._rows, kind) for kind in types] or recorder.room(count * self._rows)
            calls = recorder.room_for_calls(count * self._calls)
            for place in self._places:
                on = self._calls_on(place, part)
                self._fill_rows(place, part, [out.reshape(count, self._rows) for out in rows], on)
                self._fill_calls(place, part, [out.reshape(count, self._calls) for out in calls], on, kinds)
            if own:
                recorder.keep(*rows)

    def _type(self, column: int) -> Any:
        """The narrowest type of a column of values."""
        last, ends = int(self._number[-1, 0]), [0]
        for place in self._places:
            for row in place.pattern.rows:
                entries = place.changes.get(row[0], 0) * int(place.entry[0, -1])
                copies = self._steps.get(row[0], 0) * last
                ends += [row[column] + more for more in (0, entries, copies, copies + entries)]
                if ABOUT[row[0] >> ROW_BITS] == ENTRY and row[column]:
                    ends.append((int(self._units.frames.max()) + 1 << PAGE_SHIFT) - 1)
                elif row[0] >> ROW_BITS == PT_BASE:
                    ends.append(row[column] + PMD_SIZE * last)
        return narrowest(min(ends), max(ends))

    def _fill_rows(self, place: Place, part: slice, outs: Sequence[AnyInts], on: CallsOn) -> None:
        for at, row in enumerate(place.pattern.rows):
            cell, old, new, call, site = (out[:, place.rows(at)] for out in outs)
            cell[:], old[:], new[:] = self._values(place, part, row)
            call[:], site[:] = row[3] + on(row[3]), row[4]

    def _values(self, place: Place, part: slice, row: Row) -> tuple[int | Ints, int | Ints, int | Ints]:
        """cell, old and new of the copies of a row."""
        (cell, old, new, _, _), units = row, self._units
        about = ABOUT[cell >> ROW_BITS]
        if about == COUNTER:
            counted = self._steps[cell] * self._number[part] + place.changes[cell] * place.entry
            return cell, old + counted, new + counted
        if about == PAGE:
            return cell - place.pattern.frame + units.frames[part], old, new
        if about == ENTRY:
            return BASE["pte.val"] + self._entries(cell, place)[part], self._pte(old, part), self._pte(new, part)
        return cell - place.pattern.table + self._tables(part), old, self._of_table(row, part)

    def _tables(self, part: slice) -> Ints:
        """The rows of the page tables in the child of a fork."""
        return self._units.targets[part, :1] // PTES_PER_PT

    def _of_table(self, row: Row, part: slice) -> int | Ints:
        """What is new in the cells of page tables."""
        return row[2] + PMD_SIZE * self._number[part] if row[0] >> ROW_BITS == PT_BASE else row[2]

    def _entries(self, cell: int, place: Place) -> Ints:
        source = cell & ROW_MASK == place.pattern.source
        return self._units.sources if source else self._units.targets

    def _pte(self, value: int, part: slice) -> int | Ints:
        """What is in the entries where the pattern has this value."""
        return value & BITS | self._units.frames[part] << PAGE_SHIFT if value else 0

    def _calls_on(self, place: Place, part: slice) -> CallsOn:
        """For the calls of a pattern and those around it: what is outside of the copies stays."""
        copies = self._calls * self._number[part]
        entries = copies + len(place.pattern.calls) * place.entry
        return lambda call: (
            0 if call < self._first_call else copies if call < self._first_call + place.call else entries
        )

    def _fill_calls(self, place: Place, part: slice, outs: Sequence[AnyInts], on: CallsOn, kinds: Kinds) -> None:
        pattern = place.pattern
        later = self._rows * self._number[part] + len(pattern.rows) * place.entry
        for at, call in enumerate(pattern.calls):
            fn, parent, start, end, *arguments = (out[:, place.calls(at)] for out in outs)
            fn[:], parent[:] = call[0], call[1] + on(call[1])
            start[:], end[:] = call[2] + later, call[3] + later
            for out, kind, value in zip(arguments, kinds[call[0]], call[4:], strict=True):
                out[:] = self._argument(kind, value, place, part)

    def _argument(self, kind: int, value: int, place: Place, part: slice) -> int | Ints:
        if kind == FRAME:
            return self._units.frames[part]
        return value + PMD_SIZE * self._number[part] + (place.entry << PAGE_SHIFT) if kind == ADDRESS else value

    def write(self, kernel: Any) -> None:
        """Write the cells."""
        column, every, units = kernel.recorder.cells.columns, slice(None), self._units
        for place in self._places:
            for row in place.pattern.rows:
                number = row[0] >> ROW_BITS
                about, values = ABOUT[number], column[COLUMNS[number].name]
                if about == PAGE:
                    values[units.where] = row[2]
                elif about == ENTRY:
                    where = index_of(self._entries(row[0], place).reshape(-1))
                    values[where] = np.reshape(self._pte(row[2], every), -1)
                elif about == TABLE:
                    values[self._tables(every)] = self._of_table(row, every)
                if number == FREE:
                    kernel.index.frames_freed(units.frames.reshape(-1))
        for cell, change in self._steps.items():
            column[COLUMNS[cell >> ROW_BITS].name][cell & ROW_MASK] += change * len(self._number)
