"""mm/huge_memory.c of today's kernel: anonymous memory in pages of 2 MiB, for whoever asks with MADV_HUGEPAGE."""

from __future__ import annotations

from mmtui.engine.flags import VM_HUGEPAGE, VM_NOHUGEPAGE
from mmtui.engine.kernel.memory import ZERO_PAGE
from mmtui.engine.kernel.model import NO_PAGE, kfn, since
from mmtui.engine.kernel.v6_x_changes import HUGE
from mmtui.engine.kernel.v6_x_pages import ModernPages
from mmtui.engine.pgtable import PAGE_SIZE, PTE_SPECIAL, mk_pte, pte_managed, pte_mkdirty, pte_pfn, pte_present

HPAGE_ORDER = 9
HPAGE_PAGES = 1 << HPAGE_ORDER
HPAGE_SIZE = HPAGE_PAGES << 12


class ModernHuge(ModernPages):
    """mm/huge_memory.c"""

    @since(*HUGE)
    def hugepage_vma_check(self, vma: int, address: int) -> bool:
        """MADV_HUGEPAGE, and the 2 MiB around an address are all in the vma."""
        start = address & ~(HPAGE_SIZE - 1)
        fits = self.vma.vm_start[vma] <= start and start + HPAGE_SIZE <= self.vma.vm_end[vma]
        return fits and self.vma.vm_flags[vma] & (VM_HUGEPAGE | VM_NOHUGEPAGE) == VM_HUGEPAGE

    @since(*HUGE)
    @kfn("address")
    def do_huge_pmd_anonymous_page(self, mm: int, vma: int, address: int, ptep: int, write: bool) -> bool:
        """A first touch, or a first write after a read, maps 2 MiB of memory that asked for huge pages: one compound
        page, or the huge zero page. Was it done? 512 entries stand for the one of the pmd, and the ZERO_PAGE for the
        huge one."""
        start = address & ~(HPAGE_SIZE - 1)
        first = ptep - ((address - start) >> 12)
        if not self.hugepage_vma_check(vma, address):
            return False
        self.anon_vma_prepare(vma)
        before, zero = self.pte.val[ptep], mk_pte(ZERO_PAGE, self.vma.vm_page_prot[vma]) | PTE_SPECIAL
        if any(self.pte.val[each] != before for each in range(first, first + HPAGE_PAGES)):
            return False
        if not write:
            for each in range(first, first + HPAGE_PAGES):
                self.pte.val[each] = zero
            return True
        return self.map_huge_page(mm, vma, start, first)

    @since(*HUGE)
    def map_huge_page(self, mm: int, vma: int, start: int, first: int) -> bool:
        """A new compound page of 2 MiB at `start`, its entries from `first` on; was there one?"""
        head = self.alloc_pages(HPAGE_ORDER, True)
        if head == NO_PAGE:
            return False
        self.page.count[head] = HPAGE_PAGES
        self.mm.anon_rss[mm] += HPAGE_PAGES
        prot = self.vma.vm_page_prot[vma]
        for part in range(HPAGE_PAGES):
            self.page.word[head + part] = 0
            self.page_add_anon_rmap(head + part, vma, start + (part << 12))
            entry = self.maybe_mkwrite(pte_mkdirty(mk_pte(head + part, prot)), vma)
            self.pte.val[first + part] = pte_managed(entry)
        self.lru_cache_add(head)
        return True

    @since(*HUGE)
    def mapped_parts(self, mm: int, address: int, head: int) -> int:
        """How many ptes of the 2 MiB around an address map a part of a huge page."""
        start = address & ~(HPAGE_SIZE - 1)
        found = 0
        for near in range(start, start + HPAGE_SIZE, PAGE_SIZE):
            ptep = self.pte_offset(mm, near)
            pte = self.pte.val[ptep] if ptep else 0
            found += pte_present(pte) and self.pfn_valid(pte_pfn(pte)) and self.page_head(pte_pfn(pte)) == head
        return found
