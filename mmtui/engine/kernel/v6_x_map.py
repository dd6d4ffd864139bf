"""mm/memory.c and kernel/fork.c of today's kernel, the half that works on ranges: fork's copy, zap, remap_pfn_range."""

from __future__ import annotations

from errno import EFAULT, EINVAL

from typing_extensions import override

from mmtui.engine.errors import BUG_ON
from mmtui.engine.flags import (
    VM_DONTCOPY,
    VM_DONTDUMP,
    VM_DONTEXPAND,
    VM_HUGETLB,
    VM_IO,
    VM_LOCKED,
    VM_LOCKONFAULT,
    VM_MAYBE_GUARD,
    VM_MIXEDMAP,
    VM_PFNMAP,
    VM_SHARED,
    VM_WIPEONFORK,
    PG_anon_exclusive,
)
from mmtui.engine.kernel.memory import ANON_PAGE, FILE_PAGE, pmd_addr_end
from mmtui.engine.kernel.model import NO_PAGE, NULL, kfn, since
from mmtui.engine.kernel.v6_x_changes import (
    BAD_MAP,
    CHAINS,
    EARLY_COW,
    EXCLUSIVE,
    MIXEDMAP,
    NO_RESERVED,
    SPECIAL,
    WIPE,
    ZERO,
)
from mmtui.engine.kernel.v6_x_gup import ModernGup
from mmtui.engine.pgtable import (
    PTE_LEDGER,
    PTE_SPECIAL,
    mk_pte,
    pte_dirty,
    pte_managed,
    pte_mkclean,
    pte_mkdirty,
    pte_mkold,
    pte_none,
    pte_present,
    pte_wrprotect,
    pte_young,
)

ANON_VMA_OF_CHILD = 1 << 24
"""Bit of vma.anon_vma: fork made it, so its chain has the parent's anon_vma too."""


