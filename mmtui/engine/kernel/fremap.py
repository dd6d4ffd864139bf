"""mm/fremap.c: nonlinear file mappings."""

from __future__ import annotations

from errno import EINVAL, ENOMEM

from mmtui.engine.flags import VM_NONLINEAR, VM_SHARED
from mmtui.engine.kernel.filemap import NOPAGE_OOM
from mmtui.engine.kernel.memory import Memory
from mmtui.engine.kernel.model import VM_OPS_FILE, kfn
from mmtui.engine.pgtable import PAGE_MASK, mk_pte, pte_dirty, pte_managed, pte_none, pte_pfn, pte_present


class Fremap(Memory):
    """mm/fremap.c"""

    @kfn("address")
    def zap_pte(self, mm: int, vma: int, address: int, ptep: int) -> bool:
        """Clear one entry before install_page sets it; was there a page to give back?"""
        pte = self.pte.val[ptep]
        if not pte_present(pte):
            self.pte.val[ptep] = 0
            return False
        self.pte.val[ptep] = 0
        pfn = pte_pfn(pte)
        if not self.pfn_valid(pfn) or self.PageReserved(pfn):
            return False
        if pte_dirty(pte):
            self.set_page_dirty(pfn)
        self.page_remove_rmap(pfn)
        self.put_page(pfn)
        self.mm.rss[mm] -= 1
        return True

    @kfn("address", "pfn")
    def install_page(self, mm: int, vma: int, address: int, pfn: int) -> None:
        """Map a page of the file at an address; the caller's reference becomes the pte's."""
        ptep = self.pte_alloc_map(mm, address)
        if not pte_none(self.pte.val[ptep]):
            self.zap_pte(mm, vma, address, ptep)
        self.mm.rss[mm] += 1
        self.pte.val[ptep] = pte_managed(mk_pte(pfn, self.vma.vm_page_prot[vma]))
        self.page_add_file_rmap(pfn)

    @kfn("addr", "pgoff")
    def filemap_populate(self, vma: int, addr: int, end: int, pgoff: int) -> int:
        """vm_ops->populate: map the file from `pgoff` on over addr..end; 0 or -errno."""
        inode = self.file.inode[self.vma.vm_file[vma]]
        while addr < end:
            page = self.filemap_nopage(inode, pgoff)
            if page == NOPAGE_OOM:
                return -ENOMEM
            self.install_page(self.vma.mm[vma], vma, addr, page)
            addr, pgoff = addr + 4096, pgoff + 1
        return 0

    @kfn("start", "pgoff")
    def sys_remap_file_pages(self, mm: int, start: int, pages: int, pgoff: int) -> int:
        """Map other pages of the file into a part of a shared file mapping; 0 or -errno."""
        start &= PAGE_MASK
        end = start + (pages << 12)
        vma = self.find_vma(mm, start)
        if (
            not vma
            or not self.vma.vm_flags[vma] & VM_SHARED
            or self.vma.vm_ops[vma] != VM_OPS_FILE
            or not self.vma.vm_start[vma] <= start < end <= self.vma.vm_end[vma]
        ):
            return -EINVAL
        if pgoff != self.linear_page_index(vma, start):
            self.vma.vm_flags[vma] |= VM_NONLINEAR
        return self.filemap_populate(vma, start, end, pgoff)
