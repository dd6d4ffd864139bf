"""The page-table entries of a process, found with array masks: what Tables lists and VMAs opens to."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from mmtui.engine.arrays import np
from mmtui.engine.pgtable import PAGE_SIZE, PMD_SIZE, PTE_FRAME, pte_file, pte_pfn
from mmtui.engine.schema import PTES_PER_PT
from mmtui.ui.panes.common import (
    Line,
    address_text,
    hardware,
    hex_width,
    kind_role,
    marked,
    page_name,
    pfn_text,
    pte_bits,
    pte_flags,
    pte_ref,
    pte_word,
)
from mmtui.ui.rows import Row, Span, Target

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mmtui.engine.timeline import Vma
    from mmtui.ui.view import View

COLUMNS = (2, 11, 15, 24)
"""Where address, pfn, bits and ref stand in Tables, for addresses of 8 digits and pfns of 3."""


class Entry(NamedTuple):
    """One entry: `before` is its value at the start of this operation, None if this operation has not touched it."""

    pid: int
    address: int
    row: int
    value: int
    before: int | None

    @property
    def target(self) -> Target:
        """The target of its row."""
        return pte_target(self.pid, self.address)


def pte_target(pid: int, address: int) -> Target:
    """The target of a page-table entry."""
    return Target("pte", f"pte[{pid}:{address:#x}]")


def tables_of(view: View, pid: int) -> list[tuple[int, int]]:
    """(row of `pt`, base address) of the page tables of a process, by address; those freed by this operation too."""
    key = ("tables", pid, view.op, view.stamp("pt", "task"))
    return view.remember(key, lambda: _tables_of(view, pid), lasting=True)


def _tables_of(view: View, pid: int) -> list[tuple[int, int]]:
    process = next((process for process in (*view.processes, *view.gone) if process.pid == pid), None)
    if process is None or not process.mm:
        return []
    pt, changes = view.machine.pt, view.op_changes
    found = {int(row): int(pt.base[row]) for row in np.flatnonzero(pt.mm == process.mm)}
    for row in changes.rows("pt.mm", view.position):
        if changes.before("pt.mm", int(row), view.position) == process.mm and int(row) not in found:
            base = changes.before("pt.base", int(row), view.position)
            found[int(row)] = int(pt.base[row]) if base is None else base
    return sorted(found.items(), key=lambda pair: pair[1])


def entries_of(view: View, pid: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(addresses, rows of `pte`) of the entries to list, by address: not empty, or touched by this operation."""

    def collect() -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        values = view.machine.pte.val
        touched = view.op_changes.rows("pte.val", view.position)
        addresses, rows = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
        for table, base in tables_of(view, pid):
            first = table * PTES_PER_PT
            here = values[first : first + PTES_PER_PT] != 0
            low, high = np.searchsorted(touched, (first, first + PTES_PER_PT))
            here[touched[low:high] - first] = True
            slots = np.flatnonzero(here)
            addresses.append(base + slots * PAGE_SIZE)
            rows.append(first + slots)
        return np.concatenate(addresses), np.concatenate(rows)

    return view.remember(("entries", pid, view.op, view.stamp(*ENTRIES, "task")), collect, True, True)


def entry_at(view: View, pid: int, address: int, row: int) -> Entry:
    """The entry in a row of `pte`."""
    before = view.op_changes.before("pte.val", row, view.position)
    return Entry(pid, address, row, int(view.machine.pte.val[row]), before)


