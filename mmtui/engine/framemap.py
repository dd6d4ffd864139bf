"""The frame map of a timeline, kept up with its position: a step looks again only at the frames that it touched."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mmtui.engine.flags import PG_compound, PG_reserved
from mmtui.engine.log import Ints
from mmtui.engine.pgtable import PTE_FRAME, PTE_MANAGED, PTE_REF
from mmtui.engine.schema import COLUMN, PTES_PER_PT, ROW_BITS, ROW_MASK, UNKNOWN
from mmtui.engine.seek import net_of

if TYPE_CHECKING:
    from mmtui.engine.timeline import Timeline

FAR = 20_000
"""Over a longer way everything is looked at again."""

Mask = NDArray[np.bool_]

_ID = {name: info.id for name, info in COLUMN.items()}
_PAGE = np.array([info.id for info in COLUMN.values() if info.table == "page"])
_OWNERS = np.array([info.id for info in COLUMN.values() if info.table in ("buf", "pin", "cache")])
_VMA = np.array([info.id for info in COLUMN.values() if info.table in ("vma", "pt")])
VM_IO_BIT = 0x4000


class FrameMap:
    """The glyph of every frame, and who maps and holds it, at the position where it was last looked at."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self._at = (-1, -1)
        self.windows, self.managed, self.held = (np.zeros(0, np.int64) for _ in range(3))
        self._owned = np.zeros(0, bool)
        self._remapped = np.zeros(0, bool)
        self.glyphs: NDArray[np.bytes_] = np.zeros(0, "S1")

    def kinds(self) -> NDArray[np.bytes_]:
        """The glyphs at the timeline's position (a copy)."""
        self.follow()
        return self.glyphs.copy()

    def follow(self) -> None:
        """Be where the timeline is."""
        timeline = self._timeline
        position, length = self._at
        here = (timeline.position, len(timeline))
        if here == self._at:
            return
        touched = self._move(position, timeline.position) if length == len(timeline) else None
        if touched is None:
            self._look_at_all()
        elif len(touched):
            self._paint(touched)
        self._at = here

    def _look_at_all(self) -> None:
        timeline = self._timeline
        self.windows, self.managed, self.held = frame_uses(timeline)
        self._owned = owned_frames(timeline)
        self._remapped = remapped_frames(timeline)
        self.glyphs = np.full(len(self.held), b"?", "S1")
        self._paint(np.arange(len(self.held)))

    def _move(self, before: int, now: int) -> Ints | None:
        """Bring the counts to another position; the frames that may look different, None if all may."""
        low, high = min(before, now), max(before, now)
        if before < 0 or high - low > FAR:
            return None
        chunks = list(self._timeline.log.chunks(low, high))
        if not chunks:
            return np.zeros(0, np.int64)
        net = net_of(*(np.concatenate([chunk[at] for chunk in chunks]) for at in (1, 2, 3)))
        column = net.cell >> ROW_BITS
        rows = (net.cell & ROW_MASK).astype(np.int64)
        ends = net.before.astype(np.int64), net.after.astype(np.int64)
        was, is_ = ends if now > before else ends[::-1]
        flags = column == _ID["page.flags"]
        compound = ((was[flags] | is_[flags]) & PG_compound).any()
        if compound or np.isin(column, _OWNERS).any() or self._any_compound():
            return None
        touched = [rows[np.isin(column, _PAGE)], self._leaks(low, high)]
        ptes = column == _ID["pte.val"]
        touched += [self._count(was[ptes], -1), self._count(is_[ptes], 1)]
        if ptes.any() or np.isin(column, _VMA).any():
            remapped = remapped_frames(self._timeline)
            touched.append(np.flatnonzero(remapped != self._remapped))
            self._remapped = remapped
        return np.unique(np.concatenate(touched))

    def _any_compound(self) -> bool:
        """A reference to a part of a compound page is its head's: their counts are not followed singly."""
        buf = self._timeline.machine.buf
        return bool(((buf.state == 1) & (buf.comp != 0)).any())

    def _leaks(self, low: int, high: int) -> Ints:
        leaks = self._timeline.events("leak")
        return leaks.pfn[(leaks.transition >= low) & (leaks.transition < high)]

    def _count(self, values: Ints, sign: int) -> Ints:
        """Count entries in or out; the frames they map."""
        values = values[(values & PTE_FRAME != 0) & (values >> 12 < len(self.held))]
        pfn = values >> 12
        for counts, bits, wanted in (
            (self.windows, PTE_MANAGED, False), (self.managed, PTE_MANAGED, True), (self.held, PTE_REF, True),
        ):  # fmt: skip
            np.add.at(counts, pfn[(values & bits != 0) == wanted], sign)
        return pfn

    def _paint(self, at: Ints) -> None:
        """Choose the glyphs of some frames; of two that fit, the later one is it."""
        timeline = self._timeline
        page = timeline.machine.page
        mapping, free = page.mapping[at], page.free[at] != 0
        windows, managed = self.windows[at], self.managed[at]
        glyph = np.full(len(at), b"?", "S1")
        glyph[page.flags[at] & PG_reserved != 0] = b"R"
        glyph[(windows > 0) & ~free] = b"D"
        glyph[self._owned[at]] = b"N"
        glyph[self._remapped[at]] = b"D"
        glyph[(mapping != 0) & (mapping & 1 == 0)] = b"F"
        anon = mapping & 1 != 0
        glyph[anon] = b"A"
        mapcount = page.mapcount[at]
        glyph[anon & (np.where(mapcount == UNKNOWN, managed, mapcount) > 1)] = b"c"
        glyph[free] = b"."
        glyph[free & (windows + managed > 0)] = b"X"
        leaked = ~free & (page.count[at] > self.held[at]) & leaked_frames(timeline, at)
        glyph[(at == 1) & (glyph != b"X")] = b"Z"
        glyph[leaked] = b"!"
        glyph[np.isin(at, timeline.holes)] = b"_"
        self.glyphs[at] = glyph


