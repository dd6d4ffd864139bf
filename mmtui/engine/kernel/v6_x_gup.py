"""mm/gup.c of today's kernel: pages that a driver or the kernel itself asks for, and pins."""

from __future__ import annotations

from errno import EEXIST, EFAULT, EINVAL, ENOMEM, ESRCH

from typing_extensions import override

from mmtui.engine import ops
from mmtui.engine.flags import VM_IO, VM_MAYREAD, VM_PFNMAP, VM_READ, VM_SHARED, VM_WRITE, PG_dirty
from mmtui.engine.kernel.fault import MAX_TRIES, VM_FAULT_MINOR, VM_FAULT_OOM, VM_FAULT_SIGBUS
from mmtui.engine.kernel.memory import ZERO_PAGE
from mmtui.engine.kernel.model import NO_PAGE, NULL, gone, kfn, since
from mmtui.engine.kernel.v6_x_changes import ONLY_READ, PIN, UNSHARE, ZERO
from mmtui.engine.kernel.v6_x_fault import VM_FAULT_SIGSEGV, ModernFault
from mmtui.engine.kernel.v6_x_pages import GUP_PIN_COUNTING_BIAS
from mmtui.engine.pgtable import PAGE_MASK, pte_dirty, pte_pfn, pte_present, pte_write


class ModernGup(ModernFault):
    """mm/gup.c"""

    untouched_anonymous_page = gone(*ZERO)
    get_zero_page = gone(*ZERO)
    pin_takes_reference = gone(*PIN)

    # What get_user_pages gives

    @override
    @since(*PIN)
    def follow_page(self, vma: int, address: int, write: bool, get: bool) -> int:
        """The page that a pte maps, pinned if asked, or NO_PAGE if a fault must come first. FOLL_FORCE may write to an
        exclusive page through a read-only pte; the ZERO_PAGE is never pinned."""
        ptep = self.pte_offset(self.vma.mm[vma], address)
        pte = self.pte.val[ptep] if ptep else 0
        if not pte_present(pte):
            return NO_PAGE
        page = self.vm_normal_page(vma, address, pte)
        if page == NO_PAGE:
            return ZERO_PAGE if pte_pfn(pte) == ZERO_PAGE and not write else NO_PAGE
        exclusive = self.PageAnon(page) and self.PageAnonExclusive(page)
        if write and not pte_write(pte) and (self.vma.vm_flags[vma] & VM_WRITE or not exclusive):
            return NO_PAGE
        if get:
            # [5.19] a page that fork shared must be unshared first
            if self.PageAnon(page) and not exclusive:
                return NO_PAGE
            self.page.count[self.page_head(page)] += GUP_PIN_COUNTING_BIAS
        self.touch_page(page, write and not pte_dirty(pte))
        return page

    @since(*UNSHARE)
    @kfn("address")
    def unshare_page(self, mm: int, vma: int, address: int) -> int:
        """FAULT_FLAG_UNSHARE: make a read-only anonymous page exclusive, by a copy if somebody else has a reference."""
        ptep = self.pte_offset(mm, address)
        pte = self.pte.val[ptep] if ptep else 0
        page = self.vm_normal_page(vma, address, pte) if pte_present(pte) else NO_PAGE
        if page == NO_PAGE or not self.PageAnon(page) or pte_write(pte):
            return self.handle_mm_fault(mm, vma, address & PAGE_MASK, False)
        if self.wp_can_reuse_anon_folio(mm, address, page):
            return VM_FAULT_MINOR
        fault = self.wp_page_copy_and_map(mm, vma, address, ptep, page, unshare=True)
        return fault if fault == VM_FAULT_OOM else VM_FAULT_MINOR

    @since(*PIN)
    def check_vma_flags(self, vma: int, write: bool, force: bool) -> bool:
        """May the caller have pages of this vma? `force`: FOLL_FORCE, a write only in a private mapping."""
        flags = self.vma.vm_flags[vma]
        if flags & (VM_IO | VM_PFNMAP):
            return False
        if write:
            return flags & VM_WRITE != 0 or (force and self.is_cow_mapping(vma))
        return flags & VM_READ != 0 or (force and flags & VM_MAYREAD != 0)

    @override
    @since(*PIN)
    @kfn("address")
    def get_user_pages(self, mm: int, address: int, write: bool, force: bool, get: bool) -> int:
        """Find one page of a process, faulting it in; returns its pfn or -errno. `get`: pinned (FOLL_PIN)."""
        vma = self.vma_at(mm, address)
        if not vma or not self.check_vma_flags(vma, write, force):
            return -EFAULT
        for _ in range(MAX_TRIES):
            page = self.follow_page(vma, address, write, get)
            if page != NO_PAGE:
                return page
            if get and not write:
                fault = self.unshare_page(mm, vma, address)
            else:
                fault = self.handle_mm_fault(mm, vma, address, write)
            if fault in (VM_FAULT_SIGBUS, VM_FAULT_SIGSEGV):
                return -EFAULT
            if fault == VM_FAULT_OOM:
                return -ENOMEM
        return -EFAULT

    @override
    @since(*PIN)
    def pin_op(self, op: ops.Pin) -> int:
        """pin_user_pages for one page, kept under a name; the pfn or -errno."""
        mm = self.mm_of(op.pid)
        if not mm:
            return -ESRCH
        name = self.strings.number(op.pin)
        if name in self.index.pins:
            return -EEXIST
        pfn = self.get_user_pages(mm, op.addr, op.write, op.force, True)
        if pfn < 0:
            return pfn
        pin = self.row("pin")
        self.index.pins[name] = pin
        self.pin.name[pin] = name
        self.pin.mm[pin] = mm
        self.pin.address[pin] = op.addr
        self.pin.pfn[pin] = pfn
        self.pin.ref[pin] = 0 if pfn == ZERO_PAGE else GUP_PIN_COUNTING_BIAS
        self.pin.state[pin] = 1
        return pfn

    @override
    @since(*PIN)
    def unpin_op(self, op: ops.Unpin) -> int:
        """set_page_dirty if asked, unpin_user_page; 0 or -errno."""
        pin = self.index.pins.pop(self.strings.find(op.pin), NULL)
        if not pin:
            return -EINVAL
        pfn, taken = self.pin.pfn[pin], self.pin.ref[pin]
        if op.dirty:
            self.page.flags[pfn] |= PG_dirty
        self.pin.state[pin] = 0
        self.pin.ref[pin] = 0
        self.pin.pfn[pin] = 0
        self.pin.address[pin] = 0
        self.pin.mm[pin] = NULL
        self.pin.name[pin] = 0
        self.index.give_row("pin", pin)
        if taken:
            self.unpin_user_page(pfn)
        return 0

    @since(*PIN)
    @kfn("pfn")
    def unpin_user_page(self, pfn: int) -> None:
        """Give a pin back. Its last reference may be the page's."""
        self.page.count[self.page_head(pfn)] -= GUP_PIN_COUNTING_BIAS - 1
        self.put_page(pfn)

    @override
    @since(*ONLY_READ)
    @kfn("addr", "end")
    def make_pages_present(self, mm: int, addr: int, end: int) -> None:
        """Fault in a range (MAP_POPULATE, mlock): a private writable one by writing, so that COW is over. Stops at the
        first error, which nobody hears of."""
        while addr < end:
            vma = self.vma_at(mm, addr)
            # [2.6.38] a shared mapping is only read
            write = vma != NULL and self.vma.vm_flags[vma] & (VM_WRITE | VM_SHARED) == VM_WRITE
            if self.get_user_pages(mm, addr, write, True, False) < 0:
                return
            addr += 4096
