"""What is alike: runs of page-table entries, or of whole page tables, whose fate one of them tells.

Entries are alike if they have the same bits, their frames are distinct, and the state of the frames is the same. The
units of a run are entries, or page tables of 1024 entries. Its first unit goes to the kernel's own function; what that
logs (`pattern.py`) holds for the others, too (`repeat.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from mmtui.engine.cells import Recorder
from mmtui.engine.flags import PG_compound, PG_reserved
from mmtui.engine.index import Index
from mmtui.engine.kernel.memory import pmd_addr_end
from mmtui.engine.log import CHUNK, Ints
from mmtui.engine.pgtable import PAGE_SHIFT, PAGE_SIZE, PMD_SIZE, PTE_FRAME, PTE_MANAGED, PTE_REF
from mmtui.engine.schema import PTES_PER_PT

WORTHWHILE = 64
"""A shorter run of entries costs less entry by entry."""

AGAIN = 32
"""So many entries go to the scalar function before a run is looked for again."""

FEWEST_TABLES = 3
"""A shorter run of page tables costs less table by table."""

MOST_TABLES = 128
"""Page tables of a run: what is looked at of them should still be in the processor's cache when they are written."""

MANAGED = PTE_MANAGED | PTE_REF
BITS = (1 << PAGE_SHIFT) - 1
"""Of an entry, what is not its frame."""

STATE = ("page.flags", "page.count", "page.mapcount", "page.mapping", "page.free")
"""What must be the same of all frames."""


Where = slice | Ints
"""An index of rows of a column."""

NONE = np.zeros(0, np.int64)

Mark = tuple[int, int, int]
"""A place in the log: number of the next transition, innermost call, number of the next call."""


class Found(NamedTuple):
    """What is alike: entries, or page tables of 1024 entries."""

    rows: Ints
    """The row of the first entry of each unit."""
    frames: Ints
    """Units x entries of a unit."""
    where: Where
    """An index of the frames, in order."""


@dataclass(slots=True)
class Run:
    """The addresses that go to the scalar function now, and what is alike of them and of those after them."""

    address: int
    end: int
    began: Mark
    found: Found | None
    """The first unit is the one that goes to the scalar function; None if there is nothing to repeat."""
    done: int = 0
    """Units that were repeated; the others have to be looked at again."""

    @property
    def pages(self) -> range:
        """Numbers of the pages that go to the scalar function."""
        return range(self.address >> PAGE_SHIFT, self.end >> PAGE_SHIFT)


def index_of(rows: Ints) -> Where:
    """An index of these rows: a slice where each is the next one, which is several times quicker."""
    first, last = int(rows[0]), int(rows[-1])
    if last - first == len(rows) - 1 and (rows[1:] > rows[:-1]).all():
        return slice(first, last + 1)
    return rows


