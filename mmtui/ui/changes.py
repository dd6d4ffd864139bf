"""Which cells an operation changed: what the panes need to mark a value as changed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from mmtui.engine.arrays import np
from mmtui.engine.schema import BASE, ROW_MASK

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mmtui.engine.timeline import Timeline

    _Writes = tuple[NDArray[np.int64], NDArray[np.int64]]
    """Rows, ascending, and when each was written to."""

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
        at = int(self.cells.searchsorted(number))
        if at == len(self.cells) or self.cells[at] != number or self.first[at] >= position:
            return None
        return int(self.old[at])

    def rows(self, column: str, position: int) -> NDArray[np.int64]:
        """The rows of `column` written before `position`, ascending."""
        low, high = self.cells.searchsorted((BASE[column], BASE[column] + _ONE_COLUMN)).tolist()
        return (self.cells[low:high] & ROW_MASK)[self.first[low:high] < position]

    @cached_property
    def _frames(self) -> _Writes:
        """The writes to frames that the map shows."""
        return self._writes("count", "mapcount", "flags", "mapping", "free")

    @cached_property
    def _users(self) -> _Writes:
        """Those of them to the number of a frame's users."""
        return self._writes("count", "mapcount")

    def _writes(self, *fields: str) -> _Writes:
        bases = np.array([BASE[f"page.{field}"] for field in fields])
        ranges = self.cells.searchsorted(np.stack([bases, bases + _ONE_COLUMN])).T.tolist()
        rows = np.concatenate([self.cells[low:high] & ROW_MASK for low, high in ranges])
        order = np.argsort(rows, kind="stable")
        return rows[order], np.concatenate([self.first[low:high] for low, high in ranges])[order]

    def frames_between(self, first: int, end: int, position: int) -> tuple[frozenset[int], frozenset[int]]:
        """Which of the frames `first` to `end` were written to before `position`, and which in how many users they
        have."""
        return _between(self._frames, first, end, position), _between(self._users, first, end, position)

    def befores(self, column: str, position: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The same rows, and the value that each had at the start."""
        low, high = self.cells.searchsorted((BASE[column], BASE[column] + _ONE_COLUMN)).tolist()
        seen = self.first[low:high] < position
        return (self.cells[low:high] & ROW_MASK)[seen], self.old[low:high][seen]


def _between(writes: _Writes, first: int, end: int, position: int) -> frozenset[int]:
    low, high = writes[0].searchsorted((first, end)).tolist()
    if low == high:
        return _NONE
    return frozenset(writes[0][low:high][writes[1][low:high] < position].tolist())


_NONE: frozenset[int] = frozenset()
