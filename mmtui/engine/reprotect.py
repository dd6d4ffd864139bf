"""mprotect of long ranges, for the models whose `change_pte_range` asks for nothing but the entry.

There the new value of an entry follows from its old value, whatever is in its frame: page tables are changed as arrays,
alike or not. The kernel's own function changes the first entry, and its row tells the call and the line of the others.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from mmtui.engine.alike import index_of
from mmtui.engine.index import Index
from mmtui.engine.instrument import Build
from mmtui.engine.kernel.memory import pmd_addr_end
from mmtui.engine.kernel.mprotect import Mprotect
from mmtui.engine.log import CHUNK, Ints, narrow
from mmtui.engine.pgtable import PAGE_SHIFT, PAGE_SIZE, PTE_FRAME, pte_modify
from mmtui.engine.schema import BASE, PTES_PER_PT

MOST_TABLES = CHUNK // PTES_PER_PT
"""Page tables at a time: their rows make one chunk."""


def follows_from_value(build: Build) -> bool:
    """The model has the oldest `change_pte_range`, which later ones replace by some that ask about frames."""
    return getattr(build.kernel, "change_pte_range", None) is Mprotect.change_pte_range


def change_entries(kernel: Any, mm: int, start: int, end: int, prot: int) -> None:
    """What `change_pte_range` does and logs for all page tables of a range."""
    recorder, origin = kernel.recorder, None
    column = recorder.cells.columns["pte.val"]
    for rows in _entries(kernel.index, mm, start, end):
        where = index_of(rows)
        old = column[where].copy()
        new = np.where(old & PTE_FRAME != 0, old & pte_modify(-1, 0) | prot, old)
        changed = np.flatnonzero(old != new)
        if origin is None and len(changed):
            origin = _first(kernel, mm, int(rows[changed[0]]), prot)
            changed = changed[1:]
        if origin is not None and len(changed):
            column[where] = new
            which = index_of(changed)
            _log(recorder, rows[which] + BASE["pte.val"], old[which], new[which], origin)


def _entries(index: Index, mm: int, address: int, end: int) -> Iterator[Ints]:
    """The rows of the entries of a range, as many at a time as are good to work with."""
    found: list[Ints] = []
    while address < end:
        stop = pmd_addr_end(address, end)
        pt = index.pt_of(mm, address)
        if pt:
            first = pt * PTES_PER_PT + (address >> PAGE_SHIFT) % PTES_PER_PT
            found.append(np.arange(first, first + ((stop - address) >> PAGE_SHIFT)))
        address = stop
        if found and (len(found) == MOST_TABLES or address >= end):
            yield np.concatenate(found)
            found = []


def _first(kernel: Any, mm: int, row: int, prot: int) -> tuple[int, int]:
    """Let the model's function change one entry; (call, site) of its row in the log."""
    recorder = kernel.recorder
    began = recorder.here()[0]
    address = kernel.pt_base[row // PTES_PER_PT] + (row % PTES_PER_PT << PAGE_SHIFT)
    kernel.change_pte_range(mm, address, address + PAGE_SIZE, prot)
    ((_, _, _, call, site),) = recorder.tail(began, recorder.here()[0])
    return call, site


def _log(recorder: Any, cell: Ints, old: Ints, new: Ints, origin: tuple[int, int]) -> None:
    count = len(cell)
    if count < CHUNK // 4:
        for out, value in zip(recorder.room(count), (cell, old, new, *origin), strict=True):
            out[:] = value
    else:
        call, site = np.full(count, origin[0], np.uint32), np.full(count, origin[1], np.uint16)
        recorder.keep(cell.astype(np.uint32), narrow(old), narrow(new), call, site)
