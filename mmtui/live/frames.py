"""The rows of `page` in a recording: one for every frame that was seen, numbered as they appear.

Where the recorder could not see frame numbers, frames are symbolic: the pages of a file are known by file and
offset, anonymous ones by their history - a fork shares them, a fault on a shared one makes a new one.
"""

from __future__ import annotations

from collections import Counter

from mmtui.engine.schema import UNKNOWN
from mmtui.live.recording import Area, Entry

ZERO_PAGE_ROW = 1


class Frames:
    """Which row of `page` an entry names."""

    def __init__(self) -> None:
        self.pfns: list[int] = [UNKNOWN, UNKNOWN]  # row 0 is no frame, row 1 the zero page
        self._rows: dict[int, int] = {}
        self._pages: dict[tuple[str, int], int] = {}
        self._of_files: set[int] = set()
        self._mapped: Counter[int] = Counter()

    def row(self, pfn: int, zero: bool = False) -> int:
        """The row of a frame whose number is known."""
        row = self._rows.get(pfn)
        if row is None:
            if zero and self.pfns[ZERO_PAGE_ROW] < 0:
                row, self.pfns[ZERO_PAGE_ROW] = ZERO_PAGE_ROW, pfn
            else:
                row = self._new(pfn)
            self._rows[pfn] = row
        return row

    def _new(self, pfn: int = UNKNOWN) -> int:
        self.pfns.append(pfn)
        return len(self.pfns) - 1

    def symbolic(self, entry: Entry, address: int, area: Area | None, before: int, faulted: bool) -> int:
        """The row of a frame whose number is hidden. `before`: the row that this entry, or the one that it is a copy
        of, named until now (0: none); `faulted`: a fault on this very address set it."""
        if "z" in entry.letters:
            return ZERO_PAGE_ROW
        if "f" in entry.letters and area is not None:
            key = (area.dev if area.dev != "00:00:0" else area.path, area.offset + address - area.start)
            if key not in self._pages:
                self._pages[key] = self._new()
                self._of_files.add(self._pages[key])
            return self._pages[key]
        if before > ZERO_PAGE_ROW and before not in self._of_files and not (faulted and self._mapped[before] > 1):
            return before
        return self._new()

    def seen(self, row: int) -> bool:
        """Is the row of a frame that some entry has named?"""
        return row in self._mapped or self.pfns[row] >= 0

    def mapped(self, row: int, by: int) -> None:
        """So many more entries name the frame now."""
        self._mapped[row] += by
