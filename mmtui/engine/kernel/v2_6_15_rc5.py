"""2.6.15-rc5 -- a remap of a part of a vma becomes counted pages (VM_INCOMPLETE), and vm_insert_page exists.

rc4 and rc5 alike: 238f58d898d, a145dd411eb2, 325f04dbca6 (29 November 2005).
"""

from __future__ import annotations

from errno import EBUSY, EFAULT, EINVAL

from typing_extensions import override

from mmtui.engine import ops
from mmtui.engine.errors import BUG_ON
from mmtui.engine.flags import VM_INCOMPLETE, VM_IO, VM_PFNMAP, VM_RESERVED, VM_SHARED
from mmtui.engine.kernel.fault import VM_FAULT_MINOR, VM_FAULT_OOM, VM_FAULT_SIGBUS
from mmtui.engine.kernel.filemap import NOPAGE_OOM, NOPAGE_SIGBUS
from mmtui.engine.kernel.memory import pmd_addr_end
from mmtui.engine.kernel.model import NO_PAGE, NULL, kfn, since
from mmtui.engine.kernel.v2_6_15_rc3 import Linux_2_6_15_rc3
from mmtui.engine.pgtable import mk_pte, pte_managed, pte_none

INCOMPLETE = ("2.6.15-rc4", "238f58d898d", "Support strange discontiguous PFN remappings")
INSERT = ("2.6.15-rc4", "a145dd411eb2", 'VM: add "vm_insert_page()" function')
NOPAGE_BUG = ("2.6.15-rc4", "325f04dbca6", "pfnmap: do_no_page BUG_ON again")

MAX_COMPLAINTS = 10


class Linux_2_6_15_rc5(Linux_2_6_15_rc3):
    """What rc4 and rc5 changed."""

    release = "2.6.15-rc5"

    @override
    @since(*INCOMPLETE)
    @kfn("addr", "pfn")
    def remap_pfn_range(self, vma: int, addr: int, pfn: int, end: int, prot: int) -> int:
        """Map frames into a vma: all of it uncounted, a part of it as counted pages; returns 0 or -errno."""
        # [2.6.15-rc4]
        if addr != self.vma.vm_start[vma] or end != self.vma.vm_end[vma]:
            return self.incomplete_pfn_remap(vma, addr, pfn, end, prot)
        self.vma.vm_flags[vma] |= VM_IO | VM_RESERVED | VM_PFNMAP
        self.vma.vm_pgoff[vma] = pfn
        BUG_ON(addr >= end, "remap_pfn_range")
        while addr < end:
            stop = pmd_addr_end(addr, end)
            self.remap_pte_range(self.vma.mm[vma], addr, stop, pfn, prot)
            pfn += (stop - addr) >> 12
            addr = stop
        return 0

    @since(*INCOMPLETE)
    @kfn("addr", "pfn")
    def incomplete_pfn_remap(self, vma: int, addr: int, pfn: int, end: int, prot: int) -> int:
        """A remap of a part of a vma: complain, then insert reserved pages one by one; 0 or -errno."""
        if not self.vma.vm_flags[vma] & VM_INCOMPLETE and self.sys.incomplete[0] < MAX_COMPLAINTS:
            self.sys.incomplete[0] += 1
            self.printk("incomplete", fn="incomplete_pfn_remap")
        self.vma.vm_flags[vma] |= VM_INCOMPLETE | VM_IO | VM_RESERVED
        if addr < self.vma.vm_start[vma] or end > self.vma.vm_end[vma]:
            return -EINVAL
        if not self.pfn_valid(pfn) or not self.PageReserved(pfn):
            return -EINVAL
        while addr < end:
            error = self.insert_page(vma, addr, pfn, prot)
            if error:
                return error
            addr, pfn = addr + 4096, pfn + 1
        return 0

    @since(*INSERT)
    @kfn("addr", "pfn")
    def insert_page(self, vma: int, addr: int, pfn: int, prot: int) -> int:
        """Map one page, counted, at an address; 0 or -errno.

        Left out: a range that runs past mem_map, where the real one reads what is not a struct page.
        """
        mm = self.vma.mm[vma]
        if pfn >= self.config.frames or self.PageAnon(pfn):
            return -EINVAL
        ptep = self.pte_alloc_map(mm, addr)
        if not pte_none(self.pte.val[ptep]):
            return -EBUSY
        self.get_page(pfn)
        self.mm.file_rss[mm] += 1
        self.page_add_file_rmap(pfn)
        self.pte.val[ptep] = pte_managed(mk_pte(pfn, prot))
        return 0

    @since(*INSERT)
    @kfn("addr", "pfn")
    def vm_insert_page(self, vma: int, addr: int, pfn: int) -> int:
        """A driver maps one of its own pages, counted; it keeps its reference. 0 or -errno."""
        if addr < self.vma.vm_start[vma] or addr >= self.vma.vm_end[vma]:
            return -EFAULT
        if self.page.count[self.page_head(pfn)] == 0:
            return -EINVAL
        return self.insert_page(vma, addr, pfn, self.vma.vm_page_prot[vma])

    @override
    @since(*INSERT)
    def insert_page_op(self, op: ops.InsertPage) -> int | str:
        """vm_insert_page of a page of a buffer; 0 or -errno."""
        from errno import ESRCH

        mm = self.mm_of(op.pid)
        if not mm:
            return -ESRCH
        buf = self.index.bufs.get(self.strings.find(op.buf), NULL)
        if not buf or self.buf.state[buf] != 1 or not 0 <= op.index < 1 << self.buf.order[buf]:
            return -EINVAL
        vma = self.find_vma(mm, op.addr)
        if not vma:
            return -EFAULT
        return self.vm_insert_page(vma, op.addr, self.buf.pfn[buf] + op.index)

    @override
    @since(*NOPAGE_BUG)
    @kfn("address")
    def do_no_page(self, mm: int, vma: int, address: int, ptep: int, write: bool) -> int:
        """First touch of a page that the vma's nopage method provides; a private write copies it at once."""
        # [2.6.15-rc4]
        BUG_ON(self.vma.vm_flags[vma] & VM_PFNMAP != 0, "do_no_page")
        page, held = self.nopage(vma, address)
        if page == NOPAGE_SIGBUS:
            return VM_FAULT_SIGBUS
        if page == NOPAGE_OOM:
            return VM_FAULT_OOM
        anon = write and not self.vma.vm_flags[vma] & VM_SHARED
        if anon:
            page = self.early_cow(vma, page)
            if page == NO_PAGE:
                return VM_FAULT_OOM
        self.pte.val[ptep] = self.nopage_entry(vma, page, write, True, held or anon)
        if anon:
            self.mm.anon_rss[mm] += 1
            self.lru_cache_add_active(page)
            self.page_add_anon_rmap(page, vma, address)
        else:
            self.mm.file_rss[mm] += 1
            self.page_add_file_rmap(page)
        return VM_FAULT_MINOR
