"""mm/filemap.c and the drivers: the nopage methods, and the page cache behind them."""

from __future__ import annotations

from mmtui.engine.flags import PG_dirty, PG_uptodate
from mmtui.engine.kernel.model import (
    INODE_FILE,
    INODE_SHMEM,
    NO_PAGE,
    NULL,
    VM_OPS_DRIVER,
    kfn,
)
from mmtui.engine.kernel.rmap import Rmap

NOPAGE_SIGBUS, NOPAGE_OOM = -2, -3
"""What a nopage method returns instead of a page."""

GET_NEVER, GET_ALWAYS, GET_UNLESS_RESERVED = 0, 1, 2


class Filemap(Rmap):
    """mm/filemap.c, and nopage of drivers"""

    def open_inode(self, name: str, kind: int) -> int:
        """The inode of a name; a new one gets the next index."""
        number = self.strings.number(name)
        inode = self.index.inodes.get((kind, number), NULL)
        if inode == NULL:
            inode = self.row("inode")
            self.index.inodes[kind, number] = inode
            self.inode.name[inode] = number
            self.inode.kind[inode] = kind
            if kind == INODE_FILE:
                self.inode.index[inode] = self.sys.inodes[0]
                self.sys.inodes[0] += 1
        return inode

    def open_file(self, inode: int, ro: bool) -> int:
        """The struct file of an inode, one for each way of opening it."""
        file = self.index.files.get((inode, int(ro)), NULL)
        if file == NULL:
            file = self.row("file")
            self.index.files[inode, int(ro)] = file
            self.file.inode[file] = inode
            self.file.ro[file] = int(ro)
        return file

    def fput(self, file: int) -> None:
        """A vma lets its file go. The last one of anonymous shared memory takes its pages with it."""
        self.file.count[file] -= 1
        inode = self.file.inode[file]
        if self.file.count[file] == 0 and self.inode.kind[inode] == INODE_SHMEM:
            for pgoff in sorted(offset for node, offset in self.index.cache if node == inode):
                self.remove_from_page_cache(inode, pgoff)

    def page_cache_lookup(self, inode: int, pgoff: int) -> int:
        """The cached page of a file offset, or NO_PAGE."""
        entry = self.index.cache.get((inode, pgoff), NULL)
        return self.cache.pfn[entry] if entry else NO_PAGE

    @kfn("pfn", "pgoff")
    def add_to_page_cache(self, pfn: int, inode: int, pgoff: int) -> None:
        """The cache keeps a page: the page's first reference is the cache's."""
        entry = self.row("cache")
        self.index.cache[inode, pgoff] = entry
        self.cache.pgoff[entry] = pgoff
        self.cache.pfn[entry] = pfn
        self.cache.inode[entry] = inode
        self.page.mapping[pfn] = inode << 1
        self.page.index[pfn] = pgoff
        self.page.flags[pfn] |= PG_uptodate
        self.lru_cache_add(pfn)

    @kfn("pgoff")
    def remove_from_page_cache(self, inode: int, pgoff: int) -> None:
        """The cache lets a page go, and drops its reference."""
        entry = self.index.cache.pop((inode, pgoff))
        pfn = self.cache.pfn[entry]
        self.cache.inode[entry] = NULL
        self.cache.pgoff[entry] = 0
        self.cache.pfn[entry] = 0
        self.index.give_row("cache", entry)
        self.page.flags[pfn] &= ~PG_dirty
        self.page.mapping[pfn] = 0
        self.put_page(pfn)

    @kfn("pgoff")
    def filemap_nopage(self, inode: int, pgoff: int) -> int:
        """The page of a file offset, from the cache or read into it, with a reference for the caller."""
        pfn = self.page_cache_lookup(inode, pgoff)
        if pfn != NO_PAGE:
            self.get_page(pfn)
        else:
            pfn = self.alloc_pages(0)
            if pfn == NO_PAGE:
                return NOPAGE_OOM
            self.page.word[pfn] = self.file_word(inode, pgoff)
            self.get_page(pfn)
            self.add_to_page_cache(pfn, inode, pgoff)
        self.mark_page_accessed(pfn)
        return pfn

    def file_word(self, inode: int, pgoff: int) -> int:
        """What the disk has at the start of a page; shared anonymous memory starts as zeroes."""
        if self.inode.kind[inode] == INODE_SHMEM:
            return 0
        return (0xF0000000 | self.inode.index[inode] << 16 | pgoff) & 0xFFFFFFFF

    def nopage(self, vma: int, address: int) -> tuple[int, bool]:
        """vm_ops->nopage: the page for an address, and whether a reference came with it (for the ledger only)."""
        pgoff = self.linear_page_index(vma, address)
        inode = self.file.inode[self.vma.vm_file[vma]]
        if self.vma.vm_ops[vma] == VM_OPS_DRIVER:
            return self.driver_nopage(self.inode.name[inode], pgoff, address)
        return self.filemap_nopage(inode, pgoff), True

    @kfn("pgoff", "address")
    def driver_nopage(self, name: int, pgoff: int, address: int) -> tuple[int, bool]:
        """A driver's nopage: the page at that offset of its buffer; the reference as the driver sees fit."""
        driver = self.index.drivers.get(name, NULL)
        buf = self.index.bufs.get(self.driver.buf[driver], NULL) if driver else NULL
        if not buf or self.buf.state[buf] != 1 or pgoff >= 1 << self.buf.order[buf]:
            return NOPAGE_SIGBUS, False
        pfn = self.buf.pfn[buf] + pgoff
        how = self.driver.get_page[driver]
        held = how == GET_ALWAYS or (how == GET_UNLESS_RESERVED and not self.PageReserved(pfn))
        if held:
            self.get_page(pfn)
        return pfn, held
