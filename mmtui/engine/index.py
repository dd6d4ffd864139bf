"""Indexes of a machine: pure functions of its cells, kept beside them for speed.

`rebuild` makes all of them from the cells alone; a test compares. What a kernel model decides never depends on
anything here that the cells do not say.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from heapq import heappop, heappush
from typing import Any

import numpy as np

from mmtui.engine.log import Ints
from mmtui.engine.schema import TABLES

MM_SHIFT = 52


class Index:
    """Where things are: rows that are free, page tables by address, vmas in order, names."""

    def __init__(self, frames: int) -> None:
        self.frames = frames
        self._next_row = dict.fromkeys(TABLES, 1)
        self._free_rows: dict[str, list[int]] = {table: [] for table in TABLES}
        self._free_frames: list[int] = []
        self._fresh = 0  # no frame below it is free unless it stands in _free_frames
        self.free_count = 0
        self.messages = 0
        self.pts: dict[int, int] = {}
        self.starts: dict[int, list[int]] = {}
        self.vmas: dict[int, list[int]] = {}
        self.tasks: dict[int, int] = {}
        self.inodes: dict[tuple[int, int], int] = {}
        self.files: dict[tuple[int, int], int] = {}
        self.drivers: dict[int, int] = {}
        self.bufs: dict[int, int] = {}
        self.pins: dict[int, int] = {}
        self.cache: dict[tuple[int, int], int] = {}

    # Rows of tables

    def take_row(self, table: str) -> int:
        """The lowest unused row."""
        free = self._free_rows[table]
        if free:
            return heappop(free)
        row = self._next_row[table]
        self._next_row[table] = row + 1
        return row

    def give_row(self, table: str, row: int) -> None:
        """A row is unused again."""
        heappush(self._free_rows[table], row)

    # Frames

    def frame_freed(self, pfn: int) -> None:
        """A frame came back to the free list."""
        self.free_count += 1
        if pfn >= self._fresh:
            return
        heappush(self._free_frames, pfn)

    def frames_freed(self, pfns: Ints) -> None:
        """Many frames came back: they are looked for again from the lowest one on."""
        self.free_count += len(pfns)
        self._fresh = min(self._fresh, int(pfns.min()))

    def lowest_free(self, free: Any) -> int:
        """The lowest-numbered free frame, -1 if there is none. `free`: the column page.free."""
        heap = self._free_frames
        while heap and not free[heap[0]]:
            heappop(heap)
        if heap and heap[0] < self._fresh:
            return heap[0]
        pfn, last = self._fresh, min(self._fresh + 64, self.frames)
        while pfn < last and not free[pfn]:
            pfn += 1
        if pfn == last < self.frames:
            later = np.flatnonzero(np.asarray(free)[pfn : self.frames])
            pfn = pfn + int(later[0]) if len(later) else self.frames
        self._fresh = pfn
        return pfn if pfn < self.frames else -1

    # Page tables

    def pt_of(self, mm: int, address: int) -> int:
        """The page-table page that covers an address, 0 if there is none."""
        return self.pts.get(mm << MM_SHIFT | address >> 22, 0)

    # vmas, in address order

    def add_vma(self, mm: int, vma: int, start: int) -> None:
        """A vma came into its mm's list."""
        starts = self.starts.setdefault(mm, [])
        at = bisect_left(starts, start)
        starts.insert(at, start)
        self.vmas.setdefault(mm, []).insert(at, vma)

    def remove_vma(self, mm: int, vma: int) -> None:
        """A vma left the list."""
        rows = self.vmas[mm]
        at = rows.index(vma)
        del rows[at], self.starts[mm][at]

    def move_vma_start(self, mm: int, vma: int, start: int) -> None:
        """A vma begins elsewhere now (the order does not change)."""
        self.starts[mm][self.vmas[mm].index(vma)] = start

    def at_or_before(self, mm: int, address: int) -> int:
        """Position in the list of the last vma that starts at or below an address, -1 if none does."""
        return bisect_right(self.starts.get(mm, ()), address) - 1


def rebuild(cells: Any, frames: int) -> Index:
    """All indexes from the cells alone. `cells`: the columns by name, as in `engine.cells.Cells`."""
    index = Index(frames)
    column = cells.columns
    used = {
        "pt": column["pt.mm"], "vma": column["vma.state"], "task": column["task.state"], "mm": None,
        "inode": column["inode.kind"], "file": column["file.inode"], "driver": column["driver.state"],
        "buf": column["buf.state"], "pin": column["pin.state"], "cache": column["cache.inode"],
    }  # fmt: skip
    for table, values in used.items():
        if values is not None:
            _rows(index, table, [int(row) for row in values.nonzero()[0]])
    for row in column["pt.mm"].nonzero()[0]:
        index.pts[int(column["pt.mm"][row]) << MM_SHIFT | int(column["pt.base"][row]) >> 22] = int(row)
    linked = [int(row) for row in (column["vma.state"] == 1).nonzero()[0]]
    for row in sorted(linked, key=lambda row: int(column["vma.vm_start"][row])):
        index.add_vma(int(column["vma.mm"][row]), row, int(column["vma.vm_start"][row]))
    running = [int(row) for row in column["task.state"].nonzero()[0]]
    index.tasks = {int(column["task.pid"][row]): row for row in running}
    _rows(index, "mm", sorted({int(column["task.mm"][row]) for row in running}))
    for row in column["inode.kind"].nonzero()[0]:
        index.inodes[int(column["inode.kind"][row]), int(column["inode.name"][row])] = int(row)
    for row in column["file.inode"].nonzero()[0]:
        index.files[int(column["file.inode"][row]), int(column["file.ro"][row])] = int(row)
    for table, names in (("driver", index.drivers), ("buf", index.bufs), ("pin", index.pins)):
        for row in column[f"{table}.state"].nonzero()[0]:
            names[int(column[f"{table}.name"][row])] = int(row)
    for row in column["cache.inode"].nonzero()[0]:
        index.cache[int(column["cache.inode"][row]), int(column["cache.pgoff"][row])] = int(row)
    index.messages = int((column["trace.message"] != 0).sum())
    index.free_count = int(column["page.free"][:frames].sum())
    return index


def _rows(index: Index, table: str, used: list[int]) -> None:
    top = max(used, default=0)
    taken = set(used)
    for row in range(1, top):
        if row not in taken:
            index.give_row(table, row)
    index._next_row[table] = top + 1
