"""Writes again what a kernel function did to the first unit of a run, for the units that are like it.

Each column of the log of the copies is the pattern's, with something added: by how much a copy is elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from mmtui.engine.alike import Units, index_of
from mmtui.engine.cells import Recorder
from mmtui.engine.log import CHUNK, AnyInts, Ints, narrowest
from mmtui.engine.pattern import ADDRESS, FRAME, PT_BASE, TABLE, Flags, Pattern
from mmtui.engine.pgtable import PAGE_SHIFT
from mmtui.engine.schema import BASE, COLUMNS, PTES_PER_PT, ROW_BITS, ROW_MASK

FREE = BASE["page.free"] >> ROW_BITS
CELL, OLD, NEW, CALL, _ = range(5)
"""The columns of the rows of a log."""
_, PARENT, START, END, A0, A1 = range(6)
"""The columns of its calls."""


def by_of(away: Ints) -> int | Ints:
    """How far copies are away (copies x 1, or copies x entries of a unit), in the shortest form: copies x 1, if all
    entries are as far, and one number, if each copy is so much farther than the one before."""
    if (away == away[:, :1]).all():
        away = away[:, :1]
        if (away[:, 0] == away[0, 0] * np.arange(1, len(away) + 1)).all():
            return int(away[0, 0])
    return away


class Columns:
    """Columns of the log of some copies: those of the pattern, and what is added to them."""

    def __init__(self, first: Ints) -> None:
        self.first = first
        self.step = np.zeros(first.shape, np.int64)
        """What each copy has more than the one before."""
        self._uneven: list[tuple[int, Ints, AnyInts | Flags, Ints]] = []

    def add(self, column: int, by: int | Ints, of: AnyInts | Flags, entry: Ints) -> None:
        """In a column, by how much copies are elsewhere (`by_of`), times how often that concerns each row; `entry`: the
        entry that each row is about."""
        if isinstance(by, int):
            self.step[column] += by * of
        else:
            self._uneven.append((column, by, of, entry))

    def fill(self, outs: Iterable[AnyInts], part: slice) -> None:
        """Fill a flat array for each column with the rows of these copies, one copy after the other."""
        copies, number = part.stop - part.start, np.arange(part.start + 1, part.stop + 1)
        if copies > self.first.shape[1]:  # numpy is quick along the last axis: it should be the long one
            made = self.step[:, :, None] * number
            made += self.first[:, :, None]
            for column, by, of, entry in self._uneven:
                made[column] += (_each(by[part], entry) * of).T
            for out, values in zip(outs, made, strict=True):
                out.reshape(copies, -1)[:] = values.T
        else:
            for column, out in enumerate(outs):
                self._fill_column(column, out.reshape(copies, -1), part, number[:, None])

    def _fill_column(self, column: int, out: AnyInts, part: slice, number: Ints) -> None:
        # Whole numbers of any width wrap around, so that each step may be made in the narrow type of the result.
        kind = out.dtype
        if self.step[column].any():
            np.multiply(number.astype(kind), self.step[column].astype(kind), out=out)
            out += self.first[column].astype(kind)
        else:
            out[:] = self.first[column]
        for number_of_column, by, of, entry in self._uneven:
            if number_of_column == column:
                out += _each(by[part].astype(kind), entry) * of.astype(kind)


def _each(by: AnyInts, entry: Ints) -> AnyInts:
    """By how much each row is elsewhere, in each copy."""
    return by if by.shape[1] == 1 else by.take(entry, axis=1)


class Copies:
    """The units of a run after the first one. `children`: the rows of their first entries in the child of a fork."""

    def __init__(self, pattern: Pattern, units: Units, children: Ints, recorder: Recorder) -> None:
        self.pattern, self.recorder = pattern, recorder
        self.entries, self.frames, self.children = units.rows[1:], units.frames[1:], children
        self.count, self.size = self.frames.shape
        where = units.where
        self._in_order = slice(where.start + self.size, where.stop) if isinstance(where, slice) else None
        """Which frames these are, if each is the next one."""
        self._away = by_of(self.frames - pattern.frames) if self._in_order is None else self.size
        self._changes = pattern.changes()

    def log(self) -> None:
        """Append the rows and calls, in pieces as long as a chunk should be."""
        rows, calls = self._rows(), self._calls()
        (_, size), (_, width) = rows.first.shape, calls.first.shape
        whole = size * self.count >= CHUNK // 4
        kinds = self._kinds(rows) if whole else []
        piece = max(CHUNK // max(size, 1), 1)
        for start in range(0, self.count, piece):
            part = slice(start, min(start + piece, self.count))
            length = part.stop - start
            if whole:
                made = [np.empty(length * size, kind) for kind in kinds]
                rows.fill(made, part)
                self.recorder.keep(*made)
            else:
                rows.fill(self.recorder.room(length * size), part)
            if width:
                calls.fill(self.recorder.room_for_calls(length * width), part)

    def _rows(self) -> Columns:
        pattern, made, step = self.pattern, Columns(self.pattern.rows), self.size << PAGE_SHIFT
        made.add(CELL, self._away, pattern.page, pattern.entry)
        made.add(CELL, self._farther(self.entries, pattern.entries), pattern.source, pattern.entry)
        for column, holds in zip((OLD, NEW), pattern.holds_frame.astype(np.int64) << PAGE_SHIFT, strict=True):
            made.add(column, self._away, holds, pattern.entry)
        if pattern.target is not None:
            made.add(CELL, self._farther(self.children, pattern.child), pattern.target, pattern.entry)
        if pattern.new_table:
            tables = by_of((self.children[:, None] - pattern.child) // PTES_PER_PT)
            made.add(CELL, tables, pattern.about == TABLE, pattern.entry)
            made.step[NEW] += step * (pattern.column == PT_BASE)
        for cell, change in self._changes.items():
            made.step[OLD : NEW + 1] += change * (pattern.cell == cell)
        made.step[CALL] = pattern.calls.shape[1] * (pattern.rows[CALL] >= pattern.first_call)
        return made

    def _farther(self, rows: Ints, first: int) -> int | Ints:
        """How far the entries of these units are from that of the first one; entries that are units stand in a row."""
        return by_of(rows[:, None] - first) if self.size > 1 else 1

    def _kinds(self, rows: Columns) -> list[Any]:
        """The types of the columns of a chunk."""
        top = (int(self.frames[-1, -1] if self._in_order else self.frames.max()) + 1 << PAGE_SHIFT) - 1
        first, last = rows.first[OLD : NEW + 1], rows.step[OLD : NEW + 1] * self.count
        last += first
        low, high = np.minimum(first, last).min(axis=1), np.maximum(first, last).max(axis=1)
        old, new = (narrowest(int(low[at]), max(int(high[at]), top)) for at in (0, 1))
        return [np.uint32, old, new, np.uint32, np.uint16]

    def _calls(self) -> Columns:
        pattern, made = self.pattern, Columns(self.pattern.calls)
        made.step[PARENT] = pattern.calls.shape[1] * (pattern.calls[PARENT] >= pattern.first_call)
        made.step[START : END + 1] = pattern.rows.shape[1]
        made.step[A0:] = (self.size << PAGE_SHIFT) * (pattern.kinds == ADDRESS)
        for column, kind, entry in zip((A0, A1), pattern.kinds, pattern.argument_entry, strict=True):
            made.add(column, self._away, kind == FRAME, entry)
        return made

    def write(self, kernel: Any) -> None:
        """Write the cells: each unit is left as the first one was."""
        pattern, column = self.pattern, self.recorder.cells.columns
        for number in set(pattern.column[pattern.page].tolist()):
            self._write_frames(column[COLUMNS[number].name])
            if number == FREE:
                kernel.index.frames_freed(self.frames.reshape(-1))
        if pattern.source.any():
            self._write_entries(pattern.entries, self.entries)
        if pattern.target is not None:
            self._write_entries(pattern.child, self.children)
        for cell, change in self._changes.items():
            column[COLUMNS[cell >> ROW_BITS].name][cell & ROW_MASK] += change * self.count
        if pattern.new_table:
            rows, first = self.children // PTES_PER_PT, pattern.child // PTES_PER_PT
            column["pt.mm"][rows] = column["pt.mm"][first]
            bytes_past = np.arange(1, self.count + 1) * (self.size << PAGE_SHIFT)
            column["pt.base"][rows] = column["pt.base"][first] + bytes_past

    def _write_frames(self, values: Ints) -> None:
        first = values[self.pattern.frames]
        if self._in_order is None:
            values[self.frames] = first
        else:
            values[self._in_order].reshape(self.frames.shape)[:] = first

    def _write_entries(self, first: int, rows: Ints) -> None:
        values = self.recorder.cells.columns["pte.val"]
        unit = values[first : first + self.size]
        units, where = values.reshape(-1, self.size), index_of(rows // self.size)
        away = self._away
        if isinstance(away, int):
            away = away * np.arange(1, self.count + 1)[:, None]
        made = units[where]  # if each is the next one, these are the cells themselves
        np.multiply(away << PAGE_SHIFT, (unit != 0).astype(np.int64), out=made)
        made += unit
        if not isinstance(where, slice):
            units[where] = made
