"""Cells as a person names them: the subject of a cell, and its values spelled out."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from mmtui.engine.arrays import np
from mmtui.engine.kpf import kflag_names
from mmtui.engine.pgtable import PTE_FRAME, PTE_PRESENT, PTE_RW
from mmtui.engine.schema import UNKNOWN
from mmtui.words.text import address_text, page_flags_text, pfn_text, plain, pte_text

if TYPE_CHECKING:
    from mmtui.engine.query_data import Data
    from mmtui.engine.timeline import Timeline

_NAMES: Final[dict[str, tuple[str, ...]]] = {
    "vma.state": ("free", "linked", "in no list"),
    "vma.vm_ops": ("none", "file", "driver"),
    "task.state": ("none", "running", "exiting"),
    "buf.state": ("none", "allocated", "freed"),
    "pin.state": ("none", "held"),
    "driver.state": ("none", "declared"),
    "driver.get_page": ("never", "always", "unless reserved"),
    "inode.kind": ("none", "file", "device", "shmem"),
    "page.free": ("in use", "free"),
}
_STRINGS: Final = frozenset(
    {
        "task.name",
        "inode.name",
        "driver.name",
        "buf.name",
        "buf.driver",
        "pin.name",
        "trace.result",
        "vma.letters",
        "vma.name",
    }
)
_ADDRESSES: Final = frozenset({"vma.vm_start", "vma.vm_end", "pt.base", "pin.address"})
_PFNS: Final = frozenset({"buf.pfn", "pin.pfn", "cache.pfn"})
_HEX: Final = frozenset({"vma.vm_flags"})
_PAGE_OFFSETS: Final = frozenset({"vma.vm_pgoff", "page.index", "cache.pgoff"})
_UNSEEN: Final = frozenset(
    f"page.{name}" for name in ("count", "mapcount", "index", "private", "word", "pfn", "kflags")
)
"""What a recording may not know."""


def _data(timeline: Timeline) -> Data:
    from mmtui.engine.query_data import data_of

    return data_of(timeline)


def value_at(timeline: Timeline, column: str, row: int, number: int) -> int:
    """The value of a cell just after transition `number`."""
    return timeline.value((column, row), number + 1)


def pte_owner(timeline: Timeline, row: int, number: int) -> tuple[int, int]:
    """(pid, address) of an entry at a transition."""
    pid, address = _data(timeline).pte_place(np.array([row]), np.array([number]))
    return int(pid[0]), int(address[0])


def vma_owner(timeline: Timeline, row: int, number: int) -> tuple[int, int]:
    """(pid, vm_start) of a vma at a transition, while it is filled or emptied too."""
    data = _data(timeline)
    rows, times = np.array([row]), np.array([number])
    pid = data.pid_of_mm(data.mm_of_vma(rows, times), times)
    linked = value_at(timeline, "vma.state", row, number) == 1
    start = data.history("vma.vm_start").after if linked else partial(data.in_this_life, "vma.state", "vma.vm_start")
    return int(pid[0]), int(start(rows, times)[0])


def _mm_text(timeline: Timeline, mm: int, number: int) -> str:
    pid = int(_data(timeline).pid_of_mm(np.array([mm]), np.array([number]))[0])
    return f"mm of pid {pid}" if pid else f"mm {mm}"


def subject_text(timeline: Timeline, column: str, row: int, number: int) -> str:
    """What a cell belongs to, as a person says it: `page 008`, `pte 2:0804e000`, `vma 2:10000000`, `pid 2`."""
    table = column.partition(".")[0]
    if table == "page":
        return f"page {pfn_text(row)}"
    if table == "pte":
        pid, address = pte_owner(timeline, row, number)
        return f"pte {pid}:{address_text(address)}"
    if table == "vma":
        pid, start = vma_owner(timeline, row, number)
        return f"vma {pid}:{address_text(start)}"
    if table == "pt":
        pids, bases = _data(timeline).table_place(np.array([row]), np.array([number]))
        return f"page table {int(pids[0])}:{address_text(int(bases[0]))}"
    if table == "mm":
        return _mm_text(timeline, row, number)
    if table == "task":
        return f"pid {int(_data(timeline).pid_of_task(np.array([row]), np.array([number]))[0])}"
    return _named_subject(timeline, table, row, number)


def _named_subject(timeline: Timeline, table: str, row: int, number: int) -> str:
    if table in ("driver", "buf", "pin", "inode"):
        named = _data(timeline).last(f"{table}.name", row, number)
        word = {"buf": "buffer", "inode": "file"}.get(table, table)
        return f"{word} {plain(timeline.string(named))}" if named else f"{word} {row}"
    if table == "file":
        inode = value_at(timeline, "file.inode", row, number)
        name = timeline.string(value_at(timeline, "inode.name", inode, number))
        return f"file {plain(name)}" if name else "shared anonymous memory"
    if table == "cache":
        return "page cache"
    return "" if table == "sys" else f"op {max(timeline.op_at(number + 1), 0)}"


def value_text(timeline: Timeline, column: str, value: int, number: int, unset: str = "·") -> str:
    """A cell's value spelled out: a pte, flags by name, an address in hex, a name, else a number."""
    if column in _NAMES and 0 <= value < len(_NAMES[column]):
        return _NAMES[column][value]
    if value == UNKNOWN and column in _UNSEEN:
        return "unknown"
    if column == "pte.val":
        return pte_text(value, unset)
    if column == "page.flags":
        return page_flags_text(value)
    if column == "page.kflags":
        return " ".join(name.lower() for name in kflag_names(value)) or "none"
    if column in _STRINGS:
        return plain(timeline.string(value)) or "none"
    if column in _ADDRESSES:
        return address_text(value)
    if column in _PFNS:
        return pfn_text(value) if value > 0 else "none"
    if column in _HEX:
        return f"{value:08x}"
    if column in _SPECIAL:
        return _SPECIAL[column](timeline, value, number)
    if column in _PAGE_OFFSETS:
        return f"{value:#x}" if value > 9 else str(value)
    return f"{value:#x}" if column == "page.word" and value > 0xFFFF else str(value)


