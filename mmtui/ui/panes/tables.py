"""2 Tables: the page directories and entries of the process in view, or of two processes face to face."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

from mmtui.engine.arrays import np
from mmtui.engine.pgtable import PMD_SHIFT, PMD_SIZE, PTE_FRAME
from mmtui.engine.schema import PTES_PER_PT
from mmtui.ui.panes import subjects, texts
from mmtui.ui.panes.common import Line, address_text, hex_width, no_process, pfn_width, pte_ref, title
from mmtui.ui.panes.entries import (
    COLUMNS,
    ENTRIES,
    Entry,
    entries_of,
    entry_at,
    entry_of,
    entry_row,
    pte_target,
    tables_of,
    value_rows,
)
from mmtui.ui.panes.pair import PAIR_WIDTH, build_pair
from mmtui.ui.rows import MadeRows, PaneRows, Row, Span, Target

if TYPE_CHECKING:

    from mmtui.ui.view import View

_LOW = 12
"""Lines below which a compare view's pane has no room for a foot."""


def build(view: View, width: int, height: int) -> PaneRows:
    """The tables of one process; of parent and child together during a fork, or on demand, where they fit."""
    pair = subjects.pair_in_view(view)
    if pair and width >= PAIR_WIDTH + 2 * (pfn_width(view) - 3) + hex_width(view) - 8:
        return build_pair(view, pair, width)
    process = view.process
    if process is None:
        return PaneRows(title(view, "tables", "Tables"), empty=no_process(view))
    words = title(view, "tables", f"Tables pid {process.pid}")
    if not tables_of(view, process.pid):
        return PaneRows(words, empty=f"pid {process.pid} has no page tables.")
    rows = TableRows(view, process.pid, _cursor(view, process.pid), width)
    present = sum(count for _, _, count, _ in rows.directories)
    changed = subjects.step_row_in(view, process.pid, rows.index_of)
    head = [_heading(view)]
    foot = [] if view.other is not None and height < _LOW else _foot(view, rows.cursor_entry, width)
    return PaneRows(words, _note(view, present), head, rows, foot, rows.cursor_index, changed)


def _note(view: View, present: int) -> tuple[Span, ...]:
    """How many entries are present; in a compare view what each kernel stops at."""
    if view.other is None:
        return ((f"{present} present", "dim"),)
    return ((f" STOP {view.faults[0].kind} ", "alarm_fill"),) if view.faults else (("no stop", "dim"),)


def columns_of(view: View) -> tuple[tuple[int, ...], int]:
    """The columns of address, pfn, bits and ref, and that of the page, widened for longer addresses and pfns."""
    wide, pfn = hex_width(view) - 8, pfn_width(view) - 3
    address, number, bits, ref = COLUMNS
    return (address, number + wide, bits + wide + pfn, ref + wide + pfn), 29 + wide + pfn


def _heading(view: View) -> Row:
    columns, page = columns_of(view)
    line = Line().put(columns[0], "address", "dim").put(columns[1], "pfn", "dim").put(columns[2], "P RW A D", "dim")
    return Row(line.put(columns[3], "ref", "dim").put(page, "page", "dim").spans)


def _cursor(view: View, pid: int) -> Target | None:
    """The entry under the cursor: the person's, else the step's, else the one that maps the step's page."""
    if "tables" in view.cursors:
        return view.cursors["tables"]
    if view.step_pte and view.step_pte[0] == pid:
        return pte_target(*view.step_pte)
    place = subjects.entry_near_step(view, pid)
    return pte_target(pid, place) if place is not None else None


