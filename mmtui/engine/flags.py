"""Bits of vm_flags and page flags, with their decoders.

Values: i386, 2.6.14 to 2.6.15 (include/linux/mm.h and page-flags.h of those releases). The slot 0x400 changed
its meaning within a month, and 0x2000000 within a fortnight: `vm_flag_names` therefore asks for the model.
"""

from __future__ import annotations

from typing import Final

VM_READ: Final = 0x1
VM_WRITE: Final = 0x2
VM_EXEC: Final = 0x4
VM_SHARED: Final = 0x8
VM_MAYREAD: Final = 0x10
VM_MAYWRITE: Final = 0x20
VM_MAYEXEC: Final = 0x40
VM_MAYSHARE: Final = 0x80
VM_GROWSDOWN: Final = 0x100
VM_SHM: Final = 0x400
VM_UNPAGED: Final = 0x400
VM_PFNMAP: Final = 0x400
VM_DENYWRITE: Final = 0x800
VM_EXECUTABLE: Final = 0x1000
VM_LOCKED: Final = 0x2000
VM_IO: Final = 0x4000
VM_SEQ_READ: Final = 0x8000
VM_RAND_READ: Final = 0x10000
VM_DONTCOPY: Final = 0x20000
VM_DONTEXPAND: Final = 0x40000
VM_RESERVED: Final = 0x80000
VM_ACCOUNT: Final = 0x100000
VM_HUGETLB: Final = 0x400000
VM_NONLINEAR: Final = 0x800000
VM_MAPPED_COPY: Final = 0x1000000
VM_INCOMPLETE: Final = 0x2000000
VM_INSERTPAGE: Final = 0x2000000
# Later kernels only (6.x).
VM_MAYBE_GUARD: Final = 0x800
VM_LOCKONFAULT: Final = 0x80000
VM_NORESERVE: Final = 0x200000
VM_WIPEONFORK: Final = 0x2000000
VM_DONTDUMP: Final = 0x4000000
VM_MIXEDMAP: Final = 0x10000000
VM_HUGEPAGE: Final = 0x20000000
VM_NOHUGEPAGE: Final = 0x40000000
VM_MERGEABLE: Final = 0x80000000

COMMON_VM_FLAGS: Final[dict[str, int]] = {
    "VM_READ": VM_READ,
    "VM_WRITE": VM_WRITE,
    "VM_EXEC": VM_EXEC,
    "VM_SHARED": VM_SHARED,
    "VM_MAYREAD": VM_MAYREAD,
    "VM_MAYWRITE": VM_MAYWRITE,
    "VM_MAYEXEC": VM_MAYEXEC,
    "VM_MAYSHARE": VM_MAYSHARE,
    "VM_GROWSDOWN": VM_GROWSDOWN,
    "VM_DENYWRITE": VM_DENYWRITE,
    "VM_EXECUTABLE": VM_EXECUTABLE,
    "VM_LOCKED": VM_LOCKED,
    "VM_IO": VM_IO,
    "VM_SEQ_READ": VM_SEQ_READ,
    "VM_RAND_READ": VM_RAND_READ,
    "VM_DONTCOPY": VM_DONTCOPY,
    "VM_DONTEXPAND": VM_DONTEXPAND,
    "VM_RESERVED": VM_RESERVED,
    "VM_ACCOUNT": VM_ACCOUNT,
    "VM_HUGETLB": VM_HUGETLB,
    "VM_NONLINEAR": VM_NONLINEAR,
    "VM_MAPPED_COPY": VM_MAPPED_COPY,
}
"""Flags that every historical model has, by name."""

_SLOT_400: Final = {
    "2.6.14": "VM_SHM",
    "2.6.15-rc2": "VM_SHM",
    "vm-unpaged": "VM_UNPAGED",
    "2.6.15-rc3": "VM_PFNMAP",
    "2.6.15-rc5": "VM_PFNMAP",
    "2.6.15": "VM_PFNMAP",
}
_SLOT_2000000: Final = {"2.6.15-rc5": "VM_INCOMPLETE", "2.6.15": "VM_INSERTPAGE"}

_NO_LONGER: Final = ("VM_RESERVED", "VM_EXECUTABLE", "VM_MAPPED_COPY", "VM_DENYWRITE", "VM_NONLINEAR")
_MODERN: Final = {name: bit for name, bit in COMMON_VM_FLAGS.items() if name not in _NO_LONGER} | {
    "VM_PFNMAP": VM_PFNMAP,
    "VM_MAYBE_GUARD": VM_MAYBE_GUARD,
    "VM_LOCKONFAULT": VM_LOCKONFAULT,
    "VM_NORESERVE": VM_NORESERVE,
    "VM_WIPEONFORK": VM_WIPEONFORK,
    "VM_DONTDUMP": VM_DONTDUMP,
    "VM_MIXEDMAP": VM_MIXEDMAP,
    "VM_HUGEPAGE": VM_HUGEPAGE,
    "VM_NOHUGEPAGE": VM_NOHUGEPAGE,
    "VM_MERGEABLE": VM_MERGEABLE,
}


