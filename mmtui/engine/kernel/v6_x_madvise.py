"""mm/madvise.c and mm/mlock.c of today's kernel: what a process says of a part of its memory."""

from __future__ import annotations

from collections.abc import Iterator
from errno import EACCES, EFAULT, EINVAL, ENOMEM

from typing_extensions import override

from mmtui.engine.flags import (
    VM_DONTCOPY,
    VM_DONTDUMP,
    VM_HUGEPAGE,
    VM_HUGETLB,
    VM_IO,
    VM_LOCKED,
    VM_LOCKONFAULT,
    VM_MAYBE_GUARD,
    VM_MAYWRITE,
    VM_MERGEABLE,
    VM_NOHUGEPAGE,
    VM_PFNMAP,
    VM_RAND_READ,
    VM_READ,
    VM_SEQ_READ,
    VM_SHARED,
    VM_WIPEONFORK,
    VM_WRITE,
)
from mmtui.engine.kernel.model import NO_PAGE, kfn, since
from mmtui.engine.kernel.v6_x_changes import GUARD, MLOCK, POPULATE, SPECIAL, WIPE
from mmtui.engine.kernel.v6_x_mmap import ModernMmap
from mmtui.engine.pgtable import PAGE_SIZE, PTE_GUARD, pte_present

ADVICE_SETS: dict[str, int] = {
    "DONTFORK": VM_DONTCOPY, "DOFORK": 0, "WIPEONFORK": VM_WIPEONFORK, "KEEPONFORK": 0, "DONTDUMP": VM_DONTDUMP,
    "DODUMP": 0, "HUGEPAGE": VM_HUGEPAGE, "NOHUGEPAGE": VM_NOHUGEPAGE, "MERGEABLE": VM_MERGEABLE, "UNMERGEABLE": 0,
    "NORMAL": 0, "RANDOM": VM_RAND_READ, "SEQUENTIAL": VM_SEQ_READ,
}  # fmt: skip
"""Advice that changes vm_flags, and what it sets."""

ADVICE_CLEARS: dict[str, int] = {
    "DOFORK": VM_DONTCOPY, "KEEPONFORK": VM_WIPEONFORK, "DODUMP": VM_DONTDUMP, "HUGEPAGE": VM_NOHUGEPAGE,
    "NOHUGEPAGE": VM_HUGEPAGE, "UNMERGEABLE": VM_MERGEABLE, "NORMAL": VM_RAND_READ | VM_SEQ_READ,
    "RANDOM": VM_SEQ_READ, "SEQUENTIAL": VM_RAND_READ,
}  # fmt: skip
"""Advice that changes vm_flags, and what it clears."""

ADVICE_ONLY = ("WILLNEED", "COLD", "PAGEOUT", "FREE")
"""Advice after which the page tables are as before: pages may go later, when memory is short."""


