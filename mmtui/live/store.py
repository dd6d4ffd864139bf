"""Cells, rows and log of a recording while it is read."""

from __future__ import annotations

from heapq import heappop, heappush
from typing import Any, Final

import numpy as np

from mmtui.engine.cells import Cells, Recorder
from mmtui.engine.kernel.model import Strings
from mmtui.engine.log import Ints, Log
from mmtui.engine.schema import BASE, PTES_PER_PT, TABLES, UNKNOWN

SITE: Final = 1  # every change of a recording was observed; site 0 is the trace's own

_NOT_SEEN: Final = ("page.count", "page.mapcount", "page.index", "page.private", "page.word", "page.kflags", "page.pfn")


class Store:
    """Writes cells and logs it; hands out rows, the lowest unused one first."""

    def __init__(self, stops: int) -> None:
        self.cells = Cells({"trace": max(stops, 16), "pte": 16 * PTES_PER_PT})
        self.log = Log()
        self.recorder = Recorder(self.cells, self.log)
        self.strings = Strings()
        self._views: dict[str, Any] = {}
        self._next = dict.fromkeys(TABLES, 1)
        self._unused: dict[str, list[int]] = {table: [] for table in TABLES}
        for table in TABLES:
            self._renew(table)
        self.cells.columns["trace.op"][0] = -1
        for name in _NOT_SEEN:
            self.cells.columns[name][:] = UNKNOWN

    def _renew(self, table: str) -> None:
        for name in TABLES[table]:
            column = f"{table}.{name}"
            self._views[column] = memoryview(self.cells.columns[column])  # type: ignore[arg-type]

    def room(self, table: str, row: int) -> None:
        """Make room for a row. What was not seen of a new frame is unknown."""
        before = self.cells.rows(table)
        if row < before:
            return
        self.cells.grow(table, row)
        if table == "page":
            for name in _NOT_SEEN:
                self.cells.columns[name][before:] = UNKNOWN
        self._renew(table)

    def take(self, table: str) -> int:
        """The lowest unused row of a table."""
        if self._unused[table]:
            return heappop(self._unused[table])
        row = self._next[table]
        self._next[table] = row + 1
        self.room(table, row)
        if table == "pt":
            self.room("pte", (row + 1) * PTES_PER_PT - 1)
        return row

    def give(self, table: str, row: int) -> None:
        """The row is unused again."""
        heappush(self._unused[table], row)

    def set(self, column: str, row: int, value: int, site: int = SITE) -> None:
        """Write a cell; a transition if that changes it."""
        self.recorder.store(self._views[column], BASE[column], row, value, site)

    def get(self, column: str, row: int) -> int:
        """The value of a cell."""
        return int(self._views[column][row])

    def finish(self, pfns: list[int]) -> dict[str, Ints]:
        """Seal the log and trim `page` to the frames there are; what is not 0 before the first stop."""
        self.recorder.flush()
        frames = len(pfns)
        self.room("page", frames - 1)
        columns = self.cells.columns
        numbers = np.array(pfns, np.int64)
        for name in TABLES["page"]:
            columns[f"page.{name}"] = columns[f"page.{name}"][:frames].copy()
        columns["page.pfn"][:] = numbers
        boot = {name: np.full(frames, UNKNOWN, np.int64) for name in _NOT_SEEN}
        boot["page.pfn"] = numbers.copy()
        boot["trace.op"] = np.zeros(self.cells.rows("trace"), np.int64)
        boot["trace.op"][0] = -1
        return boot
