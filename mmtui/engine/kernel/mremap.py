"""mm/mremap.c."""

from __future__ import annotations

from errno import EFAULT, EINVAL, ENOMEM

from mmtui.engine.flags import VM_DONTEXPAND, VM_LOCKED
from mmtui.engine.kernel.model import kfn
from mmtui.engine.kernel.mprotect import Mprotect
from mmtui.engine.pgtable import PAGE_SIZE, TASK_SIZE


class Mremap(Mprotect):
    """mm/mremap.c"""

    @kfn("old_addr", "new_addr")
    def move_page_tables(self, mm: int, old_addr: int, new_addr: int, len: int) -> None:
        """Move the ptes of a range as they are; a page-table page is made only where a pte moves."""
        for offset in range(0, len, PAGE_SIZE):
            src = self.pte_offset(mm, old_addr + offset)
            if src and self.pte.val[src]:
                dst = self.pte_alloc_map(mm, new_addr + offset)
                pte = self.pte.val[src]
                self.pte.val[src] = 0
                self.pte.val[dst] = pte

    @kfn("addr", "len")
    def copy_vma(self, vma: int, addr: int, len: int, pgoff: int) -> int:
        """A vma for the moved range: a neighbour at the target that can take it, else a copy."""
        mm = self.vma.mm[vma]
        if not self.vma.vm_file[vma] and not self.vma.anon_vma[vma]:
            pgoff = addr >> 12
        prev = self.vma_prev_at(mm, addr)
        new = self.vma_merge(
            mm, prev, addr, addr + len, self.vma.vm_flags[vma], self.vma.anon_vma[vma], self.vma.vm_file[vma], pgoff
        )
        if new:
            return new
        new = self.copy_vma_struct(vma, mm)
        self.vma.vm_start[new] = addr
        self.vma.vm_end[new] = addr + len
        self.vma.vm_pgoff[new] = pgoff
        self.vma_link(new, addr)
        return new

    @kfn("old_addr", "new_addr")
    def move_vma(self, vma: int, old_addr: int, old_len: int, new_len: int, new_addr: int) -> None:
        """Move a range: a vma at the target, the ptes, and the old range goes."""
        mm = self.vma.mm[vma]
        locked = self.vma.vm_flags[vma] & VM_LOCKED
        self.copy_vma(vma, new_addr, new_len, self.linear_page_index(vma, old_addr))
        self.move_page_tables(mm, old_addr, new_addr, old_len)
        self.do_munmap(mm, old_addr, old_len)
        if locked and new_len > old_len:
            self.make_pages_present(mm, new_addr + old_len, new_addr + new_len)

    def mremap_refuses_growth(self) -> int:
        """vm_flags of a vma that may not grow."""
        return VM_DONTEXPAND

    @kfn("addr", "new_addr")
    def sys_mremap(self, mm: int, addr: int, old_len: int, new_len: int, new_addr: int) -> int:
        """Resize in place (new_addr -1), or move with MREMAP_MAYMOVE and MREMAP_FIXED; 0 or -errno."""
        fixed = new_addr != -1
        if addr % PAGE_SIZE or not new_len:
            return -EINVAL
        if fixed:
            error = self.mremap_target(mm, addr, old_len, new_len, new_addr)
            if error:
                return error
        if old_len >= new_len:
            error = self.do_munmap(mm, addr + new_len, old_len - new_len)
            if error and old_len != new_len:
                return error
            if not fixed:
                return 0
            old_len = new_len
        vma = self.vma_at(mm, addr)
        if not vma or old_len > self.vma.vm_end[vma] - addr:
            return -EFAULT
        if new_len > old_len and self.vma.vm_flags[vma] & self.mremap_refuses_growth():
            return -EFAULT
        if fixed:
            self.move_vma(vma, addr, old_len, new_len, new_addr)
            return 0
        return self.expand_in_place(vma, addr, old_len, new_len)

    def mremap_target(self, mm: int, addr: int, old_len: int, new_len: int, new_addr: int) -> int:
        """MREMAP_FIXED: a sound target that does not overlap, cleared first; 0 or -errno."""
        if new_addr % PAGE_SIZE or new_len > TASK_SIZE or new_addr > TASK_SIZE - new_len:
            return -EINVAL
        if new_addr <= addr < new_addr + new_len or addr <= new_addr < addr + old_len:
            return -EINVAL
        return self.do_munmap(mm, new_addr, new_len)

    def expand_in_place(self, vma: int, addr: int, old_len: int, new_len: int) -> int:
        """Grow a vma at its end, if there is room; 0 or -errno."""
        nxt = self.vma_next(vma)
        limit = self.vma.vm_start[nxt] if nxt else TASK_SIZE
        if old_len != self.vma.vm_end[vma] - addr or limit - addr < new_len:
            return -ENOMEM
        self.vma_adjust(vma, self.vma.vm_start[vma], addr + new_len, self.vma.vm_pgoff[vma])
        if self.vma.vm_flags[vma] & VM_LOCKED:
            self.make_pages_present(self.vma.mm[vma], addr + old_len, addr + new_len)
        return 0
