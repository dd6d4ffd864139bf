"""2.6.15-rc3 -- VM_PFNMAP: a pte whose pfn is where remap_pfn_range put it has no page; any other has one.

6aab341e0a28 (28 November 2005, Linus Torvalds) took VM_UNPAGED's bit and its place. vm_pgoff of a VM_PFNMAP vma holds
the first pfn, so that the test needs nothing but the vma and the pte. A second remap_pfn_range in the same vma
overwrites it.
"""

from __future__ import annotations

from typing_extensions import override

from mmtui.engine.errors import BUG_ON
from mmtui.engine.flags import (
    VM_HUGETLB,
    VM_IO,
    VM_LOCKED,
    VM_NONLINEAR,
    VM_PFNMAP,
    VM_RESERVED,
    VM_SHARED,
    PG_referenced,
)
from mmtui.engine.kernel.fault import NO_WORD, VM_FAULT_MINOR, VM_FAULT_OOM, VM_FAULT_SIGBUS, VM_FAULT_WRITE
from mmtui.engine.kernel.filemap import NOPAGE_OOM, NOPAGE_SIGBUS
from mmtui.engine.kernel.memory import ZERO_PAGE, pmd_addr_end
from mmtui.engine.kernel.model import NO_PAGE, NULL, kfn, since
from mmtui.engine.kernel.vm_unpaged import Linux_vm_unpaged
from mmtui.engine.pgtable import (
    PTE_LEDGER,
    PTE_PRESENT,
    mk_pte,
    pte_dirty,
    pte_managed,
    pte_mkclean,
    pte_mkdirty,
    pte_mkold,
    pte_none,
    pte_pfn,
    pte_present,
    pte_write,
    pte_wrprotect,
)

PFNMAP = ("2.6.15-rc3", "6aab341e0a28", "mm: re-architect the VM_UNPAGED logic")


