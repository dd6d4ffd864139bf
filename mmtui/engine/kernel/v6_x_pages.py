"""mm/page_alloc.c, mm/swap.c, mm/rmap.c and mm/mlock.c of today's kernel: how a page is freed, and who maps it."""

from __future__ import annotations

from typing_extensions import override

from mmtui.engine.flags import (
    VM_LOCKED,
    PG_active,
    PG_anon_exclusive,
    PG_lru,
    PG_mlocked,
    PG_reserved,
    PG_swapbacked,
    PG_uptodate,
)
from mmtui.engine.kernel.model import INODE_SHMEM, gone, kfn, since
from mmtui.engine.kernel.page_alloc import BAD_WHEN_FREED, PRINTED_FLAGS
from mmtui.engine.kernel.v2_6_15 import Linux_2_6_15
from mmtui.engine.kernel.v6_x_changes import (
    BAD_MAP,
    DESTRUCTOR,
    EXCLUSIVE,
    HUGE,
    LRU,
    MLOCK,
    NON_COMPOUND,
    STUCK,
    SWAPBACKED,
)

GUP_PIN_COUNTING_BIAS = 1024
"""What one pin (FOLL_PIN) adds to page_count."""


class ModernPages(Linux_2_6_15):
    """mm/page_alloc.c, mm/swap.c, mm/rmap.c, mm/mlock.c"""

    bad_when_freed = BAD_WHEN_FREED | PG_reserved

    # mm/swap.c, mm/page_alloc.c

    put_compound_page = gone(*DESTRUCTOR)

    @override
    @since(*DESTRUCTOR)
    @kfn("pfn")
    def put_page(self, pfn: int) -> None:
        """Drop a reference, of the head for a part of a compound page; the last one frees the page."""
        head = self.page_head(pfn)
        if not self.put_page_testzero(head, "put_page"):
            return
        # [2.6.16] a compound page is freed like any other
        if self.PageCompound(head):
            self.page.flags[head] &= ~(PG_lru | PG_active)
            self.free_pages_ok(head, self.compound_order(head))
        else:
            self.page_cache_release_last(head)

    @since(*HUGE)
    def compound_order(self, head: int) -> int:
        """The order of a compound page, by its parts: page[1] of an anonymous one has an index of its own."""
        order = 0
        while self.page_head(head + (1 << order)) == head and self.PageCompound(head + (1 << order)):
            order += 1
            if head + (1 << order) >= self.config.frames:
                break
        return order

    @override
    @since(*HUGE)
    @kfn("pfn", "order", name="__free_pages_ok")
    def free_pages_ok(self, pfn: int, order: int) -> None:
        """Free a block of 2**order pages. Left out: buddy merging."""
        for each in range(pfn, pfn + (1 << order)):
            # [2.6.38] a huge page is anonymous in all of its parts
            if self.PageAnon(each):
                self.page.mapping[each] = 0
        good = [self.free_pages_check("__free_pages_ok", each) for each in range(pfn, pfn + (1 << order))]
        if not all(good):
            return
        for each in range(pfn, pfn + (1 << order)):
            self.free_one_page(each)

    @override
    @since(*NON_COMPOUND)
    @kfn("pfn", "order", name="__free_pages")
    def free_pages(self, pfn: int, order: int) -> None:
        """Drop the caller's reference to a block, and free it if that was the last one. If not, and the block is not
        compound, only its first page stays."""
        compound = self.PageCompound(pfn)
        if self.put_page_testzero(self.page_head(pfn), "__free_pages"):
            if order == 0:
                self.free_hot_cold_page(pfn)
            else:
                self.free_pages_ok(pfn, order)
            return
        # [5.10]
        while order and not compound:
            order -= 1
            self.free_pages_ok(pfn + (1 << order), order)

    @override
    @since(*STUCK)
    @kfn("pfn")
    def bad_page(self, function: str, pfn: int) -> None:
        """Report a page in a bad state; its fields stay as they are, for whoever looks for the culprit.

        Left out: the backtrace, the process.
        """
        self.printk(
            "bad_page",
            fn=function,
            pfn=pfn,
            flags=self.page.flags[pfn] & PRINTED_FLAGS,
            mapping=int(self.page.mapping[pfn] != 0),
            mapcount=self.page.mapcount[pfn],
            count=self.page.count[self.page_head(pfn)],
        )
        # [2.6.29] only the mapcount is reset
        self.page.mapcount[pfn] = 0
        self.sys.tainted[0] = 1

    @override
    @since(*STUCK)
    def free_pages_check(self, function: str, pfn: int) -> bool:
        """Complain about a page that nobody should be freeing; may the caller go on? A bad page is never used again."""
        if self.page_is_bad(pfn, self.bad_when_freed):
            self.bad_page(function, pfn)
            return False
        self.page.flags[pfn] = 0
        return True

    @override
    @since(*STUCK)
    def prep_new_page(self, pfn: int, order: int) -> bool:
        """Check a block that is about to be handed out, and dress its first page; may it be? Not if a page is bad."""
        for page in range(pfn, pfn + (1 << order)):
            if self.page_is_bad(page, self.bad_when_freed):
                self.bad_page("prep_new_page", page)
                return False
        self.page.private[pfn] = 0
        self.page.count[pfn] = 1
        return True

    @override
    @since(*LRU)
    def lru_cache_add_active(self, pfn: int) -> None:
        """Put a new anonymous page on the LRU: on the inactive list, like any other page."""
        self.lru_cache_add(pfn)

    # mm/rmap.c

    def PageAnonExclusive(self, pfn: int) -> bool:
        """The page belongs to one process alone: it may be written without a copy."""
        return self.page.flags[pfn] & PG_anon_exclusive != 0

    def page_maybe_dma_pinned(self, pfn: int) -> bool:
        """A device may be reading or writing the page: its count is too high for anything else."""
        return self.page.count[self.page_head(pfn)] >= GUP_PIN_COUNTING_BIAS

    @override
    @since(*EXCLUSIVE)
    @kfn("pfn", "address")
    def page_add_anon_rmap(self, pfn: int, vma: int, address: int) -> None:
        """The first pte maps a new anonymous page. It is exclusive to its process until fork shares it."""
        self.page.mapcount[pfn] += 1
        self.set_anon_rmap(pfn, vma, address)
        # [5.19]
        self.page.flags[pfn] |= PG_uptodate | PG_swapbacked | PG_anon_exclusive
        self.mlock_vma_page(vma, pfn)

    @override
    @since(*BAD_MAP)
    @kfn("pfn")
    def page_add_file_rmap(self, pfn: int) -> None:
        """One more pte maps a page that is not anonymous."""
        # [2.6.29] an anonymous page here is no BUG
        self.page.mapcount[pfn] += 1
        if self.page.mapcount[pfn] == 1:
            self.sys.nr_mapped[0] += 1

    @override
    @since(*BAD_MAP)
    @kfn("pfn")
    def page_remove_rmap(self, pfn: int) -> None:
        """One pte fewer maps the page. Whoever finds the mapcount below 0 then complains, and goes on."""
        # [2.6.29] no BUG
        self.page.mapcount[pfn] -= 1
        if self.page.mapcount[pfn] == 0:
            self.sys.nr_mapped[0] -= 1

    # mm/filemap.c, mm/shmem.c

    @override
    @since(*SWAPBACKED)
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
        # [2.6.28]
        if self.inode.kind[inode] == INODE_SHMEM:
            self.page.flags[pfn] |= PG_swapbacked
        self.lru_cache_add(pfn)

    # mm/mlock.c. The number of VM_LOCKED vmas that map a page stands in its private word.

    @since(*MLOCK)
    def mlock_vma_page(self, vma: int, pfn: int) -> None:
        """A pte of a VM_LOCKED vma maps the page from now on.

        Left out: the unevictable list.
        """
        if self.vma.vm_flags[vma] & VM_LOCKED and not self.PageCompound(pfn):
            self.mlock_page(pfn)

    @since(*MLOCK)
    def munlock_vma_page(self, vma: int, pfn: int) -> None:
        """A pte of a VM_LOCKED vma no longer maps the page."""
        if self.vma.vm_flags[vma] & VM_LOCKED and not self.PageCompound(pfn):
            self.munlock_page(pfn)

    @since(*MLOCK)
    def mlock_page(self, pfn: int) -> None:
        """One more VM_LOCKED vma maps the page."""
        self.page.private[pfn] += 1
        self.page.flags[pfn] |= PG_mlocked

    @since(*MLOCK)
    def munlock_page(self, pfn: int) -> None:
        """One VM_LOCKED vma fewer maps the page; after the last one it is an ordinary page again."""
        if self.page.private[pfn] > 0:
            self.page.private[pfn] -= 1
        if self.page.private[pfn] == 0:
            self.page.flags[pfn] &= ~PG_mlocked
