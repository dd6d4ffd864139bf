"""What each sample trace must do on each kernel, known from the kernels' own behaviour; never copied from the engine.

`on(kernels, verdict, claims...)`: A is 2.6.14, B 2.6.15-rc2, C vm-unpaged, D3 2.6.15-rc3, D4 2.6.15-rc5, D 2.6.15.
Verdict: L leaks, P frees prematurely, X reports a bad page state, ! dies of a BUG; none of them: clean.
"""

from __future__ import annotations

from tests.traces.verdicts import ALL, Case, on

LATE = "C D3 D4 D"
PFNMAP = "D3 D4 D"

STORIES: dict[str, tuple[Case, ...]] = {
    # A range that must not be freed, and a page that is not.
    "remap-reserved": (
        on(ALL, "", "@2 8 c1 m0 +reserved", "3 -> pfn 8 faults 0", "@4 8 c1 m0 +reserved", "@4 pid 1 F0 N0",
           "end 8 free"),
        on("A B", "", "@2 vma 1 0x10000000 VM_IO VM_RESERVED"),
        on("C", "", "@2 vma 1 0x10000000 VM_IO VM_RESERVED VM_UNPAGED"),
        on(PFNMAP, "", "@2 vma 1 0x10000000 VM_IO VM_RESERVED VM_PFNMAP"),
    ),
    "nopage-leak": (
        on("A C D3 D4 D", "", "0 -> pfn 8", "23 -> pfn 8", "@23 8 c2 m1", "@23 pid 2 F3 N4", "@27 8 c1 m0",
           "end 8 free", "end 9 free", "end 10 free", "end 11 free"),
        on("B", "L", "23 -> pfn 8", "@23 8 c2 m0", "@23 pid 2 F2 N4", "27 leak 8 surplus in zap_pte_range",
           "@27 8 c2 m0", "28 leak 8 confirmed in __free_pages", "end 8 c1 m0 lost", "end 9 c0 lost",
           "end 10 c0 lost", "end 11 c0 lost"),
        on(ALL, None, "@28 pid 1 F3 N5", "end 12 c2 m1", "end 15 c1 m1", "end 19 c1 m0", "end 21 free"),
    ),
    "nopage-leak-small": (
        on("A C D3 D4 D", "", "@4 8 c2 m1", "@4 pid 1 F1 N0", "@5 8 c1 m0 +referenced", "end 8 free"),
        on("B", "L", "@4 8 c2 m0", "@4 pid 1 F0 N0", "5 leak 8 surplus in zap_pte_range", "@5 8 c2",
           "6 leak 8 confirmed in __free_pages", "end 8 c1 lost"),
    ),
    "nopage-leak-fork": (
        on("A", "", "@5 8 c3 m2", "@5 pte 2 0x10000000 8 P|RW", "6 -> pfn 8 faults 0", "end 8 free"),
        on("B", "L", "@5 8 c2 m0", "@5 pte 2 0x10000000 8 P|RW|A|D", "8 leak 8 surplus", "@8 8 c2",
           "9 leak 8 confirmed in __free_pages", "end 8 c1 lost"),
        on(LATE, "", "@5 pte 2 0x10000000 none", "6 -> pfn 8 faults 1", "@6 8 c3 m2", "end 8 free"),
    ),
    "nopage-leak-block": (
        on("A C D3 D4 D", "", "@4 8 c2 m1", "@7 8 c5 m1", "@7 9 m1", "@8 8 c1 m0", "end 8 free", "end 11 free"),
        on("B", "L", "@7 8 c5 m0", "8 leak 8 surplus", "@8 8 c5", "9 leak 8 confirmed in __free_pages",
           "end 8 c4 lost", "end 11 lost"),
    ),
    # The owner frees too early, or too carelessly.
    "free-before-munmap": (
        on("A", "P !", "4 free_unpaged 8 in __free_pages", "@4 8 free", "5 -> BUG: page_remove_rmap"),
        on("B C D3 D4 D", "P", "4 free_unpaged 8 in __free_pages", "@4 8 free", "end 8 free"),
    ),
    "free-still-reserved": (
        on("A", "L", "5 leak 8", "@5 8 c1 +reserved lost", "end 8 c1 +reserved lost"),
        on("B", "X P", "5 says bad_page 8 flags 0x400", "5 free_unpaged 8", "@5 8 free", "end 8 free"),
        on(LATE, "X P", "5 says bad_page 8", "5 free_unpaged 8", "5 limbo 8", "end 8 c0 +reserved lost"),
    ),
    "forgot-clear": (
        on("A", "L", "2 leak 8", "@2 8 c1 +reserved lost", "3 -> pfn 9"),
        on("B", "X", "2 says bad_page 8", "@2 8 free -reserved", "3 -> pfn 8"),
        on(LATE, "X", "2 says bad_page 8", "2 limbo 8", "@2 8 c0 +reserved lost", "3 -> pfn 9"),
    ),
    # fork
    "fork-cow": (
        on(ALL, "", "@14 13 c2 m2", "@14 pte 1 0x804e000 13 P|A|D", "@14 pte 2 0x804e000 13 P|D",
           "@14 pte 2 0x8048000 none", "@14 pid 2 F0 N6", "15 -> pfn 17 value 1015 faults 1", "@15 13 c1 m1",
           "16 -> pfn 13 value 1016 faults 1", "17 -> pfn 18 faults 1", "@17 12 c1 m1",
           "18 -> pfn 12 value 1008 faults 0", "19 -> pfn 8 faults 1", "@19 8 c3 m2", "end 8 c1 m0", "end 12 free",
           "end 13 free", "end 17 free", "end 18 free"),
    ),
    "fork-unpaged": (
        on(ALL, "", "@2 8 c1 m0", "@4 8 c1 m0", "@5 8 c1 m0", "@6 8 c1 m0 +reserved", "end 8 free"),
        on("A B C", "", "@4 pte 2 0x10000000 8 P|RW|A|D"),
        on(PFNMAP, "", "@4 pte 2 0x10000000 8 P|RW"),
    ),
    "vbetool-private-devmem": (
        on("A C D3 D4 D", "", "@2 8 c1 m1", "@2 pid 1 F0 N1", "@3 8 c2 m2", "4 -> pfn 9", "@4 8 c1 m1", "end 8 free",
           "end 9 free"),
        on("A", "", "end 240 c0 m0"),
        on(LATE, "", "end 240 c1 m0", "@1 vma 1 0x10000000 pgoff 240"),
        on("B", "", "1 -> -EACCES", "1 says private_write_reserved", "2 -> SIGSEGV", "4 -> SIGSEGV", "end 240 c1 m0"),
    ),
    "vbetool-mmio": (
        on("A", "", "2 -> OOM", "2 says bogus_page"),
        on("B", "", "1 -> -EACCES", "2 -> SIGSEGV"),
        on("C", "", "2 -> OOM", "2 says bad_pte"),
        on(PFNMAP, "", "2 -> pfn 8 value 5", "@2 8 c1 m1", "end 8 free"),
    ),
    # ZERO_PAGE
    "zero-page": (
        on("A", "", "@2 1 c0 m0", "@2 pid 1 F0 N0", "@4 1 c0 m0", "@5 1 c0 m0", "@6 1 c0 m0", "end 1 c0 m0"),
        on("B C D3 D4 D", "", "@2 1 c2 m1", "@2 pid 1 F1 N0", "@4 1 c3 m2", "@5 1 c2 m1", "@5 pid 1 F0 N2",
           "@6 1 c1 m0", "end 1 c1 m0"),
    ),
    "zero-page-fork": (
        on("A", "", "@3 1 c0 m0", "4 -> pfn 1 faults 1", "@4 1 c0 m0"),
        on("B C D3 D4 D", "", "@3 1 c2 m1", "4 -> pfn 1 faults 1", "@4 1 c3 m2", "end 1 c1 m0 +referenced"),
    ),
    "zero-page-writable": (
        on("A", "", "3 -> pfn 8 faults 1", "6 -> pfn 1 value 0", "end 1 c0 m0"),
        on("B D", "L", "2 -> pfn 1", "@2 pte 1 0x10001000 1 P|RW|A", "3 -> pfn 1 value 4242 faults 0",
           "6 -> value 4242", "8 leak 1 in zap_pte_range", "end 1 c2 m1"),
        on("C", "", "6 -> pfn 1 value 0", "end 1 c1 m0"),
        on("D3 D4", "", "3 -> pfn 1 value 4242 faults 0", "6 -> value 4242", "end 1 c1 m0"),
        on("D4", "", "1 says incomplete"),
    ),
    "zero-page-mprotect": (
        on(ALL, "", "@2 pte 1 0x10000000 1 P|RW|A", "3 -> pfn 1 value 9 faults 0", "6 -> pfn 1 value 9"),
    ),
    # ALSA: high-order buffers
    "alsa-nocomp-2614": (
        on("A B", "", "@4 8 c1 m0", "@5 9 c0 m0", "end 8 free", "end 9 free", "end 11 free"),
        on(LATE, "X !", "@4 8 c1 m1", "@5 9 c0 m1", "6 -> BUG: put_page", "6 says bad_page 8 flags 0x414",
           "6 limbo 8"),
    ),
    "alsa-nocomp": (
        on("A B", "L", "@5 8 c2", "@5 9 c1", "6 leak 8", "6 leak 9", "@6 8 c2", "7 leak 8 confirmed in __free_pages",
           "end 8 c1 lost", "end 9 c1 lost", "end 10 lost", "end 11 lost"),
        on(LATE, "X", "@6 8 c1 m0", "6 says bad_page 9 flags 0x414 mapcount 0 count 0 fn free_hot_cold_page",
           "@6 9 c0 m0 lost", "end 8 free", "end 9 free", "end 10 free", "end 11 free"),
    ),
    "alsa-tail-double-free": (
        on("A C D3 D4 D", "P", "5 free_owned 9 in put_page", "@5 9 free", "6 says double_free 9", "end 8 free",
           "end 11 free"),
        on("B", "L X", "5 leak 9", "@5 9 c1 m0", "6 says bad_page 9 count 1 fn __free_pages_ok", "end 8 free",
           "end 9 free"),
    ),
    "usx2y-noget": (
        on("A B", "", "end 8 free", "end 9 free", "end 11 free"),
        on(LATE, "X !", "5 says bad_page 8", "5 stray_put 8", "5 limbo 8", "@5 8 c0 lost", "6 -> BUG: __free_pages"),
    ),
    "usx2y-noget-tail": (
        on("A B", "", "end 8 free", "end 9 free", "end 11 free"),
        on(LATE, "!", "5 -> BUG: put_page"),
    ),
    "compound-fix": (
        on("A B", "L", "@5 8 c2", "@5 9 c1", "7 leak 8 confirmed in __free_pages", "end 8 c1 lost", "end 9 c1 lost",
           "end 10 lost"),
        on(LATE, "", "@4 8 c2 m1", "@5 8 c3 m1", "@5 9 m1", "@6 8 c1 m0", "@6 9 m0", "end 8 free", "end 9 free",
           "end 11 free"),
    ),
    "compound-last-put": (
        on("A B", "X P !", "7 says bad_page 9 flags 0x14 count 1 fn __free_pages_ok", "7 free_owned 9",
           "8 -> BUG: put_page"),
        on(LATE, "!", "@4 8 c2", "@5 8 c3", "@6 8 c2", "@7 8 c1 lost", "8 -> OOPS"),
    ),
    # 2.6.14's arithmetic with PG_reserved
    "reserved-without-vmreserved": (
        on("A", "L", "@4 8 c2 m0", "@4 pid 1 F0 N0", "5 leak 8 stuck in zap_pte_range", "@5 8 c2",
           "6 leak 8 confirmed in __free_pages", "end 8 c1 lost"),
        on("B C D3 D4 D", "", "@4 8 c2 m1", "@4 pid 1 F1 N0", "@5 8 c1 m0", "end 8 free"),
    ),
    "reserved-toggle": (
        on("A", "L", "@4 8 c2 m1", "6 leak 8 stuck in zap_pte_range", "@6 8 c2 m1",
           "8 leak 8 confirmed in __free_pages", "end 8 c1 m1 lost"),
        on("B C D3 D4 D", "", "@6 8 c1 m0", "end 8 free"),
    ),
    "reserved-toggle-pin": (
        on("A", "L", "@5 8 c3 m1", "7 leak 8 stuck", "@7 8 c3 m1", "@9 8 c2 m0",
           "10 leak 8 confirmed in __free_pages", "end 8 c1 lost"),
        on("B C D3 D4 D", "", "@5 8 c3 m1", "@7 8 c2 m1", "end 8 free"),
    ),
    "reserved-toggle-cache": (
        on("A", "P X", "@4 8 c2", "@6 8 c1", "7 says bad_page 8 flags 0xc", "7 free_owned 8", "8 -> -EBUSY"),
        on("B C D3 D4 D", "", "@4 8 c3", "@6 8 c2", "end 8 free"),
    ),
    # get_user_pages
    "bttv-gup": (
        on("A C D3 D4 D", "", "@4 8 c2", "@5 8 c3", "@6 8 c2", "@7 8 c1", "end 8 free"),
        on("B", "L", "5 -> -EFAULT", "6 leak 8 surplus", "7 -> -EINVAL", "8 leak 8 confirmed in __free_pages",
           "end 8 c1 lost"),
    ),
    "gup-reserved": (
        on("A", "L", "@4 8 c2", "@5 8 c2", "@7 8 c2", "8 leak 8 confirmed in __free_pages", "end 8 c1 lost"),
        on("B C D3 D4 D", "", "@4 8 c2", "@5 8 c3", "@6 8 c2", "@7 8 c1", "end 8 free"),
    ),
    "rdma-fork": (
        on(ALL, "", "@4 8 c3 m2", "5 -> pfn 9", "@5 8 c2 m1", "@5 9 c1 m1", "@7 8 c1 m0 lost", "end 8 free",
           "end 9 free"),
        on("A", "", "@6 8 +dirty"),
        on("B C D3 D4 D", "", "@6 8 -dirty"),
    ),
    "rdma-dontcopy": (
        on(ALL, "", "2 -> pfn 9", "@4 9 c2 m1", "5 -> pfn 9 faults 0", "@7 9 c1 m0", "end 8 c1", "end 9 free"),
    ),
    # One put too many.
    "overput-cascade": (
        on(ALL, "P X !", "@8 8 c1 m3", "9 free_mapped 8 in put_page", "9 says bad_page 8 mapcount 2 count 0",
           "@9 8 free", "10 -> BUG: page_remove_rmap"),
    ),
    "overput-theft": (
        on(ALL, "P X !", "7 free_mapped 8 in put_page", "7 says bad_page 8 mapcount 1", "@7 8 free",
           "10 -> pfn 8 value 7", "11 -> pfn 8 value 7", "12 free_mapped 8", "@12 8 free", "13 -> BUG: __free_pages"),
    ),
    # Raw ptes: which are they?
    "remap-any-range": (
        on("A", "", "@2 pte 1 0x10000000 none", "3 -> pfn 9 faults 1", "@3 9 c1 m1", "@3 pid 1 F0 N1", "@3 8 c1 m0",
           "@4 9 free", "end 8 free"),
        on("B C D3 D4 D", "", "3 -> pfn 8 faults 0", "@3 8 c1 m0", "@4 8 c1 m0", "end 8 free"),
        on("B", "", "@2 vma 1 0x10000000 pgoff 0 VM_IO VM_RESERVED"),
        on("C", "", "@2 vma 1 0x10000000 pgoff 0 VM_UNPAGED VM_IO VM_RESERVED"),
        on("D3 D4", "", "@2 vma 1 0x10000000 pgoff 8 VM_PFNMAP VM_IO VM_RESERVED"),
        on("D", "", "@2 vma 1 0x10000000 pgoff 0 VM_PFNMAP VM_IO VM_RESERVED"),
    ),
    "multi-remap": (
        on("A B C D", "", "5 -> pfn 10", "@5 8 c1 m0", "@5 10 c1 m0", "@6 8 c1 m0", "end 8 free", "end 10 free"),
        on("D3", "!", "@4 vma 1 0x10000000 pgoff 10", "6 -> BUG: page_remove_rmap"),
        on("D4", "", "4 says incomplete", "@4 vma 1 0x10000000 VM_INCOMPLETE", "@4 8 c2 m1", "@4 10 c2 m1",
           "@4 pid 1 F2 N0", "@6 8 c1 m0", "end 8 free", "end 10 free"),
    ),
    "multi-remap-private": (
        on("A C", "", "5 -> pfn 10", "end 8 free", "end 10 free"),
        on("B", "", "4 -> -EACCES", "4 says private_write_reserved", "5 -> SIGSEGV", "end 8 free"),
        on("D3", "!", "@4 vma 1 0x10000000 pgoff 10", "6 -> BUG: page_remove_rmap"),
        on("D4", "", "4 says incomplete", "@4 8 c2 m1", "@4 10 c2 m1", "@4 pid 1 F2 N0", "@6 8 c1 m0", "end 8 free"),
        on("D", "", "4 -> -EINVAL", "5 -> SIGSEGV", "end 8 free", "end 10 free"),
    ),
    "insert-page-fork": (
        on("A B C D3", "", "3 -> unsupported", "5 -> SIGBUS", "end 8 free"),
        on("D4", "", "@3 8 c2 m1", "@4 8 c2 m1", "@4 pte 2 0x10000000 none", "5 -> SIGBUS", "end 8 free"),
        on("D", "", "@3 8 c2 m1", "@3 pid 1 F1 N0", "@3 vma 1 0x10000000 VM_INSERTPAGE", "@4 8 c3 m2",
           "5 -> pfn 8 faults 0", "end 8 free"),
    ),
    "hole-in-pfnmap": (
        on("A", "", "4 -> pfn 10", "5 -> pfn 1 value 0", "@5 1 c0 m0", "end 10 free"),
        on("B D", "L", "4 -> pfn 10", "5 -> pfn 1", "6 leak 10 orphan in zap_pte_range", "6 leak 1 in zap_pte_range",
           "end 10 c1 m1 lost", "end 1 c2 m1"),
        on("C", "", "4 -> pfn 10", "5 -> pfn 11", "end 10 free", "end 11 free", "end 1 c1 m0"),
        on("D3 D4", "", "4 -> pfn 10", "5 -> pfn 1", "end 10 free", "end 1 c1 m0"),
        on("D4", "", "3 says incomplete"),
    ),
    "devmem-viewer-leaves": (
        on("A", "", "5 -> pfn 1 value 0", "end 8 free"),
        on("B C D3 D4 D", "", "@4 8 c1 m1", "5 -> pfn 8 value 5", "@6 8 c1 m1", "end 8 free"),
    ),
    "devmem-window": (
        on("A", "", "9 -> pfn 1 value 0", "end 8 free"),
        on("B C D3 D4 D", "P", "5 free_unpaged 8 in zap_pte_range", "@5 8 free", "8 -> pfn 8",
           "8 window_on_foreign 8", "9 -> pfn 8 value 77", "end 8 free"),
    ),
    "frame-comes-back": (
        on("A", "", "3 -> ok", "@3 8 free", "4 -> pfn 8", "end 8 free"),
        on("B", "", "2 -> -EACCES", "4 -> SIGSEGV", "end 8 free"),
        on("C", "P", "3 free_unpaged 8 in __free_pages", "4 -> pfn 8", "@4 8 c1 m1", "end 8 free"),
        on(PFNMAP, "P L", "3 free_unpaged 8 in __free_pages", "4 -> pfn 8", "@4 pid 1 F0 N1",
           "5 leak 8 orphan in zap_pte_range", "end 8 c1 m1 lost"),
    ),
    "mprotect-reserved": (
        on("B", "", "3 -> -EACCES", "3 says private_write_reserved", "4 -> SIGSEGV", "end 8 free"),
        on("A C D3 D4 D", "", "4 -> pfn 9", "@4 9 c1 m1", "@4 pid 1 F0 N1", "@4 8 c1 m0", "end 9 free", "end 8 free"),
        on(PFNMAP, "", "@2 vma 1 0x10000000 pgoff 8"),
    ),
    "shared-readonly-pgprot": (
        on("A C D3 D4", "", "2 -> pfn 8", "@2 pid 1 F0 N1", "3 -> pfn 8 value 5 faults 0", "end 8 free"),
        on("B", "!", "2 -> BUG: do_wp_page"),
        on("D", "L", "2 -> pfn 8", "4 leak 8 orphan in zap_pte_range", "end 8 c1 m1 lost"),
    ),
    "mremap-grow": (
        on("A C D3 D4", "", "5 -> pfn 10 faults 1", "end 10 free", "end 8 free"),
        on("B", "L", "5 -> pfn 10 faults 1", "6 leak 10 orphan in zap_pte_range", "end 10 c1 m1 lost", "end 8 free"),
        on("D", "", "4 -> -EFAULT", "5 -> SIGSEGV", "end 8 free"),
    ),
    "mremap-move": (
        on("A C D3 D4 D", "", "2 -> pfn 8", "@3 8 c1 m1", "4 -> pfn 8 value 5 faults 0", "5 -> pfn 9 value 6",
           "@5 pid 1 F0 N2", "end 8 free", "end 9 free"),
        on("B", "", "1 -> -EACCES", "2 -> SIGSEGV", "3 -> -EFAULT", "4 -> SIGSEGV", "5 -> SIGSEGV"),
    ),
    "madvise-remap": (
        on("A", "", "@4 pte 1 0x10000000 none", "@4 8 c1 m0", "5 -> pfn 1 value 0", "end 8 free"),
        on("B C D3 D4 D", "", "4 -> -EINVAL", "5 -> pfn 8 value 5 faults 0", "end 8 free"),
    ),
    # The rest of the machine.
    "legacy-hole": (
        on(ALL, "", "0 -> pfn 384", "5 -> pfn 160 value 42 faults 0", "9 -> pfn 8", "@10 8 c2 m2",
           "11 -> pfn 160 value 42 faults 0", "end 8 free", "end 384 free", "end 511 free"),
        on("A", "", "@3 160 c0 m0", "@10 240 c0 m0", "end 160 c0 m0", "end 256 c0 m0"),
        on("B C D3 D4 D", "", "@3 160 c1 m0", "@10 240 c1 m0", "end 160 c1 m0", "end 256 c1 m0"),
    ),
    "reclaim-and-reserved": (
        on(ALL, "", "5 -> pfn 10", "@5 10 +lru +active", "7 -> pfn 11", "@7 11 +lru -active", "9 -> pfn 8",
           "@9 8 c2 m1 -lru", "11 -> pfn 9 faults 0", "@11 9 c1 m0 -lru +reserved", "13 -> pfn 1", "@13 1 -lru",
           "end 8 free", "end 9 free", "end 10 free", "end 11 free"),
    ),
    "nonlinear": (
        on(ALL, "", "2 -> pfn 8 value 0xf0000000", "@3 8 c2 m1", "@4 8 c1 m0", "@4 vma 1 0x10000000 VM_NONLINEAR",
           "5 -> pfn 10 value 0xf0000002 faults 0", "@7 10 c3 m2", "8 -> pfn 10 value 7 faults 0",
           "@9 pte 1 0x10000000 2 F", "10 -> pfn 10 value 7 faults 1", "end 8 free", "end 9 free", "end 10 free"),
    ),
}  # fmt: skip
