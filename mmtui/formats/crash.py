"""The machine as text, in the columns that people know from crash: vm, vtop, kmem -p."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from mmtui.engine import pgtable
from mmtui.engine.flags import page_flag_names
from mmtui.engine.inspect import AWAITS_FREE, Process, Pte, Vma, awaits_free
from mmtui.engine.schema import PTES_PER_PT, UNKNOWN
from mmtui.words import plain

if TYPE_CHECKING:
    from mmtui.engine.timeline import Timeline

PAGE_KB: Final = 4
_BITS: Final = (
    ("PRESENT", pgtable.PTE_PRESENT), ("RW", pgtable.PTE_RW), ("USER", pgtable.PTE_USER),
    ("ACCESSED", pgtable.PTE_ACCESSED), ("DIRTY", pgtable.PTE_DIRTY), ("PROTNONE", pgtable.PTE_PROTNONE),
)  # fmt: skip
_NOT_SEEN: Final = {"P|?": "PRESENT|?", "S": "SWAPPED", "G": "GUARD"}
"""What is known of an entry that a recorder saw."""

Cells = Sequence[str]


def table(head: Cells, rows: Iterable[Cells], left: Iterable[int] = ()) -> list[str]:
    """Columns under their heads, right-aligned but those numbered in `left`; the last is as long as it likes."""
    whole = [list(head), *(list(row) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*(row[:-1] for row in whole), strict=True)]
    lines = []
    for row in whole:
        cells = [
            cell.ljust(width) if number in set(left) else cell.rjust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=False))
        ]
        lines.append("  ".join([*cells, row[-1]]).rstrip())
    return lines


# vm


def vm_lines(timeline: Timeline, pids: Iterable[int]) -> Iterator[str]:
    """Each process: its mm with page-table pages, rss and size, and its vmas; then the flags of each in words."""
    for process in timeline.processes():
        if process.pid in pids:
            yield from _vm(timeline, process)
            yield ""


def _vm(timeline: Timeline, process: Process) -> Iterator[str]:
    vmas = timeline.vmas(process.pid)
    exiting = "  (exiting)" if process.state == "exiting" else ""
    yield f'PID: {process.pid}  MM: {process.mm}  COMMAND: "{plain(process.name)}"{exiting}'
    rss = _kilobytes(process.file_rss + process.anon_rss)
    total = _kilobytes(sum(vma.end - vma.start for vma in vmas) >> pgtable.PAGE_SHIFT)
    tables = str(len(timeline.tables(process.pid)))
    yield from table(("MM", "PGTABLES", "RSS", "TOTAL_VM", ""), [(str(process.mm), tables, rss, total, "")])
    rows = [_vma_cells(vma) for vma in vmas]
    yield from table((*_VMA_HEAD, "FILE"), rows)
    for vma in vmas:
        yield f"  {vma.start:x}: {' '.join(vma.flag_names)}{'' if vma.linked else '  (taken out, being unmapped)'}"


_VMA_HEAD: Final = ("VMA", "START", "END", "FLAGS")


def _vma_cells(vma: Vma) -> Cells:
    name = "" if vma.kind == "A" and vma.name == "anon" else plain(vma.name)
    return str(vma.row), f"{vma.start:x}", f"{vma.end:x}", f"{vma.flags:x}", name


def _kilobytes(pages: int) -> str:
    return f"{pages * PAGE_KB}k"


# vtop


def vtop_lines(timeline: Timeline, pids: Iterable[int], addresses: Sequence[int]) -> Iterator[str]:
    """The translation of each address in each process; without addresses one line for every entry."""
    for process in timeline.processes():
        if process.pid not in pids:
            continue
        yield f'PID: {process.pid}  COMMAND: "{plain(process.name)}"'
        if addresses:
            for address in addresses:
                yield from _vtop(timeline, process.pid, address)
                yield ""
        else:
            rows = [_entry_cells(timeline, pte) for pte in timeline.ptes(process.pid)]
            yield from table(("VIRTUAL", "PHYSICAL", "PTE", "CNT", "REF", "FLAGS"), rows)
            yield ""


def _entry_cells(timeline: Timeline, pte: Pte) -> Cells:
    here = pgtable.pte_present(pte.val)
    counts = timeline.machine.page.count
    count = str(int(counts[pte.pfn])) if here and pte.pfn < len(counts) and counts[pte.pfn] != UNKNOWN else "-"
    physical = _physical(timeline, pte.pfn) if here else "-"
    value, bits = _value(timeline, pte)
    return f"{pte.address:x}", physical, value, count, pte.ref or "-", bits


def _physical(timeline: Timeline, pfn: int, offset: int = 0) -> str:
    """The physical address of a frame. A recording numbers its frames densely and knows the real numbers, or not."""
    pfns = timeline.machine.page.pfn
    real = (int(pfns[pfn]) or pfn) if pfn < len(pfns) else pfn
    return "-" if real == UNKNOWN else f"{real << pgtable.PAGE_SHIFT | offset:x}"


def _value(timeline: Timeline, pte: Pte) -> tuple[str, str]:
    """The bits of an entry as a number and by name; pagemap tells a recorder only what kind of entry it is."""
    raw = int(timeline.machine.pte.val[pte.row])
    if raw & pgtable.PTE_UNKNOWN:
        return "-", f"({_NOT_SEEN[pgtable.pte_text(raw)]})"
    return f"{pte.val & ~pgtable.PTE_LEDGER:x}", bits_text(pte.val)


def bits_text(value: int) -> str:
    """`(PRESENT|RW|USER|ACCESSED)`; of a file entry its page offset."""
    if pgtable.pte_file(value):
        return f"(FILE, page {pgtable.pte_pfn(value)})"
    return "(" + ("|".join(name for name, bit in _BITS if value & bit) or "0") + ")"


def _vtop(timeline: Timeline, pid: int, address: int) -> Iterator[str]:
    page = address & pgtable.PAGE_MASK
    entry = next(iter(timeline.ptes(pid, page, page + pgtable.PAGE_SIZE)), None)
    present = entry is not None and pgtable.pte_present(entry.val)
    shown = _physical(timeline, entry.pfn, address - page) if entry is not None and present else "(not mapped)"
    yield from table(("VIRTUAL", "PHYSICAL"), [(f"{address:x}", shown)], left=(0,))
    yield ""
    below = next((t for t in timeline.tables(pid) if t.base <= page < t.base + pgtable.PMD_SIZE), None)
    slot = (page >> pgtable.PAGE_SHIFT) % PTES_PER_PT
    if below is None:
        yield f"  PGD: entry {page >> pgtable.PMD_SHIFT}: none, no page-table page covers it"
    else:
        end = below.base + pgtable.PMD_SIZE
        yield f"  PGD: entry {page >> pgtable.PMD_SHIFT} => page-table page {below.row} ({below.base:x}-{end:x})"
        value = " ".join(_value(timeline, entry)).removeprefix("- ") if entry is not None else "none"
        yield f"  PTE: entry {slot} => {value}"
    if entry is not None and present:
        yield f" PAGE: {_physical(timeline, entry.pfn)}  {_reference(entry)}"
    yield ""
    yield from _around(timeline, pid, page, entry if present else None)


def _reference(entry: Pte) -> str:
    return "the entry holds a reference" if entry.ref == "+1" else "a window: the entry holds no reference"


def _around(timeline: Timeline, pid: int, page: int, entry: Pte | None) -> Iterator[str]:
    vma = next((vma for vma in timeline.vmas(pid) if vma.start <= page < vma.end), None)
    yield from table((*_VMA_HEAD, "FILE"), [_vma_cells(vma)]) if vma else ["(no vma)"]
    if entry is None:
        return
    yield ""
    if _is_page(timeline, entry.pfn):
        yield from kmem_lines(timeline, [entry.pfn])
    else:
        yield f"(pfn {entry.pfn:x} has no struct page)"


def _is_page(timeline: Timeline, pfn: int) -> bool:
    return pfn < len(timeline.machine.page.count) and pfn not in timeline.holes


# kmem -p


def used_frames(timeline: Timeline) -> list[int]:
    """The frames that are not free, without holes."""
    return [pfn for pfn in np.flatnonzero(timeline.machine.page.free == 0).tolist() if pfn not in set(timeline.holes)]


def kmem_lines(timeline: Timeline, pfns: Iterable[int]) -> list[str]:
    """Frames as `kmem -p` lists them, with the mapcount beside the count."""
    rows = [_frame_cells(timeline, pfn) for pfn in pfns]
    return table(("PAGE", "PHYSICAL", "MAPPING", "INDEX", "CNT", "MAP", "FLAGS"), rows)


def _frame_cells(timeline: Timeline, pfn: int) -> Cells:
    page = timeline.machine.page
    flags = int(page.flags[pfn])
    state = " (free)" if page.free[pfn] else f" ({AWAITS_FREE})" if awaits_free(timeline, pfn) else ""
    names = ",".join(page_flag_names(flags)) + state
    count, mapcount = ("-" if value == UNKNOWN else str(value) for value in (page.count[pfn], page.mapcount[pfn]))
    index = "-" if page.index[pfn] == UNKNOWN else f"{int(page.index[pfn]):x}"
    return (
        f"{pfn:x}", _physical(timeline, pfn), _mapping(timeline, int(page.mapping[pfn])),
        index, count, mapcount, f"{flags:x} {names}".rstrip(),
    )  # fmt: skip


def _mapping(timeline: Timeline, mapping: int) -> str:
    """`anon_vma 3`, the file's name, or `-`."""
    if not mapping:
        return "-"
    if mapping & 1:
        return f"anon_vma {mapping >> 1}" if mapping > 1 else "anon"
    return plain(timeline.string(int(timeline.machine.inode.name[mapping >> 1]))) or "shmem"
