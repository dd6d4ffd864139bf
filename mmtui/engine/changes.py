"""When a cell changed: every transition, sorted by cell and then by time.

The log is sorted as it grows, in runs; neighbouring runs of like size are joined, so that there are never many and no
transition is sorted often.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mmtui.engine.log import Ints, Log


class _Run(NamedTuple):
    """A stretch of the log: cells ascending, and the transition of each."""

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
        self._runs.append(_Run(cells[order], order.astype(np.uint32) + np.uint32(self._end)))
        self._end = end
        while len(self._runs) > 1 and len(self._runs[-2].cell) < 2 * len(self._runs[-1].cell):
            last, before = self._runs.pop(), self._runs.pop()
            self._runs.append(_joined(before, last))

    def of(self, cell: int) -> Ints:
        """The positions just after each change of a cell, ascending."""
        found = [transitions for transitions in self._runs_of(cell) if len(transitions)]
        if not found:
            return np.zeros(0, np.int64)
        return (found[0] if len(found) == 1 else np.concatenate(found)).astype(np.int64) + 1

    def after(self, cell: int, position: int) -> int | None:
        """The first position after `position` at which a cell has just changed."""
        for transitions in self._runs_of(cell):
            # A plain int would make numpy convert the whole array.
            at = int(transitions.searchsorted(np.uint32(max(position, 0))))
            if at < len(transitions):
                return int(transitions[at]) + 1
        return None

    def before(self, cell: int, position: int) -> int | None:
        """The last position before `position` at which a cell had just changed."""
        for transitions in reversed(self._runs_of(cell)):
            at = int(transitions.searchsorted(np.uint32(max(position - 1, 0))))
            if at:
                return int(transitions[at - 1]) + 1
        return None

    def _runs_of(self, cell: int) -> list[NDArray[np.uint32]]:
        self.extend()
        both = np.array([cell, cell + 1], np.uint32)
        bounds = ((run, *run.cell.searchsorted(both).tolist()) for run in self._runs)
        return [run.transition[low:high] for run, low, high in bounds]


def _joined(first: _Run, second: _Run) -> _Run:
    """Two runs as one; a stable sort of two sorted pieces is a merge."""
    cell = np.concatenate([first.cell, second.cell])
    order = np.argsort(cell, kind="stable")
    return _Run(cell[order], np.concatenate([first.transition, second.transition])[order])