def entry_of(view: View, pid: int, address: int) -> Entry | None:
    """The entry of an address, None where the process has no page table."""
    base = address & ~(PMD_SIZE - 1)
    for table, start in tables_of(view, pid):
        if start == base:
            return entry_at(view, pid, address, table * PTES_PER_PT + (address - base) // PAGE_SIZE)
    return None


def entries_between(view: View, pid: int, start: int, end: int) -> list[Entry]:
    """The listed entries of an address range."""
    addresses, rows = entries_of(view, pid)
    low, high = np.searchsorted(addresses, (start, end))
    return [entry_at(view, pid, int(addresses[i]), int(rows[i])) for i in range(low, high)]


ENTRIES = ("pte.val", "pt.mm", "pt.base")
"""The columns that page tables are made of."""


def present_in(view: View, pid: int, vma: Vma) -> tuple[int, bool]:
    """How many entries of a vma are present, and whether this operation changed that."""
    key = ("present", pid, vma.start, vma.end, view.op, view.stamp(*ENTRIES))
    return view.remember(key, lambda: _present_in(view, pid, vma), lasting=True)


def _present_in(view: View, pid: int, vma: Vma) -> tuple[int, bool]:
    values, count, changed = view.machine.pte.val, 0, False
    touched = view.op_changes.rows("pte.val", view.position)
    for table, base in tables_of(view, pid):
        low, high = max(vma.start, base), min(vma.end, base + PMD_SIZE)
        if low >= high:
            continue
        first = table * PTES_PER_PT + (low - base) // PAGE_SIZE
        last = table * PTES_PER_PT + (high - base) // PAGE_SIZE
        count += int(np.count_nonzero(values[first:last] & PTE_FRAME))
        at, until = touched.searchsorted((first, last)).tolist()
        changed = changed or at != until
    return count, changed


def entry_row(view: View, entry: Entry, cursor: Target | None, columns: tuple[int, ...], page: int | None) -> Row:
    """One line for an entry; `page`: the column of the page's kind and name, None to leave them out."""
    here = cursor is not None and cursor == entry.target
    shown = view.shown if view.step_cell == ("pte.val", entry.row) else None
    pages = page_spans(view, entry.value) if page is not None and entry.value else ()
    make = partial(_entry_row, view, entry, here, shown, columns, page, pages)
    if view.twin is not None:
        return make()
    return view.remember(("entry", entry, here, shown, columns, page, pages, view.numbers), make, lasting=True)


def _entry_row(
    view: View,
    entry: Entry,
    here: bool,
    shown: tuple[int, int] | None,
    columns: tuple[int, ...],
    page: int | None,
    pages: tuple[Span, ...],
) -> Row:
    line = Line().put(0, ">" if here else "", "bright")
    line.put(columns[0], address_text(view, entry.address), "text+underline" if here else "text")
    if shown and shown[1] == 0:
        return _cleared(view, entry, line, columns, here)
    if not entry.value:
        line.put(columns[1], "none", "accent" if shown else ("faint" if entry.before is None else "recent"))
        if entry.before and page is not None:
            line.put(page, "was " + _pfn_or_file(view, entry.before), "dim")
        return Row(line.spans, entry.target, band=here)
    _value(view, line, entry, columns, shown is not None)
    for text, role in pages:
        line.put(page or 0, text, role)
        page = line.width + 1
    return Row(line.spans, entry.target, band=here)


def _pfn_or_file(view: View, value: int) -> str:
    return pte_word(view, value) if pte_file(value) else pfn_text(view, pte_pfn(value))


def _cleared(view: View, entry: Entry, line: Line, columns: tuple[int, ...], here: bool) -> Row:
    """The entry that this step emptied: both values and the old bits."""
    old = view.shown[0]
    line.put(columns[1], f"{_pfn_or_file(view, old)} -> none", "accent")
    bits = pte_word(view, old).partition(" ")[2]
    right: tuple[Span, ...] = () if pte_file(old) else ((f"was {bits}", "dim"),)
    return Row(line.spans, entry.target, band=here, right=right)


def _value(view: View, line: Line, entry: Entry, columns: tuple[int, ...], in_step: bool) -> None:
    """pfn, bits and ref; what changed is marked part by part, a new entry as one piece."""
    value, before = entry.value, entry.before
    if pte_file(value):
        line.put(columns[1], pte_word(view, value), view.role("text", ("pte.val", entry.row)))
        return
    step_old = view.shown[0] if in_step else None
    pfn, bits, ref = pfn_text(view, pte_pfn(value)), pte_bits(view, value), pte_ref(value)
    if step_old is not None and (step_old == 0 or pte_pfn(step_old) != pte_pfn(value)):
        whole = f"{pfn} {' '.join(text for text, _ in bits)}"
        line.put(columns[1], f"{whole:<{columns[3] - columns[1]}}{ref}", "accent")
        return
    new_frame = before is not None and (before == 0 or pte_pfn(before) != pte_pfn(value))
    line.put(columns[1], pfn, "recent" if new_frame else "text")
    old = before if before else value
    bits_before = pte_bits(view, value if new_frame else old)
    step_bits = pte_bits(view, step_old) if step_old else bits
    column = columns[2]
    for (text, is_set), (_, was_set), (_, step_set) in zip(bits, bits_before, step_bits, strict=True):
        role = "text" if is_set else "faint"
        if is_set != was_set or new_frame:
            role = "recent+bold" if was_set and not is_set else "recent"
        line.put(column, text, "accent" if is_set != step_set else role)
        column += len(text) + 1
    ref_role = "dim" if ref == "+1" else "kind.D"
    if pte_ref(old) != ref or new_frame:
        ref_role = "recent"
    line.put(columns[3], ref, _differs(view, entry, ref, ref_role))


def _differs(view: View, entry: Entry, ref: str, role: str) -> str:
    """`diff` where the other kernel's entry has another reference."""
    if view.twin is None:
        return role
    other = entry_of(view.twin, entry.pid, entry.address)
    return role if other is not None and (pte_ref(other.value) == ref or not other.value) else "diff"


def page_spans(view: View, value: int) -> tuple[Span, ...]:
    """Kind and short name of the page that an entry maps."""
    pfn = pte_pfn(value)
    if pte_file(value):
        return ()
    if pfn >= len(view.machine.page.count):
        return (("D", marked("kind.D", "bold")), ("no struct page", "dim"))
    glyph = view.kind(pfn)
    key = ("page name", pfn, view.stamp("page.mapping", "page.index", "buf", "inode"))
    name = view.remember(key, lambda: page_name(view, pfn), lasting=True)
    return ((glyph, marked(kind_role(glyph), "bold")), (name, "dim"))


def value_rows(view: View, entry: Entry, column: int) -> list[Row]:
    """`value  00008027 -> 00000000`: the entry as the machine sees it, before this operation and now."""
    old = view.shown[0] if view.step_cell == ("pte.val", entry.row) else entry.before
    changed = old is not None and hardware(old) != hardware(entry.value)
    line = Line().put(2, "value", "dim")
    if view.numbers == "decoded":
        if not changed or old is None:
            return [Row(line.put(column, pte_flags(entry.value)).spans)]
        after = Line().put(column - 3, "->", "dim").put(column, pte_flags(entry.value))
        return [Row(line.put(column, pte_flags(old)).spans), Row(after.spans)]
    spec = "d" if view.numbers == "decimal" else f"0{hex_width(view)}x"
    values = [old, entry.value] if changed and old is not None else [entry.value]
    return [Row(line.put(column, " -> ".join(format(hardware(value), spec) for value in values)).spans)]
