"""mm/memory.c, the half that works on one page: faults, COW, get_user_pages. And do_page_fault, which starts it."""

from __future__ import annotations

from errno import EFAULT, ENOMEM

from mmtui.engine.errors import BUG_ON
from mmtui.engine.flags import (
    VM_EXEC,
    VM_IO,
    VM_MAYREAD,
    VM_MAYWRITE,
    VM_READ,
    VM_SHARED,
    VM_WRITE,
    PG_dirty,
    PG_referenced,
)
from mmtui.engine.kernel.filemap import NOPAGE_OOM, NOPAGE_SIGBUS
from mmtui.engine.kernel.fremap import Fremap
from mmtui.engine.kernel.memory import ZERO_PAGE
from mmtui.engine.kernel.model import NO_PAGE, VM_OPS_FILE, VM_OPS_NONE, kfn
from mmtui.engine.pgtable import (
    PAGE_MASK,
    PTE_ACCESSED,
    PTE_DIRTY,
    PTE_MANAGED,
    PTE_PRESENT,
    PTE_REF,
    PTE_RW,
    mk_pte,
    pte_dirty,
    pte_managed,
    pte_mkdirty,
    pte_mkyoung,
    pte_none,
    pte_pfn,
    pte_present,
    pte_write,
    pte_wrprotect,
)

VM_FAULT_MINOR, VM_FAULT_WRITE, VM_FAULT_SIGBUS, VM_FAULT_OOM = 0, 1, 2, 3
"""What handle_mm_fault returns. WRITE: do_wp_page broke or reused a COW page."""

MAX_TRIES = 8
NO_WORD = 0xFFFFFFFF
"""What a read of a frame beyond memory gives."""