def _prot(timeline: Timeline, value: int, number: int) -> str:
    if not value & PTE_FRAME:
        return "none"
    return "PROT_NONE" if not value & PTE_PRESENT else "read and write" if value & PTE_RW else "read only"


def _mapping(timeline: Timeline, value: int, number: int) -> str:
    if not value:
        return "none"
    if value == 1:
        return "anon"  # a recording: no anon_vma is named
    return f"anon_vma {value >> 1}" if value & 1 else _inode(timeline, value >> 1, number)


def _inode(timeline: Timeline, value: int, number: int) -> str:
    if not value:
        return "none"
    name = timeline.string(value_at(timeline, "inode.name", value, number))
    return f"file {plain(name)}" if name else "shmem"


def _file(timeline: Timeline, value: int, number: int) -> str:
    return _inode(timeline, value_at(timeline, "file.inode", value, number), number) if value else "none"


def _owner(timeline: Timeline, value: int, number: int) -> str:
    return _mm_text(timeline, value, number) if value else "none"


def _task(timeline: Timeline, value: int, number: int) -> str:
    return subject_text(timeline, "task.pid", value, number) if value else "none"


def _anon_vma(timeline: Timeline, value: int, number: int) -> str:
    return f"anon_vma {value}" if value else "none"


def _buffer(timeline: Timeline, value: int, number: int) -> str:
    return plain(timeline.string(value_at(timeline, "buf.name", value, number))) if value else "none"


_SPECIAL: Final = {
    "vma.vm_page_prot": _prot,
    "page.mapping": _mapping,
    "vma.vm_file": _file,
    "file.inode": _inode,
    "cache.inode": _inode,
    "vma.mm": _owner,
    "pt.mm": _owner,
    "task.mm": _owner,
    "pin.mm": _owner,
    "task.parent": _task,
    "vma.anon_vma": _anon_vma,
    "driver.buf": _buffer,
}


def public_subject(timeline: Timeline, column: str, row: int, number: int) -> str:
    """A cell in the grammar of subjects, `page[8].count`; "" for one that the grammar does not have."""
    table, _, field = column.partition(".")
    if table == "page":
        return f"page[{row}].{field}"
    if table == "pte":
        pid, address = pte_owner(timeline, row, number)
        return f"pte[{pid}:{address:#x}]"
    if table == "vma":
        pid, start = vma_owner(timeline, row, number)
        return f"vma[{pid}:{start:#x}].{field}"
    data = _data(timeline)
    rows, times = np.array([row]), np.array([number])
    if table == "mm":
        return f"mm[{int(data.pid_of_mm(rows, times)[0])}].{field}"
    return f"task[{int(data.pid_of_task(rows, times)[0])}].{field}" if table == "task" else ""
