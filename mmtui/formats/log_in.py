"""Reads the log that an exported trace brings: a stranger's file, so every number is checked before it is used."""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from mmtui.engine.limits import limit
from mmtui.engine.log import Ints
from mmtui.engine.schema import COLUMN, MAX_ROWS, PTES_PER_PT, TABLES
from mmtui.trace.errors import Problem, TraceError

FORMAT: Final = 1
_CELL: Final = re.compile(r"(\w+\.\w+)\[(\d{1,9})\]")
SLACK: Final = 1024
"""Rows of a table beyond the cells that change: more would be room that nobody needs."""

Int64 = int


class StoredFunction(msgspec.Struct):
    """A function that was called, and the names of the arguments that its calls show."""

    name: str
    shown: tuple[str, ...] = ()


class StoredCalls(msgspec.Struct):
    """The call tree, in columns."""

    function: list[Int64]
    parent: list[Int64]
    start: list[Int64]
    end: list[Int64]
    a0: list[Int64]
    a1: list[Int64]


class StoredTransitions(msgspec.Struct):
    """The transitions, in columns; `cell` and `site` are places in the lists `cells` and `sites`."""

    cell: list[Int64]
    old: list[Int64]
    new: list[Int64]
    call: list[Int64]
    site: list[Int64]
    sites: list[str]


class StoredOp(msgspec.Struct):
    """What came of an operation."""

    call: int
    extra: dict[str, int] = {}
    messages: list[dict[str, Any]] = []


class StoredEvent(msgspec.Struct):
    """An event."""

    kind: str
    transition: int
    op: int
    subject: dict[str, int | str] = {}
    why: str = ""
    text: str = ""


class StoredLog(msgspec.Struct):
    """The object `log` of a trace file; `mmtui` is the version that wrote it."""

    format: int
    mmtui: str
    kernel: str
    over: bool
    frames: int
    holes: list[tuple[int, int]]
    boot_held: list[tuple[int, int, int]]
    boot: dict[str, list[tuple[int, int, int]]]
    strings: list[str]
    ops: list[StoredOp]
    functions: list[StoredFunction]
    calls: StoredCalls
    cells: list[str]
    transitions: StoredTransitions
    events: list[StoredEvent]


class WrongLogError(Exception):
    """What is wrong with a log: its place in the object, and why."""

    def __init__(self, place: str, reason: str) -> None:
        super().__init__(place, reason)
        self.place, self.reason = place, reason

    def error(self, name: str) -> TraceError:
        """As all faults of a trace are told."""
        return TraceError(name, [Problem(f"log.{self.place}" if self.place else "log", self.reason)])


def parse(log: dict[str, Any]) -> StoredLog:
    """The log with every field of its type. Raises WrongLogError."""
    if log.get("format") != FORMAT:
        raise WrongLogError("format", f"expected {FORMAT}: this log was written by another mmtui")
    try:
        return msgspec.convert(log, StoredLog)
    except msgspec.ValidationError as error:
        reason, _, place = str(error).partition(" - at `$.")
        raise WrongLogError(place.rstrip("`"), reason[:1].lower() + reason[1:]) from None


def whole(values: list[int], place: str) -> Ints:
    """A column of 64-bit numbers. Raises WrongLogError."""
    try:
        return np.array(values, np.int64)
    except OverflowError:
        raise WrongLogError(place, "holds a number of more than 64 bits") from None


def within(values: Ints, low: int, high: int, place: str) -> Ints:
    """`values`, all of which are at least `low` and below `high`. Raises WrongLogError."""
    outside = np.flatnonzero((values < low) | (values >= high))
    if len(outside):
        at = int(outside[0])
        raise WrongLogError(f"{place}[{at}]", f"{int(values[at])} is not between {low} and {high - 1}")
    return values


def same_length(columns: dict[str, Ints], place: str) -> int:
    """How long all of them are. Raises WrongLogError."""
    lengths = {len(values) for values in columns.values()}
    if len(lengths) > 1:
        raise WrongLogError(
            place, f"its columns have {', '.join(map(str, sorted(lengths)))} rows: expected as many in each"
        )
    return lengths.pop()


def cells_of(names: list[str]) -> tuple[Ints, Ints]:
    """(column ids, rows) of cells named `page.count[8]`. Raises WrongLogError."""
    columns, rows = [], []
    for number, name in enumerate(names):
        found = _CELL.fullmatch(name)
        if not found or found[1] not in COLUMN:
            raise WrongLogError(f"cells[{number}]", "expected a cell, as page.count[8]")
        columns.append(COLUMN[found[1]].id)
        rows.append(int(found[2]))
    return np.array(columns, np.int64), within(np.array(rows, np.int64), 0, MAX_ROWS, "cells")


def room(log: StoredLog, columns: Ints, rows: Ints) -> dict[str, int]:
    """How many rows each table needs. Raises WrongLogError where the log asks for more than it can use."""
    most = limit("MMTUI_MAX_FRAMES")
    if not 2 <= log.frames <= most:
        raise WrongLogError("frames", f"{log.frames} frames; expected 2 to {most} (MMTUI_MAX_FRAMES raises it)")
    needed = dict.fromkeys(TABLES, 16)
    tables = {COLUMN[f"{table}.{field}"].id: table for table, fields in TABLES.items() for field in fields}
    for number in np.unique(columns).tolist():
        table = tables[number]
        needed[table] = max(needed[table], int(rows[columns == number].max()) + 1)
    for name, parts in log.boot.items():
        if name not in COLUMN:
            raise WrongLogError(f"boot.{name}", "there is no such column")
        ends = [start + size for start, size, _ in parts if start >= 0 and size >= 0]
        needed[COLUMN[name].table] = max([needed[COLUMN[name].table], *ends])
    needed["pt"] = max(needed["pt"], -(-needed["pte"] // PTES_PER_PT))
    for table, count in needed.items():
        allowed = log.frames if table == "page" else len(log.cells) + len(log.ops) + SLACK
        if table != "pte" and count > allowed:
            raise WrongLogError("cells", f"{table}[{count - 1}] is beyond what this log can use ({allowed} rows)")
    return needed | {"page": log.frames, "pte": needed["pt"] * PTES_PER_PT}


def column_of(parts: list[tuple[int, int, int]], rows: int, place: str) -> Ints:
    """A column from its runs. Raises WrongLogError."""
    values = np.zeros(rows, np.int64)
    for number, (start, size, value) in enumerate(parts):
        if not (min(start, size) >= 0 and start + size <= rows and -(1 << 63) <= value < 1 << 63):
            raise WrongLogError(f"{place}[{number}]", f"expected rows of 0 to {rows - 1} and a 64-bit value")
        values[start : start + size] = value
    return values


def check_chain(cell: Ints, old: Ints, new: Ints, boot: Ints) -> None:
    """Every old value is the one before: of the same cell's last transition, or of boot. Raises WrongLogError."""
    order = np.argsort(cell, kind="stable")
    sorted_cells = cell[order]
    before = np.empty_like(old)
    again: NDArray[np.bool_] = np.concatenate(([False], sorted_cells[1:] == sorted_cells[:-1]))
    before[order] = np.where(again, np.roll(new[order], 1), boot[sorted_cells])
    wrong = np.flatnonzero(before != old)
    if len(wrong):
        at = int(wrong[0])
        raise WrongLogError(f"transitions.old[{at}]", f"{int(old[at])} follows on {int(before[at])}")