class ModernMadvise(ModernMmap):
    """mm/madvise.c, mm/mlock.c"""

    def vmas_in(self, mm: int, start: int, end: int) -> Iterator[tuple[int, int, int]]:
        """Each vma that a range meets, with the part of the range that it covers; gaps are passed over."""
        vma = self.find_vma(mm, start)
        while vma and start < end and self.vma.vm_start[vma] < end:
            stop = min(self.vma.vm_end[vma], end)
            yield vma, max(start, self.vma.vm_start[vma]), stop
            start = stop  # whoever asks may have merged the vma meanwhile
            vma = self.find_vma(mm, start)

    def has_gap(self, mm: int, start: int, end: int) -> bool:
        """Is a part of the range in no vma?"""
        return sum(stop - first for _, first, stop in self.vmas_in(mm, start, end)) != end - start

    # mm/madvise.c

    @override
    @since(*SPECIAL)
    def madvise_refuses(self) -> int:
        """vm_flags of a vma that MADV_DONTNEED does not touch."""
        return VM_LOCKED | VM_HUGETLB | VM_PFNMAP

    @override
    @since(*GUARD)
    @kfn("start", "end")
    def madvise_dontneed(self, mm: int, vma: int, start: int, end: int) -> int:
        """Drop the pages of a part of one vma; guards stay. 0 or -errno."""
        if self.vma.vm_flags[vma] & self.madvise_refuses():
            return -EINVAL
        # [6.13] nonlinear mappings are gone: here the argument keeps what is not a page
        self.zap_page_range(mm, vma, start, end, True)
        return 0

    @since(*GUARD)
    @kfn("start", "len")
    def do_madvise(self, mm: int, start: int, len: int, advice: str) -> int:
        """madvise with any advice but hardware poison; 0 or -errno. An unmapped part is told at the end."""
        if advice == "DONTNEED":
            return self.sys_madvise(mm, start, len)
        if start % PAGE_SIZE:
            return -EINVAL
        end = start + (len + PAGE_SIZE - 1 & ~(PAGE_SIZE - 1))
        if advice in ("POPULATE_READ", "POPULATE_WRITE"):
            return self.madvise_populate(mm, start, end, advice == "POPULATE_WRITE")
        unmapped = -ENOMEM if self.has_gap(mm, start, end) else 0
        for vma, first, stop in self.vmas_in(mm, start, end):
            error = self.madvise_vma_behavior(mm, vma, first, stop, advice)
            if error:
                return error
        return unmapped

    def madvise_vma_behavior(self, mm: int, vma: int, start: int, end: int, advice: str) -> int:
        """One advice for a part of one vma; 0 or -errno."""
        if advice in ADVICE_SETS:
            return self.madvise_flags(vma, start, end, advice)
        if advice == "GUARD_INSTALL":
            return self.madvise_guard_install(mm, vma, start, end)
        if advice == "GUARD_REMOVE":
            return self.madvise_guard_remove(mm, vma, start, end)
        if advice == "REMOVE":
            return self.madvise_remove(mm, vma, start, end)
        if advice == "FREE" and self.vma.vm_file[vma]:
            return -EINVAL
        if advice != "WILLNEED" and self.vma.vm_flags[vma] & self.madvise_refuses():
            return -EINVAL
        return 0 if advice in ADVICE_ONLY else -EINVAL

    @since(*WIPE)
    def madvise_flags(self, vma: int, start: int, end: int, advice: str) -> int:
        """Advice that is a bit of vm_flags; 0 or -errno."""
        flags = self.vma.vm_flags[vma]
        if advice == "WIPEONFORK" and (self.vma.vm_file[vma] or flags & VM_SHARED):
            return -EINVAL
        if advice == "DOFORK" and flags & VM_IO:
            return -EINVAL
        if advice == "DODUMP" and flags & self.VM_SPECIAL:
            return -EINVAL
        flags = flags & ~ADVICE_CLEARS.get(advice, 0) | ADVICE_SETS[advice]
        self.vma_modify_flags(vma, start, end, flags)
        return 0

    @since(*POPULATE)
    @kfn("start", "end")
    def madvise_populate(self, mm: int, start: int, end: int, write: bool) -> int:
        """Fault a range in, as reads or writes of the process would, up to the first gap; 0 or -errno."""
        reached = start
        for vma, first, stop in self.vmas_in(mm, start, end):
            if first != reached:
                return -ENOMEM
            reached = stop
            flags = self.vma.vm_flags[vma]
            if flags & (VM_IO | VM_PFNMAP) or not flags & (VM_WRITE if write else VM_READ):
                return -EINVAL
            for address in range(first, stop, PAGE_SIZE):
                error = self.get_user_pages(mm, address, write, False, False)
                if error < 0:
                    return error
        return 0 if reached == end else -ENOMEM

    @since(*GUARD)
    @kfn("start", "end")
    def madvise_guard_install(self, mm: int, vma: int, start: int, end: int) -> int:
        """Drop the pages of a part of one vma and put a marker in each pte: a touch is a SIGSEGV. 0 or -errno."""
        if self.vma.vm_flags[vma] & (self.VM_SPECIAL | VM_HUGETLB | VM_LOCKED):
            return -EINVAL
        self.vma.vm_flags[vma] |= VM_MAYBE_GUARD
        if not self.vma.vm_file[vma]:
            self.anon_vma_prepare(vma)
        self.zap_page_range(mm, vma, start, end, True)
        for address in range(start, end, PAGE_SIZE):
            self.pte.val[self.pte_alloc_map(mm, address)] = PTE_GUARD
        return 0

    @since(*GUARD)
    @kfn("start", "end")
    def madvise_guard_remove(self, mm: int, vma: int, start: int, end: int) -> int:
        """Clear the markers of a part of one vma. 0 or -errno."""
        if self.vma.vm_flags[vma] & (self.VM_SPECIAL | VM_HUGETLB):
            return -EINVAL
        for address in range(start, end, PAGE_SIZE):
            ptep = self.pte_offset(mm, address)
            if ptep and self.pte.val[ptep] == PTE_GUARD:
                self.pte.val[ptep] = 0
        return 0

    @since(*POPULATE)
    @kfn("start", "end")
    def madvise_remove(self, mm: int, vma: int, start: int, end: int) -> int:
        """Punch a hole into a shared file: nobody maps its pages any more, and they are freed. 0 or -errno."""
        flags, file = self.vma.vm_flags[vma], self.vma.vm_file[vma]
        if flags & (VM_LOCKED | VM_HUGETLB) or not file:
            return -EINVAL
        if flags & (VM_SHARED | VM_MAYWRITE) != VM_SHARED | VM_MAYWRITE:
            return -EACCES
        inode = self.file.inode[file]
        first = self.linear_page_index(vma, start)
        self.truncate_range(inode, first, first + ((end - start) >> 12))
        return 0

    @since(*POPULATE)
    @kfn("first", "last")
    def truncate_range(self, inode: int, first: int, last: int) -> None:
        """Take the pages first..last of a file out of every page table, then out of the page cache. Copies stay with
        a hole, and go with the end of the file: here they stay."""
        for mm in sorted(self.index.vmas):
            for vma in list(self.index.vmas[mm]):
                if self.vma.vm_file[vma] and self.file.inode[self.vma.vm_file[vma]] == inode:
                    self.unmap_file_pages(mm, vma, first, last)
        for pgoff in range(first, last):
            if (inode, pgoff) in self.index.cache:
                self.remove_from_page_cache(inode, pgoff)

    @since(*POPULATE)
    def unmap_file_pages(self, mm: int, vma: int, first: int, last: int) -> None:
        """Zap what one vma maps of a part of its file, but not its private copies."""
        for pgoff in range(max(first, self.vma.vm_pgoff[vma]), last):
            address = self.vma.vm_start[vma] + ((pgoff - self.vma.vm_pgoff[vma]) << 12)
            if address >= self.vma.vm_end[vma]:
                return
            ptep = self.pte_offset(mm, address)
            pte = self.pte.val[ptep] if ptep else 0
            page = self.vm_normal_page(vma, address, pte) if pte_present(pte) else NO_PAGE
            if page != NO_PAGE and not self.PageAnon(page):
                self.zap_page_range(mm, vma, address, address + PAGE_SIZE, True)

    # mm/mlock.c

    @since(*MLOCK)
    @kfn("start", "len")
    def do_mlock(self, mm: int, start: int, len: int, flags: int) -> int:
        """mlock (VM_LOCKED), mlock2 (with VM_LOCKONFAULT), munlock (0): 0 or -errno."""
        first = start & ~(PAGE_SIZE - 1)
        end = start + len + PAGE_SIZE - 1 & ~(PAGE_SIZE - 1)
        reached = first
        for vma, begin, stop in self.vmas_in(mm, first, end):
            if begin != reached:
                return -ENOMEM
            self.mlock_fixup(mm, vma, begin, stop, flags)
            reached = stop
        if reached != end:
            return -ENOMEM
        if flags & VM_LOCKED and not flags & VM_LOCKONFAULT:
            return self.mm_populate(mm, first, end)
        return 0

    @since(*MLOCK)
    @kfn("start", "end")
    def mlock_fixup(self, mm: int, vma: int, start: int, end: int, flags: int) -> None:
        """Lock or unlock a part of one vma: its flags, then the pages that it has there."""
        old = self.vma.vm_flags[vma]
        new = old & ~(VM_LOCKED | VM_LOCKONFAULT) | flags
        if old == new or old & (self.VM_SPECIAL | VM_HUGETLB):
            return
        vma = self.vma_modify_flags(vma, start, end, new)
        if not (old ^ new) & VM_LOCKED:
            return
        for address in range(start, end, PAGE_SIZE):
            ptep = self.pte_offset(mm, address)
            pte = self.pte.val[ptep] if ptep else 0
            page = self.vm_normal_page(vma, address, pte) if pte_present(pte) else NO_PAGE
            if page != NO_PAGE and not self.PageCompound(page):
                if new & VM_LOCKED:
                    self.mlock_page(page)
                else:
                    self.munlock_page(page)

    @since(*MLOCK)
    def mm_populate(self, mm: int, start: int, end: int) -> int:
        """make_pages_present, for mlock, which hears of an error: 0 or -errno."""
        for vma, first, stop in self.vmas_in(mm, start, end):
            if self.vma.vm_flags[vma] & (VM_IO | VM_PFNMAP):
                continue
            write = self.vma.vm_flags[vma] & (VM_WRITE | VM_SHARED) == VM_WRITE
            force = self.vma.vm_flags[vma] & 7 != 0
            for address in range(first, stop, PAGE_SIZE):
                error = self.get_user_pages(mm, address, write, force, False)
                if error < 0:
                    return -ENOMEM if error == -EFAULT else error
        return 0
