"""The one door through which a cell is written, and the columns behind it.

A column is an int64 array with a memoryview on the same bytes: kernel functions read plain ints through the view,
range operations and readers use numpy. `Recorder` holds the only writable ones.
"""

from __future__ import annotations

from collections.abc import Callable
from types import CellType
from typing import Any

import numpy as np

from mmtui.engine.errors import LimitError
from mmtui.engine.log import CHUNK, AnyInts, Calls, Ints, Log
from mmtui.engine.schema import COLUMNS, MAX_ROWS, PTES_PER_PT, TABLES

Store = Callable[[Any, int, int, int, int], None]


_FIRST = {table: f"{table}.{fields[0]}" for table, fields in TABLES.items()}


class Cells:
    """Every column of a machine, by name (`page.count`), with room for a number of rows."""

    def __init__(self, rows: dict[str, int] | None = None) -> None:
        rows = rows or {}
        self.columns: dict[str, Ints] = {info.name: np.zeros(rows.get(info.table, 16), np.int64) for info in COLUMNS}

    def rows(self, table: str) -> int:
        """How many rows a table has room for."""
        return len(self.columns[_FIRST[table]])

    def copy(self) -> Cells:
        """Columns with the same values."""
        other = Cells()
        other.columns = {name: values.copy() for name, values in self.columns.items()}
        return other

    def grow(self, table: str, row: int) -> None:
        """Make room for `row`. LimitError: a table has at most MAX_ROWS rows."""
        if row >= MAX_ROWS:
            what = f"{MAX_ROWS // PTES_PER_PT - 1} page tables" if table == "pte" else f"{MAX_ROWS} rows of {table}"
            raise LimitError(f"more than {what}, and no log can name more: split the trace")
        size = self.rows(table)
        while size <= row:
            size = min(size * 2, MAX_ROWS)
        for field in TABLES[table]:
            name = f"{table}.{field}"
            used = len(self.columns[name])
            grown = np.empty(size, np.int64)  # in large pages, which `zeros` does not ask for
            grown[:used], grown[used:] = self.columns[name], 0
            self.columns[name] = grown


