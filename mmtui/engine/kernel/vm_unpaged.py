"""vm-unpaged -- VM_UNPAGED says which ptes are not managed; VM_RESERVED is only a word again.

The tree at f3d48f0373c1, after the last of the twelve "unpaged:" patches that Hugh Dickins posted on 17 and 21 November
2005. No release ever had it: a week later 6aab341e0a28 replaced it. Only remap_pfn_range sets VM_UNPAGED; what stands
in such a vma is not managed, but for the vma's own anonymous pages, which page_is_anon recognises.
"""

from __future__ import annotations

from typing_extensions import override

from mmtui.engine.errors import BUG_ON
from mmtui.engine.flags import (
    VM_HUGETLB,
    VM_IO,
    VM_LOCKED,
    VM_NONLINEAR,
    VM_RESERVED,
    VM_SHARED,
    VM_UNPAGED,
    PG_dirty,
    PG_referenced,
    PG_reserved,
)
from mmtui.engine.kernel.fault import VM_FAULT_MINOR, VM_FAULT_OOM, VM_FAULT_SIGBUS, VM_FAULT_WRITE
from mmtui.engine.kernel.filemap import NOPAGE_OOM, NOPAGE_SIGBUS
from mmtui.engine.kernel.memory import ZERO_PAGE
from mmtui.engine.kernel.model import NO_PAGE, NULL, kfn, since
from mmtui.engine.kernel.page_alloc import BAD_PAGE_CLEARS, BAD_WHEN_FREED, PREP_CLEARS, PRINTED_FLAGS
from mmtui.engine.kernel.v2_6_15_rc2 import Linux_2_6_15_rc2
from mmtui.engine.pgtable import mk_pte, pte_managed, pte_mkdirty, pte_none, pte_pfn

UNPAGED = ("2.6.15-rc3", "0b14c179a483", "unpaged: VM_UNPAGED")
PRIVATE_WRITE = ("2.6.15-rc3", "83e9b7e929d", "unpaged: private write VM_RESERVED")
GUP = ("2.6.15-rc3", "ed5297a9409", "unpaged: get_user_pages VM_RESERVED")
COMPOUND = ("2.6.15-rc3", "664beed0190f", "unpaged: unifdefed PageCompound")
COW = ("2.6.15-rc3", "920fc356f58", "unpaged: COW on VM_UNPAGED")
ANON = ("2.6.15-rc3", "ee498ed7302", "unpaged: anon in VM_UNPAGED")
ZERO = ("2.6.15-rc3", "f57e88a8d83", "unpaged: ZERO_PAGE in VM_UNPAGED")
BAD_PAGE = ("2.6.15-rc3", "689bcebfda1", "unpaged: PG_reserved bad_page")


