"""mm/memory.c of today's kernel, the half that works on one page: faults and COW."""

from __future__ import annotations

from typing_extensions import override

from mmtui.engine.flags import (
    VM_EXEC,
    VM_MAYSHARE,
    VM_MIXEDMAP,
    VM_PFNMAP,
    VM_READ,
    VM_SHARED,
    VM_WRITE,
    PG_anon_exclusive,
    PG_locked,
)
from mmtui.engine.kernel.fault import VM_FAULT_MINOR, VM_FAULT_OOM, VM_FAULT_SIGBUS, VM_FAULT_WRITE
from mmtui.engine.kernel.filemap import NOPAGE_OOM, NOPAGE_SIGBUS
from mmtui.engine.kernel.memory import ZERO_PAGE
from mmtui.engine.kernel.model import NO_PAGE, NULL, VM_OPS_FILE, VM_OPS_NONE, gone, kfn, since
from mmtui.engine.kernel.v6_x_changes import AROUND, EXCLUSIVE, GUARD, NO_NONLINEAR, REUSE, SPECIAL, ZERO
from mmtui.engine.kernel.v6_x_huge import ModernHuge
from mmtui.engine.pgtable import (
    PAGE_MASK,
    PTE_SPECIAL,
    mk_pte,
    pte_managed,
    pte_mkdirty,
    pte_mkyoung,
    pte_none,
    pte_pfn,
    pte_present,
    pte_write,
)

VM_FAULT_SIGSEGV = 4
FAULT_AROUND_PAGES = 16


