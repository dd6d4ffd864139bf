"""The changes between 2.6.15 and today that the model 6.x stands on: first release, commit, title."""

from __future__ import annotations

DESTRUCTOR = ("2.6.16", "d98c7a09843", "compound page: default destructor")
DIRTY_SHARED = ("2.6.19", "d08b3851da41", "mm: tracking shared dirty pages")
SPECIAL = ("2.6.26", "7e675137a8e1", "mm: introduce pte_special pte bit")
MIXEDMAP = ("2.6.26", "b379d790197c", "mm: introduce VM_MIXEDMAP")
SWAPBACKED = ("2.6.28", "b2e185384f53", "define page_file_cache() function")
MLOCK = ("2.6.28", "b291f000393f", "mlock: mlocked pages are unevictable")
STUCK = ("2.6.29", "8cc3b39221b0", "badpage: keep any bad page out of circulation")
BAD_MAP = ("2.6.29", "3dc147414cca", "badpage: replace page_remove_rmap Eeek and BUG")
ZERO = ("2.6.32", "a13ea5b7596", "mm: reinstate ZERO_PAGE")
ONLY_READ = ("2.6.38", "5ecfda041e4b", "mlock: avoid dirtying pages and triggering writeback")
CHAINS = ("3.0", "965f55dea0e3", "mmap: avoid merging cloned VMAs")
HUGE = ("2.6.38", "71e3aac0724f", "thp: transparent hugepage core")
NO_RESERVED = ("3.7", "314e51b9851b", "mm: kill vma flag VM_RESERVED and mm->reserved_vm counter")
AROUND = ("3.15", "8c6e50b0290c", "mm: introduce vm_ops->map_pages()")
NO_NONLINEAR = ("4.0", "c8d78c1823f4", "mm: replace remap_file_pages() syscall with emulation")
WIPE = ("4.14", "d2cd9ede6e19", "mm,fork: introduce MADV_WIPEONFORK")
PIN = ("5.7", "3faa52c03f44", "mm/gup: track FOLL_PIN pages")
LRU = ("5.9", "b518154e59aa", "mm/vmscan: protect the workingset on anonymous LRU")
REUSE = ("5.9", "09854ba94c6a", "mm: do_wp_page() simplification")
EARLY_COW = ("5.9", "70e806e4e645", "mm: Do early cow for pinned pages during fork() for ptes")
NON_COMPOUND = ("5.10", "e320d3012d25", "mm/page_alloc.c: fix freeing non-compound pages")
POPULATE = ("5.14", "4ca9b3859dac", "mm/madvise: introduce MADV_POPULATE_(READ|WRITE) to prefault page tables")
EXCLUSIVE = ("5.19", "6c287605fd56", "mm: remember exclusively mapped anonymous pages with PG_anon_exclusive")
UNSHARE = (
    "5.19",
    "a7f226604170",
    "mm/gup: trigger FAULT_FLAG_UNSHARE when R/O-pinning a possibly shared anonymous page",
)
TRY_WRITABLE = (
    "6.0",
    "64fe24a3e05e",
    "mm/mprotect: try avoiding write faults for exclusive anonymous pages when changing protection",
)
MEASURED = ("6.18", "", "as measured; the change that made it so is not known here")
GUARD = ("6.13", "662df3e5c376", "mm: madvise: implement lightweight guard page mechanism")
