"""When a cell changed: every transition, sorted by cell and then by time.

The log is sorted as it grows, in runs; neighbouring runs of like size are joined, so that there are never many and no
transition is sorted often. Very long ones stay as they are: joining them would keep a person waiting who walks the log
while it grows.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mmtui.engine.log import Ints, Log

LONG = 1 << 19
"""Transitions of a run that is not joined any more."""


class _Run(NamedTuple):
    """The transitions `start` to `end` of the log: cells ascending, and the transition of each."""

    start: int
    end: int
    cell: NDArray[np.uint32]
    transition: NDArray[np.uint32]


class Changes:
    """The changes of each cell of a log that may grow. What it needs is made when it is first asked."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._runs: list[_Run] = []
        self._end = 0

    def extend(self) -> None:
        """Take in what was sealed since."""
        end = len(self._log)
        if self._end == end:
            return
        cells = np.concatenate([chunk.cell for chunk in self._log.chunks(self._end, end)])
        order = np.argsort(cells, kind="stable")
        self._runs.append(_Run(self._end, end, cells[order], order.astype(np.uint32) + np.uint32(self._end)))
        self._end = end
        while len(self._runs) > 1 and len(self._runs[-2].cell) < min(2 * len(self._runs[-1].cell), LONG):
            last, before = self._runs.pop(), self._runs.pop()
            self._runs.append(_joined(before, last))
        last = self._runs[-1]
        if len(last.cell) >= LONG:  # for good, so that it may be where the log is
            keep = self._log.shelf.keep
            self._runs[-1] = last._replace(cell=keep(last.cell), transition=keep(last.transition))

    def of(self, cell: int) -> Ints:
        """The positions just after each change of a cell, ascending."""
        self.extend()
        found = [part for run in self._runs if len(part := _of(run, cell))]
        if not found:
            return np.zeros(0, np.int64)
        return (found[0] if len(found) == 1 else np.concatenate(found)).astype(np.int64) + 1

    @property
    def is_ready(self) -> bool:
        """The whole log is taken in: nothing that is asked now takes long."""
        return self._end == len(self._log)

    def between(self, low: int, high: int) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
        """(cell, transition) of every change of the cells `low` to `high`, in the order of the log."""
        self.extend()
        bounds = np.array([low, high], np.uint32)
        parts = [(run, *run.cell.searchsorted(bounds).tolist()) for run in self._runs]
        cell, transition = (
            np.concatenate([np.zeros(0, np.uint32), *(run[at][begin:end] for run, begin, end in parts)])
            for at in (2, 3)
        )
        order = np.argsort(transition, kind="stable")
        return cell[order], transition[order]

    def after(self, cell: int, position: int) -> int | None:
        """The first position after `position` at which a cell has just changed."""
        self.extend()
        position = max(position, 0)
        for run in self._runs:
            if run.end <= position:
                continue
            transitions = _of(run, cell)
            # A plain int would make numpy convert the whole array.
            at = int(transitions.searchsorted(np.uint32(position)))
            if at < len(transitions):
                return int(transitions[at]) + 1
        return None

    def before(self, cell: int, position: int) -> int | None:
        """The last position before `position` at which a cell had just changed."""
        self.extend()
        last = max(position - 1, 0)
        for run in reversed(self._runs):
            if run.start >= last:
                continue
            transitions = _of(run, cell)
            at = int(transitions.searchsorted(np.uint32(last)))
            if at:
                return int(transitions[at - 1]) + 1
        return None


def _of(run: _Run, cell: int) -> NDArray[np.uint32]:
    """The transitions of a cell in a run."""
    low, high = run.cell.searchsorted(np.array([cell, cell + 1], np.uint32)).tolist()
    return run.transition[low:high]


def _joined(first: _Run, second: _Run) -> _Run:
    """Two runs as one; a stable sort of two sorted pieces is a merge."""
    cell = np.concatenate([first.cell, second.cell])
    order = np.argsort(cell, kind="stable")
    return _Run(first.start, second.end, cell[order], np.concatenate([first.transition, second.transition])[order])