def leaked_frames(timeline: Timeline, at: Ints) -> Mask:
    """Which of some frames have leaked by now. A count above its holders may also be a reference on its way."""
    leaks = timeline.events("leak")
    return np.isin(at, leaks.pfn[leaks.transition < timeline.position])


def frame_uses(timeline: Timeline) -> tuple[Ints, Ints, Ints]:
    """(windows, managed ptes, references held) of every frame. References to a compound page are its head's."""
    machine = timeline.machine
    frames = len(machine.page.count)
    values = machine.pte.val[(machine.pte.val & PTE_FRAME) != 0]
    pfn = values >> 12
    values, pfn = values[pfn < frames], pfn[pfn < frames]
    windows = np.bincount(pfn[values & PTE_MANAGED == 0], minlength=frames)
    managed = np.bincount(pfn[values & PTE_MANAGED != 0], minlength=frames)
    head = heads(timeline)
    held = np.bincount(head[pfn[values & PTE_REF != 0]], minlength=frames) + timeline.boot_held
    buf, pin, cache = machine.buf, machine.pin, machine.cache
    rows = np.flatnonzero(buf.state == 1)
    np.add.at(held, head[buf.pfn[rows]], 1)
    rows = np.flatnonzero((pin.state == 1) & (pin.pfn < frames))
    np.add.at(held, head[pin.pfn[rows]], pin.ref[rows])
    rows = np.flatnonzero(cache.inode != 0)
    np.add.at(held, cache.pfn[rows], 1)
    return windows, managed, held


def heads(timeline: Timeline) -> Ints:
    """The frame that holds the count of each frame: its head for a part of a compound page, else itself."""
    page = timeline.machine.page
    head = np.arange(len(page.flags), dtype=np.int64)
    compound = np.flatnonzero(page.flags & PG_compound)
    head[compound] = page.private[compound]
    return head


def owned_frames(timeline: Timeline) -> Mask:
    """The frames of drivers' buffers, whole blocks."""
    machine = timeline.machine
    owned = np.zeros(len(machine.page.count), bool)
    for row in np.flatnonzero(machine.buf.state == 1).tolist():
        pfn = int(machine.buf.pfn[row])
        owned[pfn : pfn + (1 << int(machine.buf.order[row]))] = True
    return owned


def remapped_frames(timeline: Timeline) -> Mask:
    """The frames that some vma without nopage maps as windows: remap_pfn_range put them there."""
    machine = timeline.machine
    found = np.zeros(len(machine.page.count), bool)
    remap = (machine.vma.state != 0) & (machine.vma.vm_flags & VM_IO_BIT != 0) & (machine.vma.vm_ops == 0)
    for row in np.flatnonzero(remap).tolist():
        start, end, mm = (int(getattr(machine.vma, name)[row]) for name in ("vm_start", "vm_end", "mm"))
        for table in np.flatnonzero(machine.pt.mm == mm).tolist():
            base = int(machine.pt.base[table])
            low, high = max(start - base, 0) >> 12, min(end - base, PTES_PER_PT << 12) >> 12
            if low < high:
                values = machine.pte.val[table * PTES_PER_PT + low : table * PTES_PER_PT + high]
                windows = values[(values & PTE_FRAME != 0) & (values & PTE_MANAGED == 0)] >> 12
                found[windows[windows < len(found)]] = True
    return found
