"""2.6.15-rc2 -- PG_reserved is no longer honoured: VM_RESERVED says which ptes are not managed.

Tag v2.6.15-rc2 (3bedff1d73b8). b5810039a54e took the PageReserved tests out of the page-table code and gave their
whole meaning to VM_RESERVED: what stands in such a vma is neither counted nor given back. The ZERO_PAGE is counted
like any page from here on, and boot gives every reserved page one reference that never goes.
"""

from __future__ import annotations

from errno import EACCES

from typing_extensions import override

from mmtui.engine.errors import BUG_ON
from mmtui.engine.flags import (
    VM_HUGETLB,
    VM_IO,
    VM_LOCKED,
    VM_RESERVED,
    VM_SHARED,
    VM_WRITE,
    PG_dirty,
    PG_referenced,
    PG_reserved,
)
from mmtui.engine.kernel.fault import VM_FAULT_MINOR, VM_FAULT_OOM, VM_FAULT_SIGBUS, VM_FAULT_WRITE
from mmtui.engine.kernel.filemap import NOPAGE_OOM, NOPAGE_SIGBUS
from mmtui.engine.kernel.memory import ANON_PAGE, FILE_PAGE, ZERO_PAGE
from mmtui.engine.kernel.model import NO_PAGE, VM_OPS_NONE, kfn, since
from mmtui.engine.kernel.page_alloc import BAD_PAGE_CLEARS, BAD_WHEN_FREED, PREP_CLEARS, PRINTED_FLAGS
from mmtui.engine.kernel.v2_6_14 import Linux_2_6_14
from mmtui.engine.pgtable import (
    PMD_SIZE,
    PTE_LEDGER,
    mk_pte,
    pgoff_to_pte,
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
    pte_young,
)

RESERVED = ("2.6.15-rc1", "b5810039a54e", "core remove PageReserved")
FILE_RSS = ("2.6.15-rc1", "4294621f41a8", "mm: rss = file_rss + anon_rss")
GUP = ("2.6.15-rc1", "deceb6cd17e6", "mm: follow_page with inner ptlock")
MREMAP = ("2.6.15-rc1", "7be7a546994f", "mm: move_page_tables by extents")


