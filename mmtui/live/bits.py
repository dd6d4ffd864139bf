"""What /proc spells, in the bits of the engine's columns: KPF_* as PG_*, VmFlags as VM_*, pagemap letters as a pte."""

from __future__ import annotations

from typing import Final

from mmtui.engine import flags, pgtable
from mmtui.engine.kpf import KPF_ANON, KPF_OWNER_2

_SAME: Final = (
    (1 << 0, flags.PG_locked),
    (1 << 1, flags.PG_error),
    (1 << 2, flags.PG_referenced),
    (1 << 3, flags.PG_uptodate),
    (1 << 4, flags.PG_dirty),
    (1 << 5, flags.PG_lru),
    (1 << 6, flags.PG_active),
    (1 << 7, flags.PG_slab),
    (1 << 8, flags.PG_writeback),
    (1 << 9, flags.PG_reclaim),
    (1 << 13, flags.PG_swapcache),
    (1 << 14, flags.PG_swapbacked),
    (1 << 18, flags.PG_unevictable),
    (1 << 32, flags.PG_reserved),
    (1 << 33, flags.PG_mlocked),
    (1 << 35, flags.PG_private),
    (1 << 39, flags.PG_uncached),
)


def page_flags(kpf: int) -> int:
    """The PG_* bits of the engine for the KPF_* bits of /proc/kpageflags; those without a namesake are left out.

    PG_compound as well: its private names the head, and /proc does not.
    """
    found = 0
    for bit, same in _SAME:
        if kpf & bit:
            found |= same
    if kpf & KPF_OWNER_2:
        found |= flags.PG_anon_exclusive if kpf & KPF_ANON else flags.PG_mappedtodisk
    return found


_VM: Final = {
    "rd": flags.VM_READ, "wr": flags.VM_WRITE, "ex": flags.VM_EXEC, "sh": flags.VM_SHARED, "mr": flags.VM_MAYREAD,
    "mw": flags.VM_MAYWRITE, "me": flags.VM_MAYEXEC, "ms": flags.VM_MAYSHARE, "gd": flags.VM_GROWSDOWN,
    "pf": flags.VM_PFNMAP, "lo": flags.VM_LOCKED, "io": flags.VM_IO, "sr": flags.VM_SEQ_READ, "rr": flags.VM_RAND_READ,
    "dc": flags.VM_DONTCOPY, "de": flags.VM_DONTEXPAND, "ac": flags.VM_ACCOUNT, "ht": flags.VM_HUGETLB,
    "dd": flags.VM_DONTDUMP, "wf": flags.VM_WIPEONFORK, "mm": flags.VM_MIXEDMAP,
}  # fmt: skip


def vm_flags(letters: str) -> int:
    """The VM_* bits for smaps' VmFlags (`rd wr mr mw me ac`); those without a namesake are in `vma.letters` only."""
    found = 0
    for pair in letters.split():
        found |= _VM.get(pair, 0)
    return found


def pte(row: int, letters: str, swap: int | None) -> int:
    """An entry as `pte.val` holds it. `row`: the frame's row of `page`; `swap`: what stands there if it is swapped.

    An ordinary page's entry is managed and holds a reference, the zero page's does neither.
    """
    if "p" not in letters:
        guard = pgtable.PTE_SPECIAL if "g" in letters else 0
        return ((swap or 0) & (1 << 50) - 1) << pgtable.PAGE_SHIFT | pgtable.PTE_UNKNOWN | guard
    value = row << pgtable.PAGE_SHIFT | pgtable.PTE_PRESENT | pgtable.PTE_USER | pgtable.PTE_UNKNOWN
    if "x" in letters:
        value |= pgtable.PTE_EXCLUSIVE
    if "d" in letters:
        value |= pgtable.PTE_SOFT_DIRTY
    return value | (pgtable.PTE_SPECIAL if "z" in letters else pgtable.PTE_LEDGER)
