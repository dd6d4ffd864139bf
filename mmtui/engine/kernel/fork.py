"""kernel/fork.c, kernel/exit.c: processes and their address spaces."""

from __future__ import annotations

from mmtui.engine.flags import VM_DONTCOPY, VM_LOCKED
from mmtui.engine.kernel.model import NULL, kfn
from mmtui.engine.kernel.mremap import Mremap

RUNNING, EXITING = 1, 2


class Fork(Mremap):
    """kernel/fork.c"""

    def new_task(self, pid: int, name: int, parent: int) -> int:
        """A task with an empty mm; returns the mm."""
        task, mm = self.row("task"), self.row("mm")
        self.index.tasks[pid] = task
        self.task.state[task] = RUNNING
        self.task.pid[task] = pid
        self.task.name[task] = name
        self.task.mm[task] = mm
        self.task.parent[task] = parent
        return mm

    def mm_of(self, pid: int) -> int:
        """The mm of a running process, NULL if there is none."""
        task = self.index.tasks.get(pid, NULL)
        return self.task.mm[task] if task else NULL

    @kfn("child")
    def copy_mm(self, parent: int, child: int) -> None:
        """fork: the child's address space, copied from the parent's."""
        task = self.index.tasks[parent]
        mm = self.new_task(child, self.task.name[task], task)
        self.dup_mmap(mm, self.task.mm[task])

    @kfn("mm")
    def dup_mmap(self, mm: int, oldmm: int) -> None:
        """Copy the vmas, and what of their page tables fork copies. VM_DONTCOPY stays with the parent."""
        for vma in list(self.index.vmas.get(oldmm, ())):
            if self.vma.vm_flags[vma] & VM_DONTCOPY:
                continue
            new = self.copy_vma_struct(vma, mm)
            self.vma.vm_flags[new] &= ~VM_LOCKED
            self.vma_link(new, self.vma.vm_start[new])
            self.copy_page_range(mm, oldmm, new, self.vma.vm_start[new], self.vma.vm_end[new])

    @kfn("pid")
    def do_exit(self, pid: int) -> None:
        """The process goes, then its address space, then the last of its record."""
        task = self.index.tasks[pid]
        mm = self.task.mm[task]
        self.task.state[task] = EXITING
        self.exit_mmap(mm)
        self.mm.rss[mm] = 0
        self.mm.anon_rss[mm] = 0
        self.mm.file_rss[mm] = 0
        for child in self.index.tasks.values():
            if self.task.parent[child] == task:
                self.task.parent[child] = NULL
        self.task.parent[task] = NULL
        self.task.mm[task] = NULL
        self.task.name[task] = 0
        self.task.pid[task] = 0
        self.task.state[task] = 0
        del self.index.tasks[pid]
        self.index.vmas.pop(mm, None)
        self.index.starts.pop(mm, None)
        self.index.give_row("mm", mm)
        self.index.give_row("task", task)