class Linux_2_6_15_rc2(Linux_2_6_14):
    """What 2.6.15-rc1 and rc2 changed."""

    release = "2.6.15-rc2"

    boot_count = 1
    bad_when_freed = BAD_WHEN_FREED | PG_reserved

    # mm/swap.c, mm/page_alloc.c

    @override
    @since(*RESERVED)
    @kfn("pfn")
    def put_page(self, pfn: int) -> None:
        """Drop a reference; the last one frees the page."""
        if self.PageCompound(pfn):
            self.put_compound_page(pfn)
            return
        # [2.6.15-rc1] no test for PG_reserved
        if self.put_page_testzero(pfn, "put_page"):
            self.page_cache_release_last(pfn)

    @override
    @since(*RESERVED)
    def lru_drain_release(self, pfn: int) -> None:
        """release_pages at the end of a pagevec drain: the pagevec's reference goes."""
        # [2.6.15-rc1] reserved or not
        self.release_page(pfn)

    @override
    @since(*RESERVED)
    @kfn("pfn", "order", name="__free_pages")
    def free_pages(self, pfn: int, order: int) -> None:
        """Drop the caller's reference to a block, and free it if that was the last one."""
        # [2.6.15-rc1] no test for PG_reserved
        if self.put_page_testzero(self.page_head(pfn), "__free_pages"):
            if order == 0:
                self.free_hot_cold_page(pfn)
            else:
                self.free_pages_ok(pfn, order)

    @override
    @since(*RESERVED)
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
        # [2.6.15-rc1] PG_reserved goes too
        self.page.flags[pfn] &= ~(BAD_PAGE_CLEARS | PG_reserved)
        self.page.count[pfn] = 0
        self.page.mapcount[pfn] = 0
        self.page.mapping[pfn] = 0
        self.sys.tainted[0] = 1

    @override
    @since(*RESERVED)
    def prep_new_page(self, pfn: int, order: int) -> bool:
        """Check and dress the first page of a block that is about to be handed out; may it be?"""
        # [2.6.15-rc1] PG_reserved is bad here
        if self.page_is_bad(pfn, BAD_WHEN_FREED | PG_dirty | PG_reserved):
            self.bad_page("prep_new_page", pfn)
        self.page.flags[pfn] &= ~PREP_CLEARS
        self.page.private[pfn] = 0
        self.page.count[pfn] = 1
        return True

    # mm/rmap.c

    @override
    @since(*RESERVED)
    @kfn("pfn", "address")
    def page_add_anon_rmap(self, pfn: int, vma: int, address: int) -> None:
        """One more pte maps an anonymous page; the first one names its anon_vma and index."""
        # [2.6.15-rc1] no BUG for PG_reserved; anon_rss is the caller's
        self.page.mapcount[pfn] += 1
        if self.page.mapcount[pfn] == 1:
            self.set_anon_rmap(pfn, vma, address)

    @override
    @since(*RESERVED)
    @kfn("pfn")
    def page_add_file_rmap(self, pfn: int) -> None:
        """One more pte maps a page that is not anonymous."""
        BUG_ON(self.PageAnon(pfn), "page_add_file_rmap")
        # [2.6.15-rc1] reserved or not
        self.page.mapcount[pfn] += 1
        if self.page.mapcount[pfn] == 1:
            self.sys.nr_mapped[0] += 1

    @override
    @since(*RESERVED)
    @kfn("pfn")
    def page_remove_rmap(self, pfn: int) -> None:
        """One pte fewer maps the page."""
        # [2.6.15-rc1] no BUG for PG_reserved
        self.page.mapcount[pfn] -= 1
        if self.page.mapcount[pfn] <= 0:
            BUG_ON(self.page.mapcount[pfn] < 0, "page_remove_rmap")
            self.sys.nr_mapped[0] -= 1

    # mm/memory.c: what is behind a pte

    @since(*RESERVED)
    @kfn("address")
    def print_bad_pte(self, address: int, pte: int) -> None:
        """Complain about a pte whose pfn has no struct page."""
        self.printk("bad_pte", fn="print_bad_pte", pfn=pte_pfn(pte), vaddr=address)

    @override
    @since(*RESERVED)
    def vm_normal_page(self, vma: int, address: int, pte: int) -> int:
        """The page that zap and fork manage behind a present pte, or NO_PAGE: the vma says it, with VM_RESERVED."""
        # [2.6.15-rc1]
        if self.vma.vm_flags[vma] & VM_RESERVED:
            return NO_PAGE
        if not self.pfn_valid(pte_pfn(pte)):
            self.print_bad_pte(address, pte)
            return NO_PAGE
        return pte_pfn(pte)

    # mm/memory.c: fork

    @override
    @since(*FILE_RSS)
    def copy_account(self, child: int, file_pages: int, anon_pages: int) -> None:
        """The child's rss for one page-table page of copies."""
        # [2.6.15-rc1] file_rss and anon_rss, kept in locals meanwhile
        self.mm.file_rss[child] += file_pages
        self.mm.anon_rss[child] += anon_pages

    @override
    @since(*RESERVED)
    @kfn("address")
    def copy_one_pte(self, child: int, dst: int, src: int, vma: int, address: int) -> int:
        """Give the child its parent's pte; a private writable one goes read-only in both. A pte that is not managed is
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
        # [2.6.15-rc1] the counters are copy_pte_range's
        self.page_dup_rmap(page)
        self.pte.val[dst] = pte_managed(pte)
        return page

    # mm/memory.c: zap

    @override
    @since(*RESERVED)
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
        # [2.6.15-rc1] an anonymous page does not become PG_dirty; the counters are zap_account's
        if not anon:
            if pte_dirty(pte):
                self.set_page_dirty(page)
            if pte_young(pte):
                self.mark_page_accessed(page)
        self.page_remove_rmap(page)
        self.put_page(page)
        return ANON_PAGE if anon else FILE_PAGE

    @override
    @since(*FILE_RSS)
    def zap_account(self, mm: int, file_pages: int, anon_pages: int) -> None:
        """The rss of one page-table page of zapped ptes."""
        # [2.6.15-rc1] file_rss and anon_rss, kept in locals meanwhile
        self.mm.file_rss[mm] -= file_pages
        self.mm.anon_rss[mm] -= anon_pages

    @override
    @since(*FILE_RSS)
    def tlb_finish_mmu(self, mm: int, freed: int) -> None:
        """rss is lowered where the ptes are zapped."""

    # mm/memory.c: explicit mapping

    @override
    @since(*RESERVED)
    @kfn("addr", "pfn")
    def remap_pte_range(self, mm: int, addr: int, end: int, pfn: int, prot: int) -> None:
        """Set the ptes of one page-table page, whatever the frames are."""
        ptep = self.pte_alloc_map(mm, addr)
        while addr < end:
            BUG_ON(not pte_none(self.pte.val[ptep]), "remap_pte_range")
            # [2.6.15-rc1] ordinary RAM as well
            self.pte.val[ptep] = mk_pte(pfn, prot)
            ptep, addr, pfn = ptep + 1, addr + 4096, pfn + 1

    @override
    @since(*RESERVED)
    def zeromap_one_pte(self, mm: int, ptep: int, pte: int) -> None:
        """One entry of zeromap_pte_range: the ZERO_PAGE is counted like any page."""
        # [2.6.15-rc1]
        self.get_page(ZERO_PAGE)
        self.page_add_file_rmap(ZERO_PAGE)
        self.mm.file_rss[mm] += 1
        BUG_ON(not pte_none(self.pte.val[ptep]), "zeromap_pte_range")
        self.pte.val[ptep] = pte_managed(pte)

    # mm/memory.c: faults

    @override
    @since(*RESERVED)
    @kfn("address")
    def do_anonymous_page(self, mm: int, vma: int, address: int, ptep: int, write: bool) -> int:
        """First touch of anonymous memory: a page of zeroes on a write, the ZERO_PAGE on a read, with vm_page_prot."""
        if not write:
            # [2.6.15-rc1] counted, and no longer write-protected
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
    @since(*RESERVED)
    @kfn("address")
    def do_no_page(self, mm: int, vma: int, address: int, ptep: int, write: bool) -> int:
        """First touch of a page that the vma's nopage method provides; a private write copies it at once."""
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
        # [2.6.15-rc1] in a VM_RESERVED vma the page is not counted, and nopage's reference stays behind
        managed = anon or not self.vma.vm_flags[vma] & VM_RESERVED
        self.pte.val[ptep] = self.nopage_entry(vma, page, write, managed, held or anon)
        if anon:
            self.mm.anon_rss[mm] += 1
            self.lru_cache_add_active(page)
            self.page_add_anon_rmap(page, vma, address)
        elif managed:
            self.mm.file_rss[mm] += 1
            self.page_add_file_rmap(page)
        return VM_FAULT_MINOR

    @override
    @since(*RESERVED)
    @kfn("address")
    def do_wp_page(self, mm: int, vma: int, address: int, ptep: int) -> int:
        """A write to a read-only pte: reuse an anonymous page that nobody else maps, else copy."""
        # [2.6.15-rc1]
        BUG_ON(self.vma.vm_flags[vma] & VM_RESERVED != 0, "do_wp_page")
        pte = self.pte.val[ptep]
        old = pte_pfn(pte)
        if not self.pfn_valid(old):
            self.print_bad_pte(address, pte)
            return VM_FAULT_OOM
        if self.PageAnon(old) and self.can_share_swap_page(old):
            return self.wp_page_reuse(vma, ptep)
        self.get_page(old)
        new = self.wp_page_copy(vma, old, zeroed=old == ZERO_PAGE)
        if new == NO_PAGE:
            self.put_page(old)
            return VM_FAULT_OOM
        self.page_remove_rmap(old)
        if not self.PageAnon(old):
            self.mm.anon_rss[mm] += 1
            self.mm.file_rss[mm] -= 1
        self.break_cow(vma, new, address, ptep)
        self.put_page(old)
        self.put_page(old)
        return VM_FAULT_WRITE

    @override
    @since(*RESERVED)
    @kfn("address")
    def do_file_page(self, mm: int, vma: int, address: int, ptep: int, write: bool) -> int:
        """A pte that holds a file offset: populate it. One that stands in a linear vma is bad."""
        from mmtui.engine.flags import VM_NONLINEAR

        pte = self.pte.val[ptep]
        # [2.6.15-rc1]
        if not self.vma.vm_flags[vma] & VM_NONLINEAR:
            self.print_bad_pte(address, pte)
            return VM_FAULT_OOM
        return self.populate_fault(vma, address, pte_pfn(pte))

    # mm/memory.c: get_user_pages

    @override
    @since(*GUP)
    def follow_page(self, vma: int, address: int, write: bool, get: bool) -> int:
        """The page that a pte maps, or NO_PAGE if a fault must come first; with a reference if asked."""
        ptep = self.pte_offset(self.vma.mm[vma], address)
        pte = self.pte.val[ptep] if ptep else 0
        if not pte_present(pte) or (write and not pte_write(pte)) or not self.pfn_valid(pte_pfn(pte)):
            return NO_PAGE
        page = pte_pfn(pte)
        # [2.6.15-rc1] the reference first, reserved or not
        if get:
            self.get_page(page)
        self.touch_page(page, write and not pte_dirty(pte))
        return page

    @override
    @since(*GUP)
    def untouched_anonymous_page(self, vma: int, address: int) -> bool:
        """No page table, no nopage, not VM_LOCKED: a reader may have the ZERO_PAGE without a fault."""
        return (
            not self.vma.vm_flags[vma] & VM_LOCKED
            and self.vma.vm_ops[vma] == VM_OPS_NONE
            and not self.index.pt_of(self.vma.mm[vma], address)
        )

    @override
    @since(*RESERVED)
    def get_zero_page(self) -> None:
        """The reference of a pin on the ZERO_PAGE."""
        self.get_page(ZERO_PAGE)

    @override
    @since(*RESERVED)
    def pin_takes_reference(self, pfn: int) -> bool:
        """Does get_user_pages take a reference on this page? On any."""
        return True

    @override
    @since(*RESERVED)
    def gup_refuses(self) -> int:
        """vm_flags of which get_user_pages keeps off."""
        return VM_IO | VM_RESERVED

    # mm/mmap.c, mm/mprotect.c, mm/madvise.c

    @override
    @since(*RESERVED)
    def mmap_refuses_reserved(self, vma: int) -> int:
        """A private writable VM_RESERVED mapping could not be COWed: complain and refuse."""
        # [2.6.15-rc1]
        if self.vma.vm_flags[vma] & (VM_SHARED | VM_WRITE | VM_RESERVED) != VM_WRITE | VM_RESERVED:
            return 0
        self.printk("private_write_reserved", fn="do_mmap_pgoff")
        return -EACCES

    @override
    @since(*RESERVED)
    def mprotect_refuses(self, vma: int, flags: int) -> int:
        """VM_WRITE asked for a VM_RESERVED vma, private or shared: complain and refuse; it must not have had it."""
        # [2.6.15-rc1]
        old = self.vma.vm_flags[vma]
        if not flags & VM_WRITE or not old & VM_RESERVED:
            return 0
        BUG_ON(old & VM_WRITE != 0, "mprotect_fixup")
        self.printk("private_write_reserved", fn="sys_mprotect")
        return -EACCES

    @override
    @since(*RESERVED)
    def madvise_refuses(self) -> int:
        """vm_flags of a vma that MADV_DONTNEED does not touch."""
        return VM_LOCKED | VM_HUGETLB | VM_RESERVED

    # mm/fremap.c

    @override
    @since(*RESERVED)
    @kfn("address")
    def zap_pte(self, mm: int, vma: int, address: int, ptep: int) -> bool:
        """Clear one entry before install_page sets it; was there a page to give back?"""
        pte = self.pte.val[ptep]
        self.pte.val[ptep] = 0
        if not pte_present(pte):
            return False
        pfn = pte_pfn(pte)
        # [2.6.15-rc1] complains about an invalid pfn; does not look at PG_reserved; rss is install_page's
        if not self.pfn_valid(pfn):
            self.print_bad_pte(address, pte)
            return False
        if pte_dirty(pte):
            self.set_page_dirty(pfn)
        self.page_remove_rmap(pfn)
        self.put_page(pfn)
        return True

    @override
    @since(*RESERVED)
    @kfn("address", "pfn")
    def install_page(self, mm: int, vma: int, address: int, pfn: int) -> None:
        """Map a page of the file at an address; the caller's reference becomes the pte's."""
        # [2.6.15-rc1]
        BUG_ON(self.vma.vm_flags[vma] & VM_RESERVED != 0, "install_page")
        ptep = self.pte_alloc_map(mm, address)
        if pte_none(self.pte.val[ptep]) or not self.zap_pte(mm, vma, address, ptep):
            self.mm.file_rss[mm] += 1
        self.pte.val[ptep] = pte_managed(mk_pte(pfn, self.vma.vm_page_prot[vma]))
        self.page_add_file_rmap(pfn)

    # mm/mremap.c

    @override
    @since(*MREMAP)
    @kfn("old_addr", "new_addr")
    def move_page_tables(self, mm: int, old_addr: int, new_addr: int, len: int) -> None:
        """Move the ptes of a range as they are; a page-table page is made wherever the source has one."""
        end = old_addr + len
        while old_addr < end:
            extent = min(PMD_SIZE - old_addr % PMD_SIZE, end - old_addr)
            # [2.6.15-rc1] by extents of a page-table page
            if self.index.pt_of(mm, old_addr):
                extent = min(extent, PMD_SIZE - new_addr % PMD_SIZE)
                self.move_ptes(mm, old_addr, new_addr, extent)
            old_addr, new_addr = old_addr + extent, new_addr + extent

    @since(*MREMAP)
    @kfn("old_addr", "new_addr")
    def move_ptes(self, mm: int, old_addr: int, new_addr: int, extent: int) -> None:
        """Move the entries of one page-table page."""
        src = self.pte_offset(mm, old_addr)
        dst = self.pte_alloc_map(mm, new_addr)
        for slot in range(extent >> 12):
            pte = self.pte.val[src + slot]
            if not pte_none(pte):
                self.pte.val[src + slot] = 0
                self.pte.val[dst + slot] = pte
