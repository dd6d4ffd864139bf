"""What a kernel function logged for the first entry of a run: the pattern for the entries that are like it.

The log of another entry has the same rows, but for what follows from the entry: its row, its frame, its address, and
the counters, which go on by as much each time. A pattern with a row that follows from anything else is not repeated.
Around the entries of a page table there are a few rows of its own, which follow from that alone: patterns, too.
"""

from __future__ import annotations

from dataclasses import dataclass

from mmtui.engine.alike import STATE
from mmtui.engine.instrument import Build
from mmtui.engine.pgtable import PAGE_SHIFT
from mmtui.engine.schema import BASE, COLUMNS, ROW_BITS, ROW_MASK

NOBODY, PAGE, COUNTER, TABLE, ENTRY = range(5)
"""What a row of the log is about; nobody here knows what the cells of other columns follow from."""

_ABOUT = dict.fromkeys(STATE, PAGE) | {"mm": COUNTER, "sys.nr_mapped": COUNTER, "pt": TABLE, "pte": ENTRY}
ABOUT = [_ABOUT.get(info.name, _ABOUT.get(info.table, NOBODY)) for info in COLUMNS]
MAPPING = BASE["page.mapping"] >> ROW_BITS

STAYS, ADDRESS, FRAME, OTHER = range(4)
"""What an argument of a call follows from; nobody here knows the others."""

_ARGUMENTS = {"": STAYS, "mm": STAYS, "order": STAYS, "address": ADDRESS, "end": ADDRESS, "pfn": FRAME}

Row = tuple[int, int, int, int, int]
"""cell, old, new, call, site"""
Call = tuple[int, int, int, int, int, int]
"""function, parent, start, end, a0, a1"""
Kinds = list[tuple[int, int]]


def argument_kinds(build: Build) -> Kinds:
    """What the first and the second shown argument of each function follow from."""
    shown = [(*function.shown, "", "")[:2] for function in build.functions]
    return [(_ARGUMENTS.get(first, OTHER), _ARGUMENTS.get(second, OTHER)) for first, second in shown]


@dataclass(slots=True)
class Pattern:
    """Rows and calls, and what they are about; -1: nothing that there is."""

    rows: list[Row]
    calls: list[Call]
    frame: int = -1
    source: int = -1
    """The row of the entry."""
    target: int = -1
    """The row of the entry in the child of a fork."""
    table: int = -1
    """The row of the page table, in the child of a fork."""

    def sound(self, kinds: Kinds) -> bool:
        """Everything follows from what it is about. (Alike frames differ in nothing but their number.)"""
        return all(map(self._row_sound, self.rows)) and all(
            kind in (STAYS, ADDRESS) or (kind == FRAME and value == self.frame)
            for fn, _, _, _, *values in self.calls
            for kind, value in zip(kinds[fn], values, strict=True)
        )

    def _row_sound(self, logged: Row) -> bool:
        cell, old, new, _, _ = logged
        column, row = cell >> ROW_BITS, cell & ROW_MASK
        about = ABOUT[column]
        if about == PAGE:
            return row == self.frame and not (column == MAPPING and new)
        if about == ENTRY:
            frames = {value >> PAGE_SHIFT for value in (old, new) if value}
            return row in (self.source, self.target) and frames <= {self.frame}
        return row == self.table if about == TABLE else about == COUNTER

    @property
    def makes_table(self) -> bool:
        """A page table was made."""
        return any(ABOUT[cell >> ROW_BITS] == TABLE for cell, *_ in self.rows)

    def changes(self) -> dict[int, int]:
        """By how much each counter changes, by cell."""
        found: dict[int, int] = {}
        for cell, old, new, _, _ in self.rows:
            if ABOUT[cell >> ROW_BITS] == COUNTER:
                found[cell] = found.get(cell, 0) + new - old
        return found
