"""mm/rmap.c: who maps a page, as far as page_mapcount and anon_vma say it."""

from __future__ import annotations

from mmtui.engine.errors import BUG_ON
from mmtui.engine.flags import VM_EXEC, VM_READ, VM_WRITE
from mmtui.engine.kernel.model import NULL, kfn
from mmtui.engine.kernel.vma import Vmas


class Rmap(Vmas):
    """mm/rmap.c"""

    def linear_page_index(self, vma: int, address: int) -> int:
        """The page offset that a linear mapping has at an address."""
        return self.vma.vm_pgoff[vma] + ((address - self.vma.vm_start[vma]) >> 12)

    def anon_vma_prepare(self, vma: int) -> None:
        """Give a vma its anon_vma before its first anonymous page: a neighbour's if it fits, else a new one."""
        if self.vma.anon_vma[vma] != NULL:
            return
        found = self.find_mergeable_anon_vma(vma)
        if found == NULL:
            self.sys.anon_vmas[0] += 1
            found = self.sys.anon_vmas[0]
        self.vma.anon_vma[vma] = found

    def find_mergeable_anon_vma(self, vma: int) -> int:
        """The anon_vma of the next or the previous vma, if mprotect could still make them one vma."""
        near = self.vma_next(vma)
        if near and self.vma.anon_vma[near] and self.anon_vma_compatible(vma, near):
            return self.vma.anon_vma[near]
        near = self.vma_prev(vma)
        if near and self.vma.anon_vma[near] and self.anon_vma_compatible(near, vma):
            return self.vma.anon_vma[near]
        return NULL

    def anon_vma_compatible(self, low: int, high: int) -> bool:
        """`low` ends where `high` starts, and they differ in nothing but READ, WRITE and EXEC."""
        differs = self.vma.vm_flags[low] ^ self.vma.vm_flags[high]
        return (
            self.vma.vm_end[low] == self.vma.vm_start[high]
            and self.vma.vm_file[low] == self.vma.vm_file[high]
            and not differs & ~(VM_READ | VM_WRITE | VM_EXEC)
            and self.vma.vm_pgoff[high] == self.linear_page_index(low, self.vma.vm_end[low])
        )

    @kfn("pfn", "address")
    def page_add_anon_rmap(self, pfn: int, vma: int, address: int) -> None:
        """One more pte maps an anonymous page; the first one names its anon_vma and index."""
        BUG_ON(self.PageReserved(pfn), "page_add_anon_rmap")
        self.mm.anon_rss[self.vma.mm[vma]] += 1
        self.page.mapcount[pfn] += 1
        if self.page.mapcount[pfn] == 1:
            self.set_anon_rmap(pfn, vma, address)

    def set_anon_rmap(self, pfn: int, vma: int, address: int) -> None:
        """The page is anonymous memory of this vma from now on."""
        self.page.mapping[pfn] = self.vma.anon_vma[vma] << 1 | 1
        self.page.index[pfn] = self.linear_page_index(vma, address)
        self.sys.nr_mapped[0] += 1

    @kfn("pfn")
    def page_add_file_rmap(self, pfn: int) -> None:
        """One more pte maps a page that is not anonymous. A reserved one is not counted."""
        BUG_ON(self.PageAnon(pfn), "page_add_file_rmap")
        if not self.pfn_valid(pfn) or self.PageReserved(pfn):
            return
        self.page.mapcount[pfn] += 1
        if self.page.mapcount[pfn] == 1:
            self.sys.nr_mapped[0] += 1

    @kfn("pfn")
    def page_remove_rmap(self, pfn: int) -> None:
        """One pte fewer maps the page."""
        BUG_ON(self.PageReserved(pfn), "page_remove_rmap")
        self.page.mapcount[pfn] -= 1
        if self.page.mapcount[pfn] <= 0:
            BUG_ON(self.page.mapcount[pfn] < 0, "page_remove_rmap")
            self.sys.nr_mapped[0] -= 1
