"""What the checker counts with: stretches of the log in columns, and running sums over the rows that a ledger minds."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mmtui.engine.log import AnyInts, Ints

_TIME_BITS = 34


class Changes(NamedTuple):
    """Changes that the ledger minds, in columns: of the frame's count, of its holders (ptes; others), of the ptes that
    map it as a window or managed."""

    frame: Ints
    time: Ints
    change: Ints
    held: Ints
    owned: Ints
    window: Ints
    managed: Ints


class Carried:
    """The sums of every frame after the last stretch: its count above its holders, its holders (and those of them that
    are no ptes), the ptes that map it as a window and managed."""

    def __init__(self, frames: int) -> None:
        self.surplus, self.held, self.owned, self.window, self.managed = (np.zeros(frames, np.int64) for _ in range(5))


class Slab(NamedTuple):
    """A stretch of the log that begins with an operation: its transitions in columns."""

    first_op: int
    op_starts: Ints
    time: Ints
    column: Ints
    row: Ints
    old: Ints
    new: Ints

    def op_of(self, time: AnyInts) -> Ints:
        """The operation of each transition."""
        return np.asarray(np.searchsorted(self.op_starts, time, side="right") - 1 + self.first_op, np.int64)

    def op_at(self, time: int) -> int:
        """The operation of one transition."""
        return int(np.searchsorted(self.op_starts, time, side="right")) - 1 + self.first_op

    def range_of(self, op: int) -> tuple[int, int]:
        """Where an operation's rows stand in the columns."""
        index = op - self.first_op
        start = int(self.op_starts[index]) - int(self.time[0])
        if index + 1 < len(self.op_starts):
            return start, int(self.op_starts[index + 1]) - int(self.time[0])
        return start, len(self.time)

    def part(self, start: int, stop: int) -> Slab:
        """Some of the rows."""
        return Slab(self.first_op, self.op_starts, *(column[start:stop] for column in self[2:]))


class Case(NamedTuple):
    """A frame whose surplus changed in an operation: its rows, the surplus before and after."""

    frame: int
    op: int
    start: int
    end: int
    before: int
    now: int


class Sums:
    """Running sums over the rows of a stretch, with what was carried into it."""

    def __init__(self, carried: Carried, rows: Changes) -> None:
        self.rows = rows
        self._first = np.append(True, rows.frame[1:] != rows.frame[:-1])
        self._carried = carried
        self.surplus = self._running(rows.change - rows.held, carried.surplus)
        self.held = self._running(rows.held, carried.held)
        self.owned = self._running(rows.owned, carried.owned)
        self.window = self._running(rows.window, carried.window)
        self.managed = self._running(rows.managed, carried.managed)

    def _running(self, change: Ints, carried: Ints) -> Ints:
        total = np.cumsum(change)
        starts = np.flatnonzero(self._first)
        base = np.zeros(len(starts), np.int64)
        base[1:] = total[starts[1:] - 1]
        group = np.cumsum(self._first) - 1
        return np.asarray(total - base[group] + carried[self.rows.frame], np.int64)

    def _index(self, frame: int, time: int) -> int:
        """The last row of a frame up to a transition, -1 if there is none."""
        low = int(np.searchsorted(self.rows.frame, frame, side="left"))
        high = int(np.searchsorted(self.rows.frame, frame, side="right"))
        at = low + int(np.searchsorted(self.rows.time[low:high], time, side="right")) - 1
        return at if at >= low else -1

    def used(self, frame: Ints, time: Ints) -> NDArray[np.bool_]:
        """Which frames are mapped or owned just after a transition each."""
        keys = self.rows.frame << _TIME_BITS | self.rows.time
        at = np.searchsorted(keys, frame << _TIME_BITS | time, side="right") - 1
        last = np.clip(at, 0, None)
        known = (at >= 0) & (self.rows.frame[last] == frame)
        carried = self._carried
        now = (self.window[last] + self.managed[last] != 0) | (self.owned[last] > 0)
        before = (carried.window[frame] + carried.managed[frame] != 0) | (carried.owned[frame] > 0)
        return np.asarray(np.where(known, now, before), bool)

    def at(self, frame: int, time: int) -> tuple[int, int, int]:
        """(windows, managed ptes, owners) of a frame just after a transition."""
        index, carried = self._index(frame, time), self._carried
        if index < 0:
            return int(carried.window[frame]), int(carried.managed[frame]), int(carried.owned[frame])
        return int(self.window[index]), int(self.managed[index]), int(self.owned[index])

    def held_at(self, frame: int, time: int) -> int:
        """Holders of a frame just after a transition."""
        index = self._index(frame, time)
        return int(self._carried.held[frame] if index < 0 else self.held[index])

    def count_at(self, frame: int, time: int) -> int:
        """page_count of a frame just after a transition."""
        index, carried = self._index(frame, time), self._carried
        if index < 0:
            return int(carried.surplus[frame] + carried.held[frame])
        return int(self.surplus[index] + self.held[index])

    def carry(self, carried: Carried) -> None:
        """Leave the sums for the next stretch."""
        last = np.flatnonzero(np.append(self.rows.frame[1:] != self.rows.frame[:-1], True))
        frame = self.rows.frame[last]
        carried.surplus[frame] = self.surplus[last]
        carried.held[frame] = self.held[last]
        carried.owned[frame] = self.owned[last]
        carried.window[frame] = self.window[last]
        carried.managed[frame] = self.managed[last]