class Alike:
    """Finds what is alike on one machine."""

    def __init__(self, recorder: Recorder, holes: bytes) -> None:
        self._recorder = recorder
        self._holes = np.frombuffer(holes, np.uint8)
        self._place = np.zeros(len(holes), np.int32)
        """Scratch: a row for each frame."""

    def runs(self, ptep: int, address: int, end: int) -> Iterator[Run]:
        """The entries of a page table from row `ptep`, which is that of `address`.

        Read lazily: what a run does to its frames is done before the next one is looked for.
        """
        ptep -= address >> PAGE_SHIFT
        while address < end:
            first, last = ptep + (address >> PAGE_SHIFT), ptep + (end >> PAGE_SHIFT)
            frames, where = self._alike(self._recorder.cells.columns["pte.val"][first:last])
            scalar = min(AGAIN, last - first)
            if len(frames):
                found = Found(np.arange(first, first + len(frames)), frames[:, None], where)
                run = Run(address, address + PAGE_SIZE, self._begin(), found)
                yield run
                address += PAGE_SIZE * (1 + run.done)
                scalar = len(frames) - 1 - run.done
            if scalar:
                yield Run(address, address + PAGE_SIZE * scalar, self._begin(), None)
                address += PAGE_SIZE * scalar

    def tables(self, index: Index, mm: int, address: int, end: int, ordinary: bool) -> Iterator[Run]:
        """The page tables of a range, those that there are; alike are whole ones of an ordinary vma. Read lazily."""
        while address < end:
            stop = pmd_addr_end(address, end)
            if index.pt_of(mm, address):
                found = self._tables_alike(index, mm, address, end) if ordinary else None
                run = Run(address, stop, self._begin(), found)
                yield run
                stop += run.done * PMD_SIZE
            address = stop

    def _begin(self) -> Mark:
        """Where the log is, with room enough in its tail for what the scalar function logs."""
        if self._recorder.here()[0] - len(self._recorder.log) > CHUNK // 2:
            self._recorder.flush()
        return self._recorder.here()

    def _tables_alike(self, index: Index, mm: int, address: int, end: int) -> Found | None:
        """The whole page tables from `address` on that are alike."""
        whole = (end - address) // PMD_SIZE if address % PMD_SIZE == 0 else 0
        pts = [index.pt_of(mm, address + number * PMD_SIZE) for number in range(min(whole, MOST_TABLES))]
        rows = np.array(pts[: pts.index(0)] if 0 in pts else pts)
        tables = self._recorder.cells.columns["pte.val"].reshape(-1, PTES_PER_PT)
        if len(rows) < FEWEST_TABLES:
            return None
        for most in (1, FEWEST_TABLES, MOST_TABLES):  # one odd table should not make many others be looked at
            frames, where = self._alike(tables[index_of(rows[:most])].reshape(-1))
            found = len(frames) // PTES_PER_PT
            if found < min(most, FEWEST_TABLES):
                return None
        length = found * PTES_PER_PT
        return Found(rows[:found] * PTES_PER_PT, frames[:length].reshape(found, -1), _cut(where, length))

    def _alike(self, values: Ints) -> tuple[Ints, Where]:
        """The frames of those entries that are like the first one, and an index of them; none if there are too few to
        be worth it."""
        first, frames = int(values[0]), len(self._holes)
        if first & MANAGED != MANAGED or not first & PTE_FRAME or first >> PAGE_SHIFT >= frames:
            return NONE, NONE
        pfn = values[: _before(values & BITS != first & BITS)] >> PAGE_SHIFT
        pfn = pfn[: _before(pfn >= frames)]
        if len(pfn) < WORTHWHILE:
            return NONE, NONE
        where = index_of(pfn)
        length = self._same_state(int(pfn[0]), where)
        if not isinstance(where, slice):
            length = self._distinct(pfn[:length])
        return (pfn[:length], _cut(where, length)) if length >= WORTHWHILE else (NONE, NONE)

    def _same_state(self, first: int, where: Where) -> int:
        """How many of these frames are in the state of the first one, which is an ordinary one."""
        column = self._recorder.cells.columns
        if self._holes[first] or column["page.flags"][first] & (PG_compound | PG_reserved):
            return 0
        odd = self._holes[where] != 0
        for name in STATE:
            values = column[name]
            odd |= values[where] != values[first]
        return _before(odd)

    def _distinct(self, pfn: Ints) -> int:
        """How many of these frames come before the first one that was there already."""
        if (pfn[1:] > pfn[:-1]).all():
            return len(pfn)
        order = np.arange(len(pfn), dtype=np.int32)
        self._place[pfn] = order
        if (self._place[pfn] == order).all():
            return len(pfn)
        again = np.ones(len(pfn), bool)
        again[np.unique(pfn, return_index=True)[1]] = False
        return _before(again)


def _before(odd: Any) -> int:
    """How many rows come before the first odd one."""
    at = int(odd.argmax())
    return at if odd[at] else len(odd)


def rest_of(where: Where, length: int) -> Where:
    """All rows of an index but the first ones."""
    return slice(where.start + length, where.stop) if isinstance(where, slice) else where[length:]


def _cut(where: Where, length: int) -> Where:
    """The first rows of an index."""
    return slice(where.start, where.start + length) if isinstance(where, slice) else where[:length]
