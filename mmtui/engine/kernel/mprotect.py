"""mm/mprotect.c and mm/madvise.c."""

from __future__ import annotations

from errno import EACCES, EINVAL, ENOMEM

from mmtui.engine.flags import (
    PROT_BITS,
    VM_ACCOUNT,
    VM_EXEC,
    VM_HUGETLB,
    VM_LOCKED,
    VM_NONLINEAR,
    VM_READ,
    VM_SHARED,
    VM_WRITE,
)
from mmtui.engine.kernel.memory import pmd_addr_end
from mmtui.engine.kernel.mmap import Mmap, protection_map
from mmtui.engine.kernel.model import kfn
from mmtui.engine.pgtable import PAGE_SIZE, pte_modify, pte_present

ADDRESS_LIMIT = 1 << 32


class Mprotect(Mmap):
    """mm/mprotect.c, mm/madvise.c"""

    @kfn("start", "end")
    def change_protection(self, mm: int, start: int, end: int, prot: int) -> None:
        """Give every present pte of a range another protection; frames and counts stay."""
        while start < end:
            stop = pmd_addr_end(start, end)
            if self.index.pt_of(mm, start):
                self.change_pte_range(mm, start, stop, prot)
            start = stop

    def change_pte_range(self, mm: int, address: int, end: int, prot: int) -> None:
        ptep = self.pte_offset(mm, address)
        while address < end:
            pte = self.pte.val[ptep]
            if pte_present(pte):
                self.pte.val[ptep] = pte_modify(pte, prot)
            ptep, address = ptep + 1, address + 4096

    @kfn("start", "end")
    def mprotect_fixup(self, vma: int, prev: int, start: int, end: int, flags: int) -> int:
        """Give a part of one vma other flags: returns the vma that has the range now, or -errno."""
        mm = self.vma.mm[vma]
        if flags == self.vma.vm_flags[vma]:
            return vma
        error = self.mprotect_refuses(vma, flags)
        if error:
            return error
        old = self.vma.vm_flags[vma]
        if flags & VM_WRITE and not old & (VM_ACCOUNT | VM_WRITE | VM_SHARED):
            flags |= VM_ACCOUNT
        pgoff = self.linear_page_index(vma, start)
        merged = self.vma_merge(mm, prev, start, end, flags, self.vma.anon_vma[vma], self.vma.vm_file[vma], pgoff)
        if merged:
            vma = merged
        else:
            if start != self.vma.vm_start[vma]:
                self.split_vma(vma, start, new_below=True)
            if end != self.vma.vm_end[vma]:
                self.split_vma(vma, end, new_below=False)
        self.vma.vm_flags[vma] = flags
        self.vma.vm_page_prot[vma] = protection_map(flags)
        self.change_protection(mm, start, end, self.vma.vm_page_prot[vma])
        return vma

    def mprotect_refuses(self, vma: int, flags: int) -> int:
        """A test before a vma's protection changes: 0 or -errno. None in 2.6.14."""
        return 0

    @kfn("start", "len")
    def sys_mprotect(self, mm: int, start: int, len: int, prot: str) -> int:
        """Change the protection of a range, vma by vma; what was done before an error stays. 0 or -errno."""
        if start % PAGE_SIZE:
            return -EINVAL
        if len == 0:
            return 0
        end = start + len
        if end >= ADDRESS_LIMIT:
            return -ENOMEM
        vma = self.vma_at(mm, start)
        if not vma:
            return -ENOMEM
        prev = vma if start > self.vma.vm_start[vma] else self.vma_prev(vma)
        at = start
        while True:
            flags = PROT_BITS[prot] | self.vma.vm_flags[vma] & ~(VM_READ | VM_WRITE | VM_EXEC)
            if flags & ~(flags >> 4) & 7:
                return -EACCES
            stop = min(self.vma.vm_end[vma], end)
            prev = self.mprotect_fixup(vma, prev, at, stop, flags)
            if prev < 0:
                return prev
            at = max(stop, self.vma.vm_end[prev])
            if at >= end:
                return 0
            vma = self.vma_next(prev)
            if not vma or self.vma.vm_start[vma] != at:
                return -ENOMEM

    # madvise

    def madvise_refuses(self) -> int:
        """vm_flags of a vma that MADV_DONTNEED does not touch."""
        return VM_LOCKED | VM_HUGETLB

    @kfn("start", "end")
    def madvise_dontneed(self, mm: int, vma: int, start: int, end: int) -> int:
        """Drop the pages of a part of one vma; 0 or -errno."""
        if self.vma.vm_flags[vma] & self.madvise_refuses():
            return -EINVAL
        self.zap_page_range(mm, vma, start, end, self.vma.vm_flags[vma] & VM_NONLINEAR != 0)
        return 0

    @kfn("start", "len")
    def sys_madvise(self, mm: int, start: int, len: int) -> int:
        """MADV_DONTNEED over a range, vma by vma; gaps are passed over and reported at the end. 0 or -errno."""
        if start % PAGE_SIZE:
            return -EINVAL
        if len == 0:
            return 0
        end, unmapped = start + len, 0
        if end >= ADDRESS_LIMIT:
            return -EINVAL
        vma = self.find_vma(mm, start)
        while True:
            if not vma:
                return -ENOMEM
            if start < self.vma.vm_start[vma]:
                unmapped = -ENOMEM
                start = self.vma.vm_start[vma]
                if start >= end:
                    return unmapped
            stop = min(self.vma.vm_end[vma], end)
            error = self.madvise_dontneed(mm, vma, start, stop)
            if error:
                return error
            start = stop
            if start >= end:
                return unmapped
            vma = self.vma_next(vma)