class Recorder:
    """Writes cells and logs what it wrote: `store`, `enter`, `leave` (closures, for speed), `room`, `flush`."""

    def __init__(self, cells: Cells, log: Log) -> None:
        self.cells = cells
        self.log = log
        self.links: list[Callable[[Any], None]] = []
        """Told what `bind` has bound: compiled functions, which keep the columns in variables of their own."""
        cell = np.zeros(CHUNK, np.uint32)
        old = np.zeros(CHUNK, np.int64)
        new = np.zeros(CHUNK, np.int64)
        calls = np.zeros(CHUNK, np.uint32)
        sites = np.zeros(CHUNK, np.uint16)
        t_cell, t_old, t_new = memoryview(cell), memoryview(old), memoryview(new)  # type: ignore[arg-type]
        t_call, t_site = memoryview(calls), memoryview(sites)  # type: ignore[arg-type]
        tree = log.calls
        c_fn, c_parent, c_start, c_end, c_a0, c_a1 = (tree.view(name) for name in Calls.NAMES)
        used = 0  # rows in the tail
        first = 0  # number of the tail's first row
        call = -1  # the innermost open call
        count = 0  # calls so far

        def flush() -> None:
            """Seal the tail."""
            nonlocal used, first
            log.seal(cell[:used], old[:used], new[:used], calls[:used], sites[:used])
            tree.count = count
            first += used
            used = 0

        def change(column: Any, base: int, row: int, value: int, before: int, site: int) -> None:
            """`store` for one who has just read the cell: `before` is what it holds."""
            nonlocal used
            if before == value:
                return
            column[row] = value
            if used == CHUNK:
                flush()
            t_cell[used] = base + row
            t_old[used] = before
            t_new[used] = value
            t_call[used] = call
            t_site[used] = site
            used += 1

        def store(column: Any, base: int, row: int, value: int, site: int) -> None:
            """`column[row] = value`, logged if it changes anything. `base`: the number of the column's row 0."""
            change(column, base, row, value, column[row], site)

        def more_calls() -> None:
            """Room for more calls."""
            nonlocal c_fn, c_parent, c_start, c_end, c_a0, c_a1
            tree.grow()
            c_fn, c_parent, c_start, c_end, c_a0, c_a1 = (tree.view(name) for name in Calls.NAMES)

        # Kernel functions do not call these two: what they do is put into them (`linking.py`).

        def enter(fn: int, a0: int, a1: int) -> int:
            """Begin a call; returns what `leave` wants."""
            nonlocal call, count
            parent = call
            number = count
            try:
                c_fn[number] = fn
            except IndexError:
                more_calls()
                c_fn[number] = fn
            c_parent[number] = parent
            c_start[number] = first + used
            c_a0[number] = a0
            c_a1[number] = a1
            call = number
            count = number + 1
            return parent

        def leave(parent: int) -> None:
            """End the innermost call."""
            nonlocal call
            c_end[call] = first + used
            call = parent

        def room(size: int) -> tuple[AnyInts, ...]:
            """The next `size` rows (at most CHUNK) of cell, old, new, call, site, for the caller to fill: they count
            from now on. The caller writes the columns too; no row may leave its cell unchanged."""
            nonlocal used
            if used + size > CHUNK:
                flush()
            used += size
            return tuple(column[used - size : used] for column in (cell, old, new, calls, sites))

        def keep(*rows: AnyInts) -> None:
            """The next rows, for a chunk of their own: as `Log.keep` takes them, else as with `room`."""
            nonlocal first
            flush()
            log.keep(*rows)
            first += len(rows[0])

        def tail(start: int, stop: int) -> list[tuple[int, int, int, int, int]] | None:
            """The transitions from `start` up to `stop`: (cell, old, new, call, site); None if some are sealed."""
            if start < first:
                return None
            columns = (cell, old, new, calls, sites)
            return list(zip(*(column[start - first : stop - first].tolist() for column in columns), strict=True))

        def calls_of(start: int, stop: int) -> list[tuple[int, int, int, int, int, int]]:
            """The calls from `start` up to `stop`: (function, parent, start, end, a0, a1)."""
            return list(zip(*(tree.raw(name)[start:stop].tolist() for name in Calls.NAMES), strict=True))

        def room_for_calls(size: int) -> tuple[AnyInts, ...]:
            """The next `size` calls, finished ones, as Calls.NAMES, for the caller to fill."""
            nonlocal count, c_fn, c_parent, c_start, c_end, c_a0, c_a1
            if count + size > len(tree.raw("fn")):
                while count + size > len(tree.raw("fn")):
                    tree.grow()
                c_fn, c_parent, c_start, c_end, c_a0, c_a1 = (tree.view(name) for name in Calls.NAMES)
            count += size
            return tuple(tree.raw(name)[count - size : count] for name in Calls.NAMES)

        def here() -> tuple[int, int, int]:
            """(number of the next transition, innermost call, number of the next call)."""
            return first + used, call, count

        self.store: Store = store
        self.change: Callable[[Any, int, int, int, int, int], None] = change
        self.enter: Callable[[int, int, int], int] = enter
        self.leave: Callable[[int], None] = leave
        self.flush: Callable[[], None] = flush
        self.room = room
        self.keep = keep
        self.tail = tail
        self.calls_of = calls_of
        self.room_for_calls = room_for_calls
        self.here: Callable[[], tuple[int, int, int]] = here

    def variables(self) -> dict[str, CellType]:
        """The variables of `enter` and `leave`, by name: who has them can do what these do."""
        shared: dict[str, CellType] = {}
        for function in (self.enter, self.leave):
            shared |= zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
        return shared

    def bind(self, target: Any, tables: tuple[str, ...] = tuple(TABLES)) -> None:
        """Give `target` the columns' memoryviews as `table_field` attributes (again after they grew)."""
        for table in tables:
            for field in TABLES[table]:
                setattr(target, f"{table}_{field}", memoryview(self.cells.columns[f"{table}.{field}"]))  # type: ignore[arg-type]
        for link in self.links:
            link(target)
