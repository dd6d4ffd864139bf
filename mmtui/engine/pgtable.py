"""i386 page-table entries: bits, questions and new values. Nothing here changes a cell.

A pte value is `pfn << 12 | bits`. Bits 9 and 10 are free for software on i386; mmtui keeps there what its ledger
must know about a present entry, so that setting an entry and saying what it holds are one transition.
"""

from __future__ import annotations

from typing import Final

PAGE_SHIFT: Final = 12
PAGE_SIZE: Final = 4096
PAGE_MASK: Final = ~(PAGE_SIZE - 1)
PTRS_PER_PTE: Final = 1024
PMD_SHIFT: Final = 22
PMD_SIZE: Final = 1 << PMD_SHIFT
TASK_SIZE: Final = 0xC0000000

PTE_PRESENT: Final = 0x001
PTE_RW: Final = 0x002
PTE_USER: Final = 0x004
PTE_ACCESSED: Final = 0x020
PTE_DIRTY: Final = 0x040
PTE_FILE: Final = 0x040
PTE_PROTNONE: Final = 0x080
PTE_FRAME: Final = PTE_PRESENT | PTE_PROTNONE
"""Either of them: the entry names a frame."""
PTE_SPECIAL: Final = 0x100
"""Later kernels only: this entry has no struct page behind it (pte_special)."""
PTE_MANAGED: Final = 0x200
"""Ledger: the kernel will unmap and put this entry's page (it is rmapped)."""
PTE_REF: Final = 0x400
"""Ledger: a reference was taken for this entry."""
PTE_SOFT_DIRTY: Final = 0x008
"""Recordings: the soft-dirty bit."""
PTE_EXCLUSIVE: Final = 0x010
"""Recordings: this is the only entry that maps the page."""
PTE_UNKNOWN: Final = 0x800
"""Recordings: whether the entry is writable, accessed or dirty cannot be seen. Not present: a swap entry or a guard."""
PTE_GUARD: Final = PTE_UNKNOWN | PTE_SPECIAL
"""Later kernels: the marker of a guard (MADV_GUARD_INSTALL); not present, and a touch is a SIGSEGV."""
PTE_LEDGER: Final = PTE_MANAGED | PTE_REF
PTE_HARDWARE: Final = 0x1FF
"""The bits that the machine sees, without pfn and ledger."""

PAGE_NONE: Final = PTE_PROTNONE | PTE_ACCESSED
PAGE_SHARED: Final = PTE_PRESENT | PTE_RW | PTE_USER | PTE_ACCESSED
PAGE_READONLY: Final = PTE_PRESENT | PTE_USER | PTE_ACCESSED


def pte_none(pte: int) -> bool:
    """The entry is empty."""
    return pte == 0


def pte_present(pte: int) -> bool:
    """The entry names a frame; a PROT_NONE entry counts as present, as in the kernel."""
    return pte & PTE_FRAME != 0


def pte_file(pte: int) -> bool:
    """The entry of a nonlinear vma that holds a file offset."""
    return pte & (PTE_FRAME | PTE_FILE) == PTE_FILE


def pte_pfn(pte: int) -> int:
    """The frame the entry names."""
    return pte >> PAGE_SHIFT


def pte_write(pte: int) -> bool:
    return pte & PTE_RW != 0


def pte_dirty(pte: int) -> bool:
    return pte & PTE_DIRTY != 0


def pte_young(pte: int) -> bool:
    return pte & PTE_ACCESSED != 0


def mk_pte(pfn: int, prot: int) -> int:
    """A new entry: the frame with a protection value (`PAGE_SHARED` ...)."""
    return pfn << PAGE_SHIFT | prot


def pte_wrprotect(pte: int) -> int:
    return pte & ~PTE_RW


def pte_mkdirty(pte: int) -> int:
    return pte | PTE_DIRTY


def pte_mkclean(pte: int) -> int:
    return pte & ~PTE_DIRTY


def pte_mkold(pte: int) -> int:
    return pte & ~PTE_ACCESSED


def pte_mkyoung(pte: int) -> int:
    return pte | PTE_ACCESSED


def pte_modify(pte: int, prot: int) -> int:
    """The entry with another protection; frame, accessed, dirty and the ledger's bits stay."""
    return pte & (~0xFFF | PTE_ACCESSED | PTE_DIRTY | PTE_SPECIAL | PTE_LEDGER) | prot


def pgoff_to_pte(pgoff: int) -> int:
    """A file entry: the offset where the frame would be."""
    return pgoff << PAGE_SHIFT | PTE_FILE


def pte_managed(pte: int) -> int:
    """The entry of a page that is rmapped and for which a reference was taken."""
    return pte | PTE_MANAGED | PTE_REF


def pte_text(pte: int) -> str:
    """`P|RW|A|D`, `N|A` for a PROT_NONE entry, `F` for a file entry (oracle spelling).

    Of a recording: `P|?`, `S` for a swapped page, `G` for a guard.
    """
    if pte_file(pte):
        return "F"
    bits = ["N" if pte & PTE_PROTNONE and not pte & PTE_PRESENT else "P"]
    if pte & PTE_UNKNOWN:
        return "P|?" if pte & PTE_PRESENT else "G" if pte & PTE_SPECIAL else "S"
    if pte & PTE_RW:
        bits.append("RW")
    if pte & PTE_ACCESSED:
        bits.append("A")
    if pte & PTE_DIRTY:
        bits.append("D")
    return "|".join(bits)
