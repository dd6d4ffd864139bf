"""mm/memory.c, the half that works on ranges: page tables, fork's copy, zap, remap_pfn_range."""

from __future__ import annotations

from mmtui.engine.errors import BUG_ON
from mmtui.engine.flags import (
    VM_HUGETLB,
    VM_IO,
    VM_MAYWRITE,
    VM_NONLINEAR,
    VM_RESERVED,
    VM_SHARED,
)
from mmtui.engine.kernel.filemap import Filemap
from mmtui.engine.kernel.model import NO_PAGE, NULL, kfn
from mmtui.engine.pgtable import (
    PMD_SIZE,
    PTE_LEDGER,
    PTE_REF,
    mk_pte,
    pgoff_to_pte,
    pte_dirty,
    pte_managed,
    pte_mkclean,
    pte_mkold,
    pte_none,
    pte_pfn,
    pte_present,
    pte_wrprotect,
    pte_young,
)

FILE_PAGE, ANON_PAGE = 1, 2
"""What zap_one_pte gave back."""

ZERO_PAGE = 1
"""empty_zero_page: one frame, always reserved."""


def pmd_addr_end(address: int, end: int) -> int:
    """Where the page-table page that covers an address ends, or `end` if that is nearer."""
    return min((address & ~(PMD_SIZE - 1)) + PMD_SIZE, end)