class ModernFault(ModernHuge):
    """mm/memory.c: one page"""

    do_file_page = gone(*NO_NONLINEAR)
    populate_fault = gone(*NO_NONLINEAR)
    can_share_swap_page = gone(*REUSE)

    # What is behind a pte

    @override
    @since(*SPECIAL)
    def vm_normal_page(self, vma: int, address: int, pte: int) -> int:
        """The page behind a present pte, or NO_PAGE: the pte itself says it, with its special bit."""
        pfn = pte_pfn(pte)
        # [2.6.26]
        if pte & PTE_SPECIAL:
            if not self.vma.vm_flags[vma] & (VM_PFNMAP | VM_MIXEDMAP) and pfn != ZERO_PAGE:
                self.print_bad_pte(address, pte)
            return NO_PAGE
        if not self.pfn_valid(pfn):
            self.print_bad_pte(address, pte)
            return NO_PAGE
        return pfn

    # First touch

    @override
    @since(*ZERO)
    @kfn("address")
    def do_anonymous_page(self, mm: int, vma: int, address: int, ptep: int, write: bool) -> int:
        """First touch of anonymous memory: a page of zeroes on a write; on a read the ZERO_PAGE, with a special pte and
        not counted."""
        if not write:
            if self.do_huge_pmd_anonymous_page(mm, vma, address, ptep, False):
                return VM_FAULT_MINOR
            # [2.6.32]
            self.pte.val[ptep] = mk_pte(ZERO_PAGE, self.vma.vm_page_prot[vma]) | PTE_SPECIAL
            return VM_FAULT_MINOR
        self.anon_vma_prepare(vma)
        if self.do_huge_pmd_anonymous_page(mm, vma, address, ptep, True):
            return VM_FAULT_MINOR
        page = self.alloc_zeroed_page()
        if page == NO_PAGE:
            return VM_FAULT_OOM
        self.mm.anon_rss[mm] += 1
        self.break_cow(vma, page, address, ptep)
        return VM_FAULT_MINOR

    @override
    @since(*AROUND)
    @kfn("address")
    def do_no_page(self, mm: int, vma: int, address: int, ptep: int, write: bool) -> int:
        """First touch of a page of a file or a device: do_fault. A read fault may map its neighbours as well; a private
        write copies the page at once."""
        if self.vma.vm_ops[vma] == VM_OPS_NONE:
            return VM_FAULT_SIGBUS
        # [3.15]
        if not write and self.do_fault_around(mm, vma, address, ptep):
            return VM_FAULT_MINOR
        if write and not self.vma.vm_flags[vma] & VM_SHARED:
            return self.do_cow_fault(mm, vma, address, ptep)
        page, held = self.nopage(vma, address)
        if page in (NOPAGE_SIGBUS, NOPAGE_OOM):
            return VM_FAULT_SIGBUS if page == NOPAGE_SIGBUS else VM_FAULT_OOM
        self.mm.file_rss[mm] += 1
        self.page_add_file_rmap(page)
        self.mlock_vma_page(vma, page)
        self.pte.val[ptep] = self.nopage_entry(vma, page, write, True, held)
        return VM_FAULT_MINOR

    @since(*AROUND)
    def do_cow_fault(self, mm: int, vma: int, address: int, ptep: int) -> int:
        """A first write to a private mapping: the copy is made before the page is asked for."""
        self.anon_vma_prepare(vma)
        copy = self.alloc_pages(0)
        if copy == NO_PAGE:
            return VM_FAULT_OOM
        page, _ = self.nopage(vma, address)
        if page in (NOPAGE_SIGBUS, NOPAGE_OOM):
            self.put_page(copy)
            return VM_FAULT_SIGBUS if page == NOPAGE_SIGBUS else VM_FAULT_OOM
        self.copy_cow_page(page, copy)
        self.mm.anon_rss[mm] += 1
        self.break_cow(vma, copy, address, ptep)
        self.put_page(page)
        return VM_FAULT_MINOR

    @since(*AROUND)
    @kfn("address")
    def do_fault_around(self, mm: int, vma: int, address: int, ptep: int) -> bool:
        """Map what the page cache has of the 16 pages around an address, within the vma and the page table; was the
        page itself among them? machine.fault_around turns it on."""
        if not self.config.fault_around or self.vma.vm_ops[vma] != VM_OPS_FILE:
            return False
        inode = self.file.inode[self.vma.vm_file[vma]]
        slot, below = ptep & 1023, (address - self.vma.vm_start[vma]) >> 12
        first = max(slot & ~(FAULT_AROUND_PAGES - 1), slot - min(slot, below))
        last = min(first + FAULT_AROUND_PAGES, 1024, slot + ((self.vma.vm_end[vma] - address) >> 12))
        for each in range(first, last):
            near = address + ((each - slot) << 12)
            page = self.page_cache_lookup(inode, self.linear_page_index(vma, near))
            if page != NO_PAGE and pte_none(self.pte.val[ptep + each - slot]) and not self.page.flags[page] & PG_locked:
                self.get_page(page)
                self.mm.file_rss[mm] += 1
                self.page_add_file_rmap(page)
                self.mlock_vma_page(vma, page)
                self.pte.val[ptep + each - slot] = pte_managed(mk_pte(page, self.vma.vm_page_prot[vma]))
        return not pte_none(self.pte.val[ptep])

    # A write to a read-only pte

    @since(*EXCLUSIVE)
    def wp_can_reuse_anon_folio(self, mm: int, address: int, pfn: int) -> bool:
        """An anonymous page that is exclusive, or whose only reference is this pte's; of a huge page, if all references
        are those of this mm's ptes. Then it is exclusive again."""
        if not self.PageAnonExclusive(pfn):
            head = self.page_head(pfn)
            ours = self.mapped_parts(mm, address, head) if self.PageCompound(pfn) else 1
            if self.page.count[head] != ours:
                return False
        self.page.flags[pfn] |= PG_anon_exclusive
        return True

    @override
    @since(*REUSE)
    @kfn("address")
    def do_wp_page(self, mm: int, vma: int, address: int, ptep: int) -> int:
        """A write to a read-only pte: in a shared mapping it becomes writable, in a private one the page is copied, if
        anybody else can have a reference to it."""
        page = self.vm_normal_page(vma, address, self.pte.val[ptep])
        # [5.9] page_count decides, not page_mapcount; and a shared mapping may come here (2.6.19, d08b3851da41)
        if self.vma.vm_flags[vma] & (VM_SHARED | VM_MAYSHARE):
            if page != NO_PAGE:
                self.set_page_dirty(page)
            return self.wp_page_reuse(vma, ptep)
        if page != NO_PAGE and self.PageAnon(page) and self.wp_can_reuse_anon_folio(mm, address, page):
            return self.wp_page_reuse(vma, ptep)
        zero = page == NO_PAGE and pte_pfn(self.pte.val[ptep]) == ZERO_PAGE
        if zero and self.do_huge_pmd_anonymous_page(mm, vma, address, ptep, True):
            return VM_FAULT_WRITE
        return self.wp_page_copy_and_map(mm, vma, address, ptep, page)

    @since(*REUSE)
    def wp_page_copy_and_map(self, mm: int, vma: int, address: int, ptep: int, old: int, unshare: bool = False) -> int:
        """wp_page_copy: the entry maps a private copy from now on; `unshare`: and stays read-only. `old`: NO_PAGE for a
        special pte, which holds nothing."""
        pte = self.pte.val[ptep]
        if old == NO_PAGE and pte_pfn(pte) != ZERO_PAGE:
            new = self.cow_user_page(vma, pte)
        else:
            if old != NO_PAGE:
                self.get_page(old)
            new = self.wp_page_copy(vma, old, zeroed=old == NO_PAGE)
        if new == NO_PAGE:
            if old != NO_PAGE:
                self.put_page(old)
            return VM_FAULT_OOM
        self.wp_page_account(mm, old)
        if unshare:
            self.map_anon_page(vma, new, address, ptep, mk_pte(new, self.vma.vm_page_prot[vma]))
        else:
            self.break_cow(vma, new, address, ptep)
        if old != NO_PAGE:
            self.munlock_vma_page(vma, old)
            self.put_page(old)
            self.put_page(old)
        return VM_FAULT_WRITE

    @override
    @since(*EXCLUSIVE)
    def break_cow(self, vma: int, new: int, address: int, ptep: int) -> None:
        """The entry maps the private copy from now on."""
        entry = pte_mkdirty(mk_pte(new, self.vma.vm_page_prot[vma]))
        self.map_anon_page(vma, new, address, ptep, self.maybe_mkwrite(entry, vma))

    @since(*EXCLUSIVE)
    def map_anon_page(self, vma: int, page: int, address: int, ptep: int, entry: int) -> None:
        """A new anonymous page and its entry."""
        self.page_add_anon_rmap(page, vma, address)
        self.lru_cache_add(page)
        self.pte.val[ptep] = pte_managed(entry)

    @override
    @since(*GUARD)
    @kfn("address")
    def handle_mm_fault(self, mm: int, vma: int, address: int, write: bool) -> int:
        """Resolve one fault. The page-table page is made first, whatever comes of the fault."""
        address &= PAGE_MASK
        ptep = self.pte_alloc_map(mm, address)
        pte = self.pte.val[ptep]
        if pte_none(pte):
            # [4.18] only memory without a file is anonymous: a device that maps no page here is a SIGBUS
            if self.vma.vm_ops[vma] == VM_OPS_NONE and self.vma.vm_file[vma] == NULL:
                return self.do_anonymous_page(mm, vma, address, ptep, write)
            return self.do_no_page(mm, vma, address, ptep, write)
        if not pte_present(pte):
            # [6.13] a guard
            return VM_FAULT_SIGSEGV
        if write:
            if not pte_write(pte):
                return self.do_wp_page(mm, vma, address, ptep)
            pte = pte_mkdirty(pte)
        self.pte.val[ptep] = pte_mkyoung(pte)
        return VM_FAULT_MINOR

    @override
    @since(*GUARD)
    @kfn("address")
    def do_page_fault(self, mm: int, address: int, write: bool, present: bool) -> str | int:
        """arch/x86/mm/fault.c: may this access be? Then handle_mm_fault. Returns its code, or `SIGSEGV`."""
        vma = self.vma_at(mm, address)
        if not vma:
            return "SIGSEGV"
        flags = self.vma.vm_flags[vma]
        if write:
            if not flags & VM_WRITE:
                return "SIGSEGV"
        elif present or not flags & (VM_READ | VM_WRITE | VM_EXEC):
            return "SIGSEGV"
        fault = self.handle_mm_fault(mm, vma, address, write)
        return "SIGSEGV" if fault == VM_FAULT_SIGSEGV else fault
