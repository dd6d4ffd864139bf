"""KPF_*: the flags that /proc/kpageflags shows of a frame; `page.kflags` of a recording."""

from __future__ import annotations

from typing import Final

# KPF_* bit numbers (include/uapi/linux/kernel-page-flags.h).
KPF_ANON: Final = 1 << 12
KPF_BUDDY: Final = 1 << 10
KPF_ZERO_PAGE: Final = 1 << 24
KPF_OWNER_2: Final = 1 << 34  # PageAnonExclusive on an anonymous frame, mapped to disk on a frame of a file

_KPF_NAMES: Final = (
    "LOCKED", "ERROR", "REFERENCED", "UPTODATE", "DIRTY", "LRU", "ACTIVE", "SLAB", "WRITEBACK", "RECLAIM", "BUDDY",
    "MMAP", "ANON", "SWAPCACHE", "SWAPBACKED", "COMPOUND_HEAD", "COMPOUND_TAIL", "HUGE", "UNEVICTABLE", "HWPOISON",
    "NOPAGE", "KSM", "THP", "OFFLINE", "ZERO_PAGE", "IDLE", "PGTABLE", "", "", "", "", "", "RESERVED", "MLOCKED",
    "OWNER_2", "PRIVATE", "PRIVATE_2", "OWNER_PRIVATE", "ARCH", "UNCACHED", "SOFTDIRTY", "ARCH_2",
)  # fmt: skip
"""KPF_* by bit number."""


def kflag_names(kpf: int) -> list[str]:
    """The KPF_* bits set, by name, in bit order; an unknown bit as its number. Bit 34 is what it means here."""
    names = []
    for number in range(64):
        if kpf >> number & 1:
            name = _KPF_NAMES[number] if number < len(_KPF_NAMES) else ""
            if name == "OWNER_2":
                name = "ANON_EXCLUSIVE" if kpf & KPF_ANON else "MAPPED_TO_DISK"
            names.append(name or f"bit {number}")
    return names
