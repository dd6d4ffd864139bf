"""mm/mmap.c and mm/mprotect.c of today's kernel."""

from __future__ import annotations

from errno import EFAULT, EINVAL

from typing_extensions import override

from mmtui.engine.flags import VM_ACCOUNT, VM_LOCKED, VM_NORESERVE, VM_SHARED, VM_WRITE
from mmtui.engine.kernel.mmap import protection_map
from mmtui.engine.kernel.model import INODE_FILE, NO_PAGE, NULL, VM_OPS_DRIVER, VM_OPS_FILE, gone, kfn, since
from mmtui.engine.kernel.v6_x_changes import DIRTY_SHARED, MEASURED, NO_NONLINEAR, TRY_WRITABLE
from mmtui.engine.kernel.v6_x_map import ModernMemory
from mmtui.engine.ops import Mmap as MmapOp
from mmtui.engine.pgtable import (
    PAGE_MASK,
    PAGE_SIZE,
    PTE_PRESENT,
    PTE_RW,
    pte_dirty,
    pte_modify,
    pte_present,
    pte_write,
)


class ModernMmap(ModernMemory):
    """mm/mmap.c, mm/mprotect.c"""

    zap_pte = gone(*NO_NONLINEAR)
    install_page = gone(*NO_NONLINEAR)
    filemap_populate = gone(*NO_NONLINEAR)

    @since(*DIRTY_SHARED)
    def vma_wants_writenotify(self, vma: int) -> bool:
        """A shared writable mapping of a file on a disk: the first write to each page must be noticed."""
        file = self.vma.vm_file[vma]
        return (
            self.vma.vm_flags[vma] & (VM_WRITE | VM_SHARED) == VM_WRITE | VM_SHARED
            and self.vma.vm_ops[vma] == VM_OPS_FILE
            and self.inode.kind[self.file.inode[file]] == INODE_FILE
        )

    @since(*DIRTY_SHARED)
    def vma_set_page_prot(self, vma: int) -> None:
        """vm_page_prot of the vma's flags, without write permission where the first write is to be noticed."""
        flags = self.vma.vm_flags[vma]
        if self.vma_wants_writenotify(vma):
            flags &= ~VM_SHARED
        self.vma.vm_page_prot[vma] = protection_map(flags)

    @override
    @since(*DIRTY_SHARED)
    @kfn()
    def mmap_method(self, vma: int, op: MmapOp) -> int:
        """file->f_op->mmap: what a file or a driver does with its new vma; 0 or -errno."""
        for name in op.vm_flags:
            self.vma.vm_flags[vma] |= self.vm_flag(name)
        if op.backing.file is not None:
            self.vma.vm_ops[vma] = VM_OPS_FILE
            # [2.6.19]
            self.vma_set_page_prot(vma)
        elif op.zeromap:
            return self.zeromap_page_range(vma, self.vma.vm_start[vma], self.vma.vm_end[vma])
        elif not op.remap:
            self.vma.vm_ops[vma] = VM_OPS_DRIVER
        for remap in op.remap:
            error = self.remap_call(vma, remap)
            if error:
                return error
        return 0

    @since(*TRY_WRITABLE)
    def vma_modify_flags(self, vma: int, start: int, end: int, flags: int) -> int:
        """Give a part of one vma other flags, by a merge with a neighbour or by cutting it out; returns its vma."""
        if flags == self.vma.vm_flags[vma]:
            return vma
        prev = vma if start > self.vma.vm_start[vma] else self.vma_prev(vma)
        pgoff = self.linear_page_index(vma, start)
        mm, anon_vma, file = self.vma.mm[vma], self.vma.anon_vma[vma], self.vma.vm_file[vma]
        merged = self.vma_merge(mm, prev, start, end, flags, anon_vma, file, pgoff)
        if merged:
            vma = merged
        else:
            if start != self.vma.vm_start[vma]:
                self.split_vma(vma, start, new_below=True)
            if end != self.vma.vm_end[vma]:
                self.split_vma(vma, end, new_below=False)
        self.vma.vm_flags[vma] = flags
        return vma

    @override
    @since(*TRY_WRITABLE)
    @kfn("start", "end")
    def mprotect_fixup(self, vma: int, prev: int, start: int, end: int, flags: int) -> int:
        """Give a part of one vma another protection: returns the vma that has the range now, or -errno."""
        old, mm = self.vma.vm_flags[vma], self.vma.mm[vma]
        if flags == old:
            return vma
        if flags & VM_WRITE:
            if not old & (VM_ACCOUNT | VM_WRITE | VM_SHARED | VM_NORESERVE):
                flags |= VM_ACCOUNT
        elif old & VM_ACCOUNT and not self.vma.vm_file[vma] and not self.vma.anon_vma[vma]:
            # [6.7] memory that was never touched need not be accounted for
            flags &= ~VM_ACCOUNT
        vma = self.vma_modify_flags(vma, start, end, flags)
        self.vma_set_page_prot(vma)
        self.change_protection(mm, start, end, self.vma.vm_page_prot[vma])
        if flags & VM_LOCKED and flags & VM_WRITE and not old & (VM_WRITE | VM_SHARED):
            self.make_pages_present(mm, start, end)
        return vma

    @override
    @since(*TRY_WRITABLE)
    def change_pte_range(self, mm: int, address: int, end: int, prot: int) -> None:
        """Give the present ptes of one page-table page another protection."""
        vma = self.vma_at(mm, address)
        ptep = self.pte_offset(mm, address)
        while address < end:
            pte = self.pte.val[ptep]
            if pte_present(pte):
                pte = pte_modify(pte, prot)
                # [6.0] what a write fault would only make writable is made so now
                if not pte_write(pte) and self.can_change_pte_writable(vma, address, pte):
                    pte |= PTE_RW
                self.pte.val[ptep] = pte
            ptep, address = ptep + 1, address + 4096

    @since(*TRY_WRITABLE)
    def can_change_pte_writable(self, vma: int, address: int, pte: int) -> bool:
        """May a pte become writable without a fault? An exclusive anonymous page's may, and a dirty shared one."""
        if not self.vma.vm_flags[vma] & VM_WRITE or not pte & PTE_PRESENT:
            return False
        if self.vma.vm_flags[vma] & VM_SHARED:
            return pte_dirty(pte)
        page = self.vm_normal_page(vma, address, pte)
        return page != NO_PAGE and self.PageAnon(page) and self.PageAnonExclusive(page)

    # mm/mremap.c

    @override
    @since(*MEASURED)
    @kfn("addr", "new_addr")
    def sys_mremap(self, mm: int, addr: int, old_len: int, new_len: int, new_addr: int) -> int:
        """Resize in place (new_addr -1), or move with MREMAP_MAYMOVE and MREMAP_FIXED; 0 or -errno."""
        fixed = new_addr != -1
        if addr % PAGE_SIZE or not new_len:
            return -EINVAL
        # [6.18] nothing mapped is an error even where nothing changes
        if not self.vma_at(mm, addr):
            return -EFAULT
        error = self.mremap_target(mm, addr, old_len, new_len, new_addr) if fixed else 0
        if error:
            return error
        if old_len > new_len:
            error = self.do_munmap(mm, addr + new_len, old_len - new_len)
            if error:
                return error
            old_len = new_len
        if not fixed and old_len == new_len:
            return 0
        vma = self.vma_at(mm, addr)
        if not vma or old_len > self.vma.vm_end[vma] - addr:
            return -EFAULT
        if new_len > old_len and self.vma.vm_flags[vma] & self.mremap_refuses_growth():
            return -EFAULT
        if fixed:
            self.move_vma(vma, addr, old_len, new_len, new_addr)
            return 0
        return self.expand_in_place(vma, addr, old_len, new_len)

    # mm/mmap.c: remap_file_pages is an mmap in disguise

    @override
    @since(*NO_NONLINEAR)
    @kfn("start", "pgoff")
    def sys_remap_file_pages(self, mm: int, start: int, pages: int, pgoff: int) -> int:
        """Map other pages of the file into a part of a shared file mapping, as a vma of its own; 0 or -errno."""
        start &= PAGE_MASK
        end = start + (pages << 12)
        vma = self.find_vma(mm, start)
        if (
            not vma
            or not self.vma.vm_flags[vma] & VM_SHARED
            or self.vma.vm_ops[vma] != VM_OPS_FILE
            or not self.vma.vm_start[vma] <= start < end <= self.vma.vm_end[vma]
        ):
            return -EINVAL
        # [4.0]
        file, flags, prot = self.vma.vm_file[vma], self.vma.vm_flags[vma], self.vma.vm_page_prot[vma]
        self.file.count[file] += 1
        self.do_munmap(mm, start, end - start)
        if self.vma_merge(mm, self.vma_prev_at(mm, start), start, end, flags, NULL, file, pgoff):
            self.fput(file)
        else:
            new = self.new_vma(mm, start, end, flags, pgoff)
            self.vma.vm_page_prot[new] = prot
            self.vma.vm_file[new] = file
            self.vma.vm_ops[new] = VM_OPS_FILE
            self.vma_link(new, start)
        self.make_pages_present(mm, start, end)
        return 0
