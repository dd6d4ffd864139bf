"""mm/mmap.c: mmap, munmap, exit. All mappings are MAP_FIXED."""

from __future__ import annotations

from errno import EACCES, EINVAL, ENOMEM, EOVERFLOW

from mmtui.engine.flags import (
    PROT_BITS,
    VM_ACCOUNT,
    VM_LOCKED,
    VM_MAYEXEC,
    VM_MAYREAD,
    VM_MAYSHARE,
    VM_MAYWRITE,
    VM_SHARED,
    VM_WRITE,
)
from mmtui.engine.kernel.fault import Fault
from mmtui.engine.kernel.model import (
    INODE_DEVICE,
    INODE_FILE,
    INODE_SHMEM,
    NULL,
    VM_OPS_DRIVER,
    VM_OPS_FILE,
    kfn,
)
from mmtui.engine.ops import Mmap as MmapOp
from mmtui.engine.ops import Remap
from mmtui.engine.pgtable import PAGE_NONE, PAGE_READONLY, PAGE_SHARED, PAGE_SIZE, TASK_SIZE


def protection_map(flags: int) -> int:
    """vm_page_prot of vm_flags: only a shared writable vma has writable ptes from birth."""
    if not flags & 7:
        return PAGE_NONE
    return PAGE_SHARED if flags & VM_SHARED and flags & VM_WRITE else PAGE_READONLY


