"""Long ranges, fast: fork, zap and mprotect of many alike ptes as array operations.

The readable functions of a model stay the specification. Where a page-table page has a run of ptes that are alike (the
same bits, their frames distinct and in the same state, an ordinary vma), the kernel's own function runs on the first
one, and what it logged is the pattern for the others; where whole page-table pages are alike, what the first of them
logged is the pattern for the others, in the same way. Everything else goes to the scalar function, pte by pte. Property
tests compare the logs of the two, row for row. `alike.py` finds the runs, `pattern.py` says what a log follows from,
`repeat.py` writes it again; `reprotect.py` is a shorter way for old kernels' mprotect.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from mmtui.engine.alike import FEWEST_TABLES, WORTHWHILE, Alike, Mark, Run, rest_of
from mmtui.engine.cells import Recorder
from mmtui.engine.flags import VM_IO, VM_NONLINEAR, VM_RESERVED
from mmtui.engine.index import MM_SHIFT
from mmtui.engine.instrument import Build
from mmtui.engine.kernel.memory import ANON_PAGE, FILE_PAGE
from mmtui.engine.kernel.model import NO_PAGE
from mmtui.engine.log import Ints
from mmtui.engine.pattern import Pattern, argument_kinds
from mmtui.engine.pgtable import PAGE_SHIFT, PMD_SHIFT, PMD_SIZE
from mmtui.engine.repeat import Copies, Place, Units
from mmtui.engine.reprotect import change_entries, follows_from_value
from mmtui.engine.schema import MAX_ROWS, PTES_PER_PT

LONG = WORTHWHILE << PAGE_SHIFT
"""Bytes of a range in which runs are looked for."""

SEVERAL = FEWEST_TABLES * PMD_SIZE
"""Bytes of a range in which alike page tables are looked for."""

ODD_VMA = VM_IO | VM_RESERVED | VM_NONLINEAR | 0x400
"""vma flags with rules of their own; 0x400 is VM_UNPAGED or VM_PFNMAP."""


class Fast:
    """Stands before a model's class and takes the long ranges; `scalar_*` are the model's own functions."""

    def unmap_vmas(self: Any, mm: int, vmas: list[int], start: int, end: int, nonlinear: bool = False) -> int:
        """mm/memory.c: see the model."""
        freed: int
        if end - start < SEVERAL or nonlinear or not self.fast_.large(self, vmas):
            freed = self.scalar_unmap_vmas(mm, vmas, start, end, nonlinear)
            return freed
        freed = 0
        outer = self.enter_(self.fast_.number("unmap_vmas"), start, end)
        try:
            for vma in vmas:
                first, last = max(self.vma_vm_start[vma], start), min(self.vma_vm_end[vma], end)
                for run in self.fast_.tables(self, mm, vma, first, last):
                    pages = self.zap_pte_range(mm, vma, run.address, run.end, nonlinear)
                    freed += pages * (1 + self.fast_.repeat_tables(self, run))
        finally:
            self.leave_(outer)
        return freed

    def zap_pte_range(self: Any, mm: int, vma: int, address: int, end: int, nonlinear: bool) -> int:
        """mm/memory.c: see the model."""
        if end - address < LONG or nonlinear or self.vma_vm_flags[vma] & ODD_VMA:
            freed: int = self.scalar_zap_pte_range(mm, vma, address, end, nonlinear)
            return freed
        counted, kind = [0, 0, 0], 0
        outer = self.enter_(self.fast_.number("zap_pte_range"), address, end)
        try:
            ptep = self.pte_offset(mm, address) - (address >> PAGE_SHIFT)
            for run in self.fast_.runs(self, mm, address, end):
                for page in run.pages:
                    if self.pte_val[ptep + page]:
                        kind = self.zap_one_pte(mm, vma, page << PAGE_SHIFT, ptep + page, False)
                        counted[kind] += 1
                counted[kind] += self.fast_.repeat(self, run)
            self.zap_account(mm, counted[FILE_PAGE], counted[ANON_PAGE])
        finally:
            self.leave_(outer)
        return counted[FILE_PAGE] + counted[ANON_PAGE]

    def copy_page_range(self: Any, child: int, parent: int, vma: int, address: int, end: int) -> None:
        """mm/memory.c: see the model."""
        if end - address < SEVERAL or not self.vma_needs_copy(vma):
            self.scalar_copy_page_range(child, parent, vma, address, end)
            return
        outer = self.enter_(self.fast_.number("copy_page_range"), address, end)
        try:
            for run in self.fast_.tables(self, parent, vma, address, end):
                self.copy_pte_range(child, parent, vma, run.address, run.end)
                self.fast_.repeat_tables(self, run, child)
        finally:
            self.leave_(outer)

    def copy_pte_range(self: Any, child: int, parent: int, vma: int, address: int, end: int) -> None:
        """mm/memory.c: see the model."""
        if end - address < LONG or self.vma_vm_flags[vma] & ODD_VMA:
            self.scalar_copy_pte_range(child, parent, vma, address, end)
            return
        counted, kind = [0, 0, 0], 0
        outer = self.enter_(self.fast_.number("copy_pte_range"), address, end)
        try:
            src = self.pte_offset(parent, address) - (address >> PAGE_SHIFT)
            dst = self.pte_alloc_map(child, address) - (address >> PAGE_SHIFT)
            for run in self.fast_.runs(self, parent, address, end):
                for page in run.pages:
                    if self.pte_val[src + page]:
                        copied = self.copy_one_pte(child, dst + page, src + page, vma, page << PAGE_SHIFT)
                        kind = 0 if copied == NO_PAGE else ANON_PAGE if self.page_mapping[copied] & 1 else FILE_PAGE
                        counted[kind] += 1
                counted[kind] += self.fast_.repeat(self, run, child)
            self.copy_account(child, counted[FILE_PAGE], counted[ANON_PAGE])
        finally:
            self.leave_(outer)

    def change_protection(self: Any, mm: int, start: int, end: int, prot: int) -> None:
        """mm/mprotect.c: see the model."""
        if end - start < (LONG if self.fast_.by_value else SEVERAL):
            self.scalar_change_protection(mm, start, end, prot)
            return
        outer = self.enter_(self.fast_.number("change_protection"), start, end)
        try:
            if self.fast_.by_value:
                change_entries(self, mm, start, end, prot)
                return
            for run in self.fast_.tables(self, mm, self.vma_at(mm, start), start, end):
                self.change_pte_range(mm, run.address, run.end, prot)
                self.fast_.repeat_tables(self, run)
        finally:
            self.leave_(outer)

    def change_pte_range(self: Any, mm: int, address: int, end: int, prot: int) -> None:
        """mm/mprotect.c: see the model."""
        if end - address < LONG or self.vma_vm_flags[self.vma_at(mm, address)] & ODD_VMA:
            self.scalar_change_pte_range(mm, address, end, prot)
            return
        for run in self.fast_.runs(self, mm, address, end):
            self.scalar_change_pte_range(mm, run.address, run.end, prot)
            self.fast_.repeat(self, run)


def with_fast_ranges(model: type) -> type:
    """A compiled model with the fast functions before its own: asking `super()` takes longer than the call."""
    doubles = [name for name, value in vars(Fast).items() if callable(value)]
    own = {f"scalar_{name}": staticmethod(getattr(model, name)) for name in doubles}
    return type(model.__name__, (Fast, model), own)


class Inner(NamedTuple):
    """The run of entries that was repeated last."""

    run: Run
    pattern: Pattern
    end: Mark
    """Where the log was after it."""

    def is_all_of(self, table: Run) -> bool:
        """It was just now, and all entries of the first page table of this run."""
        same = self.run.address == table.address and self.run.began[0] >= table.began[0]
        return same and self.run.done == PTES_PER_PT - 1


class Ranges:
    """What the fast functions of one machine share."""

    def __init__(self, build: Build, recorder: Recorder, holes: bytes) -> None:
        self._build, self._recorder = build, recorder
        self._alike = Alike(recorder, holes)
        self._kinds = argument_kinds(build)
        self._inner: Inner | None = None
        self.by_value = follows_from_value(build)
        """What mprotect makes of an entry follows from the entry alone."""

    def large(self, kernel: Any, vmas: list[int]) -> bool:
        """One of these vmas has several page tables."""
        return any(kernel.vma_vm_end[vma] - kernel.vma_vm_start[vma] >= SEVERAL for vma in vmas)

    def number(self, function: str) -> int:
        """The number of a kernel function."""
        return self._build.by_name[function]

    def runs(self, kernel: Any, mm: int, address: int, end: int) -> Iterator[Run]:
        """The entries of one page table."""
        return self._alike.runs(kernel.pte_offset(mm, address), address, end)

    def tables(self, kernel: Any, mm: int, vma: int, address: int, end: int) -> Iterator[Run]:
        """The page tables of a range of one vma."""
        return self._alike.tables(kernel.index, mm, address, end, not kernel.vma_vm_flags[vma] & ODD_VMA)

    def repeat(self, kernel: Any, run: Run, child: int = 0) -> int:
        """What was just done to the first entry of a run, for the others; returns how many. `child`: a fork's."""
        found, recorder = run.found, self._recorder
        if found is None:
            return 0
        pattern = self._pattern(run.began, recorder.here())
        if pattern is None:
            return 0
        pattern.frame, pattern.source = int(found.frames[0, 0]), int(found.rows[0])
        pattern.target = kernel.pte_offset(child, run.address) if child else -1
        if not pattern.sound(self._kinds):
            return 0
        entry = np.arange(1, len(found.rows))[None, :]
        units = Units(found.frames[1:].T, rest_of(found.where, 1), found.rows[None, 1:], pattern.target + entry)
        run.done = entry.size
        self._write(kernel, Copies([Place(pattern, 0, 0, entry)], units, np.zeros((1, 1), np.int64), run.began[2]))
        self._inner = Inner(run, pattern, recorder.here())
        return run.done

    def repeat_tables(self, kernel: Any, run: Run, child: int = 0) -> int:
        """What was just done to the first page table of a run, for the others; returns how many. `child`: a fork's."""
        found, inner = run.found, self._inner
        if found is None or inner is None or not inner.is_all_of(run):
            return 0
        target = kernel.pte_offset(child, run.address) if child else -1
        places = self._places(run, inner, target // PTES_PER_PT)
        if places is None or places[0].pattern.makes_table != bool(child):
            return 0
        count = len(found.rows) - 1
        children = self._children(kernel, run.address, count, child)
        if children is None:
            return 0
        entry, number = np.arange(PTES_PER_PT), np.arange(1, count + 1)[:, None]
        sources, targets = found.rows[1:, None] + entry, children[:, None] + entry
        units = Units(found.frames[1:], rest_of(found.where, PTES_PER_PT), sources, targets)
        run.done = count
        self._write(kernel, Copies(places, units, number, run.began[2]))
        return run.done

    def _write(self, kernel: Any, copies: Copies) -> None:
        copies.log(self._recorder, self._kinds)
        copies.write(kernel)

    def _pattern(self, start: Mark, stop: Mark) -> Pattern | None:
        """What was logged from one place to another; None if it is no longer at hand."""
        rows = self._recorder.tail(start[0], stop[0])
        return None if rows is None else Pattern(rows, self._recorder.calls_of(start[2], stop[2]))

    def _places(self, run: Run, inner: Inner, table: int) -> list[Place] | None:
        """What was logged before, for and after the entries of a page table; None: it cannot be repeated."""
        head = self._pattern(run.began, inner.run.began)
        tail = self._pattern(inner.end, self._recorder.here())
        if head is None or tail is None:
            return None
        head.table = table
        if not head.sound(self._kinds) or not tail.sound(self._kinds):
            return None
        entry, once = np.arange(PTES_PER_PT)[None, :], np.zeros((1, 1), np.int64)
        return [
            Place(head, 0, 0, once),
            Place(inner.pattern, len(head.rows), len(head.calls), entry),
            Place(tail, inner.end[0] - run.began[0], inner.end[2] - run.began[2], once),
        ]

    def _children(self, kernel: Any, address: int, count: int, child: int) -> Ints | None:
        """The first rows of the next page tables in the child of a fork; None: they are not to be had."""
        if not child:
            return np.zeros(count, np.int64)
        index = kernel.index
        addresses = [address + number * PMD_SIZE for number in range(1, count + 1)]
        room = len(index.pts) + 1 + count < MAX_ROWS // PTES_PER_PT
        if not room or any(index.pt_of(child, each) for each in addresses):
            return None
        return np.array([_new_table(kernel, child, each) for each in addresses]) * PTES_PER_PT


def _new_table(kernel: Any, mm: int, address: int) -> int:
    """A new page table as `pte_alloc_one` makes it, but for what that logs, which the pattern has."""
    pt: int = kernel.row("pt")
    cells, last = kernel.recorder.cells, pt * PTES_PER_PT + PTES_PER_PT - 1
    if last >= cells.rows("pte"):
        cells.grow("pte", last)
        kernel.recorder.bind(kernel, ("pte",))
    kernel.index.pts[mm << MM_SHIFT | address >> PMD_SHIFT] = pt
    return pt