class Fault(Fremap):
    """mm/memory.c: one page"""

    def maybe_mkwrite(self, pte: int, vma: int) -> int:
        """Writable, if the vma is."""
        return pte | PTE_RW if self.vma.vm_flags[vma] & VM_WRITE else pte

    def copy_cow_page(self, source: int, new: int) -> None:
        """Copy a page's contents."""
        self.page.word[new] = self.page.word[source]

    @kfn("address")
    def do_anonymous_page(self, mm: int, vma: int, address: int, ptep: int, write: bool) -> int:
        """First touch of anonymous memory: a page of zeroes on a write, the ZERO_PAGE, read-only, on a read."""
        if not write:
            self.pte.val[ptep] = pte_wrprotect(mk_pte(ZERO_PAGE, self.vma.vm_page_prot[vma]))
            return VM_FAULT_MINOR
        self.anon_vma_prepare(vma)
        page = self.alloc_zeroed_page()
        if page == NO_PAGE:
            return VM_FAULT_OOM
        self.mm.rss[mm] += 1
        self.lru_cache_add_active(page)
        self.page.flags[page] |= PG_referenced
        self.page_add_anon_rmap(page, vma, address)
        entry = pte_mkdirty(mk_pte(page, self.vma.vm_page_prot[vma]))
        self.pte.val[ptep] = pte_managed(self.maybe_mkwrite(entry, vma))
        return VM_FAULT_MINOR

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
        if not self.PageReserved(page):
            self.mm.rss[mm] += 1
        self.pte.val[ptep] = self.nopage_entry(vma, page, write, not self.PageReserved(page), held or anon)
        if anon:
            self.lru_cache_add_active(page)
            self.page_add_anon_rmap(page, vma, address)
        else:
            self.page_add_file_rmap(page)
        return VM_FAULT_MINOR

    def early_cow(self, vma: int, page: int) -> int:
        """The private copy of nopage's page, which goes back; NO_PAGE without memory."""
        self.anon_vma_prepare(vma)
        copy = self.alloc_pages(0)
        if copy != NO_PAGE:
            self.copy_cow_page(page, copy)
        self.put_page(page)
        return copy

    def nopage_entry(self, vma: int, page: int, write: bool, managed: bool, held: bool) -> int:
        """The pte for nopage's page."""
        entry = mk_pte(page, self.vma.vm_page_prot[vma])
        if write:
            entry = self.maybe_mkwrite(pte_mkdirty(entry), vma)
        return entry | (PTE_MANAGED if managed else 0) | (PTE_REF if held else 0)

    @kfn("address")
    def do_wp_page(self, mm: int, vma: int, address: int, ptep: int) -> int:
        """A write to a read-only pte: reuse an anonymous page that nobody else maps, else copy."""
        pte = self.pte.val[ptep]
        old = pte_pfn(pte)
        if not self.pfn_valid(old):
            self.printk("bogus_page", fn="do_wp_page", vaddr=address)
            return VM_FAULT_OOM
        if self.PageAnon(old) and self.can_share_swap_page(old):
            return self.wp_page_reuse(vma, ptep)
        if not self.PageReserved(old):
            self.get_page(old)
        new = self.wp_page_copy(vma, old, zeroed=old == ZERO_PAGE)
        if new == NO_PAGE:
            self.put_page(old)
            return VM_FAULT_OOM
        if self.PageAnon(old):
            self.mm.anon_rss[mm] -= 1
        if self.PageReserved(old):
            self.mm.rss[mm] += 1
        else:
            self.page_remove_rmap(old)
        self.break_cow(vma, new, address, ptep)
        self.put_page(old)
        self.put_page(old)
        return VM_FAULT_WRITE

    def wp_page_reuse(self, vma: int, ptep: int) -> int:
        """Make the entry writable where it is."""
        self.pte.val[ptep] = self.maybe_mkwrite(pte_mkdirty(pte_mkyoung(self.pte.val[ptep])), vma)
        return VM_FAULT_WRITE

    def wp_page_copy(self, vma: int, old: int, zeroed: bool) -> int:
        """A new page with the contents of the old one; NO_PAGE without memory."""
        self.anon_vma_prepare(vma)
        if zeroed:
            return self.alloc_zeroed_page()
        new = self.alloc_pages(0)
        if new != NO_PAGE:
            self.copy_cow_page(old, new)
        return new

    def break_cow(self, vma: int, new: int, address: int, ptep: int) -> None:
        """The entry maps the private copy from now on."""
        entry = pte_mkdirty(mk_pte(new, self.vma.vm_page_prot[vma]))
        self.pte.val[ptep] = pte_managed(self.maybe_mkwrite(entry, vma))
        self.lru_cache_add_active(new)
        self.page_add_anon_rmap(new, vma, address)

    @kfn("address")
    def do_file_page(self, mm: int, vma: int, address: int, ptep: int, write: bool) -> int:
        """A pte that holds a file offset: populate it, or fall back to nopage where that cannot be right."""
        BUG_ON(self.vma.vm_ops[vma] == VM_OPS_NONE, "do_file_page")
        if self.vma.vm_ops[vma] != VM_OPS_FILE or (write and not self.vma.vm_flags[vma] & VM_SHARED):
            self.pte.val[ptep] = 0
            return self.do_no_page(mm, vma, address, ptep, write)
        return self.populate_fault(vma, address, pte_pfn(self.pte.val[ptep]))

    def populate_fault(self, vma: int, address: int, pgoff: int) -> int:
        """Populate one page, as a fault."""
        error = self.filemap_populate(vma, address, address + 4096, pgoff)
        if error == -ENOMEM:
            return VM_FAULT_OOM
        return VM_FAULT_SIGBUS if error else VM_FAULT_MINOR

    @kfn("address")
    def handle_mm_fault(self, mm: int, vma: int, address: int, write: bool) -> int:
        """Resolve one fault. The page-table page is made first, whatever comes of the fault."""
        address &= PAGE_MASK
        ptep = self.pte_alloc_map(mm, address)
        pte = self.pte.val[ptep]
        if not pte_present(pte):
            if pte_none(pte):
                if self.vma.vm_ops[vma] == VM_OPS_NONE:
                    return self.do_anonymous_page(mm, vma, address, ptep, write)
                return self.do_no_page(mm, vma, address, ptep, write)
            return self.do_file_page(mm, vma, address, ptep, write)
        if write:
            if not pte_write(pte):
                return self.do_wp_page(mm, vma, address, ptep)
            pte = pte_mkdirty(pte)
        self.pte.val[ptep] = pte_mkyoung(pte)
        return VM_FAULT_MINOR

    # get_user_pages

    def follow_page(self, vma: int, address: int, write: bool, get: bool) -> int:
        """The page that a pte maps, or NO_PAGE if a fault must come first. A reserved page takes no reference."""
        ptep = self.pte_offset(self.vma.mm[vma], address)
        pte = self.pte.val[ptep] if ptep else 0
        if not pte_present(pte) or (write and not pte_write(pte)) or not self.pfn_valid(pte_pfn(pte)):
            return NO_PAGE
        page = pte_pfn(pte)
        self.touch_page(page, write and not pte_dirty(pte))
        if get and not self.PageReserved(page):
            self.get_page(page)
        return page

    def touch_page(self, page: int, dirty: bool) -> None:
        """The user of a pinned page may write to it, and has looked at it."""
        if dirty and not self.page.flags[page] & PG_dirty:
            self.set_page_dirty(page)
        self.mark_page_accessed(page)

    def untouched_anonymous_page(self, vma: int, address: int) -> bool:
        """No page table and no nopage: a reader may have the ZERO_PAGE without a fault."""
        return self.vma.vm_ops[vma] == VM_OPS_NONE and not self.index.pt_of(self.vma.mm[vma], address)

    def get_zero_page(self) -> None:
        """The reference of a pin on the ZERO_PAGE: none, it is reserved."""

    def gup_refuses(self) -> int:
        """vm_flags of which get_user_pages keeps off."""
        return VM_IO

    @kfn("address")
    def get_user_pages(self, mm: int, address: int, write: bool, force: bool, get: bool) -> int:
        """Find one page of a process, faulting it in; returns its pfn or -errno. `get`: with a reference."""
        vma = self.vma_at(mm, address)
        wanted = (VM_MAYWRITE if force else VM_WRITE) if write else (VM_MAYREAD if force else VM_READ)
        if not vma or self.vma.vm_flags[vma] & self.gup_refuses() or not self.vma.vm_flags[vma] & wanted:
            return -EFAULT
        if not write and self.untouched_anonymous_page(vma, address):
            if get:
                self.get_zero_page()
            return ZERO_PAGE
        for _ in range(MAX_TRIES):
            page = self.follow_page(vma, address, write, get)
            if page != NO_PAGE:
                return page
            fault = self.handle_mm_fault(mm, vma, address, write)
            if fault in (VM_FAULT_SIGBUS, VM_FAULT_OOM):
                return -EFAULT if fault == VM_FAULT_SIGBUS else -ENOMEM
            if fault == VM_FAULT_WRITE:
                write = False
        return -EFAULT

    @kfn("addr", "end")
    def make_pages_present(self, mm: int, addr: int, end: int) -> None:
        """Fault in a locked range; stops at the first error, which nobody hears of."""
        while addr < end:
            vma = self.vma_at(mm, addr)
            write = self.vma.vm_flags[vma] & VM_WRITE != 0
            if self.get_user_pages(mm, addr, write, False, False) < 0:
                return
            addr += 4096

    # The CPU

    def read_word(self, pfn: int) -> int:
        return self.page.word[pfn] if pfn < self.config.frames else NO_WORD

    @kfn("address")
    def do_page_fault(self, mm: int, address: int, write: bool, present: bool) -> str | int:
        """arch/i386/mm/fault.c: may this access be? Then handle_mm_fault. Returns its code, or `SIGSEGV`."""
        vma = self.vma_at(mm, address)
        if not vma:
            return "SIGSEGV"
        flags = self.vma.vm_flags[vma]
        if write:
            if not flags & VM_WRITE:
                return "SIGSEGV"
        elif present or not flags & (VM_READ | VM_EXEC):
            return "SIGSEGV"
        return self.handle_mm_fault(mm, vma, address, write)

    def access(self, mm: int, address: int, value: int | None) -> tuple[str, int, int, int]:
        """The CPU touches the first word of a page: (result, pfn, word, faults). `value` None: a read."""
        write = value is not None
        faults = 0
        while faults <= MAX_TRIES:
            ptep = self.pte_offset(mm, address)
            pte = self.pte.val[ptep] if ptep else 0
            if pte & PTE_PRESENT and (not write or pte & PTE_RW):
                self.pte.val[ptep] = pte | PTE_ACCESSED | (PTE_DIRTY if write else 0)
                pfn = pte_pfn(pte)
                if value is not None and pfn < self.config.frames:
                    self.page.word[pfn] = value & NO_WORD
                return "ok", pfn, self.read_word(pfn), faults
            fault = self.do_page_fault(mm, address, write, pte & PTE_PRESENT != 0)
            if fault == "SIGSEGV":
                return "SIGSEGV", 0, 0, faults
            faults += 1
            if fault in (VM_FAULT_SIGBUS, VM_FAULT_OOM):
                return ("SIGBUS" if fault == VM_FAULT_SIGBUS else "OOM"), 0, 0, faults
        return "LOOP", 0, 0, faults
