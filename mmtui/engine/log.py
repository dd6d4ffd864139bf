"""The log: transitions and calls in numpy columns, append-only.

A transition is one row: the number of a cell, its old and new value, the call that made it and the site (the line
of the model). Rows are written into a tail and sealed in chunks; a sealed chunk never changes, so a reader may use
it while the engine runs ahead. A chunk keeps each column in the narrowest type that holds its values.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from mmtui.engine.errors import LimitError
from mmtui.engine.limits import limit
from mmtui.engine.spill import Spill, budget

Ints = NDArray[np.int64]
AnyInts = NDArray[np.integer]
Column = TypeVar("Column", bound=NDArray[Any])

CHUNK = 1 << 16
"""Rows of a full tail; range operations seal longer or shorter chunks."""


class Chunk(NamedTuple):
    """A run of transitions from number `first` on; the columns have equal length. `cell` and `call` are uint32, `site`
    is uint16, the others are of the narrowest type that holds them."""

    first: int
    cell: AnyInts
    old: AnyInts
    new: AnyInts
    call: AnyInts
    site: AnyInts

    def __len__(self) -> int:
        return len(self.cell)


_KINDS: tuple[type[np.integer[Any]], ...] = (np.uint8, np.int8, np.uint16, np.int16, np.uint32, np.int32)
_NARROW = [(kind, int(np.iinfo(kind).min), int(np.iinfo(kind).max)) for kind in _KINDS]


def narrowest(low: int, high: int) -> type[np.integer[Any]]:
    """The narrowest type that holds all values from `low` to `high`."""
    return next((kind for kind, least, most in _NARROW if least <= low and high <= most), np.int64)


def narrow(values: AnyInts) -> AnyInts:
    """A copy in the narrowest type that holds all values."""
    return values.astype(narrowest(int(values.min()), int(values.max())) if len(values) else np.int8)


class Calls:
    """The call tree, one row per call, in the order in which the calls began.

    `start` and `end` are transition numbers, half-open; `parent` is -1 for an operation. `a0` and `a1` are the
    arguments that the function shows (`Function.shown` of the model names them).
    """

    NAMES = ("fn", "parent", "start", "end", "a0", "a1")

    def __init__(self, shelf: Shelf) -> None:
        self.count = 0
        self._shelf = shelf
        self._columns: dict[str, AnyInts] = {
            "fn": np.zeros(CHUNK, np.uint16),
            "parent": np.zeros(CHUNK, np.int32),
            "start": np.zeros(CHUNK, np.uint32),
            "end": np.zeros(CHUNK, np.uint32),
            "a0": np.zeros(CHUNK, np.int64),
            "a1": np.zeros(CHUNK, np.int64),
        }

    def grow(self) -> None:
        """More room, much at once: what is there is copied, and memory is given only where it is written."""
        length = len(self._columns["fn"])
        width = sum(int(values.itemsize) for values in self._columns.values())
        try:
            self._take(self._shelf.more(length, width))
        except MemoryError:
            self._take(2 * length)

    def _take(self, length: int) -> None:
        grown = {name: self._shelf.room(length, values.dtype) for name, values in self._columns.items()}
        for name, values in self._columns.items():
            grown[name][: len(values)] = values
        self._columns = grown

    def raw(self, name: str) -> AnyInts:
        """The whole column with its room; for the recorder only."""
        return self._columns[name]

    def view(self, name: str) -> Any:
        """The whole column as a memoryview, which writes plain ints quickly; for the recorder only."""
        return memoryview(self._columns[name])  # type: ignore[arg-type]  # numpy's stubs know no Buffer on 3.11

    def _column(self, name: str) -> AnyInts:
        view = self._columns[name][: self.count]
        view.flags.writeable = False
        return view

    @property
    def fn(self) -> AnyInts:
        """Function numbers."""
        return self._column("fn")

    @property
    def parent(self) -> AnyInts:
        """The enclosing call, -1 for an operation."""
        return self._column("parent")

    @property
    def start(self) -> AnyInts:
        """The first transition of each call."""
        return self._column("start")

    @property
    def end(self) -> AnyInts:
        """One past the last transition of each call."""
        return self._column("end")

    @property
    def a0(self) -> AnyInts:
        """The first shown argument."""
        return self._column("a0")

    @property
    def a1(self) -> AnyInts:
        """The second shown argument."""
        return self._column("a1")

    def __len__(self) -> int:
        return self.count

    @property
    def nbytes(self) -> int:
        """Bytes in use, without the room to grow."""
        return sum(int(v.itemsize) for v in self._columns.values()) * self.count


class Shelf:
    """Where the arrays of a log are: in memory up to a budget of bytes, then in a file (see `spill`)."""

    def __init__(self, budget: int) -> None:
        self._left = budget
        self._spill: Spill | None = None
        self.trouble = ""
        """Why the file takes no more. What comes after that is in memory again: the run should end soon."""

    @property
    def spilled(self) -> bool:
        """Some of the log is in a file."""
        return self._spill is not None

    def keep(self, values: Column) -> Column:
        """These values, for good."""
        self._left -= values.nbytes
        kept: Column = values if self._left >= 0 else self._filed(len(values), values.dtype, values)
        return kept

    def more(self, rows: int, width: int) -> int:
        """To how many rows of this many bytes something should grow: half of the budget, else twice as many."""
        return max(2 * rows, self._left // 2 // width)

    def room(self, length: int, kind: Any) -> AnyInts:
        """Room for rows, with anything in it. (numpy asks for large pages for `empty`, not for `zeros`.)"""
        self._left -= length * np.dtype(kind).itemsize
        made: AnyInts = np.empty(length, kind) if self._left >= 0 else self._filed(length, kind, None)
        return made

    def _filed(self, length: int, kind: Any, values: AnyInts | None) -> Any:
        if self._spill is None:
            self._spill = Spill()
        if not self.trouble:
            try:
                return self._spill.empty(length, kind) if values is None else self._spill.keep(values)
            except OSError as error:
                self.trouble = f"{self._spill.folder}: {error.strerror}: the log cannot grow any more"
        return np.zeros(length, kind) if values is None else values


class Log:
    """Sealed chunks of transitions, and the calls that made them. `memory`: bytes that stay there."""

    def __init__(self, memory: int | None = None) -> None:
        self.shelf = Shelf(budget() if memory is None else memory)
        self.calls = Calls(self.shelf)
        self._chunks: list[Chunk] = []
        self._firsts: list[int] = []
        self._length = 0
        self._most = limit("MMTUI_MAX_CHANGES")

    def __len__(self) -> int:
        """Transitions that are sealed."""
        return self._length

    def check(self, length: int) -> None:
        """LimitError: a log of this length is more than this machine should be asked to hold."""
        if length > self._most:
            raise LimitError(f"more than {self._most} changes, which is the limit (MMTUI_MAX_CHANGES raises it)")

    def seal(self, cell: AnyInts, old: AnyInts, new: AnyInts, call: AnyInts, site: AnyInts) -> None:
        """Append rows; the arrays are copied."""
        if len(cell):
            self.keep(cell.astype(np.uint32), narrow(old), narrow(new), call.astype(np.uint32), site.astype(np.uint16))

    def keep(self, cell: AnyInts, old: AnyInts, new: AnyInts, call: AnyInts, site: AnyInts) -> None:
        """Append rows; the arrays are the log's own from now on, and as narrow as those of a chunk should be."""
        keep = self.shelf.keep
        chunk = Chunk(self._length, keep(cell), keep(old), keep(new), keep(call), keep(site))
        for column in chunk[1:]:
            column.flags.writeable = False
        self._firsts.append(self._length)
        self._chunks.append(chunk)
        self._length += len(chunk)

    def chunks(self, start: int = 0, stop: int | None = None) -> Iterator[Chunk]:
        """The transitions `start` to `stop` as chunks, in order."""
        stop = self._length if stop is None else min(stop, self._length)
        index = max(bisect_right(self._firsts, start) - 1, 0)
        while index < len(self._chunks) and self._chunks[index].first < stop:
            chunk = self._chunks[index]
            low, high = max(start - chunk.first, 0), min(stop - chunk.first, len(chunk))
            if low < high:
                if low == 0 and high == len(chunk):
                    yield chunk
                else:
                    cell, old, new, call, site = chunk.cell, chunk.old, chunk.new, chunk.call, chunk.site
                    yield Chunk(
                        chunk.first + low, cell[low:high], old[low:high], new[low:high], call[low:high], site[low:high]
                    )
            index += 1

    def row(self, number: int) -> tuple[int, int, int, int, int]:
        """(cell, old, new, call, site) of one transition. IndexError outside 0 .. len - 1."""
        if not 0 <= number < self._length:
            raise IndexError(number)
        chunk = self._chunks[bisect_right(self._firsts, number) - 1]
        at = number - chunk.first
        return int(chunk.cell[at]), int(chunk.old[at]), int(chunk.new[at]), int(chunk.call[at]), int(chunk.site[at])

    @property
    def nbytes(self) -> int:
        """Bytes of the sealed columns and the calls."""
        return sum(int(column.nbytes) for chunk in self._chunks for column in chunk[1:]) + self.calls.nbytes