class Linux_2_6_15_rc3(Linux_vm_unpaged):
    """What 6aab341e0a28 changed."""

    release = "2.6.15-rc3"

    # What is behind a pte

    @override
    @since(*PFNMAP)
    def vm_normal_page(self, vma: int, address: int, pte: int) -> int:
        """The page behind a present pte, or NO_PAGE if it is a window of a VM_PFNMAP vma."""
        pfn = pte_pfn(pte)
        # [2.6.15-rc3] the pfn says it
        if self.vma.vm_flags[vma] & VM_PFNMAP and pfn == self.linear_page_index(vma, address):
            return NO_PAGE
        if not self.pfn_valid(pfn):
            self.print_bad_pte(address, pte)
            return NO_PAGE
        return pfn

    @override
    @since(*PFNMAP)
    def vma_needs_copy(self, vma: int) -> bool:
        """fork copies the ptes; else the child faults anew."""
        return self.vma.anon_vma[vma] != NULL or self.vma.vm_flags[vma] & (VM_HUGETLB | VM_NONLINEAR | VM_PFNMAP) != 0

    @override
    @since(*PFNMAP)
    @kfn("address")
    def copy_one_pte(self, child: int, dst: int, src: int, vma: int, address: int) -> int:
        """Give the child its parent's pte, read-only in both if the mapping is COW, windows included. Returns the page
        that got a reference, or NO_PAGE.

        Left out: swap entries, locks.
        """
        pte = self.pte.val[src]
        if not pte_present(pte):
            self.pte.val[dst] = pte
            return NO_PAGE
        # [2.6.15-rc3] no way out before the protection is taken
        if self.is_cow_mapping(vma):
            pte = pte_wrprotect(pte)
            self.pte.val[src] = pte
        if self.vma.vm_flags[vma] & VM_SHARED:
            pte = pte_mkclean(pte)
        pte = pte_mkold(pte)
        page = self.vm_normal_page(vma, address, pte)
        if page == NO_PAGE:
            self.pte.val[dst] = pte & ~PTE_LEDGER
            return NO_PAGE
        self.get_page(page)
        self.page_dup_rmap(page)
        self.pte.val[dst] = pte_managed(pte)
        return page

    # Explicit mapping

    @override
    @since(*PFNMAP)
    @kfn("addr", "pfn")
    def remap_pfn_range(self, vma: int, addr: int, pfn: int, end: int, prot: int) -> int:
        """Map frames into a vma without counting them; returns 0 or -errno."""
        # [2.6.15-rc3] every call, also the second one in a vma
        self.vma.vm_flags[vma] |= VM_IO | VM_RESERVED | VM_PFNMAP
        self.vma.vm_pgoff[vma] = pfn
        BUG_ON(addr >= end, "remap_pfn_range")
        while addr < end:
            stop = pmd_addr_end(addr, end)
            self.remap_pte_range(self.vma.mm[vma], addr, stop, pfn, prot)
            pfn += (stop - addr) >> 12
            addr = stop
        return 0

    # Faults

    @override
    @since(*PFNMAP)
    @kfn("address")
    def do_anonymous_page(self, mm: int, vma: int, address: int, ptep: int, write: bool) -> int:
        """First touch of anonymous memory: a page of zeroes on a write, the ZERO_PAGE on a read, with vm_page_prot."""
        # [2.6.15-rc3] in any vma
        if not write:
            self.get_page(ZERO_PAGE)
            self.mm.file_rss[mm] += 1
            self.page_add_file_rmap(ZERO_PAGE)
            self.pte.val[ptep] = pte_managed(mk_pte(ZERO_PAGE, self.vma.vm_page_prot[vma]))
            return VM_FAULT_MINOR
        self.anon_vma_prepare(vma)
        page = self.alloc_zeroed_page()
        if page == NO_PAGE:
            return VM_FAULT_OOM
        self.mm.anon_rss[mm] += 1
        self.lru_cache_add_active(page)
        self.page.flags[page] |= PG_referenced
        self.page_add_anon_rmap(page, vma, address)
        entry = pte_mkdirty(mk_pte(page, self.vma.vm_page_prot[vma]))
        self.pte.val[ptep] = pte_managed(self.maybe_mkwrite(entry, vma))
        return VM_FAULT_MINOR

    @override
    @since(*PFNMAP)
    @kfn("address")
    def do_no_page(self, mm: int, vma: int, address: int, ptep: int, write: bool) -> int:
        """First touch of a page that the vma's nopage method provides; a private write copies it at once."""
        # [2.6.15-rc3] no BUG for the magic flag
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

    @override
    @since(*PFNMAP)
    @kfn("address")
    def do_wp_page(self, mm: int, vma: int, address: int, ptep: int) -> int:
        """A write to a read-only pte: reuse an anonymous page that nobody else maps, else copy. A window is copied as
        the process sees it, so that it need not be memory at all."""
        pte = self.pte.val[ptep]
        # [2.6.15-rc3]
        old = self.vm_normal_page(vma, address, pte)
        if old == NO_PAGE:
            new = self.cow_user_page(vma, pte)
            if new == NO_PAGE:
                return VM_FAULT_OOM
            self.wp_page_account(mm, old)
            self.break_cow(vma, new, address, ptep)
            return VM_FAULT_WRITE
        if self.PageAnon(old) and self.can_share_swap_page(old):
            return self.wp_page_reuse(vma, ptep)
        self.get_page(old)
        new = self.wp_page_copy(vma, old, zeroed=old == ZERO_PAGE)
        if new == NO_PAGE:
            self.put_page(old)
            return VM_FAULT_OOM
        self.wp_page_account(mm, old)
        self.break_cow(vma, new, address, ptep)
        self.put_page(old)
        self.put_page(old)
        return VM_FAULT_WRITE

    @since(*PFNMAP)
    def cow_user_page(self, vma: int, pte: int) -> int:
        """A new page with what the process reads there; zeroes where it may not read. NO_PAGE without memory."""
        self.anon_vma_prepare(vma)
        new = self.alloc_pages(0)
        if new != NO_PAGE:
            self.page.word[new] = self.read_word(pte_pfn(pte)) & NO_WORD if pte & PTE_PRESENT else 0
        return new

    # get_user_pages, madvise, fremap

    @override
    @since(*PFNMAP)
    def follow_page(self, vma: int, address: int, write: bool, get: bool) -> int:
        """The page that a pte maps, or NO_PAGE if a fault must come first; with a reference if asked."""
        ptep = self.pte_offset(self.vma.mm[vma], address)
        pte = self.pte.val[ptep] if ptep else 0
        if not pte_present(pte) or (write and not pte_write(pte)):
            return NO_PAGE
        # [2.6.15-rc3]
        page = self.vm_normal_page(vma, address, pte)
        if page == NO_PAGE:
            return NO_PAGE
        if get:
            self.get_page(page)
        self.touch_page(page, write and not pte_dirty(pte))
        return page

    @override
    @since(*PFNMAP)
    def madvise_refuses(self) -> int:
        """vm_flags of a vma that MADV_DONTNEED does not touch."""
        return VM_LOCKED | VM_HUGETLB | VM_PFNMAP

    @override
    @since(*PFNMAP)
    @kfn("address")
    def zap_pte(self, mm: int, vma: int, address: int, ptep: int) -> bool:
        """Clear one entry before install_page sets it; was there a page to give back?"""
        pte = self.pte.val[ptep]
        self.pte.val[ptep] = 0
        if not pte_present(pte):
            return False
        # [2.6.15-rc3]
        page = self.vm_normal_page(vma, address, pte)
        if page == NO_PAGE:
            return False
        if pte_dirty(pte):
            self.set_page_dirty(page)
        self.page_remove_rmap(page)
        self.put_page(page)
        return True

    @override
    @since(*PFNMAP)
    @kfn("address", "pfn")
    def install_page(self, mm: int, vma: int, address: int, pfn: int) -> None:
        """Map a page of the file at an address; the caller's reference becomes the pte's."""
        # [2.6.15-rc3] no BUG for the magic flag
        ptep = self.pte_alloc_map(mm, address)
        if pte_none(self.pte.val[ptep]) or not self.zap_pte(mm, vma, address, ptep):
            self.mm.file_rss[mm] += 1
        self.pte.val[ptep] = pte_managed(mk_pte(pfn, self.vma.vm_page_prot[vma]))
        self.page_add_file_rmap(pfn)
