"""Who holds a frame: the references that page_count counts, one by one. A view of the columns, never a second truth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mmtui.engine.flags import PG_compound
from mmtui.engine.inspect import awaits_free, pte_place, ptes_mapping
from mmtui.engine.pgtable import PTE_FRAME, PTE_MANAGED, PTE_REF
from mmtui.engine.schema import UNKNOWN

if TYPE_CHECKING:
    from mmtui.engine.timeline import Timeline


@dataclass(frozen=True)
class Holder:
    """One holder of a frame, or one pte that maps it.

    `ref`: the references it holds; 0 is a window, a pte that maps the frame and holds none. `kind`: boot, owner,
    cache, pin, pte, transit (nopage's reference, which the kernel left with a pte that it does not manage), nobody.
    `position`, `op`, `function`: since when, and which kernel function gave it; -1 and empty for boot. `pid`,
    `address`: of a pte or a pin.
    """

    name: str
    ref: int
    kind: str
    position: int
    op: int
    function: str
    pid: int = 0
    address: int = 0


@dataclass(frozen=True)
class Ledger:
    """The references of a frame at one position. `count` is page_count, of the head for a part of a compound page;
    `held` is what the holders add up to. `rows` has the holders, then what nobody holds, then the windows. `waits`:
    nothing maps the page any more and nobody saw it freed yet, which only a recording can leave open."""

    pfn: int
    head: int
    count: int
    held: int
    rows: tuple[Holder, ...]
    waits: bool = False

    @property
    def surplus(self) -> int:
        """References that nobody holds; below 0, references that were dropped and not taken. A
        recording does not know the count, and then there is no telling."""
        if self.count == UNKNOWN:
            return 0
        return self.count - self.held


def holders(timeline: Timeline, pfn: int) -> Ledger:
    """The ledger of a frame at the timeline's position. IndexError: the machine has no such frame."""
    page = timeline.machine.page
    if not 0 <= pfn < len(page.count):
        raise IndexError(pfn)
    compound = int(page.flags[pfn]) & PG_compound
    head = int(page.private[pfn]) if compound else pfn
    rows = [*_boot(timeline, head), *_owners(timeline, head), *_cache(timeline, head), *_pins(timeline, pfn, head)]
    parts = range(head, head + _compound_size(timeline, head)) if compound else (pfn,)
    entries = [entry for part in parts for entry in _ptes(timeline, part)]
    rows += [entry for entry in entries if entry.ref]
    count, held = int(page.count[head]), sum(row.ref for row in rows)
    if count > held:
        rows += _nobody(timeline, head, count - held)
    everything = (*rows, *(entry for entry in entries if not entry.ref))
    return Ledger(pfn, head, count, held, everything, awaits_free(timeline, pfn))


def _since(timeline: Timeline, column: str, row: int) -> tuple[int, int, str]:
    """(position, operation, function) of the last change of a cell before the position."""
    at = timeline.previous_change((column, row), timeline.position + 1)
    if at is None:
        return -1, -1, ""
    return at, timeline.op_at(at), timeline.call(timeline.transition(at - 1).call).name


def _boot(timeline: Timeline, pfn: int) -> list[Holder]:
    held = int(timeline.boot_held[pfn])
    return [Holder("boot", held, "boot", -1, -1, "")] if held else []


def _owners(timeline: Timeline, pfn: int) -> list[Holder]:
    buf = timeline.machine.buf
    found = []
    for row in np.flatnonzero((buf.state == 1) & (buf.pfn == pfn)).tolist():
        name = timeline.string(int(buf.driver[row]))
        what = "the block" if buf.order[row] else "the page"
        found.append(Holder(f"{name} owns {what}", 1, "owner", *_allocated(timeline, row)))
    return found


def _allocated(timeline: Timeline, row: int) -> tuple[int, int, str]:
    position, op, _ = _since(timeline, "buf.state", row)
    return position, op, "__alloc_pages"


def _cache(timeline: Timeline, pfn: int) -> list[Holder]:
    machine = timeline.machine
    found = []
    for row in np.flatnonzero((machine.cache.inode != 0) & (machine.cache.pfn == pfn)).tolist():
        inode = int(machine.cache.inode[row])
        name = timeline.string(int(machine.inode.name[inode])) or "shmem"
        since = _since(timeline, "cache.inode", row)
        found.append(Holder(f"page cache {name}+{int(machine.cache.pgoff[row])}", 1, "cache", *since))
    return found


def _pins(timeline: Timeline, pfn: int, head: int) -> list[Holder]:
    machine = timeline.machine
    same = machine.pin.pfn == pfn if pfn == head else np.isin(machine.pin.pfn, (pfn, head))
    found = []
    for row in np.flatnonzero((machine.pin.state == 1) & same).tolist():
        name = f"pin {timeline.string(int(machine.pin.name[row]))}"
        position, op, _ = _since(timeline, "pin.state", row)
        address = int(machine.pin.address[row])
        found.append(Holder(name, int(machine.pin.ref[row]), "pin", position, op, "get_user_pages", 0, address))
    return found


def _compound_size(timeline: Timeline, head: int) -> int:
    page = timeline.machine.page
    size = 1
    while head + size < len(page.flags) and page.flags[head + size] & PG_compound and page.private[head + size] == head:
        size += 1
    return size


def _ptes(timeline: Timeline, pfn: int) -> list[Holder]:
    found = []
    for row, value in ptes_mapping(timeline, pfn):
        pid, address = pte_place(timeline, row)
        transit = bool(value & PTE_REF) and not value & PTE_MANAGED
        name = f"{'nopage for' if transit else 'pte'} {pid}:{address:08x}"
        kind = "transit" if transit else "pte"
        since = _mapped(timeline, row, pfn)
        found.append(Holder(name, 1 if value & PTE_REF else 0, kind, *since, pid, address))
        if transit:
            found.append(Holder(f"pte {pid}:{address:08x}", 0, "pte", *since, pid, address))
    return found


def _mapped(timeline: Timeline, row: int, pfn: int) -> tuple[int, int, str]:
    """Since when an entry maps a frame: what changed only its bits is not the beginning."""
    position = timeline.position + 1
    while (at := timeline.previous_change(("pte.val", row), position)) is not None:
        change = timeline.transition(at - 1)
        if change.old >> 12 != pfn or not change.old & PTE_FRAME:
            return at, timeline.op_at(at), timeline.call(change.call).name
        position = at
    return -1, -1, ""


def _nobody(timeline: Timeline, pfn: int, surplus: int) -> list[Holder]:
    """The references that nobody holds, since they were taken; one on its way has no leak that tells of it."""
    leaks = [
        event
        for event in timeline.events("leak")
        if event.subject["pfn"] == pfn and event.position <= timeline.position and event.why != "confirmed"
    ]
    if not leaks:
        return [Holder("on its way", surplus, "transit", timeline.position, timeline.op_at(timeline.position), "")]
    return [Holder("nobody", surplus, "nobody", *_taken(timeline, pfn, leaks[-1].transition))]


def _taken(timeline: Timeline, pfn: int, transition: int) -> tuple[int, int, str]:
    """Where the reference was taken that a leak lost: with the pte that it cleared, else the last one before it."""
    lost = timeline.transition(transition)
    limit = transition + 1
    if lost.name == "pte.val":
        mapped = timeline.previous_change(("pte.val", lost.row), transition + 1)
        while mapped is not None and timeline.transition(mapped - 1).old & PTE_REF:
            mapped = timeline.previous_change(("pte.val", lost.row), mapped)
        limit = timeline.op_end(timeline.op_at(mapped)) if mapped is not None else limit
    position = limit + 1
    while (at := timeline.previous_change(("page.count", pfn), position)) is not None:
        change = timeline.transition(at - 1)
        if change.new > change.old:
            return at, timeline.op_at(at), timeline.call(change.call).name
        position = at
    return transition + 1, timeline.op_at(transition + 1), timeline.call(lost.call).name
