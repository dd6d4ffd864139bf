"""One address space as it was last read, and what has changed in it since."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Final

from mmtui.live import proc
from mmtui.live.proc import PAGE, PTRS_PER_TABLE, TABLE_SPAN, Area, Pagemap

ZERO_TABLE: Final = bytes(PTRS_PER_TABLE * 8)
# Derived by the kernel from the map count while we read: it changes in entries that nobody touched.
NOT_KEPT_WITH_FRAMES: Final = proc.PM_EXCLUSIVE


@dataclass(slots=True)
class Changes:
    """What one stop changed in one address space. `ptes` maps an address to the new entry, 0 where it is gone."""

    mapped: list[Area] = field(default_factory=list)
    unmapped: list[int] = field(default_factory=list)
    ptes: dict[int, int] = field(default_factory=dict)
    frames: set[int] = field(default_factory=set)

    def __bool__(self) -> bool:
        return bool(self.mapped or self.unmapped or self.ptes)


@dataclass(frozen=True, slots=True)
class Sight:
    """What this user may see: frame numbers, and whether the soft-dirty bit means anything."""

    frames: bool
    soft_dirty: bool

    @property
    def mask(self) -> int:
        """The bits of a pagemap entry that are kept."""
        kept = (1 << 64) - 1
        if self.frames:
            kept &= ~NOT_KEPT_WITH_FRAMES
        return kept if self.soft_dirty else kept & ~proc.PM_SOFT_DIRTY


class AddressSpace:
    """The areas and entries of one mm. `key` names it in the recording: the tgid that it began with."""

    def __init__(self, tgid: int, sight: Sight) -> None:
        self.key = tgid
        self.members = {tgid}
        self.areas: dict[int, Area] = {}
        self.zero: set[int] = set()
        self._sight = sight
        self._text = b""
        self._tables: dict[int, bytes] = {}
        self._open(tgid)

    def _open(self, tgid: int) -> None:
        self._maps = os.open(f"/proc/{tgid}/maps", os.O_RDONLY | os.O_CLOEXEC)
        self._smaps = os.open(f"/proc/{tgid}/smaps", os.O_RDONLY | os.O_CLOEXEC)
        self._pagemap = Pagemap(tgid)

    def close(self) -> None:
        """Close what was opened in /proc."""
        os.close(self._maps)
        os.close(self._smaps)
        self._pagemap.close()

    def follow_exec(self, tgid: int) -> None:
        """The process now has another mm: from here on that one is read, and compared with what the old one had."""
        self.close()
        self._text = b""
        self._open(tgid)

    def rename(self, tgid: int) -> None:
        """Its first owner has left: it is `tgid`'s now, and is told anew from the beginning."""
        self.close()
        self.key, self._text, self.areas, self._tables, self.zero = tgid, b"", {}, {}, set()
        self._open(tgid)

    def has(self, address: int) -> bool:
        """Is the address inside an area, as far as was last read?"""
        return any(area.start <= address < area.end for area in self.areas.values())

    def read_all(self, changes: Changes, flags_too: bool = True) -> None:
        """Read areas and entries again and note every difference; `flags_too`: VmFlags may differ where maps do not."""
        text = proc.read_whole(self._maps)
        if flags_too or text != self._text:
            self._text = text
            self._compare_areas(proc.areas(proc.read_whole(self._smaps)), changes)
        self.read_entries(changes)

    def _compare_areas(self, now: dict[int, Area], changes: Changes) -> None:
        for start, area in now.items():
            if self.areas.get(start) != area:
                changes.mapped.append(area)
        changes.unmapped += [start for start in self.areas if start not in now]
        self.areas = now

    def read_entries(self, changes: Changes) -> None:
        """Compare every table that holds or held something."""
        for number in sorted(self._pagemap.populated(self.areas.values()) | self._tables.keys()):
            self._compare_table(number, changes)
        if not self._sight.frames:
            self.zero = self._pagemap.zero_pages()

    def read_near(self, address: int, changes: Changes) -> None:
        """Compare the one table that maps `address`: a fault changes no other, fault-around and huge pages included."""
        number = address // TABLE_SPAN
        self._compare_table(number, changes)
        # A reuse in place leaves the entry as pagemap shows it, but not the frame (PageAnonExclusive).
        here = memoryview(self._tables.get(number, ZERO_TABLE)).cast("Q")[address % TABLE_SPAN // PAGE]
        self._note_frames(0, here, changes)
        if not self._sight.frames and changes.ptes:
            self.zero = self._pagemap.zero_pages()

    def _compare_table(self, number: int, changes: Changes) -> None:
        now = self._pagemap.table(number)
        before = self._tables.get(number, ZERO_TABLE)
        if now == before:
            return
        mask = self._sight.mask
        for slot, (old, new) in enumerate(zip(memoryview(before).cast("Q"), memoryview(now).cast("Q"), strict=True)):
            if (old ^ new) & mask:
                changes.ptes[number * TABLE_SPAN + slot * PAGE] = new & mask
                self._note_frames(old, new, changes)
        if now == ZERO_TABLE:
            del self._tables[number]
        else:
            self._tables[number] = now

    def _note_frames(self, old: int, new: int, changes: Changes) -> None:
        if not self._sight.frames:
            return
        for entry in (old, new):
            if entry & proc.PM_PRESENT:
                changes.frames.add(entry & proc.PM_PFN)

    def present_frames(self) -> set[int]:
        """Every frame that an entry maps, as last read."""
        found: set[int] = set()
        for table in self._tables.values():
            found.update(e & proc.PM_PFN for e in memoryview(table).cast("Q") if e & proc.PM_PRESENT)
        return found if self._sight.frames else set()
