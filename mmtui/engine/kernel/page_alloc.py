"""mm/page_alloc.c, include/linux/page-flags.h: allocation, freeing, and the tests that say "Bad page state"."""

from __future__ import annotations

import numpy as np

from mmtui.engine.errors import BUG_ON
from mmtui.engine.flags import (
    PG_active,
    PG_arch_1,
    PG_checked,
    PG_compound,
    PG_dirty,
    PG_error,
    PG_locked,
    PG_lru,
    PG_mappedtodisk,
    PG_private,
    PG_reclaim,
    PG_referenced,
    PG_reserved,
    PG_slab,
    PG_swapcache,
    PG_uptodate,
    PG_writeback,
)
from mmtui.engine.kernel.model import NO_PAGE, Area, kfn

BAD_WHEN_FREED = PG_lru | PG_private | PG_locked | PG_active | PG_reclaim | PG_slab | PG_swapcache | PG_writeback
BAD_PAGE_CLEARS = BAD_WHEN_FREED | PG_dirty
PREP_CLEARS = PG_uptodate | PG_error | PG_referenced | PG_arch_1 | PG_checked | PG_mappedtodisk
PRINTED_FLAGS = (1 << 20) - 1


class PageAlloc(Area):
    """mm/page_alloc.c"""

    boot_count = 0
    """page_count of a frame that boot leaves reserved: 0 up to 2.6.14, where nothing ever drops a reserved page."""

    compound_pages = False
    """PageCompound exists without CONFIG_HUGETLB_PAGE."""

    bad_when_freed = BAD_WHEN_FREED
    """Flags that free_pages_check reports."""

    def PageReserved(self, pfn: int) -> bool:
        return self.page.flags[pfn] & PG_reserved != 0

    def PageAnon(self, pfn: int) -> bool:
        return self.page.mapping[pfn] & 1 != 0

    def PageCompound(self, pfn: int) -> bool:
        return self.page.flags[pfn] & PG_compound != 0

    def page_head(self, pfn: int) -> int:
        """The page whose count is meant: the head of a compound page, else the page itself."""
        return self.page.private[pfn] if self.page.flags[pfn] & PG_compound else pfn

    def get_page(self, pfn: int) -> None:
        """Take a reference."""
        self.page.count[self.page_head(pfn)] += 1

    def put_page_testzero(self, pfn: int, function: str) -> bool:
        """Drop a reference; was it the last one? `function`: whose BUG_ON it is if there was none."""
        BUG_ON(self.page.count[pfn] == 0, function)
        self.page.count[pfn] -= 1
        return self.page.count[pfn] == 0

    @kfn("pfn")
    def bad_page(self, function: str, pfn: int) -> None:
        """Report a page in a bad state, then reset it so that the kernel can go on. The ptes stay as they are.

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
        self.page.flags[pfn] &= ~BAD_PAGE_CLEARS
        self.page.count[pfn] = 0
        self.page.mapcount[pfn] = 0
        self.page.mapping[pfn] = 0
        self.sys.tainted[0] = 1

    def page_is_bad(self, pfn: int, flags: int) -> bool:
        """The test of free_pages_check and prep_new_page, with the flags that each of them minds."""
        return (
            self.page.mapcount[pfn] != 0
            or self.page.mapping[pfn] != 0
            or self.page.count[self.page_head(pfn)] != 0
            or self.page.flags[pfn] & flags != 0
        )

    def free_pages_check(self, function: str, pfn: int) -> bool:
        """Complain about a page that nobody should be freeing; may the caller go on? Always, up to 2.6.15-rc2."""
        if self.page_is_bad(pfn, self.bad_when_freed):
            self.bad_page(function, pfn)
        self.page.flags[pfn] &= ~PG_dirty
        return True

    def free_one_page(self, pfn: int) -> None:
        """Put one frame on the free list. A frame that is there already is reported and stays."""
        if self.page.free[pfn]:
            self.printk("double_free", pfn=pfn)
            return
        self.page.free[pfn] = 1
        self.index.frame_freed(pfn)

    @kfn("pfn")
    def free_hot_cold_page(self, pfn: int) -> None:
        """Free a single page.

        Left out: the per-CPU list; the frame is free at once.
        """
        if self.PageAnon(pfn):
            self.page.mapping[pfn] = 0
        if not self.free_pages_check("free_hot_cold_page", pfn):
            return
        self.free_one_page(pfn)

    @kfn("pfn", "order", name="__free_pages_ok")
    def free_pages_ok(self, pfn: int, order: int) -> None:
        """Free a block of 2**order pages. Left out: buddy merging."""
        good = [self.free_pages_check("__free_pages_ok", each) for each in range(pfn, pfn + (1 << order))]
        if not all(good):
            return
        self.destroy_compound_page(pfn, order)
        for each in range(pfn, pfn + (1 << order)):
            self.free_one_page(each)

    @kfn("pfn", "order", name="__free_pages")
    def free_pages(self, pfn: int, order: int) -> None:
        """Drop the caller's reference to a block; the last one frees it. A reserved page is left alone."""
        if self.PageReserved(pfn):
            return
        if self.put_page_testzero(self.page_head(pfn), "__free_pages"):
            if order == 0:
                self.free_hot_cold_page(pfn)
            else:
                self.free_pages_ok(pfn, order)

    def has_compound_pages(self) -> bool:
        """PageCompound is a constant false in a kernel built without huge pages."""
        return self.config.hugetlb_page

    def prep_compound_page(self, pfn: int, order: int) -> None:
        """Make a block one compound page: each part points to the head; page[1] has the destructor (none) and order."""
        self.page.mapping[pfn + 1] = 0
        self.page.index[pfn + 1] = order
        for part in range(pfn, pfn + (1 << order)):
            self.page.flags[part] |= PG_compound
            self.page.private[part] = pfn

    def destroy_compound_page(self, pfn: int, order: int) -> None:
        """Undo prep_compound_page."""
        if order == 0 or not self.PageCompound(pfn):
            return
        if self.page.index[pfn + 1] != order:
            self.bad_page("destroy_compound_page", pfn)
        for part in range(pfn, pfn + (1 << order)):
            if not self.PageCompound(part) or self.page.private[part] != pfn:
                self.bad_page("destroy_compound_page", pfn)
            self.page.flags[part] &= ~PG_compound

    def rmqueue(self, order: int) -> int:
        """Take the lowest free aligned block off the free list; NO_PAGE if nothing fits."""
        pfn = self.lowest_block(order)
        if pfn != NO_PAGE:
            for each in range(pfn, pfn + (1 << order)):
                self.page.free[each] = 0
            self.index.free_count -= 1 << order
        return pfn

    def lowest_block(self, order: int) -> int:
        """The lowest free block of 2**order frames, aligned to its size."""
        if order == 0:
            return self.index.lowest_free(self.page.free)
        size = 1 << order
        blocks = self.recorder.cells.columns["page.free"][: self.config.frames // size * size].reshape(-1, size)
        whole = np.flatnonzero(blocks.all(axis=1))
        return int(whole[0]) * size if len(whole) else NO_PAGE

    def prep_new_page(self, pfn: int, order: int) -> bool:
        """Check and dress the first page of a block that is about to be handed out; may it be?"""
        if self.page_is_bad(pfn, BAD_WHEN_FREED | PG_dirty):
            self.bad_page("prep_new_page", pfn)
        self.page.flags[pfn] &= ~PREP_CLEARS
        self.page.private[pfn] = 0
        self.page.count[pfn] = 1
        return True

    @kfn("order", name="__alloc_pages")
    def alloc_pages(self, order: int = 0, comp: bool = False) -> int:
        """A block of 2**order pages with a count of 1 on its first; NO_PAGE if nothing fits. Contents are stale.

        Left out: zones, watermarks, reclaim.
        """
        pfn = self.rmqueue(order)
        while pfn != NO_PAGE and not self.prep_new_page(pfn, order):
            pfn = self.rmqueue(order)
        if pfn != NO_PAGE and comp and order and self.has_compound_pages():
            self.prep_compound_page(pfn, order)
        return pfn

    def alloc_zeroed_page(self) -> int:
        """A page of zeroes (alloc_zeroed_user_highpage)."""
        pfn = self.alloc_pages(0)
        if pfn != NO_PAGE:
            self.page.word[pfn] = 0
        return pfn

    def boot_memmap(self) -> None:
        """memmap_init_zone and free_all_bootmem: what every frame looks like when the trace begins. Not logged."""
        cells = self.recorder.cells.columns
        frames = self.config.frames
        cells["page.free"][:frames] = 1
        cells["page.flags"][:frames] = 0
        for start, end in (*self.config.reserved, (1, 2)):
            cells["page.free"][start:end] = 0
            cells["page.flags"][start:end] = PG_reserved
            cells["page.count"][start:end] = self.boot_count
        for start, end in self.config.holes:
            cells["page.free"][start:end] = 0
            cells["page.flags"][start:end] = 0
            cells["page.count"][start:end] = 0
        self.index.free_count = int(cells["page.free"][:frames].sum())
