"""What stands in a machine, read from its columns: processes, vmas, page tables, frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mmtui.engine.flags import page_flag_names, vm_flag_names
from mmtui.engine.kernel.model import INODE_DEVICE, VM_OPS_DRIVER, VM_OPS_FILE
from mmtui.engine.pgtable import PTE_FRAME, PTE_HARDWARE, PTE_MANAGED, PTE_REF
from mmtui.engine.schema import PTES_PER_PT, UNKNOWN

if TYPE_CHECKING:
    from mmtui.engine.timeline import Timeline

VM_OPS_NAMES = {0: "none", VM_OPS_FILE: "nopage populate", VM_OPS_DRIVER: "nopage"}


@dataclass(frozen=True)
class Process:
    """A process. `state`: running or exiting. rss in pages."""

    task: int
    pid: int
    name: str
    mm: int
    parent_pid: int
    state: str
    file_rss: int
    anon_rss: int


@dataclass(frozen=True)
class Vma:
    """A vm_area_struct. `kind`: the glyph of what it maps: A anonymous, F file, N nopage driver, D remapped frames."""

    row: int
    start: int
    end: int
    flags: int
    flag_names: tuple[str, ...]
    prot: int
    pgoff: int
    anon_vma: int
    file: int
    kind: str
    name: str
    vm_ops: str
    linked: bool


@dataclass(frozen=True)
class Pte:
    """A page-table entry. `ref`: `+1` it holds a reference, `~` a window that holds none, empty for a file entry."""

    row: int
    address: int
    val: int
    pfn: int
    bits: int
    ref: str
    managed: bool
    table: int


@dataclass(frozen=True)
class Table:
    """A page-table page: 4 MiB from `base`; `present` entries of 1024 are not empty."""

    row: int
    base: int
    present: int


@dataclass(frozen=True)
class Frame:
    """A struct page. `glyph` as on the map; `words` says what it is; `owner` who has it."""

    pfn: int
    glyph: str
    words: str
    count: int
    mapcount: int
    flags: int
    flag_names: tuple[str, ...]
    mapping: int
    index: int
    word: int
    free: bool
    owner: str


def processes(timeline: Timeline) -> list[Process]:
    """The processes at the timeline's position, by pid; those that exit are still there."""
    machine = timeline.machine
    task = machine.task
    found = []
    for row in np.flatnonzero(task.state != 0).tolist():
        mm, parent = int(task.mm[row]), int(task.parent[row])
        anon = int(machine.mm.anon_rss[mm])
        total = int(machine.mm.rss[mm]) - anon if timeline.kernel == "2.6.14" else int(machine.mm.file_rss[mm])
        found.append(
            Process(
                row,
                int(task.pid[row]),
                timeline.string(int(task.name[row])),
                mm,
                int(task.pid[parent]) if parent else 0,
                "exiting" if task.state[row] == 2 else "running",
                total,
                anon,
            )
        )
    return sorted(found, key=lambda process: process.pid)


def mm_of(timeline: Timeline, pid: int) -> int:
    """The mm of a process at this position; 0 if there is no such process."""
    task = timeline.machine.task
    rows = np.flatnonzero((task.pid == pid) & (task.state != 0))
    return int(task.mm[rows[0]]) if len(rows) else 0


def vmas(timeline: Timeline, pid: int) -> list[Vma]:
    """The vmas of a process by address; those already taken out of its list for unmapping too (`linked` False)."""
    mm = mm_of(timeline, pid)
    if not mm:
        return []
    vma = timeline.machine.vma
    rows = np.flatnonzero((vma.mm == mm) & (vma.state != 0))
    rows = rows[np.argsort(vma.vm_start[rows], kind="stable")]
    return [vma_of(timeline, row) for row in rows.tolist()]


def vma_of(timeline: Timeline, row: int) -> Vma:
    """One vma by its row."""
    vma = timeline.machine.vma
    flags = int(vma.vm_flags[row])
    names = tuple(vm_flag_names(flags, timeline.kernel))
    kind, name = _vma_kind(timeline, row, names)
    return Vma(
        row,
        int(vma.vm_start[row]),
        int(vma.vm_end[row]),
        flags,
        names,
        int(vma.vm_page_prot[row]),
        int(vma.vm_pgoff[row]),
        int(vma.anon_vma[row]),
        int(vma.vm_file[row]),
        kind,
        name,
        VM_OPS_NAMES[int(vma.vm_ops[row])],
        bool(vma.state[row] == 1),
    )


def _vma_kind(timeline: Timeline, row: int, names: tuple[str, ...]) -> tuple[str, str]:
    machine = timeline.machine
    file = int(machine.vma.vm_file[row])
    if not file:
        return "A", timeline.string(int(machine.vma.name[row])) or "anon"
    inode = int(machine.file.inode[file])
    name = timeline.string(int(machine.inode.name[inode])) or "shmem"
    if int(machine.inode.kind[inode]) != INODE_DEVICE:
        return "F", name
    return ("D" if "VM_IO" in names and machine.vma.vm_ops[row] != VM_OPS_DRIVER else "N"), name


