"""The address spaces of a recording: areas, page tables, entries and frames as cells."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from mmtui.engine.kernel.model import INODE_DEVICE, INODE_FILE, INODE_SHMEM, VM_OPS_FILE, VM_OPS_NONE
from mmtui.engine.kpf import KPF_ANON, KPF_BUDDY
from mmtui.engine.pgtable import PAGE_SHIFT, PTE_PRESENT, pte_pfn
from mmtui.engine.schema import PTES_PER_PT
from mmtui.live import bits
from mmtui.live.frames import ZERO_PAGE_ROW, Frames
from mmtui.live.recording import PAGE, USER_END, Area, Entry
from mmtui.live.store import Store

TABLE_SPAN: Final = PTES_PER_PT * PAGE
VMA_LINKED: Final = 1
VMA_FILLED: Final = 2  # on no list yet: its life begins, and what its fields get belongs to it
PAGE_MAPPING_ANON: Final = 1  # an anon_vma without a number: /proc does not name them


@dataclass(slots=True)
class Space:
    """One mm: its row, its areas and their rows by start, its page tables by base."""

    mm: int
    areas: dict[int, tuple[Area, int]] = field(default_factory=dict)
    tables: dict[int, int] = field(default_factory=dict)
    filled: Counter[int] = field(default_factory=Counter)  # entries in each table
    counted: dict[int, str] = field(default_factory=dict)  # address: `file_rss` or `anon_rss`, whichever it counts in

    def area_at(self, address: int) -> tuple[Area, int] | None:
        """The area around an address, and its row."""
        for found in self.areas.values():
            if found[0].start <= address < found[0].end:
                return found
        return None


class Memory:
    """Writes what the stops say about memory."""

    def __init__(self, store: Store, frames: Frames, known: bool) -> None:
        self._store = store
        self._frames = frames
        self._known = known
        self._files: dict[tuple[str, str], int] = {}

    def new_space(self) -> Space:
        """An empty address space."""
        return Space(self._store.take("mm"))

    # -- areas ---------------------------------------------------------------------------------------------------

    def change_areas(self, space: Space, mapped: Iterable[Area], unmapped: Iterable[int]) -> None:
        """Take away the areas that are gone, then add and change the others."""
        for start in sorted(unmapped):
            found = space.areas.pop(start, None)
            if found is not None:
                for name in ("state", "mm", "vm_start", "vm_end"):
                    self._store.set(f"vma.{name}", found[1], 0)
                self._store.give("vma", found[1])
        for area in sorted(mapped, key=lambda area: area.start):
            if area.start < USER_END:
                self._put_area(space, area)

    def _put_area(self, space: Space, area: Area) -> None:
        if area.start in space.areas:
            row = space.areas[area.start][1]
        else:
            row = self._store.take("vma")
            self._store.set("vma.state", row, VMA_FILLED)
        space.areas[area.start] = area, row
        file = self._file(area)
        special = area.path if file == 0 else ""
        for name, value in (
            ("mm", space.mm), ("vm_start", area.start), ("vm_end", area.end), ("vm_flags", bits.vm_flags(area.flags)),
            ("vm_pgoff", area.offset >> PAGE_SHIFT), ("vm_file", file),
            ("vm_ops", VM_OPS_FILE if file else VM_OPS_NONE),
            ("letters", self._store.strings.number(area.flags)), ("name", self._store.strings.number(special)),
            ("state", VMA_LINKED),
        ):  # fmt: skip
            self._store.set(f"vma.{name}", row, value)

    def _file(self, area: Area) -> int:
        """The row of `file` that an area maps, 0 for anonymous memory and the kernel's own areas."""
        if not area.path or area.path.startswith("["):
            return 0
        key = (area.dev, area.path)
        if key not in self._files:
            store = self._store
            inode, file = store.take("inode"), store.take("file")
            store.set("inode.name", inode, store.strings.number(area.path))
            store.set("inode.kind", inode, _kind(area.path))
            store.set("file.inode", file, inode)
            self._files[key] = file
        return self._files[key]

    # -- entries -------------------------------------------------------------------------------------------------

    def entry(self, space: Space, address: int) -> int:
        """The value of an entry, 0 if there is none."""
        table = space.tables.get(address // TABLE_SPAN)
        return 0 if table is None else self._store.get("pte.val", _row(table, address))

    def clear_entry(self, space: Space, address: int) -> None:
        """An entry is gone, and its table with the last one."""
        number = address // TABLE_SPAN
        before = self.entry(space, address)
        if not before:
            return
        table = space.tables[number]
        self._uncount(space, address, before)
        self._store.set("pte.val", _row(table, address), 0)
        space.filled[number] -= 1
        if not space.filled[number]:
            del space.tables[number]
            self._store.set("pt.mm", table, 0)
            self._store.give("pt", table)

    def set_entry(self, space: Space, address: int, entry: Entry, row: int) -> None:
        """An entry is new or has changed; `row` is the frame's, 0 if the entry is not present."""
        number = address // TABLE_SPAN
        if number not in space.tables:
            table = space.tables[number] = self._store.take("pt")
            self._store.set("pt.mm", table, space.mm)
            self._store.set("pt.base", table, number * TABLE_SPAN)
        before = self.entry(space, address)
        if before:
            self._uncount(space, address, before)
        else:
            space.filled[number] += 1
        zero = row == ZERO_PAGE_ROW
        if row and not zero:
            self._tell_mapping(space, address, "f" in entry.letters, row)
        letters = entry.letters if not zero or "z" in entry.letters else entry.letters + "z"
        self._store.set("pte.val", _row(space.tables[number], address), bits.pte(row, letters, entry.pfn))
        if row:
            self._frames.mapped(row, 1)
            if not zero:
                space.counted[address] = "file_rss" if "f" in entry.letters else "anon_rss"

    def _uncount(self, space: Space, address: int, value: int) -> None:
        space.counted.pop(address, None)
        if value & PTE_PRESENT:
            self._frames.mapped(pte_pfn(value), -1)

    def frame_of(self, space: Space, address: int, entry: Entry, origin: int, faulted: bool) -> int:
        """The row of the frame that an entry names. `origin`: the value of the entry that it comes from."""
        if "p" not in entry.letters:
            return 0
        if self._known:
            return self._frames.row(entry.pfn) if entry.pfn else 0
        found = space.area_at(address)
        before = pte_pfn(origin) if origin & PTE_PRESENT else 0
        return self._frames.symbolic(entry, address, found[0] if found else None, before, faulted)

    def _tell_mapping(self, space: Space, address: int, of_file: bool, row: int) -> None:
        """What page->mapping and page->index must be, from the area that maps the frame."""
        self._store.room("page", row)
        found = space.area_at(address)
        if not of_file:
            self._store.set("page.mapping", row, PAGE_MAPPING_ANON)
            if found is not None:
                self._store.set("vma.anon_vma", found[1], 1)
        elif found is not None and (file := self._store.get("vma.vm_file", found[1])):
            area = found[0]
            self._store.set("page.mapping", row, 2 * self._store.get("file.inode", file))
            self._store.set("page.index", row, area.offset + address - area.start >> PAGE_SHIFT)

    # -- frames and totals ---------------------------------------------------------------------------------------

    def change_frame(self, row: int, mapcount: int, kpf: int) -> int:
        """What kpagecount and kpageflags say of a frame now; 1 if it has become free by that, -1 if it was free."""
        store = self._store
        free = int(kpf & KPF_BUDDY != 0)
        change = free - store.get("page.free", row)
        store.set("page.mapcount", row, mapcount)
        store.set("page.kflags", row, kpf)
        store.set("page.flags", row, bits.page_flags(kpf))
        if not kpf & KPF_ANON and store.get("page.mapping", row) == PAGE_MAPPING_ANON:
            store.set("page.mapping", row, 0)
        store.set("page.free", row, free)
        return change

    def change_totals(self, space: Space) -> None:
        """The pages that an mm has, by kind, as its entries say."""
        totals = Counter(space.counted.values())
        for name in ("file_rss", "anon_rss"):
            self._store.set(f"mm.{name}", space.mm, totals[name])
        self._store.set("mm.rss", space.mm, sum(totals.values()))

    def drop(self, space: Space) -> None:
        """The last user of an address space is gone."""
        for number, table in sorted(space.tables.items()):
            for slot in range(PTES_PER_PT):
                if space.filled[number] and self._store.get("pte.val", table * PTES_PER_PT + slot):
                    self.clear_entry(space, number * TABLE_SPAN + slot * PAGE)
        self.change_areas(space, (), list(space.areas))
        self.change_totals(space)
        self._store.give("mm", space.mm)


def _row(table: int, address: int) -> int:
    return table * PTES_PER_PT + address % TABLE_SPAN // PAGE


def _kind(path: str) -> int:
    if path.startswith(("/memfd:", "/SYSV", "/dev/zero (deleted)", "/dev/shm/")):
        return INODE_SHMEM
    return INODE_DEVICE if path.startswith(("/dev/", "anon_inode:", "socket:")) else INODE_FILE
