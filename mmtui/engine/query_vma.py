"""`vma.FLAG`: does a vma that maps a frame or an address satisfy something, at the moment of a transition?

Answered from histories of cells alone. An entry maps a frame from the transition that set it to the next change of
that entry; a vma covers an address while it is in use (linked, or detached and about to be unmapped).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from mmtui.engine import schema
from mmtui.engine.log import Ints
from mmtui.engine.pgtable import PAGE_SHIFT, PTE_FRAME
from mmtui.engine.query_data import Data, Items, Mask

Test = Callable[[Ints], Mask]

_PAIRS: Final = 1 << 20
"""Pairs of a candidate and an entry that are looked at together."""
_NEVER: Final = np.iinfo(np.int64).max


@dataclass(frozen=True)
class _Places:
    """User addresses at moments: `item` is the number of the item each stands for."""

    item: Ints
    time: Ints
    pid: Ints
    address: Ints


def vmas_having(data: Data, items: Items, column: str, test: Test) -> Mask:
    """Which items are about a frame or address that a vma maps whose `column` satisfies `test` just after them."""
    mask = np.zeros(len(items), bool)
    rows = _rows_ever(data, column, test)
    if not len(rows):
        return mask
    for places in _places(data, items):
        if len(places.item):
            mask[places.item[_covered(data, places, rows, column, test)]] = True
    mask |= _vma_cells(data, items, column, test)
    return mask


def _rows_ever(data: Data, column: str, test: Test) -> Ints:
    """The rows of `vma` that satisfy the test at some time."""
    history = data.history(column)
    found = history.rows[test(history.new) | test(history.old)]
    now = np.asarray(getattr(data.timeline.machine.vma, column.partition(".")[2]), np.int64)
    return np.unique(np.concatenate([found, np.flatnonzero(test(now))])).astype(np.int64)


def _vma_cells(data: Data, items: Items, column: str, test: Test) -> Mask:
    """A transition of a vma's own field is about that vma."""
    mask = items.of_table("vma")
    at = np.flatnonzero(mask)
    mask[at] = test(data.history(column).after(items.row[at], items.index[at]))
    return mask


def _covered(data: Data, places: _Places, rows: Ints, column: str, test: Test) -> Mask:
    """Which places lie in one of the vmas `rows` while it satisfies the test."""
    found = np.zeros(len(places.item), bool)
    for row in rows:
        here = np.full(len(places.item), row)

        def then(name: str, here: Ints = here) -> Ints:
            return data.history(name).after(here, places.time)

        inside = (then("vma.vm_start") <= places.address) & (places.address < then("vma.vm_end"))
        inside &= (then("vma.state") != 0) & test(then(column))
        if inside.any():
            inside &= data.pid_of_mm(then("vma.mm"), places.time) == places.pid
        found |= inside
    return found


def _places(data: Data, items: Items) -> Iterator[_Places]:
    """Every user address that the items are about: their own entries, the events' addresses, the frames' entries."""
    at = np.flatnonzero(items.of_column("pte.val"))
    yield _Places(at, items.index[at], *data.pte_place(items.row[at], items.index[at]))
    pfn = np.where(items.of_table("page"), items.row, -1)
    if items.events is not None:
        at = np.flatnonzero((items.events.address >= 0) & (items.events.pid >= 0))
        yield _Places(at, items.index[at], items.events.pid[at], items.events.address[at])
        pfn = np.where(items.events.pfn >= 0, items.events.pfn, pfn)
    yield from _mappings(data, np.flatnonzero(pfn >= 0), items.index, pfn)


def _mappings(data: Data, at: Ints, times: Ints, pfns: Ints) -> Iterator[_Places]:
    """The entries that map each frame `pfns[at]` just after transition `times[at]`."""
    row, since, until, pfn = _entries(data, pfns[at])
    low = np.searchsorted(pfn, pfns[at], side="left")
    count = np.searchsorted(pfn, pfns[at], side="right") - low
    begin = 0
    while begin < len(at):
        end = max(begin + 1, int(np.searchsorted(np.cumsum(count[begin:]), _PAIRS, side="right")) + begin)
        part = slice(begin, end)
        item = np.repeat(at[part], count[part])
        offsets = np.arange(len(item)) - np.repeat(np.cumsum(count[part]) - count[part], count[part])
        entry = np.repeat(low[part], count[part]) + offsets
        live = (since[entry] <= times[item]) & (times[item] < until[entry])
        item, entry = item[live], entry[live]
        yield _Places(item, times[item], *data.pte_place(row[entry], times[item]))
        begin = end


def _entries(data: Data, pfns: Ints) -> tuple[Ints, Ints, Ints, Ints]:
    """(row, since, until, pfn) of every stretch of time in which an entry mapped one of the frames, sorted by pfn."""
    rows, times, _, new = data.changes("pte.val")
    wanted = _member(new >> PAGE_SHIFT, pfns) & (new & PTE_FRAME != 0)
    # Only entries that map one of the frames at some time matter; of those, every change ends a stretch.
    kept = _member(rows, rows[wanted])
    rows, times, new = rows[kept], times[kept], new[kept]
    order = np.lexsort((times, rows))
    rows, times, new = rows[order], times[order], new[order]
    until = np.full(len(rows), _NEVER)
    until[:-1] = np.where(rows[1:] == rows[:-1], times[1:], _NEVER)
    kept = (new & PTE_FRAME != 0) & _member(new >> PAGE_SHIFT, pfns)
    order = np.flatnonzero(kept)[np.argsort(new[kept] >> PAGE_SHIFT, kind="stable")]
    return rows[order], times[order], until[order], new[order] >> PAGE_SHIFT


def _member(values: Ints, wanted: Ints) -> Mask:
    """Which values are wanted. Frames and rows are small numbers, so a table tells; a driver may map a huge pfn."""
    most = max(int(values.max(initial=0)), int(wanted.max(initial=0)))
    if most >= schema.MAX_ROWS:
        return np.isin(values, wanted)
    table = np.zeros(most + 1, bool)
    table[wanted] = True
    return table[values]
