"""What today's kernel does with the memory of traced processes, as far as events tell: frames are the real ones.

The rules are those of the model 6.x: a page is exclusive until fork shares it, a write to a shared page that is
followed by an allocation is a copy, one without is a reuse. Events never name the frames of files: they stay unknown.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from typing import Any, Final

from mmtui.engine.kpf import KPF_ANON, KPF_BUDDY

PAGE: Final = 4096
KPF_SWAPBACKED, KPF_EXCLUSIVE = 1 << 14, 1 << 34
PROT_READ, PROT_WRITE, PROT_EXEC = 1, 2, 4
MAP_SHARED_MASK, MAP_ANONYMOUS = 3, 0x20
ZERO, FILE = -1, -2
"""What an entry names where it is no frame of anonymous memory: the zero page, a page of a file."""


@dataclass
class Area:
    """A mapping. `known` False: nobody saw it being made, only touches of it."""

    start: int
    end: int
    prot: int
    shared: bool = False
    anonymous: bool = True
    known: bool = True
    touched: bool = False  # it has had an anonymous page: fork copies its entries

    def row(self, path: str) -> list[Any]:
        """As a recording has it."""
        letters = "".join(each if self.prot & bit else "-" for each, bit in (("r", 1), ("w", 2), ("x", 4)))
        flags = [pair for pair, bit in (("rd", 1), ("wr", 2), ("ex", 4)) if self.prot & bit]
        if self.known:
            flags += ["sh", "ms"] if self.shared else []
        return [self.start, self.end, letters + ("s" if self.shared else "p"), " ".join(flags), 0, "00:00:0", path]


@dataclass
class Frame:
    """A frame of anonymous memory. `live`: it was allocated, and nobody saw it being freed since; `listed`: it has left
    the batch in which new pages wait for their LRU list."""

    mapcount: int = 0
    exclusive: bool = True
    live: bool = True
    unmapped_at: int = -1  # the stop at which its last entry went
    listed: bool = False


@dataclass
class Space:
    """An address space: its areas by address, its entries by page address."""

    key: int
    users: int = 1
    areas: list[Area] = field(default_factory=list)
    entries: dict[int, int] = field(default_factory=dict)
    heap: int = 0

    def area_at(self, address: int) -> Area | None:
        """The area around an address."""
        at = bisect_right([area.start for area in self.areas], address) - 1
        return self.areas[at] if at >= 0 and address < self.areas[at].end else None


def _entries(count: int) -> str:
    return "an entry maps" if count == 1 else f"{count} entries map"


class Changes:
    """What a stop changes, as its line of a recording has it."""

    def __init__(self) -> None:
        self.vma: dict[int, dict[str, list[Any]]] = {}
        self.pte: dict[int, dict[str, list[Any]]] = {}
        self.unpte: dict[int, list[str]] = {}
        self.frames: set[int] = set()
        self.found: list[list[Any]] = []

    def area(self, key: int) -> dict[str, list[Any]]:
        """The areas of one space."""
        return self.vma.setdefault(key, {"+": [], "-": []})


class Model:
    """Address spaces and frames, with the changes since the last stop."""

    def __init__(self) -> None:
        self.frames: dict[int, Frame] = {}
        self.changes = Changes()
        self.stop = 0
        self.unseen_frees = 0

    # Areas

    def map(self, space: Space, area: Area) -> None:
        """A new area, in place of what was there."""
        self.unmap(space, area.start, area.end)
        space.areas.append(area)
        space.areas.sort(key=lambda each: each.start)
        self._tell(space, area)

    def unmap(self, space: Space, start: int, end: int) -> None:
        """A range is gone: its entries, and the areas or the parts of them that it covers."""
        self.drop(space, start, end)
        for area in [each for each in space.areas if each.start < end and each.end > start]:
            space.areas.remove(area)
            self.changes.area(space.key)["-"].append(area.start)
            for first, last in ((area.start, min(area.end, start)), (max(area.start, end), area.end)):
                if first < last:
                    self._piece(space, area, first, last)
        space.areas.sort(key=lambda each: each.start)

    def _piece(self, space: Space, area: Area, first: int, last: int) -> None:
        piece = Area(first, last, area.prot, area.shared, area.anonymous, area.known, area.touched)
        space.areas.append(piece)
        self._tell(space, piece)

    def protect(self, space: Space, start: int, end: int, prot: int) -> None:
        """mprotect: areas are cut where they must."""
        for area in [each for each in space.areas if each.start < end and each.end > start]:
            first, last = max(area.start, start), min(area.end, end)
            space.areas.remove(area)
            self.changes.area(space.key)["-"].append(area.start)
            for low, high, bits in ((area.start, first, area.prot), (first, last, prot), (last, area.end, area.prot)):
                if low < high:
                    piece = Area(low, high, bits, area.shared, area.anonymous, area.known, area.touched)
                    space.areas.append(piece)
                    self._tell(space, piece)
        space.areas.sort(key=lambda each: each.start)

    def touch_area(self, space: Space, address: int, prot: int) -> Area:
        """The area of an address; one that nobody saw being made is made up, of the pages that are touched."""
        area = space.area_at(address)
        if area is None:
            before, after = space.area_at(address - PAGE), space.area_at(address + PAGE)
            start = before.start if before and not before.known else address
            end = after.end if after and not after.known else address + PAGE
            for old in (before, after):
                if old and not old.known:
                    space.areas.remove(old)
                    prot |= old.prot
            area = Area(start, end, prot, known=False)
            if after and not after.known:
                self.changes.area(space.key)["-"].append(address + PAGE)
            space.areas.append(area)
            space.areas.sort(key=lambda each: each.start)
            self._tell(space, area)
        elif not area.known and area.prot | prot != area.prot:
            area.prot |= prot
            self._tell(space, area)
        return area

    def _tell(self, space: Space, area: Area) -> None:
        path = "" if area.known and area.anonymous else "[file]" if area.known else "[unknown]"
        self.changes.area(space.key)["+"].append(area.row(path))

    # Entries

    def set_entry(self, space: Space, address: int, to: int) -> None:
        """An entry names something else now: a frame, ZERO or FILE."""
        self._leave(space.entries.get(address))
        space.entries[address] = to
        letters = "pz" if to == ZERO else "pf" if to == FILE else "p"
        self.changes.pte.setdefault(space.key, {})[f"{address:x}"] = [to if to >= 0 else None, letters]
        if to >= 0:
            self.frames[to].mapcount += 1
            self.frames[to].unmapped_at = -1
            self.changes.frames.add(to)

    def drop(self, space: Space, start: int, end: int) -> None:
        """The entries of a range are gone."""
        for address in [each for each in space.entries if start <= each < end]:
            self._leave(space.entries.pop(address))
            self.changes.pte.get(space.key, {}).pop(f"{address:x}", None)
            self.changes.unpte.setdefault(space.key, []).append(f"{address:x}")

    def _leave(self, pfn: int | None) -> None:
        if pfn is None or pfn < 0:
            return
        frame = self.frames[pfn]
        frame.mapcount -= 1
        self.changes.frames.add(pfn)
        if frame.mapcount == 0:
            frame.unmapped_at = self.stop

    def fork(self, parent: Space, child: Space) -> None:
        """The child gets the areas, and the entries of those that have had anonymous pages."""
        for area in parent.areas:
            self._piece(child, area, area.start, area.end)
        for address, pfn in sorted(parent.entries.items()):
            area_of = parent.area_at(address)
            if area_of is not None and area_of.touched and not area_of.shared:
                self.set_entry(child, address, pfn)
                if pfn >= 0:
                    self.frames[pfn].exclusive = False

    def move(self, space: Space, old: int, new: int, length: int) -> None:
        """mremap: entries go along."""
        for address in sorted(each for each in space.entries if old <= each < old + length):
            pfn = space.entries[address]
            if pfn >= 0:
                self.frames[pfn].mapcount += 1  # it never is unmapped in between
            self.drop(space, address, address + PAGE)
            self.set_entry(space, address - old + new, pfn)
            if pfn >= 0:
                self.frames[pfn].mapcount -= 1

    # Frames

    def allocated(self, pfn: int) -> None:
        """A frame was handed out. One that an entry still maps is in two places now."""
        frame = self.frames.get(pfn)
        if frame is not None and frame.live:
            if frame.mapcount:
                text = f"allocated while {_entries(frame.mapcount)} it"
                self.changes.found.append(["window_on_foreign", pfn, "observed", text])
            else:
                self.unseen_frees += 1
        if frame is None or frame.live:  # of others the recording shows that they leave the free list
            self.changes.found.append(["alloc", pfn, "", ""])
        self.frames[pfn] = Frame(frame.mapcount if frame is not None else 0)
        self.changes.frames.add(pfn)

    def listed(self, pfns: list[int]) -> None:
        """Frames were put on an LRU list."""
        for pfn in pfns:
            if pfn in self.frames:
                self.frames[pfn].listed = True

    def freed(self, pfn: int) -> bool:
        """A frame was freed; was it one of ours?"""
        frame = self.frames.get(pfn)
        if frame is None:
            return False
        if frame.mapcount:
            self.changes.found.append(["free_mapped", pfn, "observed", f"freed while {_entries(frame.mapcount)} it"])
        frame.live = False
        self.changes.frames.add(pfn)
        return True

    def flags(self, pfn: int) -> int:
        """KPF_* of a frame."""
        frame = self.frames[pfn]
        if not frame.live:
            return KPF_BUDDY
        alone = KPF_EXCLUSIVE if frame.exclusive else 0
        return KPF_ANON | KPF_SWAPBACKED | alone
