"""mm/swap.c: dropping references, and the LRU."""

from __future__ import annotations

from mmtui.engine.errors import BUG_ON, KernelBug
from mmtui.engine.flags import PG_active, PG_dirty, PG_lru, PG_referenced
from mmtui.engine.kernel.model import kfn
from mmtui.engine.kernel.page_alloc import PageAlloc


class Swap(PageAlloc):
    """mm/swap.c"""

    @kfn("pfn")
    def put_page(self, pfn: int) -> None:
        """Drop a reference; the last one frees the page. A reserved page keeps its references."""
        if self.PageCompound(pfn):
            self.put_compound_page(pfn)
            return
        if self.PageReserved(pfn):
            return
        if self.put_page_testzero(pfn, "put_page"):
            self.page_cache_release_last(pfn)

    def put_compound_page(self, pfn: int) -> None:
        """Drop a reference to the head; the last one calls the destructor, which only huge pages have."""
        head = self.page_head(pfn)
        if self.put_page_testzero(head, "put_page"):
            raise KernelBug("put_page", oops=True)

    @kfn("pfn", name="__page_cache_release")
    def page_cache_release_last(self, pfn: int) -> None:
        """The count reached 0: take the page off the LRU and free it."""
        if self.page.flags[pfn] & PG_lru:
            self.page.flags[pfn] &= ~(PG_lru | PG_active)
        if self.page.count[pfn] == 0:
            self.free_hot_cold_page(pfn)

    def lru_drain_release(self, pfn: int) -> None:
        """release_pages at the end of a pagevec drain: the pagevec's reference goes."""
        if not self.PageReserved(pfn):
            self.release_page(pfn)

    def release_page(self, pfn: int) -> None:
        """One page of release_pages. The last reference, if it was, frees the page."""
        if self.put_page_testzero(pfn, "release_pages"):
            self.page_cache_release_last(pfn)

    def lru_cache_add(self, pfn: int) -> None:
        """Put a page on the inactive list. The pagevec is drained at once: its reference comes and goes."""
        self.get_page(pfn)
        BUG_ON(self.page.flags[pfn] & PG_lru != 0, "__pagevec_lru_add")
        self.page.flags[pfn] |= PG_lru
        self.lru_drain_release(pfn)

    def lru_cache_add_active(self, pfn: int) -> None:
        """Put a page on the active list."""
        self.get_page(pfn)
        BUG_ON(self.page.flags[pfn] & (PG_lru | PG_active) != 0, "__pagevec_lru_add_active")
        self.page.flags[pfn] |= PG_lru | PG_active
        self.lru_drain_release(pfn)

    def mark_page_accessed(self, pfn: int) -> None:
        """inactive, unreferenced -> referenced -> active -> active, referenced; only an LRU page becomes active."""
        flags = self.page.flags[pfn]
        if not flags & PG_active and flags & PG_referenced and flags & PG_lru:
            self.page.flags[pfn] = flags & ~PG_referenced | PG_active
        elif not flags & PG_referenced:
            self.page.flags[pfn] |= PG_referenced

    def set_page_dirty(self, pfn: int) -> None:
        self.page.flags[pfn] |= PG_dirty

    def can_share_swap_page(self, pfn: int) -> bool:
        """Nobody else maps this anonymous page. There is no swap device: page_mapcount decides, pins do not."""
        return self.page.mapcount[pfn] == 1
