"""2.6.14 -- the oldest kernel here, whole: PG_reserved is honoured everywhere.

Tag v2.6.14 (741b2252a5e1). i386, 4 KiB pages, two-level page tables, UP, no highmem, FLATMEM, CONFIG_SWAP without a
swap device. A page that is PG_reserved is never counted by a page table: whoever sees one passes it over.
Each area below is one file of mm/; `Drivers` stands on top of them all.
"""

from __future__ import annotations

from mmtui.engine.kernel.drivers import Drivers


class Linux_2_6_14(Drivers):
    """All of 2.6.14; the areas it stands on have the functions."""

    release = "2.6.14"