class Linux_vm_unpaged(Linux_2_6_15_rc2):
    """What the twelve patches changed."""

    release = "vm-unpaged"

    # mm/page_alloc.c

    @override
    @since(*COMPOUND)
    def has_compound_pages(self) -> bool:
        """Every kernel has compound pages now."""
        return True

    @override
    @since(*BAD_PAGE)
    @kfn("pfn")
    def bad_page(self, function: str, pfn: int) -> None:
        """Report a page in a bad state, then reset it so that the kernel can go on. The ptes stay as they are.

        Left out: the backtrace, the process.
        """
        self.printk(
            "bad_page",
            fn=function,
            pfn=pfn,
            flags=self.page.flags[pfn] & PRINTED_FLAGS,
            mapping=int(self.page.mapping[pfn] != 0),
            mapcount=self.page.mapcount[pfn],
            count=self.page.count[self.page_head(pfn)],
        )
        # [vm-unpaged] PG_reserved stays
        self.page.flags[pfn] &= ~BAD_PAGE_CLEARS
        self.page.count[pfn] = 0
        self.page.mapcount[pfn] = 0
        self.page.mapping[pfn] = 0
        self.sys.tainted[0] = 1

    @override
    @since(*BAD_PAGE)
    def free_pages_check(self, function: str, pfn: int) -> bool:
        """Complain about a page that nobody should be freeing; may the caller go on? Not if it is PG_reserved."""
        if self.page_is_bad(pfn, self.bad_when_freed):
            self.bad_page(function, pfn)
        self.page.flags[pfn] &= ~PG_dirty
        # [vm-unpaged] a reserved page is kept off the free list, to be safe
        return not self.PageReserved(pfn)

    @override
    @since(*BAD_PAGE)
    def prep_new_page(self, pfn: int, order: int) -> bool:
        """Check and dress the first page of a block that is about to be handed out; may it be? Not a reserved one."""
        if self.page_is_bad(pfn, BAD_WHEN_FREED | PG_dirty | PG_reserved):
            self.bad_page("prep_new_page", pfn)
        # [vm-unpaged] a reserved page is dropped for good
        if self.PageReserved(pfn):
            return False
        self.page.flags[pfn] &= ~PREP_CLEARS
        self.page.private[pfn] = 0
        self.page.count[pfn] = 1
        return True

    # mm/memory.c: what is behind a pte

    @since(*ANON)
    def page_is_anon(self, pfn: int, vma: int, address: int) -> bool:
        """The page is this very vma's own anonymous page for this very address: a COW copy, not a window on it."""
        return (
            self.pfn_valid(pfn)
            and self.PageAnon(pfn)
            and self.page.mapcount[pfn] > 0
            and self.page.mapping[pfn] >> 1 == self.vma.anon_vma[vma] != NULL
            and self.vma.vm_start[vma] + ((self.page.index[pfn] - self.vma.vm_pgoff[vma]) << 12) == address
        )

    @override
    @since(*UNPAGED)
    def vm_normal_page(self, vma: int, address: int, pte: int) -> int:
        """The page that zap, fork manage behind a present pte, or NO_PAGE: VM_UNPAGED says it, but for COW copies."""
        pfn = pte_pfn(pte)
        # [vm-unpaged]
        if self.vma.vm_flags[vma] & VM_UNPAGED:
            return pfn if self.page_is_anon(pfn, vma, address) else NO_PAGE
        if not self.pfn_valid(pfn):
            self.print_bad_pte(address, pte)
            return NO_PAGE
        return pfn

    @override
    @since(*UNPAGED)
    def vma_needs_copy(self, vma: int) -> bool:
        """fork copies the ptes; else the child faults anew."""
        # [vm-unpaged] VM_UNPAGED instead of VM_RESERVED
        return self.vma.anon_vma[vma] != NULL or self.vma.vm_flags[vma] & (VM_HUGETLB | VM_NONLINEAR | VM_UNPAGED) != 0

    @override
    @since(*UNPAGED)
    def remap_sets(self) -> int:
        """The vm_flags that remap_pfn_range sets."""
        return VM_IO | VM_RESERVED | VM_UNPAGED

    # mm/memory.c: faults

    @override
    @since(*ZERO)
    @kfn("address")
    def do_anonymous_page(self, mm: int, vma: int, address: int, ptep: int, write: bool) -> int:
        """First touch of anonymous memory: a page of zeroes on a write, the ZERO_PAGE on a read, with vm_page_prot."""
        # [vm-unpaged] never the ZERO_PAGE in a VM_UNPAGED vma: zap could not tell it from a window
        if not write and not self.vma.vm_flags[vma] & VM_UNPAGED:
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
    @since(*UNPAGED)
    @kfn("address")
    def do_no_page(self, mm: int, vma: int, address: int, ptep: int, write: bool) -> int:
        """First touch of a page that the vma's nopage method provides; a private write copies it at once."""
        # [vm-unpaged]
        BUG_ON(self.vma.vm_flags[vma] & VM_UNPAGED != 0, "do_no_page")
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
        # [vm-unpaged] counted in every vma
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
    @since(*COW)
    @kfn("address")
    def do_wp_page(self, mm: int, vma: int, address: int, ptep: int) -> int:
        """A write to a read-only pte: reuse an anonymous page that nobody else maps, else copy. The source of a copy
        may be a window, which gives nothing back."""
        pte = self.pte.val[ptep]
        source = pte_pfn(pte)
        if not self.pfn_valid(source):
            self.print_bad_pte(address, pte)
            return VM_FAULT_OOM
        # [vm-unpaged] no page behind the pte, unless it is the vma's own
        window = self.vma.vm_flags[vma] & VM_UNPAGED and not self.page_is_anon(source, vma, address)
        old = NO_PAGE if window else source
        if old != NO_PAGE:
            if self.PageAnon(old) and self.can_share_swap_page(old):
                return self.wp_page_reuse(vma, ptep)
            self.get_page(old)
        new = self.wp_page_copy(vma, source, zeroed=source == ZERO_PAGE)
        if new == NO_PAGE:
            if old != NO_PAGE:
                self.put_page(old)
            return VM_FAULT_OOM
        self.wp_page_account(mm, old)
        self.break_cow(vma, new, address, ptep)
        if old != NO_PAGE:
            self.put_page(old)
            self.put_page(old)
        return VM_FAULT_WRITE

    @since(*COW)
    def wp_page_account(self, mm: int, old: int) -> None:
        """The rss of a copy: one page of the file becomes one anonymous page; over a window, one page more."""
        if old == NO_PAGE:
            self.mm.anon_rss[mm] += 1
            return
        self.page_remove_rmap(old)
        if not self.PageAnon(old):
            self.mm.file_rss[mm] -= 1
            self.mm.anon_rss[mm] += 1

    # mm/memory.c, mm/mmap.c, mm/mprotect.c, mm/madvise.c: who is refused

    @override
    @since(*GUP)
    def gup_refuses(self) -> int:
        """vm_flags of which get_user_pages keeps off."""
        return VM_IO

    @override
    @since(*PRIVATE_WRITE)
    def mmap_refuses_reserved(self, vma: int) -> int:
        """A check on what the method made of the vma: none."""
        return 0

    @override
    @since(*PRIVATE_WRITE)
    def mprotect_refuses(self, vma: int, flags: int) -> int:
        """A test before a vma's protection changes: none."""
        return 0

    @override
    @since(*UNPAGED)
    def madvise_refuses(self) -> int:
        """vm_flags of a vma that MADV_DONTNEED does not touch."""
        return VM_LOCKED | VM_HUGETLB | VM_UNPAGED

    # mm/fremap.c

    @override
    @since(*UNPAGED)
    @kfn("address", "pfn")
    def install_page(self, mm: int, vma: int, address: int, pfn: int) -> None:
        """Map a page of the file at an address; the caller's reference becomes the pte's."""
        # [vm-unpaged]
        BUG_ON(self.vma.vm_flags[vma] & VM_UNPAGED != 0, "install_page")
        ptep = self.pte_alloc_map(mm, address)
        if pte_none(self.pte.val[ptep]) or not self.zap_pte(mm, vma, address, ptep):
            self.mm.file_rss[mm] += 1
        self.pte.val[ptep] = pte_managed(mk_pte(pfn, self.vma.vm_page_prot[vma]))
        self.page_add_file_rmap(pfn)
