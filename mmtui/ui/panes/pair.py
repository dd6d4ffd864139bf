"""Tables of two processes face to face: the union of their addresses, one line each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mmtui import words
from mmtui.engine.arrays import np
from mmtui.engine.pgtable import PMD_SHIFT, PMD_SIZE, pte_file, pte_pfn, pte_present
from mmtui.ui.panes import subjects
from mmtui.ui.panes.common import Line, address_text, hex_width, pfn_text, pfn_width, pte_bits, pte_ref, pte_word, title
from mmtui.ui.panes.entries import Entry, entries_of, entry_of, pte_target, value_rows
from mmtui.ui.rows import MadeRows, PaneRows, Row, Target

if TYPE_CHECKING:
    from mmtui.ui.view import View

PAIR_WIDTH = 44
"""Columns that two processes need, with addresses of 8 digits and pfns of 3."""


def build_pair(view: View, pair: tuple[int, int], width: int) -> PaneRows:
    """Parent and child (or any two processes): a copied pte faces its original."""
    rows = PairRows(view, pair, _cursor(view, pair))
    names = {process.pid: words.plain(process.name) for process in view.processes}
    first, second = _sides(view)
    head = Line().put(2, "address", "dim")
    for pid, side in zip(pair, (first, second), strict=True):
        head.put(side[0], f"pid {pid} {names.get(pid, '')}"[: second[0] - first[0] - 1], "text+bold")
    under = Line()
    for side in (first, second):
        under.put(side[0], "pfn", "dim").put(side[1], "P RW A D", "dim")
    heading = title(view, "tables", f"Tables pid {pair[0]}, pid {pair[1]}")
    changed = () if rows.step_index is None else (rows.step_index,)
    heads = [Row(head.spans), Row(under.spans)]
    return PaneRows(heading, (), heads, rows, rows.foot(), rows.cursor_index, changed)


def _sides(view: View) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
    """Columns of pfn, bits and ref for the left and the right process."""
    wide, pfn = hex_width(view) - 8, pfn_width(view) - 3
    left = (11 + wide, 15 + wide + pfn, 24 + wide + pfn)
    shift = 17 + pfn
    return left, (left[0] + shift, left[1] + shift, left[2] + shift)


def _cursor(view: View, pair: tuple[int, int]) -> Target | None:
    if "tables" in view.cursors:
        return view.cursors["tables"]
    if view.step_pte and view.step_pte[0] in pair:
        return pte_target(*view.step_pte)
    for pid in reversed(pair):
        place = subjects.entry_near_step(view, pid)
        if place is not None:
            return pte_target(pid, place)
    return None


class PairRows(MadeRows):
    """The lines of two processes; made on demand."""

    def __init__(self, view: View, pair: tuple[int, int], cursor: Target | None) -> None:
        self._view, self._pair = view, pair
        found = subjects.parse_target(cursor)
        self._selected = (found[1], found[2]) if found and found[0] == "pte" else None
        ours, theirs = (entries_of(view, pid)[0] for pid in pair)
        self._addresses = np.union1d(ours, theirs)
        bases = np.unique(self._addresses >> PMD_SHIFT)
        firsts = np.searchsorted(self._addresses, bases << PMD_SHIFT)
        self._bases = [int(base) << PMD_SHIFT for base in bases]
        self._starts = [int(first) + number for number, first in enumerate(firsts)]

    def __len__(self) -> int:
        return len(self._addresses) + len(self._bases)

    def row(self, index: int) -> Row:
        """A directory, or an address with both entries."""
        directory = int(np.searchsorted(self._starts, index, side="right")) - 1
        if self._starts[directory] == index:
            return self._directory(self._bases[directory])
        return self._line(int(self._addresses[index - directory - 1]))

    def _directory(self, base: int) -> Row:
        counts = [len_present(self._view, pid, base) for pid in self._pair]
        line = Line().put(1, f"pgd {base >> PMD_SHIFT:03x}", "dim")
        return Row(line.spans, right=((f"{counts[0]} | {counts[1]} present", "dim"),))

    def _line(self, address: int) -> Row:
        view = self._view
        here = self._selected is not None and self._selected[1] == address
        line = Line().put(0, ">" if here else "", "bright")
        line.put(2, address_text(view, address), "text+underline" if here else "text")
        entries = [entry_of(view, pid, address) for pid in self._pair]
        pfns = {pte_pfn(entry.value) if entry and pte_present(entry.value) else None for entry in entries}
        shared = len(pfns) == 1 and None not in pfns
        for entry, side in zip(entries, _sides(view), strict=True):
            _put_side(view, line, entry, side, shared)
        pid = self._selected[0] if here and self._selected else self._nearest(address)
        return Row(line.spans, pte_target(pid, address), band=here)

    def _nearest(self, address: int) -> int:
        """The process that a cursor moved to this line is about: the one selected before, else the one that changed."""
        if self._selected:
            return self._selected[0]
        return self._pair[1] if entry_of(self._view, self._pair[1], address) else self._pair[0]

    def _index(self, address: int) -> int | None:
        number = int(np.searchsorted(self._addresses, address))
        if number == len(self._addresses) or self._addresses[number] != address:
            return None
        return number + sum(1 for base in self._bases if base <= address)

    @property
    def cursor_index(self) -> int | None:
        """The line of the cursor."""
        return None if self._selected is None else self._index(self._selected[1])

    @property
    def step_index(self) -> int | None:
        """The line that this step changed."""
        place = self._view.step_pte
        return self._index(place[1]) if place and place[0] in self._pair else None

    def foot(self) -> list[Row]:
        """The raw value of the selected entry."""
        entry = entry_of(self._view, *self._selected) if self._selected else None
        if entry is None:
            return []
        return value_rows(self._view, entry, _sides(self._view)[0][0])


def len_present(view: View, pid: int, base: int) -> int:
    """How many entries of one page table are listed and not empty."""
    addresses, rows = entries_of(view, pid)
    low, high = np.searchsorted(addresses, (base, base + PMD_SIZE))
    return int(np.count_nonzero(view.machine.pte.val[rows[low:high]]))


def _put_side(view: View, line: Line, entry: Entry | None, side: tuple[int, int, int], shared: bool) -> None:
    """One process's half of a line; `shared`: both map the same frame, which its pfn's hue says."""
    pfn_at, bits_at, ref_at = side
    if entry is None or not entry.value:
        in_step = entry is not None and view.step_cell == ("pte.val", entry.row)
        touched = entry is not None and bool(entry.before)
        line.put(pfn_at, "none", "accent" if in_step else ("recent" if touched else "faint"))
        return
    value = entry.value
    in_step = view.step_cell == ("pte.val", entry.row)
    if pte_file(value):
        line.put(pfn_at, pte_word(view, value), "accent" if in_step else "text")
        return
    fresh = entry.before is not None and (entry.before == 0 or pte_pfn(entry.before) != pte_pfn(value))
    bits, ref = pte_bits(view, value), pte_ref(value)
    step_old = view.shown[0] if in_step else None
    if step_old is not None and (not step_old or pte_pfn(step_old) != pte_pfn(value)):
        whole = f"{pfn_text(view, pte_pfn(value))} {' '.join(text for text, _ in bits)}"
        line.put(pfn_at, f"{whole:<{ref_at - pfn_at}}{ref}", "accent")
        return
    line.put(pfn_at, pfn_text(view, pte_pfn(value)), "kind.c" if shared else "text")
    _put_bits(view, line, entry, bits_at, fresh)
    line.put(ref_at, ref, "recent" if fresh else ("dim" if ref == "+1" else "kind.D"))


def _put_bits(view: View, line: Line, entry: Entry, column: int, fresh: bool) -> None:
    """The bits in their places; one that this operation took away is a bold dot."""
    before = pte_bits(view, entry.before) if entry.before else pte_bits(view, entry.value)
    in_step = pte_bits(view, view.shown[0]) if view.step_cell == ("pte.val", entry.row) else None
    for number, (text, is_set) in enumerate(pte_bits(view, entry.value)):
        role = "text" if is_set else "faint"
        if fresh:
            role = "recent" if is_set else "faint"
        elif before[number][1] != is_set:
            role = "recent" if is_set else "recent+bold"
        if in_step and in_step[number][1] != is_set:
            role = "accent"
        line.put(column, text, role)
        column += len(text) + 1
