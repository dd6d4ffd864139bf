"""Which cells an operation changed: what the panes need to mark a value as changed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mmtui.engine.schema import BASE, COLUMN, ROW_BITS, ROW_MASK, TABLES

if TYPE_CHECKING:
    from mmtui.engine.timeline import Timeline

_ONE_COLUMN = ROW_MASK + 1


@dataclass(frozen=True)
class OpChanges:
    """Every cell that the transitions `start` to `end` write, once: sorted numbers, first writer, value before it."""

    cells: NDArray[np.int64]
    first: NDArray[np.int64]
    old: NDArray[np.int64]

    @classmethod
    def of(cls, timeline: Timeline, start: int, end: int) -> OpChanges:
        """The changes of the transitions `start` to `end`: of one operation, so that it is computed once for it."""
        chunks = list(timeline.log.chunks(start, end))
        if not chunks:
            nothing = np.zeros(0, np.int64)
            return cls(nothing, nothing, nothing)
        cells = np.concatenate([chunk.cell for chunk in chunks]).astype(np.int64)
        old = np.concatenate([chunk.old.astype(np.int64) for chunk in chunks])
        at = np.argsort(cells, kind="stable")
        ordered = cells[at]
        first = np.ones(len(at), bool)
        first[1:] = ordered[1:] != ordered[:-1]
        return cls(ordered[first], at[first].astype(np.int64) + start, old[at[first]])

    def changed(self, column: str, row: int, position: int) -> bool:
        """Whether `column[row]` was written before `position`."""
        return self.before(column, row, position) is not None

    def before(self, column: str, row: int, position: int) -> int | None:
        """The value of `column[row]` at the start, None if nothing before `position` wrote it."""
        number = BASE[column] | row
        at = int(np.searchsorted(self.cells, number))
        if at == len(self.cells) or self.cells[at] != number or self.first[at] >= position:
            return None
        return int(self.old[at])

    def rows(self, column: str, position: int) -> NDArray[np.int64]:
        """The rows of `column` written before `position`, ascending."""
        low, high = np.searchsorted(self.cells, (BASE[column], BASE[column] + _ONE_COLUMN))
        return (self.cells[low:high] & ROW_MASK)[self.first[low:high] < position]

    @cached_property
    def _frames(self) -> NDArray[np.int64]:
        """The rows of `page` that are written at all, ascending, some of them more than once."""
        columns = [COLUMN[f"page.{field}"].id for field in TABLES["page"]]
        low, high = self.cells.searchsorted((min(columns) << ROW_BITS, (max(columns) + 1) << ROW_BITS))
        return np.sort(self.cells[low:high] & ROW_MASK)

    def any_between(self, first: int, end: int) -> bool:
        """Whether anything of the frames `first` to `end` is written."""
        low, high = self._frames.searchsorted((first, end)).tolist()
        return bool(low != high)

    def rows_between(self, column: str, first: int, end: int, position: int) -> list[int]:
        """The rows `first` to `end` of `column` written before `position`, ascending."""
        base = BASE[column]
        low, high = self.cells.searchsorted((base + first, base + end)).tolist()
        return (self.cells[low:high] & ROW_MASK)[self.first[low:high] < position].tolist()  # type: ignore[no-any-return]

    def befores(self, column: str, position: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The same rows, and the value that each had at the start."""
        low, high = np.searchsorted(self.cells, (BASE[column], BASE[column] + _ONE_COLUMN))
        seen = self.first[low:high] < position
        return (self.cells[low:high] & ROW_MASK)[seen], self.old[low:high][seen]