def tables(timeline: Timeline, pid: int) -> list[Table]:
    """The page-table pages of a process, by address."""
    mm, machine = mm_of(timeline, pid), timeline.machine
    if not mm:
        return []
    rows = np.flatnonzero(machine.pt.mm == mm)
    rows = rows[np.argsort(machine.pt.base[rows], kind="stable")]
    values = machine.pte.val
    return [
        Table(
            row, int(machine.pt.base[row]), int(np.count_nonzero(values[row * PTES_PER_PT : (row + 1) * PTES_PER_PT]))
        )
        for row in rows.tolist()
    ]


def ptes(timeline: Timeline, pid: int, start: int = 0, end: int = 1 << 48) -> list[Pte]:
    """The non-empty entries of a process from `start` to `end`, by address."""
    machine, found = timeline.machine, []
    for table in tables(timeline, pid):
        first = max((start - table.base + 4095) >> 12, 0)
        last = min((end - table.base + 4095) >> 12, PTES_PER_PT)
        base = table.row * PTES_PER_PT
        if first < last:
            found += [
                pte_of(base + first + slot, int(machine.pte.val[base + first + slot]), table)
                for slot in np.flatnonzero(machine.pte.val[base + first : base + last]).tolist()
            ]
    return found


def pte_of(row: int, value: int, table: Table) -> Pte:
    """An entry from its value."""
    address = table.base + (row % PTES_PER_PT << 12)
    return Pte(
        row, address, value & ~0xFFF | value & PTE_HARDWARE, value >> 12, value & PTE_HARDWARE, pte_ref(value),
        value & PTE_MANAGED != 0, table.row,
    )  # fmt: skip


def pte_ref(value: int) -> str:
    """`+1` for an entry that the kernel manages and that has a reference, ` ~` for a window, empty without a frame."""
    if not value & PTE_FRAME:
        return ""
    return "+1" if value & PTE_REF and value & PTE_MANAGED else "~"


def ptes_mapping(timeline: Timeline, pfn: int) -> list[tuple[int, int]]:
    """(row, value) of the live entries that map a frame."""
    machine = timeline.machine
    values = machine.pte.val
    rows = np.flatnonzero(values >> 12 == pfn)  # all entries are looked at once, these few again
    rows = rows[(values[rows] & PTE_FRAME != 0) & (machine.pt.mm[rows // PTES_PER_PT] != 0)]
    return [(row, int(values[row])) for row in rows.tolist()]


def pte_place(timeline: Timeline, row: int) -> tuple[int, int]:
    """(pid, address) of an entry by its row; pid 0 if its process is gone."""
    machine = timeline.machine
    mm = int(machine.pt.mm[row // PTES_PER_PT])
    rows = np.flatnonzero((machine.task.mm == mm) & (machine.task.state != 0))
    pid = int(machine.task.pid[rows[0]]) if mm and len(rows) else 0
    return pid, int(machine.pt.base[row // PTES_PER_PT]) + (row % PTES_PER_PT << 12)


# Frames


WORDS = {
    ".": "free", "A": "anon", "c": "shared, copy on write", "F": "file page", "N": "driver page", "D": "remapped",
    "R": "reserved", "Z": "ZERO_PAGE", "!": "leaked", "X": "free while mapped", "_": "hole: no struct page",
    "?": "held by nobody",
}  # fmt: skip
"""Each glyph in words."""


AWAITS_FREE = "unmapped, free not seen yet"


def awaits_free(timeline: Timeline, pfn: int) -> bool:
    """Of a recording: nothing maps the anonymous page any more, and nobody saw it freed yet.

    That is no leak: such a page stays allocated for as long as it waits in a batch of some CPU for its LRU list.
    """
    page = timeline.machine.page
    unmapped = page.mapcount[pfn] == 0 and page.mapping[pfn] & 1 and not page.free[pfn]
    return bool(page.count[pfn] == UNKNOWN and unmapped)


def frame(timeline: Timeline, pfn: int) -> Frame:
    """One frame. IndexError: the machine has no such frame."""
    page = timeline.machine.page
    if not 0 <= pfn < len(page.count):
        raise IndexError(pfn)
    glyph = timeline.frame_kinds()[pfn].decode()
    flags = int(page.flags[pfn])
    return Frame(
        pfn,
        glyph,
        AWAITS_FREE if awaits_free(timeline, pfn) else WORDS[glyph],
        int(page.count[pfn]),
        int(page.mapcount[pfn]),
        flags,
        tuple(page_flag_names(flags)),
        int(page.mapping[pfn]),
        int(page.index[pfn]),
        int(page.word[pfn]),
        bool(page.free[pfn]),
        frame_owner(timeline, pfn),
    )


def frame_owner(timeline: Timeline, pfn: int) -> str:
    """Whose page it is, in words; empty if nobody's."""
    machine = timeline.machine
    for row in np.flatnonzero(machine.buf.state == 1).tolist():
        first, pages = int(machine.buf.pfn[row]), 1 << int(machine.buf.order[row])
        if first <= pfn < first + pages:
            block = f", block {first:03x}-{first + pages - 1:03x}" if pages > 1 else ""
            return f"page of {timeline.string(int(machine.buf.driver[row]))}{block}"
    mapping = int(machine.page.mapping[pfn])
    if mapping and not mapping & 1:
        name = timeline.string(int(machine.inode.name[mapping >> 1])) or "shmem"
        return f"{name}, page {int(machine.page.index[pfn])}"
    return ""