class ModernMemory(ModernGup):
    """mm/memory.c, kernel/fork.c: ranges"""

    VM_SPECIAL = VM_IO | VM_DONTEXPAND | VM_PFNMAP | VM_MIXEDMAP

    # fork

    @override
    @since(*MIXEDMAP)
    def vma_needs_copy(self, vma: int) -> bool:
        """fork copies the ptes; else the child faults anew, as in shared memory and in files that were only read."""
        eager = VM_HUGETLB | VM_PFNMAP | VM_MIXEDMAP | VM_MAYBE_GUARD
        return self.vma.anon_vma[vma] != NULL or self.vma.vm_flags[vma] & eager != 0

    @override
    @since(*WIPE)
    @kfn("mm")
    def dup_mmap(self, mm: int, oldmm: int) -> None:
        """Copy the vmas, and what of their page tables fork copies. VM_DONTCOPY stays with the parent, and the child
        finds a VM_WIPEONFORK vma empty."""
        for vma in list(self.index.vmas.get(oldmm, ())):
            if self.vma.vm_flags[vma] & VM_DONTCOPY:
                continue
            new = self.copy_vma_struct(vma, mm)
            self.vma.vm_flags[new] &= ~(VM_LOCKED | VM_LOCKONFAULT)
            # [4.14]
            wiped = self.vma.vm_flags[new] & VM_WIPEONFORK
            if wiped:
                self.vma.anon_vma[new] = NULL
            elif self.vma.anon_vma[new] != NULL:
                self.anon_vma_fork(new)
            self.vma_link(new, self.vma.vm_start[new])
            if not wiped:
                self.copy_page_range(mm, oldmm, new, self.vma.vm_start[new], self.vma.vm_end[new])

    @since(*CHAINS)
    def anon_vma_fork(self, vma: int) -> None:
        """The child's vma gets an anon_vma of its own, for its copies; the parent's stays in its chain."""
        self.sys.anon_vmas[0] += 1
        self.vma.anon_vma[vma] = self.sys.anon_vmas[0] | ANON_VMA_OF_CHILD

    @override
    @since(*CHAINS)
    def is_mergeable_anon_vma(self, one: int, other: int) -> bool:
        """The same anon_vma, or only one of the two has any; not a child's, whose chain would become longer."""
        if one and other:
            return one == other
        # [3.0]
        return not (one | other) & ANON_VMA_OF_CHILD

    @override
    @since(*CHAINS)
    def find_mergeable_anon_vma(self, vma: int) -> int:
        """The anon_vma of the next or the previous vma, if mprotect could still make them one vma; not a child's."""
        for near, low, high in ((self.vma_next(vma), vma, 0), (self.vma_prev(vma), 0, vma)):
            found = self.vma.anon_vma[near] if near else NULL
            # [3.0]
            if found and not found & ANON_VMA_OF_CHILD and self.anon_vma_compatible(low or near, high or near):
                return found
        return NULL

    @override
    @since(*EXCLUSIVE)
    @kfn("address")
    def copy_one_pte(self, child: int, dst: int, src: int, vma: int, address: int) -> int:
        """Give the child its parent's pte, read-only in both if the mapping is COW. An anonymous page is exclusive to
        nobody from now on; one that may be pinned stays the parent's, and the child gets a copy at once. Returns the
        page that the child has now, or NO_PAGE.

        Left out: swap entries, locks.
        """
        pte = self.pte.val[src]
        if not pte_present(pte):
            self.pte.val[dst] = pte
            return NO_PAGE
        page = self.vm_normal_page(vma, address, pte)
        # [5.19]
        if page != NO_PAGE and self.PageAnon(page) and self.PageAnonExclusive(page):
            if self.page_maybe_dma_pinned(page):
                return self.copy_present_page(dst, vma, address, page)
            self.page.flags[page] &= ~PG_anon_exclusive
        if self.is_cow_mapping(vma):
            pte = pte_wrprotect(pte)
            self.pte.val[src] = pte
        if self.vma.vm_flags[vma] & VM_SHARED:
            pte = pte_mkclean(pte)
        pte = pte_mkold(pte)
        if page == NO_PAGE:
            self.pte.val[dst] = pte & ~PTE_LEDGER
            return NO_PAGE
        self.get_page(page)
        self.page_dup_rmap(page)
        self.pte.val[dst] = pte_managed(pte)
        return page

    @since(*EARLY_COW)
    @kfn("address")
    def copy_present_page(self, dst: int, vma: int, address: int, page: int) -> int:
        """Copy a page for the child instead of sharing it: a device may be writing to the parent's."""
        new = self.alloc_pages(0)
        if new == NO_PAGE:
            return NO_PAGE
        self.copy_cow_page(page, new)
        entry = pte_mkdirty(mk_pte(new, self.vma.vm_page_prot[vma]))
        self.map_anon_page(vma, new, address, dst, self.maybe_mkwrite(entry, vma))
        return new

    # zap

    @override
    @since(*BAD_MAP)
    def zap_one_pte(self, mm: int, vma: int, address: int, ptep: int, nonlinear: bool) -> int:
        """Clear one entry of zap_pte_range: FILE_PAGE, ANON_PAGE if it held one, else 0. A guard goes too, but not if
        `nonlinear` is given: madvise keeps it.

        Left out: swap entries.
        """
        pte = self.pte.val[ptep]
        if not pte_present(pte):
            if not nonlinear:
                self.pte.val[ptep] = 0
            return 0
        page = self.vm_normal_page(vma, address, pte)
        self.pte.val[ptep] = 0
        if page == NO_PAGE:
            return 0
        anon = self.PageAnon(page)
        if not anon:
            if pte_dirty(pte):
                self.set_page_dirty(page)
            if pte_young(pte):
                self.mark_page_accessed(page)
        self.page_remove_rmap(page)
        self.munlock_vma_page(vma, page)
        # [2.6.29] too few mappings are a complaint, not a BUG
        if self.page.mapcount[page] < 0:
            self.print_bad_pte(address, pte)
        self.put_page(page)
        return ANON_PAGE if anon else FILE_PAGE

    # Explicit mapping

    @override
    @since(*NO_RESERVED)
    @kfn("addr", "pfn")
    def remap_pfn_range(self, vma: int, addr: int, pfn: int, end: int, prot: int) -> int:
        """Map frames into a vma without counting them; a COW mapping whole or not at all. Returns 0 or -errno."""
        if self.is_cow_mapping(vma):
            if addr != self.vma.vm_start[vma] or end != self.vma.vm_end[vma]:
                return -EINVAL
            self.vma.vm_pgoff[vma] = pfn
        # [3.7] no VM_RESERVED
        self.vma.vm_flags[vma] |= VM_IO | VM_PFNMAP | VM_DONTEXPAND | VM_DONTDUMP
        BUG_ON(addr >= end, "remap_pfn_range")
        while addr < end:
            stop = pmd_addr_end(addr, end)
            self.remap_pte_range(self.vma.mm[vma], addr, stop, pfn, prot)
            pfn += (stop - addr) >> 12
            addr = stop
        return 0

    @override
    @since(*SPECIAL)
    @kfn("addr", "pfn")
    def remap_pte_range(self, mm: int, addr: int, end: int, pfn: int, prot: int) -> None:
        """Set the ptes of one page-table page, special ones, whatever the frames are."""
        ptep = self.pte_alloc_map(mm, addr)
        while addr < end:
            BUG_ON(not pte_none(self.pte.val[ptep]), "remap_pte_range")
            # [2.6.26]
            self.pte.val[ptep] = mk_pte(pfn, prot) | PTE_SPECIAL
            ptep, addr, pfn = ptep + 1, addr + 4096, pfn + 1

    @override
    @since(*ZERO)
    def zeromap_one_pte(self, mm: int, ptep: int, pte: int) -> None:
        """One entry of zeromap_pte_range: the ZERO_PAGE is not counted, and its pte is special."""
        BUG_ON(not pte_none(self.pte.val[ptep]), "zeromap_pte_range")
        # [2.6.32]
        self.pte.val[ptep] = pte | PTE_SPECIAL

    @override
    @since(*MIXEDMAP)
    @kfn("addr", "pfn")
    def vm_insert_page(self, vma: int, addr: int, pfn: int) -> int:
        """A driver maps one of its own pages, counted; it keeps its reference. 0 or -errno."""
        if addr < self.vma.vm_start[vma] or addr >= self.vma.vm_end[vma]:
            return -EFAULT
        if self.page.count[self.page_head(pfn)] == 0:
            return -EINVAL
        # [2.6.26] VM_MIXEDMAP instead of VM_INSERTPAGE; a vma that has no pages at all cannot get one
        if not self.vma.vm_flags[vma] & VM_MIXEDMAP:
            BUG_ON(self.vma.vm_flags[vma] & VM_PFNMAP != 0, "vm_insert_page")
            self.vma.vm_flags[vma] |= VM_MIXEDMAP
        return self.insert_page(vma, addr, pfn, self.vma.vm_page_prot[vma])