class TableRows(MadeRows):
    """The lines of one process: a directory line before the entries of each page table. Lines are made on demand."""

    def __init__(self, view: View, pid: int, cursor: Target | None, width: int) -> None:
        self._view, self._pid, self._cursor, self._width = view, pid, cursor, width
        self._addresses, self._rows = entries_of(view, pid)
        self.directories = directories_of(view, pid)
        # Line of each directory: the entries before it, plus one for every directory before it.
        self._starts = [first + number for number, (_, first, _, _) in enumerate(self.directories)]
        found = subjects.parse_target(cursor)
        self._at = found[2] if found and found[0] == "pte" and found[1] == pid else None

    def __len__(self) -> int:
        return len(self._addresses) + len(self.directories)

    def row(self, index: int) -> Row:
        """A directory, or an entry."""
        directory = bisect_right(self._starts, index) - 1
        if self._starts[directory] == index:
            base, _, present, changed = self.directories[directory]
            return _directory_row(self._view, base, present, changed, self._width)
        columns, page = columns_of(self._view)
        return entry_row(self._view, self._entry(index - directory - 1), self._cursor, columns, page)

    def _entry(self, number: int) -> Entry:
        return entry_at(self._view, self._pid, int(self._addresses[number]), int(self._rows[number]))

    def index_of(self, address: int) -> int | None:
        """The line of an address, None if it is not listed."""
        number = int(self._addresses.searchsorted(address))
        if number == len(self._addresses) or self._addresses[number] != address:
            return None
        return number + sum(1 for base, *_ in self.directories if base <= address)

    @property
    def cursor_index(self) -> int | None:
        """The line of the cursor."""
        return None if self._at is None else self.index_of(self._at)

    @property
    def cursor_entry(self) -> Entry | None:
        """The entry under the cursor."""
        return None if self._at is None else entry_of(self._view, self._pid, self._at)


def directories_of(view: View, pid: int) -> list[tuple[int, int, int, bool]]:
    """(base address, number of its first entry, present entries, whether this operation changed any) of each table."""
    key = ("directories", pid, view.op, view.stamp(*ENTRIES, "task"))
    return view.remember(key, lambda: _directories(view, pid), True, True)


def _directories(view: View, pid: int) -> list[tuple[int, int, int, bool]]:
    addresses, _ = entries_of(view, pid)
    values, touched = view.machine.pte.val, view.op_changes.rows("pte.val", view.position)
    found = []
    for table, base in tables_of(view, pid):
        first = table * PTES_PER_PT
        present = int(np.count_nonzero(values[first : first + PTES_PER_PT] & PTE_FRAME))
        low, high = touched.searchsorted((first, first + PTES_PER_PT)).tolist()
        found.append((base, int(addresses.searchsorted(base)), present, low != high))
    return found


def _directory_row(view: View, base: int, present: int, changed: bool, width: int) -> Row:
    """`pgd 020  08000000-08400000   3 present`; of a long range that does not fit the start alone."""
    columns, _ = columns_of(view)
    line = Line().put(1, f"pgd {base >> PMD_SHIFT:03x}", "dim")
    start, end = address_text(view, base), address_text(view, base + PMD_SIZE)
    right = ((str(present), "recent" if changed else "dim"), (" present", "dim"))
    fits = max(columns[1], line.width + 1) + len(start) + 1 + len(end) + 2 + len(str(present)) + 8 <= width
    return Row(line.put(columns[1], f"{start}-{end}" if fits else start, "dim").spans, right=right)


def _foot(view: View, entry: Entry | None, width: int) -> list[Row]:
    """The raw value, and what the ref column means for this entry."""
    if entry is None:
        return []
    columns, _ = columns_of(view)
    rows = value_rows(view, entry, columns[1])
    value = entry.value or entry.before or 0
    choices = texts.ref_words(view, value, gone=not entry.value)
    words = next((words for words in choices if columns[1] + len(words) < width), "")
    if words:
        label = Line().put(2, "was " if not entry.value else "ref ", "dim")
        ref = pte_ref(value).strip()
        label.put(6, ref, "dim" if ref == "+1" else "kind.D")
        rows.append(Row(label.put(columns[1], words, "dim").spans))
    return rows
