"""What a flag means in one kernel: the same bit had three meanings within a month."""

from __future__ import annotations

from typing import Final

from mmtui.engine.flags import historical, vm_flags_of

_ALWAYS: Final[dict[str, str]] = {
    "VM_READ": "the process may read it",
    "VM_WRITE": "the process may write it",
    "VM_EXEC": "the process may run it",
    "VM_SHARED": "a write goes to the page that all see",
    "VM_MAYREAD": "mprotect may add VM_READ",
    "VM_MAYWRITE": "mprotect may add VM_WRITE; without VM_SHARED the mapping is COW",
    "VM_MAYEXEC": "mprotect may add VM_EXEC",
    "VM_MAYSHARE": "it was mapped MAP_SHARED",
    "VM_GROWSDOWN": "it grows towards lower addresses",
    "VM_DENYWRITE": "the file behind it may not be written meanwhile",
    "VM_EXECUTABLE": "it is the program's own file",
    "VM_LOCKED": "its pages stay in memory; madvise(DONTNEED) refuses it",
    "VM_IO": "it maps I/O memory: get_user_pages refuses it",
    "VM_SEQ_READ": "madvise said that it is read in order",
    "VM_RAND_READ": "madvise said that it is read in no order",
    "VM_DONTCOPY": "fork leaves it out",
    "VM_DONTEXPAND": "mremap may not enlarge it",
    "VM_ACCOUNT": "its pages count against the commit limit",
    "VM_HUGETLB": "it maps huge pages",
    "VM_NONLINEAR": "remap_file_pages moved pages in it; their ptes keep the file offset",
    "VM_MAPPED_COPY": "no MMU only",
    "VM_DONTDUMP": "a core dump leaves it out",
    "VM_WIPEONFORK": "the child sees zeroes",
    "VM_MERGEABLE": "KSM may let equal pages share a frame",
    "VM_HUGEPAGE": "it should have huge pages (MADV_HUGEPAGE)",
    "VM_NOHUGEPAGE": "it may not have huge pages (MADV_NOHUGEPAGE)",
    "VM_NORESERVE": "its pages do not count against the commit limit",
    "VM_MAYBE_GUARD": "some of its ptes may be guards: a touch of one is SIGSEGV",
    "VM_LOCKONFAULT": "its pages stay in memory once they are touched",
}

_RESERVED: Final = {
    "2.6.14": "page reclaim leaves it alone and fork copies its ptes; the page's own PG_reserved decides on its count",
    "2.6.15-rc2": "its ptes hold no reference: zap_pte_range and copy_one_pte leave the pages' counts alone",
    "vm-unpaged": "statistics, core dumps and merging only; VM_UNPAGED says which pages are not counted",
}
_RESERVED_LATER: Final = "statistics, core dumps and merging only; VM_PFNMAP says which pages are not counted"

_OF_KERNEL: Final[dict[str, dict[str, str]]] = {
    "VM_SHM": {"2.6.14": "nothing: no code looks at it", "2.6.15-rc2": "nothing: no code looks at it"},
    "VM_UNPAGED": {"vm-unpaged": "its ptes hold no reference, but for the process's own anonymous copies"},
    "VM_PFNMAP": {
        "2.6.15-rc3": "a pte whose pfn is vm_pgoff + its page offset holds no reference; any other is an ordinary page",
        "2.6.15-rc5": "a pte whose pfn is vm_pgoff + its page offset holds no reference; any other is an ordinary page",
        "2.6.15": "no pte of a shared area holds a reference; in a private one only a pte off the linear pfn is a page",
        "6.x": "there is no struct page to manage behind its ptes, but for private copies",
    },
    "VM_MIXEDMAP": {"6.x": "each pte says for itself whether a page is behind it"},
    "VM_INCOMPLETE": {"2.6.15-rc5": "a partial remap_pfn_range: its pages are inserted one by one and counted"},
    "VM_INSERTPAGE": {"2.6.15": "vm_insert_page put counted pages here: fork must copy them"},
}


def flag_meaning(flag: str, kernel: str) -> str:
    """What a vm_flags bit means in a kernel, as a clause; for one that it lacks, that it lacks it."""
    if flag not in vm_flags_of(kernel):
        return f"{kernel} has no {flag}"
    if not historical(kernel):
        kernel = "6.x"  # a recorded kernel is told by today's rules
    if flag == "VM_RESERVED":
        return _RESERVED.get(kernel, _RESERVED_LATER)
    return _OF_KERNEL.get(flag, {}).get(kernel) or _ALWAYS.get(flag, "")
