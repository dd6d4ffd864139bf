"""The frame map of a timeline, kept up with its position: a step looks again only at the frames that it touched."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mmtui.engine.arrays import distinct
from mmtui.engine.flags import PG_compound, PG_reserved
from mmtui.engine.log import Ints
from mmtui.engine.pgtable import PTE_FRAME, PTE_MANAGED, PTE_REF
from mmtui.engine.schema import COLUMN, COLUMNS, PTES_PER_PT, ROW_BITS, ROW_MASK, UNKNOWN
from mmtui.engine.seek import net_of

if TYPE_CHECKING:
    from mmtui.engine.events import Events
    from mmtui.engine.timeline import Timeline

FAR = 20_000
"""Over a longer way everything is looked at again."""
FEW = 256
"""Frames whose lines are looked at one by one."""
CODES = 128

Mask = NDArray[np.bool_]
Codes = NDArray[np.uint8]

NO_FRAMES = np.zeros(0, np.int64)
ZERO_PAGE = np.array([1])

_ID = {name: info.id for name, info in COLUMN.items()}
_ELSE, _PAGE, _OWNER, _PTE, _VMA = range(5)
_TABLES = {"page": _PAGE, "buf": _OWNER, "pin": _OWNER, "cache": _OWNER, "pte": _PTE, "vma": _VMA, "pt": _VMA}
_WHAT = np.array([_TABLES.get(info.table, _ELSE) for info in COLUMNS])
"""What a change of each column means for the map."""
VM_IO_BIT = 0x4000


class FrameMap:
    """The glyph of every frame, and who maps and holds it, at the position where it was last looked at.

    A machine may have a million frames, and a step touches a few: how many frames have each glyph, and which lines of
    a map are of one glyph, is kept up with them.
    """

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self._at, self._leaks_before = -1, 0
        self._events: Events | None = None
        self.windows, self.managed, self.held = (np.zeros(0, np.int64) for _ in range(3))
        self._owned = np.zeros(0, bool)
        self._remapped = np.zeros(0, np.int64)
        self._holes = np.zeros(0, bool)
        self.glyphs: NDArray[np.bytes_] = np.zeros(0, "S1")
        self._copy: NDArray[np.bytes_] | None = None
        self._tally = np.zeros(CODES, np.int64)
        self._lines: dict[int, Codes] = {}

    def kinds(self) -> NDArray[np.bytes_]:
        """The glyphs at the timeline's position: a copy, the same one until a glyph is another one."""
        self.follow()
        if self._copy is None:
            self._copy = self.glyphs.copy()
            self._copy.flags.writeable = False
        return self._copy

    def tally(self) -> dict[str, int]:
        """How many frames have each glyph, of those that any frame has."""
        self.follow()
        return {chr(code): int(self._tally[code]) for code in np.flatnonzero(self._tally).tolist()}

    def lines(self, across: int) -> Codes:
        """For each line of a map with `across` frames (8, 16, 32 ..): the code of the glyph of all of them, 0 where
        they differ. Beyond the last frame there are holes."""
        self.follow()
        if across not in self._lines:
            total = -(-len(self.glyphs) // across)
            codes = np.full(total * across, ord("_"), np.uint8)
            codes[: len(self.glyphs)] = self._codes
            self._lines[across] = alike(codes.reshape(total, across))
        return self._lines[across].copy()

    def folds(self, across: int, kinds: str) -> Ints:
        """The lines that stay when runs of lines of one of these glyphs are one line."""
        codes = self.lines(across)
        quiet = np.zeros(len(codes), bool)
        for kind in kinds:
            quiet |= codes == ord(kind)
        return np.flatnonzero(np.append(True, ~quiet[1:] | (codes[1:] != codes[:-1])))

    @property
    def _codes(self) -> Codes:
        return self.glyphs.view(np.uint8)

    def follow(self) -> None:
        """Be where the timeline is."""
        timeline = self._timeline
        events = timeline.events()
        if timeline.position == self._at and events is self._events:
            return
        self._events, leaks = events, events.of("leak").transition
        here, found_late = timeline.position, self._leaks_before != int(leaks.searchsorted(self._at))
        touched = None if found_late else self._move(self._at, here)
        if touched is None:
            self._look_at_all()
        elif len(touched):
            self._repaint(touched)
        self._at, self._leaks_before = here, int(leaks.searchsorted(here))

    def _look_at_all(self) -> None:
        timeline = self._timeline
        self.windows, self.managed, self.held = frame_uses(timeline)
        self._owned = owned_frames(timeline)
        self._remapped = remapped_frames(timeline)
        self._holes = np.zeros(len(self.held), bool)
        self._holes[timeline.holes[timeline.holes < len(self.held)]] = True  # a hole may reach beyond the last frame
        self.glyphs = np.full(len(self.held), b"?", "S1")
        self._paint(slice(None))
        self._tally = np.bincount(self._codes, minlength=CODES)
        self._copy = None
        self._lines.clear()

    def _repaint(self, touched: Ints) -> None:
        """Look at some frames (each once) again, and keep tally and lines up."""
        before = self._codes[touched]
        self._paint(touched)
        changed = touched[before != self._codes[touched]]
        if not len(changed):
            return
        self._copy = None
        self._tally += np.bincount(self._codes[touched], minlength=CODES) - np.bincount(before, minlength=CODES)
        for across, lines in self._lines.items():
            for line in distinct(changed // across).tolist() if len(changed) < FEW else ():
                part = self._codes[line * across : (line + 1) * across]
                whole = part[0] == ord("_") or len(part) == across
                lines[line] = part[0] if whole and (part == part[0]).all() else 0
        if len(changed) >= FEW:
            self._lines.clear()

    def _move(self, before: int, now: int) -> Ints | None:
        """Bring the counts to another position; the frames that may look different, None if all may."""
        low, high = min(before, now), max(before, now)
        if before < 0 or high - low > FAR:
            return None
        if low == high:
            return NO_FRAMES
        chunks = list(self._timeline.log.chunks(low, high))
        if not chunks:
            return NO_FRAMES
        net = net_of(*(np.concatenate([chunk[at] for chunk in chunks]) for at in (1, 2, 3)))
        column = net.cell >> ROW_BITS
        rows = (net.cell & ROW_MASK).astype(np.int64)
        ends = net.before.astype(np.int64), net.after.astype(np.int64)
        was, is_ = ends if now > before else ends[::-1]
        what = _WHAT[column]
        flags = column == _ID["page.flags"]
        compound = ((was[flags] | is_[flags]) & PG_compound).any()
        if compound or (what == _OWNER).any() or self._any_compound():
            return None
        touched = [rows[what == _PAGE], self._leaks(low, high)]
        ptes = what == _PTE
        if ptes.any():
            touched += [self._count(was[ptes], -1), self._count(is_[ptes], 1)]
        if (what >= _PTE).any():
            remapped = remapped_frames(self._timeline)
            touched.append(np.setxor1d(remapped, self._remapped, assume_unique=True))
            self._remapped = remapped
        found = distinct(np.concatenate(touched))
        return found[np.searchsorted(found, 0) : np.searchsorted(found, len(self.held))]

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

    def _paint(self, at: Ints | slice) -> None:
        """Choose the glyphs of some frames; of two that fit, the later one is it."""
        timeline = self._timeline
        page = timeline.machine.page
        mapping, free = page.mapping[at], page.free[at] != 0
        windows, managed = self.windows[at], self.managed[at]
        glyph = np.full(len(free), b"?", "S1")
        glyph[page.flags[at] & PG_reserved != 0] = b"R"
        glyph[(windows > 0) & ~free] = b"D"
        glyph[self._owned[at]] = b"N"
        glyph[self._among(self._remapped, at)] = b"D"
        glyph[(mapping != 0) & (mapping & 1 == 0)] = b"F"
        anon = mapping & 1 != 0
        glyph[anon] = b"A"
        mapcount = page.mapcount[at]
        glyph[anon & (np.where(mapcount == UNKNOWN, managed, mapcount) > 1)] = b"c"
        glyph[free] = b"."
        glyph[free & (windows + managed > 0)] = b"X"
        leaks = timeline.events("leak")
        leaked = self._among(leaks.pfn[leaks.transition < timeline.position], at)
        leaked &= ~free & (page.count[at] > self.held[at])
        glyph[self._among(ZERO_PAGE, at) & (glyph != b"X")] = b"Z"
        glyph[leaked] = b"!"
        glyph[self._holes[at]] = b"_"
        self.glyphs[at] = glyph

    def _among(self, pfns: Ints, at: Ints | slice) -> Mask:
        """Which of the frames `at` are in a list, in which there may be numbers of no frame."""
        if not isinstance(at, slice):
            return np.isin(at, pfns)
        found = np.zeros(len(self.held), bool)
        found[pfns[(pfns >= 0) & (pfns < len(found))]] = True
        return found[at]


def alike(table: Codes) -> Codes:
    """The code that all of a row have, 0 where they differ; eight codes are compared at once."""
    first = np.ascontiguousarray(table[:, 0])
    wide = first.astype(np.uint64) * np.uint64(0x0101_0101_0101_0101)
    words = table.view(np.uint64)
    same = np.ones(len(table), bool)
    for at in range(words.shape[1]):
        same &= words[:, at] == wide
    return np.where(same, first, 0).astype(np.uint8)


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


def remapped_frames(timeline: Timeline) -> Ints:
    """The frames that some vma without nopage maps as windows, ascending: remap_pfn_range put them there."""
    machine = timeline.machine
    found = [NO_FRAMES]
    remap = (machine.vma.vm_flags & VM_IO_BIT != 0) & (machine.vma.state != 0) & (machine.vma.vm_ops == 0)
    for row in np.flatnonzero(remap).tolist():
        start, end, mm = (int(getattr(machine.vma, name)[row]) for name in ("vm_start", "vm_end", "mm"))
        for table in np.flatnonzero(machine.pt.mm == mm).tolist():
            base = int(machine.pt.base[table])
            low, high = max(start - base, 0) >> 12, min(end - base, PTES_PER_PT << 12) >> 12
            if low < high:
                values = machine.pte.val[table * PTES_PER_PT + low : table * PTES_PER_PT + high]
                windows = values[(values & PTE_FRAME != 0) & (values & PTE_MANAGED == 0)] >> 12
                found.append(windows[windows < len(machine.page.count)])
    return distinct(np.concatenate(found)) if len(found) > 1 else NO_FRAMES
