"""2.6.15 -- a shared VM_PFNMAP vma never has pages, a private one is remapped whole, fork copies inserted pages.

Tag v2.6.15 (88026842b0a7): rc5 and the five commits of 11 to 16 December 2005.
"""

from __future__ import annotations

from errno import EFAULT, EINVAL

from typing_extensions import override

from mmtui.engine.errors import BUG_ON
from mmtui.engine.flags import (
    VM_DONTCOPY,
    VM_DONTEXPAND,
    VM_HUGETLB,
    VM_INSERTPAGE,
    VM_IO,
    VM_NONLINEAR,
    VM_PFNMAP,
    VM_RESERVED,
)
from mmtui.engine.kernel.memory import pmd_addr_end
from mmtui.engine.kernel.model import NO_PAGE, NULL, gone, kfn, since
from mmtui.engine.kernel.v2_6_15_rc5 import Linux_2_6_15_rc5
from mmtui.engine.pgtable import pte_pfn

NO_FALLBACK = (
    "2.6.15-rc6", "7fc7e2eeecb", 'Remove (at least temporarily) the "incomplete PFN mapping" support',
)  # fmt: skip
COW_TEST = ("2.6.15-rc6", "67121172f97", "Allow arbitrary read-only shared pfn-remapping too")
GUP = ("2.6.15-rc6", "1ff8038988a", "get_user_pages: don't try to follow PFNMAP pages")
INSERTPAGE = (
    "2.6.15-rc6", "4d7672b46244", 'Make sure we copy pages inserted with "vm_insert_page()" on fork',
)  # fmt: skip


class Linux_2_6_15(Linux_2_6_15_rc5):
    """What rc6 changed; the release has it so."""

    release = "2.6.15"

    VM_SPECIAL = VM_IO | VM_DONTCOPY | VM_DONTEXPAND | VM_RESERVED | VM_PFNMAP

    incomplete_pfn_remap = gone(*NO_FALLBACK)

    @override
    @since(*COW_TEST)
    def vm_normal_page(self, vma: int, address: int, pte: int) -> int:
        """The page behind a present pte, or NO_PAGE if it is a window of a VM_PFNMAP vma."""
        pfn = pte_pfn(pte)
        if self.vma.vm_flags[vma] & VM_PFNMAP:
            if pfn == self.linear_page_index(vma, address):
                return NO_PAGE
            # [2.6.15-rc6] only a COW mapping can have pages of its own
            if not self.is_cow_mapping(vma):
                return NO_PAGE
        if not self.pfn_valid(pfn):
            self.print_bad_pte(address, pte)
            return NO_PAGE
        return pfn

    @override
    @since(*INSERTPAGE)
    def vma_needs_copy(self, vma: int) -> bool:
        """fork copies the ptes; else the child faults anew."""
        # [2.6.15-rc6] inserted pages too: nothing could fault them in again
        eager = VM_HUGETLB | VM_NONLINEAR | VM_PFNMAP | VM_INSERTPAGE
        return self.vma.anon_vma[vma] != NULL or self.vma.vm_flags[vma] & eager != 0

    @override
    @since(*NO_FALLBACK)
    @kfn("addr", "pfn")
    def remap_pfn_range(self, vma: int, addr: int, pfn: int, end: int, prot: int) -> int:
        """Map frames into a vma without counting them; a COW mapping whole or not at all. Returns 0 or -errno."""
        # [2.6.15-rc6]
        if self.is_cow_mapping(vma):
            if addr != self.vma.vm_start[vma] or end != self.vma.vm_end[vma]:
                return -EINVAL
            self.vma.vm_pgoff[vma] = pfn
        self.vma.vm_flags[vma] |= VM_IO | VM_RESERVED | VM_PFNMAP
        BUG_ON(addr >= end, "remap_pfn_range")
        while addr < end:
            stop = pmd_addr_end(addr, end)
            self.remap_pte_range(self.vma.mm[vma], addr, stop, pfn, prot)
            pfn += (stop - addr) >> 12
            addr = stop
        return 0

    @override
    @since(*INSERTPAGE)
    @kfn("addr", "pfn")
    def vm_insert_page(self, vma: int, addr: int, pfn: int) -> int:
        """A driver maps one of its own pages, counted; it keeps its reference. 0 or -errno."""
        if addr < self.vma.vm_start[vma] or addr >= self.vma.vm_end[vma]:
            return -EFAULT
        if self.page.count[self.page_head(pfn)] == 0:
            return -EINVAL
        # [2.6.15-rc6] stays, whatever insert_page says
        self.vma.vm_flags[vma] |= VM_INSERTPAGE
        return self.insert_page(vma, addr, pfn, self.vma.vm_page_prot[vma])

    @override
    @since(*GUP)
    def gup_refuses(self) -> int:
        """vm_flags of which get_user_pages keeps off."""
        return VM_IO | VM_PFNMAP

    @override
    @since(*INSERTPAGE)
    def mremap_refuses_growth(self) -> int:
        """vm_flags of a vma that may not grow."""
        return VM_DONTEXPAND | VM_PFNMAP
