"""mm/mmap.c, the half that keeps the list of vmas: find, link, merge, adjust, split."""

from __future__ import annotations

from mmtui.engine.flags import VM_DONTCOPY, VM_DONTEXPAND, VM_IO, VM_RESERVED
from mmtui.engine.kernel.model import NULL, kfn
from mmtui.engine.kernel.swap import Swap

LINKED, DETACHED = 1, 2


class Vmas(Swap):
    """mm/mmap.c: the list of vmas"""

    VM_SPECIAL = VM_IO | VM_DONTCOPY | VM_DONTEXPAND | VM_RESERVED
    """A vma with one of these is never merged."""

    def find_vma(self, mm: int, address: int) -> int:
        """The first vma that ends above an address; NULL if none does."""
        rows = self.index.vmas.get(mm)
        if not rows:
            return NULL
        at = self.index.at_or_before(mm, address)
        if at >= 0 and self.vma.vm_end[rows[at]] > address:
            return rows[at]
        return rows[at + 1] if at + 1 < len(rows) else NULL

    def vma_at(self, mm: int, address: int) -> int:
        """The vma that contains an address, or NULL."""
        vma = self.find_vma(mm, address)
        return vma if vma and self.vma.vm_start[vma] <= address else NULL

    def vma_prev_at(self, mm: int, address: int) -> int:
        """The last vma that starts below an address, or NULL."""
        at = self.index.at_or_before(mm, address - 1)
        return self.index.vmas[mm][at] if at >= 0 else NULL

    def vma_next(self, vma: int) -> int:
        """vm_next: the vma above, or NULL."""
        return self.vma_after(self.vma.mm[vma], vma)

    def vma_after(self, mm: int, vma: int) -> int:
        """The vma above `vma`; the first of the mm if `vma` is NULL."""
        rows = self.index.vmas.get(mm)
        if not rows:
            return NULL
        if not vma:
            return rows[0]
        at = self.index.at_or_before(mm, self.vma.vm_start[vma])
        return rows[at + 1] if at + 1 < len(rows) else NULL

    def vma_prev(self, vma: int) -> int:
        """The vma below, or NULL."""
        return self.vma_prev_at(self.vma.mm[vma], self.vma.vm_start[vma])

    def new_vma(self, mm: int, start: int, end: int, flags: int, pgoff: int) -> int:
        """kmem_cache_alloc of a vm_area_struct; in no list yet."""
        vma = self.row("vma")
        self.vma.state[vma] = DETACHED
        self.vma.mm[vma] = mm
        self.vma.vm_start[vma] = start
        self.vma.vm_end[vma] = end
        self.vma.vm_flags[vma] = flags
        self.vma.vm_pgoff[vma] = pgoff
        return vma

    def copy_vma_struct(self, vma: int, mm: int) -> int:
        """A second vm_area_struct with the same fields, with its own file reference; in no list yet."""
        new = self.new_vma(
            mm, self.vma.vm_start[vma], self.vma.vm_end[vma], self.vma.vm_flags[vma], self.vma.vm_pgoff[vma]
        )
        self.vma.vm_page_prot[new] = self.vma.vm_page_prot[vma]
        self.vma.anon_vma[new] = self.vma.anon_vma[vma]
        self.vma.vm_file[new] = self.vma.vm_file[vma]
        self.vma.vm_ops[new] = self.vma.vm_ops[vma]
        if self.vma.vm_file[vma]:
            self.file.count[self.vma.vm_file[vma]] += 1
        return new

    def free_vma(self, vma: int) -> None:
        """kmem_cache_free of a vm_area_struct."""
        self.vma.vm_ops[vma] = 0
        self.vma.vm_file[vma] = NULL
        self.vma.anon_vma[vma] = NULL
        self.vma.vm_pgoff[vma] = 0
        self.vma.vm_page_prot[vma] = 0
        self.vma.vm_flags[vma] = 0
        self.vma.vm_end[vma] = 0
        self.vma.vm_start[vma] = 0
        self.vma.mm[vma] = NULL
        self.vma.state[vma] = 0
        self.index.give_row("vma", vma)

    @kfn("start")
    def vma_link(self, vma: int, start: int) -> None:
        """Put a vma into its mm's list."""
        self.vma.state[vma] = LINKED
        self.index.add_vma(self.vma.mm[vma], vma, start)

    def vma_unlink(self, vma: int) -> None:
        """Take a vma out of the list."""
        self.vma.state[vma] = DETACHED
        self.index.remove_vma(self.vma.mm[vma], vma)

    def set_vm_start(self, vma: int, start: int, pgoff: int) -> None:
        """Move a boundary; vm_pgoff moves with it."""
        self.index.move_vma_start(self.vma.mm[vma], vma, start)
        self.vma.vm_start[vma] = start
        self.vma.vm_pgoff[vma] = pgoff

    def is_mergeable_vma(self, vma: int, flags: int, anon_vma: int, file: int) -> bool:
        """Same flags, same file, and not two different anon_vmas. vm_ops and vm_page_prot are not looked at."""
        return (
            self.vma.vm_flags[vma] == flags
            and self.vma.vm_file[vma] == file
            and self.is_mergeable_anon_vma(anon_vma, self.vma.anon_vma[vma])
        )

    def is_mergeable_anon_vma(self, one: int, other: int) -> bool:
        return not one or not other or one == other

    def can_vma_merge_after(self, vma: int, flags: int, anon_vma: int, file: int, pgoff: int) -> bool:
        """A range at file offset `pgoff` may be added at the end of the vma."""
        pages = (self.vma.vm_end[vma] - self.vma.vm_start[vma]) >> 12
        return self.is_mergeable_vma(vma, flags, anon_vma, file) and self.vma.vm_pgoff[vma] + pages == pgoff

    def can_vma_merge_before(self, vma: int, flags: int, anon_vma: int, file: int, pgoff: int) -> bool:
        """A range that ends at file offset `pgoff` may be added before the vma."""
        return self.is_mergeable_vma(vma, flags, anon_vma, file) and self.vma.vm_pgoff[vma] == pgoff

    @kfn("addr", "end")
    def vma_merge(
        self, mm: int, prev: int, addr: int, end: int, flags: int, anon_vma: int, file: int, pgoff: int
    ) -> int:
        """Let a neighbour take over addr..end: returns the vma that now covers it, or NULL."""
        if not self.config.vma_merge or flags & self.VM_SPECIAL:
            return NULL
        area = nxt = self.vma_after(mm, prev)
        if nxt and self.vma.vm_end[nxt] == end:
            nxt = self.vma_next(nxt)
        pgoff_end = pgoff + ((end - addr) >> 12)
        fits_next = (
            nxt != NULL
            and self.vma.vm_start[nxt] == end
            and self.can_vma_merge_before(nxt, flags, anon_vma, file, pgoff_end)
        )
        if prev and self.vma.vm_end[prev] == addr and self.can_vma_merge_after(prev, flags, anon_vma, file, pgoff):
            if fits_next and self.is_mergeable_anon_vma(self.vma.anon_vma[prev], self.vma.anon_vma[nxt]):
                end = self.vma.vm_end[nxt]
            self.vma_adjust(prev, self.vma.vm_start[prev], end, self.vma.vm_pgoff[prev])
            self.sys.merges[0] += 1
            return prev
        if not fits_next:
            return NULL
        if prev and addr < self.vma.vm_end[prev]:
            self.vma_adjust(prev, self.vma.vm_start[prev], addr, self.vma.vm_pgoff[prev])
        else:
            self.vma_adjust(area, addr, self.vma.vm_end[nxt], self.vma.vm_pgoff[nxt] - ((end - addr) >> 12))
        self.sys.merges[0] += 1
        return area

    @kfn("start", "end")
    def vma_adjust(self, vma: int, start: int, end: int, pgoff: int) -> None:
        """Move a vma's boundaries over its neighbours: those it covers go, the one it meets gives way."""
        mm = self.vma.mm[vma]
        nxt = self.vma_next(vma)
        if nxt and start <= self.vma.vm_start[vma] and end < self.vma.vm_end[vma] == self.vma.vm_start[nxt]:
            self.import_anon_vma(nxt, vma)
            self.vma.vm_end[vma] = end
            self.set_vm_start(nxt, end, self.vma.vm_pgoff[nxt] - ((self.vma.vm_start[nxt] - end) >> 12))
            return
        if start != self.vma.vm_start[vma]:
            self.set_vm_start(vma, start, pgoff)
        while nxt and end > self.vma.vm_start[nxt]:
            self.import_anon_vma(vma, nxt)
            if end < self.vma.vm_end[nxt]:
                moved = (end - self.vma.vm_start[nxt]) >> 12
                self.set_vm_start(nxt, end, self.vma.vm_pgoff[nxt] + moved)
                break
            self.vma_unlink(nxt)
            if self.vma.vm_file[nxt]:
                self.file.count[self.vma.vm_file[nxt]] -= 1
            self.free_vma(nxt)
            nxt = self.vma_after(mm, vma)
        self.vma.vm_end[vma] = end

    def import_anon_vma(self, importer: int, vma: int) -> None:
        """A vma that takes over another's range needs that one's anon_vma, if it has none itself."""
        if not self.vma.anon_vma[importer]:
            self.vma.anon_vma[importer] = self.vma.anon_vma[vma]

    @kfn("addr")
    def split_vma(self, vma: int, addr: int, new_below: bool) -> int:
        """Cut a vma in two at an address; the new struct is the lower or the upper part and is returned."""
        new = self.copy_vma_struct(vma, self.vma.mm[vma])
        offset = (addr - self.vma.vm_start[vma]) >> 12
        if new_below:
            self.vma.vm_end[new] = addr
            self.set_vm_start(vma, addr, self.vma.vm_pgoff[vma] + offset)
        else:
            self.vma.vm_start[new] = addr
            self.vma.vm_pgoff[new] += offset
            self.vma.vm_end[vma] = addr
        self.vma_link(new, self.vma.vm_start[new])
        return new