class Memory(Filemap):
    """mm/memory.c: ranges"""

    # Page tables

    def pte_offset(self, mm: int, address: int) -> int:
        """The row of an address's entry, NULL without a page-table page."""
        pt = self.index.pt_of(mm, address)
        return pt << 10 | address >> 12 & 1023 if pt else NULL

    def pte_alloc_map(self, mm: int, address: int) -> int:
        """The row of an address's entry; its page-table page is made if need be, and never fails."""
        pt = self.index.pt_of(mm, address)
        return (pt or self.pte_alloc_one(mm, address)) << 10 | address >> 12 & 1023

    def pte_alloc_one(self, mm: int, address: int) -> int:
        """A new page-table page: 4 MiB of one mm, 1024 empty entries."""
        pt = self.row("pt")
        cells = self.recorder.cells
        if (pt << 10 | 1023) >= cells.rows("pte"):
            cells.grow("pte", pt << 10 | 1023)
            self.recorder.bind(self, ("pte",))
        self.index.pts[mm << 52 | address >> 22] = pt
        self.pt.mm[pt] = mm
        self.pt.base[pt] = address & ~(PMD_SIZE - 1)
        return pt

    def free_pte_range(self, mm: int, address: int) -> None:
        """Give one page-table page back."""
        pt = self.index.pts.pop(mm << 52 | address >> 22, NULL)
        if pt:
            self.pt.base[pt] = 0
            self.pt.mm[pt] = NULL
            self.index.give_row("pt", pt)

    @kfn("floor", "ceiling")
    def free_pgtables(self, mm: int, vmas: list[int], floor: int, ceiling: int) -> None:
        """Free the page-table pages that only the removed vmas used. floor, ceiling: the neighbours' ends; 0 = none."""
        for vma in vmas:
            address = self.vma.vm_start[vma] & ~(PMD_SIZE - 1)
            while address < self.vma.vm_end[vma]:
                if floor <= address and (ceiling == 0 or ceiling >= address + PMD_SIZE):
                    self.free_pte_range(mm, address)
                address += PMD_SIZE

    # What is behind a pte

    def is_cow_mapping(self, vma: int) -> bool:
        """Private and possibly writable: fork and COW must keep its pages apart."""
        return self.vma.vm_flags[vma] & (VM_SHARED | VM_MAYWRITE) == VM_MAYWRITE

    def vm_normal_page(self, vma: int, address: int, pte: int) -> int:
        """The page that zap and fork manage behind a present pte, or NO_PAGE.

        Up to 2.6.14 the page itself says so: it exists and is not PG_reserved, whatever the vma. The name is
        6aab341e0a28's (2.6.15-rc3); until then each place spelled the test out.
        """
        pfn = pte_pfn(pte)
        if not self.pfn_valid(pfn) or self.PageReserved(pfn):
            return NO_PAGE
        return pfn

    # fork

    def vma_needs_copy(self, vma: int) -> bool:
        """fork copies the ptes; else the child faults anew. The name is a later kernel's (6.x)."""
        return self.vma.anon_vma[vma] != NULL or self.vma.vm_flags[vma] & (VM_HUGETLB | VM_NONLINEAR | VM_RESERVED) != 0

    @kfn("address", "end")
    def copy_page_range(self, child: int, parent: int, vma: int, address: int, end: int) -> None:
        """Give the child the ptes of one vma, page table by page table."""
        if not self.vma_needs_copy(vma):
            return
        while address < end:
            stop = pmd_addr_end(address, end)
            if self.index.pt_of(parent, address):
                self.copy_pte_range(child, parent, vma, address, stop)
            address = stop

    @kfn("address", "end")
    def copy_pte_range(self, child: int, parent: int, vma: int, address: int, end: int) -> None:
        """Copy the entries of one page-table page."""
        file_pages = anon_pages = 0
        src = self.pte_offset(parent, address)
        dst = self.pte_alloc_map(child, address)
        while address < end:
            if not pte_none(self.pte.val[src]):
                page = self.copy_one_pte(child, dst, src, vma, address)
                if page != NO_PAGE:
                    if self.PageAnon(page):
                        anon_pages += 1
                    else:
                        file_pages += 1
            src, dst, address = src + 1, dst + 1, address + 4096
        self.copy_account(child, file_pages, anon_pages)

    def copy_account(self, child: int, file_pages: int, anon_pages: int) -> None:
        """The child's rss for one page-table page of copies: 2.6.14 has counted them one by one."""

    @kfn("address")
    def copy_one_pte(self, child: int, dst: int, src: int, vma: int, address: int) -> int:
        """Give the child its parent's pte; a private writable one goes read-only in both. A reserved page's pte is
        copied as it is. Returns the page that got a reference, or NO_PAGE.

        Left out: swap entries, locks.
        """
        pte = self.pte.val[src]
        page = self.vm_normal_page(vma, address, pte) if pte_present(pte) else NO_PAGE
        if page == NO_PAGE:
            self.pte.val[dst] = pte & ~PTE_LEDGER
            return NO_PAGE
        if self.is_cow_mapping(vma):
            pte = pte_wrprotect(pte)
            self.pte.val[src] = pte
        if self.vma.vm_flags[vma] & VM_SHARED:
            pte = pte_mkclean(pte)
        pte = pte_mkold(pte)
        self.get_page(page)
        self.mm.rss[child] += 1
        if self.PageAnon(page):
            self.mm.anon_rss[child] += 1
        self.pte.val[dst] = pte_managed(pte)
        self.page_dup_rmap(page)
        return page

    def page_dup_rmap(self, pfn: int) -> None:
        """fork: one more pte maps the page."""
        self.page.mapcount[pfn] += 1

    # zap

    @kfn("address", "end")
    def zap_pte_range(self, mm: int, vma: int, address: int, end: int, nonlinear: bool) -> int:
        """Clear the ptes of one page-table page and give back what they held; returns how many pages.

        Left out: the mmu_gather (UP: a page is released at once).
        """
        file_pages = anon_pages = 0
        ptep = self.pte_offset(mm, address)
        while address < end:
            if not pte_none(self.pte.val[ptep]):
                zapped = self.zap_one_pte(mm, vma, address, ptep, nonlinear)
                file_pages += zapped == FILE_PAGE
                anon_pages += zapped == ANON_PAGE
            ptep, address = ptep + 1, address + 4096
        self.zap_account(mm, file_pages, anon_pages)
        return file_pages + anon_pages

    def zap_one_pte(self, mm: int, vma: int, address: int, ptep: int, nonlinear: bool) -> int:
        """Clear one entry of zap_pte_range: FILE_PAGE, ANON_PAGE if it held one, else 0.

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
        if nonlinear and self.linear_page_index(vma, address) != self.page.index[page]:
            self.pte.val[ptep] = pgoff_to_pte(self.page.index[page])
        anon = self.PageAnon(page)
        if pte_dirty(pte):
            self.set_page_dirty(page)
        if anon:
            self.mm.anon_rss[mm] -= 1
        elif pte_young(pte):
            self.mark_page_accessed(page)
        self.page_remove_rmap(page)
        self.put_page(page)
        return ANON_PAGE if anon else FILE_PAGE

    def zap_account(self, mm: int, file_pages: int, anon_pages: int) -> None:
        """The rss of one page-table page of zapped ptes: 2.6.14 lowers it in tlb_finish_mmu."""

    @kfn("start", "end")
    def unmap_vmas(self, mm: int, vmas: list[int], start: int, end: int, nonlinear: bool = False) -> int:
        """Zap the part start..end of each vma; returns how many pages were given back."""
        freed = 0
        for vma in vmas:
            address = max(self.vma.vm_start[vma], start)
            last = min(self.vma.vm_end[vma], end)
            while address < last:
                stop = pmd_addr_end(address, last)
                if self.index.pt_of(mm, address):
                    freed += self.zap_pte_range(mm, vma, address, stop, nonlinear)
                address = stop
        return freed

    def tlb_finish_mmu(self, mm: int, freed: int) -> None:
        """2.6.14 lowers rss here, by what was freed, and never below 0."""
        self.mm.rss[mm] -= min(self.mm.rss[mm], freed)

    @kfn("address", "end")
    def zap_page_range(self, mm: int, vma: int, address: int, end: int, nonlinear: bool) -> None:
        """Zap a part of one vma; the page tables stay."""
        self.tlb_finish_mmu(mm, self.unmap_vmas(mm, [vma], address, end, nonlinear))

    # Explicit mapping by drivers

    def remap_sets(self) -> int:
        """The vm_flags that remap_pfn_range sets: nobody may treat this as ordinary memory."""
        return VM_IO | VM_RESERVED

    @kfn("addr", "pfn")
    def remap_pfn_range(self, vma: int, addr: int, pfn: int, end: int, prot: int) -> int:
        """Map frames into a vma without counting them; returns 0 or -errno."""
        self.vma.vm_flags[vma] |= self.remap_sets()
        BUG_ON(addr >= end, "remap_pfn_range")
        while addr < end:
            stop = pmd_addr_end(addr, end)
            self.remap_pte_range(self.vma.mm[vma], addr, stop, pfn, prot)
            pfn += (stop - addr) >> 12
            addr = stop
        return 0

    @kfn("addr", "pfn")
    def remap_pte_range(self, mm: int, addr: int, end: int, pfn: int, prot: int) -> None:
        """Set the ptes of one page-table page. Ordinary RAM is passed over: only PG_reserved pages and pfns without a
        struct page are mapped, and the caller is not told."""
        ptep = self.pte_alloc_map(mm, addr)
        while addr < end:
            BUG_ON(not pte_none(self.pte.val[ptep]), "remap_pte_range")
            if not self.pfn_valid(pfn) or self.PageReserved(pfn):
                self.pte.val[ptep] = mk_pte(pfn, prot)
            ptep, addr, pfn = ptep + 1, addr + 4096, pfn + 1

    @kfn("addr", "end")
    def zeromap_page_range(self, vma: int, addr: int, end: int) -> int:
        """Map the ZERO_PAGE, read-only, over a range."""
        mm = self.vma.mm[vma]
        pte = pte_wrprotect(mk_pte(ZERO_PAGE, self.vma.vm_page_prot[vma]))
        while addr < end:
            self.zeromap_one_pte(mm, self.pte_alloc_map(mm, addr), pte)
            addr += 4096
        return 0

    def zeromap_one_pte(self, mm: int, ptep: int, pte: int) -> None:
        """One entry of zeromap_pte_range; the ZERO_PAGE is reserved and therefore not counted."""
        BUG_ON(not pte_none(self.pte.val[ptep]), "zeromap_pte_range")
        self.pte.val[ptep] = pte


__all__ = ["PTE_REF", "ZERO_PAGE", "Memory", "pmd_addr_end"]