def historical(kernel: str) -> bool:
    """Is it one of the models of 2005 (32-bit addresses, PG_reserved), not `6.x` or a recorded kernel?"""
    return kernel in _SLOT_400


def vm_flags_of(kernel: str) -> dict[str, int]:
    """Every vm_flags bit that a kernel model knows, by name; a release that is no model is a recorded, modern one."""
    if not historical(kernel):
        return _MODERN
    known = dict(COMMON_VM_FLAGS)
    if kernel in _SLOT_400:
        known[_SLOT_400[kernel]] = 0x400
    if kernel in _SLOT_2000000:
        known[_SLOT_2000000[kernel]] = 0x2000000
    return known


ALL_VM_FLAGS: Final[frozenset[str]] = frozenset(COMMON_VM_FLAGS) | frozenset(_MODERN) | {
    "VM_SHM", "VM_UNPAGED", "VM_PFNMAP", "VM_INCOMPLETE", "VM_INSERTPAGE",
}  # fmt: skip
"""The names that some model knows; a name outside it is a mistake wherever it stands."""

MAGIC_VM_FLAGS: Final = (
    "VM_RESERVED",
    "VM_UNPAGED",
    "VM_PFNMAP",
    "VM_MIXEDMAP",
    "VM_INCOMPLETE",
    "VM_INSERTPAGE",
    "VM_IO",
)
"""The flags that the story is about, the weightiest first."""


def _rank(flag: tuple[int, str]) -> int:
    return 0x401 if flag[0] == VM_INSERTPAGE else flag[0]


def vm_flag_names(flags: int, kernel: str) -> list[str]:
    """The names of the bits set in `flags` under `kernel`, in bit order; an unknown bit as hex.

    The short-lived flag at 0x2000000 stands beside the one at 0x400, with which it belongs.
    """
    known = sorted(((bit, name) for name, bit in vm_flags_of(kernel).items()), key=_rank)
    names = [name for bit, name in known if flags & bit]
    rest = flags & ~sum(bit for bit, _ in known)
    return [*names, hex(rest)] if rest else names


PG_locked: Final = 1 << 0
PG_error: Final = 1 << 1
PG_referenced: Final = 1 << 2
PG_uptodate: Final = 1 << 3
PG_dirty: Final = 1 << 4
PG_lru: Final = 1 << 5
PG_active: Final = 1 << 6
PG_slab: Final = 1 << 7
PG_checked: Final = 1 << 8
PG_arch_1: Final = 1 << 9
PG_reserved: Final = 1 << 10
PG_private: Final = 1 << 11
PG_writeback: Final = 1 << 12
PG_nosave: Final = 1 << 13
PG_compound: Final = 1 << 14
PG_swapcache: Final = 1 << 15
PG_mappedtodisk: Final = 1 << 16
PG_reclaim: Final = 1 << 17
PG_nosave_free: Final = 1 << 18
PG_uncached: Final = 1 << 19
# Later kernels and recordings.
PG_anon_exclusive: Final = 1 << 20
PG_swapbacked: Final = 1 << 21
PG_mlocked: Final = 1 << 22
PG_unevictable: Final = 1 << 23

PAGE_FLAGS: Final[dict[str, int]] = {
    name[3:]: bit for name, bit in sorted(globals().items(), key=lambda kv: kv[1] if isinstance(kv[1], int) else 0)
    if name.startswith("PG_")
}  # fmt: skip
"""Page flags by their short name (`reserved`, `dirty` ...), in bit order."""


def page_flag_names(flags: int) -> list[str]:
    """The short names of the page flags set, in bit order."""
    return [name for name, bit in PAGE_FLAGS.items() if flags & bit]


PROT_BITS: Final[dict[str, int]] = {
    "none": 0,
    "r": VM_READ,
    "rw": VM_READ | VM_WRITE,
    "r-x": VM_READ | VM_EXEC,
    "rwx": VM_READ | VM_WRITE | VM_EXEC,
    "w": VM_WRITE,
    "x": VM_EXEC,
    "wx": VM_WRITE | VM_EXEC,
}
"""`prot` of a trace (and, the last three, of a scenario) as the VM_READ, VM_WRITE and VM_EXEC bits."""


def prot_text(flags: int) -> str:
    """As in /proc/PID/maps: `rw-p`, `r-xs`. The last letter is VM_MAYSHARE's, as there."""
    return "".join(
        (
            "r" if flags & VM_READ else "-",
            "w" if flags & VM_WRITE else "-",
            "x" if flags & VM_EXEC else "-",
            "s" if flags & VM_MAYSHARE else "p",
        )
    )
