"""Long ranges, fast: fork, zap and mprotect of many alike ptes as array operations.

The readable functions of a model stay the specification. Where a page-table page has a run of ptes that are alike (the
same bits, their frames distinct and in the same state, an ordinary vma), the kernel's own function runs on the first
one, and what it logged is the pattern: the same rows and calls, with the pte, the frame and the address of each of the
others put in, are appended at once. Everything else goes to the scalar function, pte by pte. A property test compares
the logs of the two, row for row.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from mmtui.engine.cells import Recorder
from mmtui.engine.flags import VM_IO, VM_NONLINEAR, VM_RESERVED, PG_compound, PG_reserved
from mmtui.engine.instrument import Build
from mmtui.engine.kernel.memory import ANON_PAGE, FILE_PAGE
from mmtui.engine.kernel.model import NO_PAGE
from mmtui.engine.log import AnyInts, Ints
from mmtui.engine.pgtable import PTE_FRAME, PTE_MANAGED, PTE_PRESENT, PTE_REF, pte_modify
from mmtui.engine.schema import BASE, COLUMNS, ROW_BITS, ROW_MASK

WORTHWHILE = 24
"""A shorter run costs less pte by pte."""

ODD_VMA = VM_IO | VM_RESERVED | VM_NONLINEAR | 0x400
"""vma flags with rules of their own; 0x400 is VM_UNPAGED or VM_PFNMAP."""

MANAGED = PTE_PRESENT | PTE_MANAGED | PTE_REF
LOW = 0xFFF

PAGE = {info.id for info in COLUMNS if info.table == "page"}
COUNTERS = {info.id for info in COLUMNS if info.table == "mm" or info.name == "sys.nr_mapped"}
PTE = BASE["pte.val"] >> ROW_BITS
FREE = BASE["page.free"] >> ROW_BITS
MAPPING = BASE["page.mapping"] >> ROW_BITS
KNOWN = {"flags", "count", "mapcount", "mapping", "free"}
REPLAYED = {info.id for info in COLUMNS if info.table == "page" and info.field in KNOWN}


class Pattern(NamedTuple):
    """What one scalar run logged: rows (cell, old, new, call, site) and calls, and where it began."""

    rows: list[tuple[int, int, int, int, int]]
    calls: list[tuple[int, int, int, int, int, int]]
    first: int
    parent: int
    first_call: int


class Fast:
    """Stands before a model's class and takes the long ranges; `super()` is the model's own function."""

    def zap_pte_range(self: Any, mm: int, vma: int, address: int, end: int, nonlinear: bool) -> int:
        """mm/memory.c: see the model."""
        if end - address < WORTHWHILE << 12 or nonlinear or self.vma_vm_flags[vma] & ODD_VMA:
            return int(super().zap_pte_range(mm, vma, address, end, nonlinear))  # type: ignore[misc]
        counted = [0, 0, 0]
        outer = self.enter_(self.fast_.number("zap_pte_range"), address, end)
        try:
            ptep = self.pte_offset(mm, address)
            for at, alike in self.fast_.runs(ptep, (end - address) >> 12):
                if self.pte_val[ptep + at]:
                    began = self.fast_.begin()
                    kind = self.zap_one_pte(mm, vma, address + (at << 12), ptep + at, False)
                    counted[kind] += 1 + self.fast_.replay(self, began, ptep + at, alike, address + (at << 12))
            self.zap_account(mm, counted[FILE_PAGE], counted[ANON_PAGE])
        finally:
            self.leave_(outer)
        return counted[FILE_PAGE] + counted[ANON_PAGE]

    def copy_pte_range(self: Any, child: int, parent: int, vma: int, address: int, end: int) -> None:
        """mm/memory.c: see the model."""
        if end - address < WORTHWHILE << 12 or self.vma_vm_flags[vma] & ODD_VMA:
            super().copy_pte_range(child, parent, vma, address, end)  # type: ignore[misc]
            return
        counted = [0, 0, 0]
        outer = self.enter_(self.fast_.number("copy_pte_range"), address, end)
        try:
            src, dst = self.pte_offset(parent, address), self.pte_alloc_map(child, address)
            for at, alike in self.fast_.runs(src, (end - address) >> 12):
                if self.pte_val[src + at]:
                    began = self.fast_.begin()
                    page = self.copy_one_pte(child, dst + at, src + at, vma, address + (at << 12))
                    more = self.fast_.replay(self, began, src + at, alike, address + (at << 12))
                    if page != NO_PAGE:
                        counted[ANON_PAGE if self.page_mapping[page] & 1 else FILE_PAGE] += 1 + more
            self.copy_account(child, counted[FILE_PAGE], counted[ANON_PAGE])
        finally:
            self.leave_(outer)

    def change_pte_range(self: Any, mm: int, address: int, end: int, prot: int) -> None:
        """mm/mprotect.c: see the model. The new values follow from the old ones alone, whatever the ptes are."""
        pages = (end - address) >> 12
        if pages < WORTHWHILE:
            super().change_pte_range(mm, address, end, prot)  # type: ignore[misc]
            return
        ptep = self.pte_offset(mm, address)
        column = self.recorder.cells.columns["pte.val"]
        old = column[ptep : ptep + pages].copy()
        new = np.where(old & PTE_FRAME != 0, old & pte_modify(-1, 0) | prot, old)
        changed = np.flatnonzero(old != new)
        if not len(changed):
            return
        began = self.recorder.here()[0]
        first = address + (int(changed[0]) << 12)
        super().change_pte_range(mm, first, first + 4096, prot)  # type: ignore[misc]
        logged = self.recorder.tail(began)
        if not logged:
            super().change_pte_range(mm, first + 4096, end, prot)  # type: ignore[misc]
            return
        rest = changed[1:]
        column[ptep + rest] = new[rest]
        if len(rest):
            values = BASE["pte.val"] + ptep + rest, old[rest], new[rest], *logged[0][3:]
            for room, value in zip(self.recorder.room(len(rest)), values, strict=True):
                room[:] = value


def with_fast_ranges(model: type) -> type:
    """A compiled model with the fast functions before its own."""
    return type(model.__name__, (Fast, model), {})


def frames_at(pfn: Ints) -> slice | Ints:
    """An index of these frames: a slice where each is the next one, which is several times quicker."""
    first, last = int(pfn[0]), int(pfn[-1])
    if last - first == len(pfn) - 1 and (pfn[1:] - pfn[:-1] == 1).all():
        return slice(first, last + 1)
    return pfn


class Ranges:
    """What the fast functions of one machine share."""

    def __init__(self, build: Build, recorder: Recorder, holes: bytes) -> None:
        self._build, self._recorder = build, recorder
        self._holes = np.frombuffer(holes, np.uint8)
        self.left = 0
        """Entries of the last run that could not be repeated."""

    def number(self, function: str) -> int:
        """The number of a kernel function."""
        return self._build.by_name[function]

    def alike(self, ptep: int, stop: int) -> int:
        """How many entries from `ptep` on are alike, their frames distinct; 0 if too few to be worth it."""
        column = self._recorder.cells.columns
        values = column["pte.val"][ptep:stop]
        first = int(values[0])
        pfn0 = first >> 12
        frames = len(self._holes)
        if len(values) < WORTHWHILE or first & MANAGED != MANAGED or pfn0 >= frames:
            return 0
        differs = np.flatnonzero(values & LOW != first & LOW)
        length = int(differs[0]) if len(differs) else len(values)
        if length < WORTHWHILE:
            return 0
        pfn = values[:length] >> 12
        if int(pfn.max()) >= frames:
            length = int(np.flatnonzero(pfn >= frames)[0])
            pfn = pfn[:length]
        return self._same_state(column, pfn) if length >= WORTHWHILE else 0

    def _same_state(self, column: dict[str, Ints], pfn: Ints) -> int:
        where = frames_at(pfn)
        first = int(pfn[0])
        flags, mapping, holes = column["page.flags"][where], column["page.mapping"][where] & 1, self._holes[where]
        if flags[0] & (PG_compound | PG_reserved) or self._holes[first]:
            return 0
        odd = (flags != flags[0]) | (mapping != mapping[0]) | (holes != 0)
        for name in ("page.count", "page.mapcount", "page.free"):
            values = column[name][where]
            odd |= values != values[0]
        at = np.flatnonzero(odd)
        length = int(at[0]) if len(at) else len(pfn)
        if length >= WORTHWHILE and not isinstance(where, slice) and not (np.diff(pfn[:length]) > 0).all():
            _, firsts = np.unique(pfn[:length], return_index=True)
            again = np.setdiff1d(np.arange(length), firsts)
            length = int(again[0]) if len(again) else length
        return length if length >= WORTHWHILE else 0

    def runs(self, ptep: int, pages: int) -> Iterator[tuple[int, int]]:
        """The entries that the scalar function must take, each with the number of entries after it that are alike.

        Read lazily: what a run does to its frames is done before the next one is looked for.
        """
        at = 0
        while at < pages:
            length = self.alike(ptep + at, ptep + pages)
            if length:
                self.left = 0
                yield at, length - 1
                at += length - self.left
                if not self.left:
                    continue
            for _ in range(min(self.left if length else WORTHWHILE, pages - at)):
                yield at, 0
                at += 1

    def begin(self) -> tuple[int, int, int]:
        """(next transition, innermost call, next call) before a scalar run."""
        return self._recorder.here()

    def replay(self, kernel: Any, began: tuple[int, int, int], ptep: int, more: int, address: int) -> int:
        """Repeat what the scalar run on `ptep` logged for the `more` entries after it; returns how many it did."""
        if not more:
            return 0
        rows = self._recorder.tail(began[0])
        if rows is None:
            self.left = more
            return 0
        pattern = Pattern(rows, self._recorder.calls_from(began[2]), *began)
        # The scalar run may have cleared the entry: what it was stands in its row.
        own = next((old for cell, old, *_ in rows if cell == BASE["pte.val"] + ptep), None)
        column = self._recorder.cells.columns
        pte = own if own is not None else int(column["pte.val"][ptep])
        pfn = column["pte.val"][ptep + 1 : ptep + 1 + more] >> 12
        replica = _Replica(pattern, self._build, pte >> 12, address, pfn, column)
        if not replica.sound():
            self.left = more
            return 0
        replica.write(kernel, self._recorder)
        return more


class _Replica:
    """A pattern, repeated for other frames."""

    def __init__(
        self, pattern: Pattern, build: Build, pfn0: int, address: int, pfn: Ints, column: dict[str, Ints]
    ) -> None:
        self.pattern, self.build, self.pfn0, self.address = pattern, build, pfn0, address
        self.pfn, self.column = pfn, column
        self.frames = frames_at(pfn)
        self.step = np.arange(1, len(pfn) + 1, dtype=np.int64)

    def sound(self) -> bool:
        """Every row depends on the entry and its frame alone. (Alike frames differ in nothing but page->mapping.)"""
        seen = set()
        for cell, old, new, _, _ in self.pattern.rows:
            column, row = cell >> ROW_BITS, cell & ROW_MASK
            if column in PAGE:
                if column not in REPLAYED or row != self.pfn0 or (column == MAPPING and new != 0):
                    return False
            elif column == PTE:
                if (old >> 12 not in (0, self.pfn0)) or (new >> 12 not in (0, self.pfn0)):
                    return False
            elif column not in COUNTERS:
                return False
            if cell in seen and column in (PTE, MAPPING):
                return False
            seen.add(cell)
        return bool(self.pattern.rows)

    def write(self, kernel: Any, recorder: Recorder) -> None:
        """Write the cells and append the rows and calls."""
        rows, calls, count = self.pattern.rows, self.pattern.calls, len(self.pfn)
        size, width = len(rows), len(calls)
        room = recorder.room(size * count)
        first, _, first_call = recorder.here()
        cell, old, new, call, site = (values.reshape(count, size) for values in room)
        for at, (number, before, after, made_by, made_at) in enumerate(rows):
            self._row(number, before, after, cell[:, at], old[:, at], new[:, at])
            inner = made_by - self.pattern.first_call
            call[:, at] = made_by if inner < 0 else first_call + (self.step - 1) * width + inner
            site[:, at] = made_at
        self._store(kernel, new)
        if width:
            self._calls(recorder, first - size * count, first_call, size, width)

    def _row(self, number: int, before: int, after: int, cell: AnyInts, old: AnyInts, new: AnyInts) -> None:
        column, row = number >> ROW_BITS, number & ROW_MASK
        base = column << ROW_BITS
        if column == PTE:
            cell[:] = number + self.step
            old[:] = before & LOW | (self.pfn << 12 if before else 0)
            new[:] = after & LOW | (self.pfn << 12 if after else 0)
        elif column in PAGE:
            cell[:] = base | self.pfn
            old[:] = self.column["page.mapping"][self.frames] if column == MAPPING else before
            new[:] = after
        else:
            cell[:] = base | row
            change = after - before
            old[:] = after + change * (self.step - 1)
            new[:] = old + change

    def _store(self, kernel: Any, new: AnyInts) -> None:
        for at, (number, _, _, _, _) in enumerate(self.pattern.rows):
            column, row = number >> ROW_BITS, number & ROW_MASK
            values = self.column[COLUMNS[column].name]
            if column in COUNTERS:
                values[row] = new[-1, at]
            elif column == PTE:
                values[row + 1 : row + 1 + len(self.pfn)] = new[:, at]
            else:
                values[self.frames] = new[:, at]
            if column == FREE:
                kernel.index.frames_freed(self.pfn)

    def _calls(self, recorder: Recorder, first: int, first_call: int, size: int, width: int) -> None:
        room = recorder.room_for_calls(len(self.pfn) * width)
        fn, parent, start, end, a0, a1 = (values.reshape(len(self.pfn), width) for values in room)
        past = np.arange(len(self.pfn), dtype=np.uint32)
        rows_before = past * np.uint32(size) + np.uint32(first)
        calls_before = (past * np.uint32(width) + np.uint32(first_call)).astype(np.int32)
        for at, (number, up, begin, stop, one, two) in enumerate(self.pattern.calls):
            fn[:, at] = number
            inner = up - self.pattern.first_call
            parent[:, at] = up if inner < 0 else calls_before + np.int32(inner)
            start[:, at] = rows_before + np.uint32(begin - self.pattern.first)
            end[:, at] = rows_before + np.uint32(stop - self.pattern.first)
            shown = (*self.build.functions[number].shown, "", "")
            for column, name, value in ((a0, shown[0], one), (a1, shown[1], two)):
                if name or value:  # fresh room is zero
                    column[:, at] = self._argument(name, value)

    def _argument(self, name: str, value: int) -> Ints | int:
        """An argument of a call: the entry's address, its frame, or the same for all."""
        if name == "address":
            return self.address + (self.step << 12)
        return self.pfn if name == "pfn" else value