class Mmap(Fault):
    """mm/mmap.c: the system calls"""

    def vm_flag(self, name: str) -> int:
        """The bit of a vm_flags name in this kernel; 0 for a name that it lacks."""
        from mmtui.engine.flags import vm_flags_of

        return vm_flags_of(self.release).get(name, 0)

    @kfn("addr")
    def do_mmap_pgoff(self, mm: int, addr: int, op: MmapOp) -> int:
        """Map memory, a file or a device at a fixed address; 0 or -errno."""
        length = op.pages << 12
        backing = op.backing
        shared = "shared" in op.flags
        pgoff = backing.pgoff
        error = self.mmap_refuses(addr, length, pgoff)
        if error:
            return error
        file = self.mmap_file(op)
        flags = PROT_BITS[op.prot] | VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC
        if shared:
            if file and op.ro_file and flags & VM_WRITE:
                return -EACCES
            flags |= VM_SHARED | VM_MAYSHARE
            if file and op.ro_file:
                flags &= ~(VM_MAYWRITE | VM_SHARED)
        elif not file:
            pgoff = addr >> 12
        error = self.do_munmap(mm, addr, length) if self.find_vma_intersection(mm, addr, addr + length) else 0
        if error:
            return error
        if flags & (VM_SHARED | VM_WRITE):
            flags |= VM_ACCOUNT
        prev = self.vma_prev_at(mm, addr)
        if not file and not shared and self.vma_merge(mm, prev, addr, addr + length, flags, NULL, NULL, pgoff):
            return 0
        vma = self.new_vma(mm, addr, addr + length, flags, pgoff)
        self.vma.vm_page_prot[vma] = protection_map(flags)
        if file:
            self.vma.vm_file[vma] = file
            self.file.count[file] += 1
            error = self.mmap_method(vma, op) or self.mmap_refuses_reserved(vma)
            if error:
                self.unmap_failed(mm, vma, prev)
                return error
        elif shared:
            self.shmem_zero_setup(vma)
        if flags & (VM_SHARED | VM_ACCOUNT) == VM_SHARED | VM_ACCOUNT:
            self.vma.vm_flags[vma] &= ~VM_ACCOUNT
        self.mmap_insert(mm, vma, prev, file)
        return 0

    def mmap_refuses(self, addr: int, length: int, pgoff: int) -> int:
        """The tests at the door, in the kernel's order: 0 or -errno."""
        if length == 0:
            return -EINVAL
        if length > TASK_SIZE:
            return -ENOMEM
        if pgoff + (length >> 12) > 1 << 32:
            return -EOVERFLOW
        if addr > TASK_SIZE - length:
            return -ENOMEM
        return -EINVAL if addr % PAGE_SIZE else 0

    def mmap_file(self, op: MmapOp) -> int:
        """The struct file that an mmap maps; NULL for anonymous memory."""
        if op.backing.file is not None:
            return self.open_file(self.open_inode(op.backing.file, INODE_FILE), op.ro_file)
        if op.backing.driver is not None:
            return self.open_file(self.open_inode(op.backing.driver, INODE_DEVICE), op.ro_file)
        return NULL

    def find_vma_intersection(self, mm: int, start: int, end: int) -> bool:
        vma = self.find_vma(mm, start)
        return vma != NULL and self.vma.vm_start[vma] < end

    @kfn()
    def mmap_method(self, vma: int, op: MmapOp) -> int:
        """file->f_op->mmap: what a file or a driver does with its new vma; 0 or -errno."""
        for name in op.vm_flags:
            self.vma.vm_flags[vma] |= self.vm_flag(name)
        if op.backing.file is not None:
            self.vma.vm_ops[vma] = VM_OPS_FILE
        elif op.zeromap:
            return self.zeromap_page_range(vma, self.vma.vm_start[vma], self.vma.vm_end[vma])
        elif not op.remap:
            self.vma.vm_ops[vma] = VM_OPS_DRIVER
        for remap in op.remap:
            error = self.remap_call(vma, remap)
            if error:
                return error
        return 0

    def remap_call(self, vma: int, remap: Remap) -> int:
        """One remap_pfn_range call of an mmap method. A freed buffer's last pfn will do."""
        start = self.vma.vm_start[vma] + (remap.offset << 12)
        end = self.vma.vm_end[vma] if remap.pages is None else start + (remap.pages << 12)
        prot = self.vma.vm_page_prot[vma] if remap.prot is None else self.remap_prot(remap.prot)
        pfn = remap.pfn
        if pfn is None:
            buf = self.index.bufs.get(self.strings.find(remap.buf or ""), NULL)
            if not buf:
                return -EINVAL
            pfn = self.buf.pfn[buf]
        return self.remap_pfn_range(vma, start, pfn, end, prot)

    def remap_prot(self, prot: str) -> int:
        """The pgprot that a driver gives instead of vm_page_prot."""
        return PAGE_SHARED if "w" in prot else PAGE_READONLY

    def mmap_refuses_reserved(self, vma: int) -> int:
        """A check on what the method made of the vma: none in 2.6.14."""
        return 0

    def shmem_zero_setup(self, vma: int) -> None:
        """Anonymous shared memory is a file of its own for each mmap."""
        inode = self.row("inode")
        self.inode.kind[inode] = INODE_SHMEM
        file = self.open_file(inode, False)
        self.file.count[file] += 1
        self.vma.vm_file[vma] = file
        self.vma.vm_ops[vma] = VM_OPS_FILE

    def unmap_failed(self, mm: int, vma: int, prev: int) -> None:
        """Undo a mapping whose method failed: zap it with the flags it has, free the page tables."""
        start, end = self.vma.vm_start[vma], self.vma.vm_end[vma]
        self.unmap_region(mm, [vma], prev, start, end)
        self.fput(self.vma.vm_file[vma])
        self.free_vma(vma)

    def mmap_insert(self, mm: int, vma: int, prev: int, file: int) -> None:
        """Link the new vma, or let a neighbour have its range: the method's ptes stay. Fault in a locked one."""
        start, end = self.vma.vm_start[vma], self.vma.vm_end[vma]
        flags, pgoff = self.vma.vm_flags[vma], self.vma.vm_pgoff[vma]
        if file and self.vma_merge(mm, prev, start, end, flags, NULL, file, pgoff):
            self.fput(file)
            self.free_vma(vma)
        else:
            self.vma_link(vma, start)
        if flags & VM_LOCKED:
            self.make_pages_present(mm, start, end)

    @kfn("start", "end")
    def unmap_region(self, mm: int, vmas: list[int], prev: int, start: int, end: int) -> None:
        """Zap a range of vmas that are in no list any more, and free its page tables."""
        freed = self.unmap_vmas(mm, vmas, start, end)
        nxt = self.find_vma(mm, end)
        self.free_pgtables(mm, vmas, self.vma.vm_end[prev] if prev else 0, self.vma.vm_start[nxt] if nxt else 0)
        self.tlb_finish_mmu(mm, freed)

    @kfn("start", "len")
    def do_munmap(self, mm: int, start: int, len: int) -> int:
        """Take start..start+len out of the address space; 0 or -errno. Pages go before vm_ops->close and fput."""
        if start % PAGE_SIZE or start > TASK_SIZE or len > TASK_SIZE - start or len == 0:
            return -EINVAL
        end = start + len
        vma = self.find_vma(mm, start)
        if not vma or self.vma.vm_start[vma] >= end:
            return 0
        if start > self.vma.vm_start[vma]:
            vma = self.split_vma(vma, start, new_below=False)
        last = self.find_vma(mm, end)
        if last and end > self.vma.vm_start[last]:
            low = self.split_vma(last, end, new_below=True)
            if last == vma:
                vma = low
        prev = self.vma_prev(vma)
        vmas = self.detach_vmas_to_be_unmapped(mm, vma, end)
        self.unmap_region(mm, vmas, prev, start, end)
        for each in vmas:
            self.remove_vma(each)
        return 0

    def detach_vmas_to_be_unmapped(self, mm: int, vma: int, end: int) -> list[int]:
        """Take the vmas from `vma` to `end` out of the list."""
        vmas = []
        while vma and self.vma.vm_start[vma] < end:
            nxt = self.vma_next(vma)
            self.vma_unlink(vma)
            vmas.append(vma)
            vma = nxt
        return vmas

    @kfn()
    def remove_vma(self, vma: int) -> None:
        """vm_ops->close, fput, free the struct."""
        if self.vma.vm_file[vma]:
            self.fput(self.vma.vm_file[vma])
        self.free_vma(vma)

    @kfn("mm")
    def exit_mmap(self, mm: int) -> None:
        """Take the whole address space down."""
        vmas = list(self.index.vmas.get(mm, ()))
        freed = self.unmap_vmas(mm, vmas, 0, TASK_SIZE)
        for vma in vmas:
            self.vma_unlink(vma)
        self.free_pgtables(mm, vmas, 0, 0)
        self.tlb_finish_mmu(mm, freed)
        for vma in vmas:
            self.remove_vma(vma)
