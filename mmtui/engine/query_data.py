"""What a query looks at: the log's cells, calls, operations and events as numpy columns, and any cell at any time.

Everything here is read from the log once and kept for the timeline; nothing replays it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from mmtui.engine import schema
from mmtui.engine.log import AnyInts, Ints

if TYPE_CHECKING:
    from mmtui.engine.timeline import Timeline

Mask = NDArray[np.bool_]

_TIME: Final = 34
"""Bits of a transition's number (and one more) in the key of a history; the row stands above them."""

_MANY: Final = ("page", "pte")
"""Tables that most transitions are of."""

PT_SHIFT: Final = schema.PTES_PER_PT.bit_length() - 1


class History:
    """Every change of one column, sorted by row and time: its value at any row after any transition."""

    def __init__(self, rows: Ints, times: Ints, old: Ints, new: Ints, now: Ints) -> None:
        order = np.argsort(rows << _TIME | times + 1, kind="stable")
        self.rows, self.times, self.old, self.new = rows[order], times[order], old[order], new[order]
        self._keys = self.rows << _TIME | self.times + 1
        self.now = now

    def after(self, rows: Ints, times: Ints) -> Ints:
        """The value of each row just after each transition; with `times - 1`, just before."""
        if not len(self._keys):
            return self._untouched(rows)
        at = np.searchsorted(self._keys, rows << _TIME | times + 1, side="right") - 1
        last = np.clip(at, 0, None)
        following = np.clip(at + 1, None, len(self._keys) - 1)
        found = self._untouched(rows)
        # A row that changes only later still has the value that its first change took away.
        found = np.where((self.rows[following] == rows) & (at + 1 < len(self._keys)), self.old[following], found)
        return np.where((at >= 0) & (self.rows[last] == rows), self.new[last], found)

    def following(self, rows: Ints, times: Ints) -> Ints:
        """The number of the next change of each row after each transition; a huge one where there is none."""
        never = np.full(len(rows), np.iinfo(np.int64).max)
        if not len(self._keys):
            return never
        at = np.searchsorted(self._keys, rows << _TIME | times + 1, side="right")
        index = np.clip(at, None, len(self._keys) - 1)
        return np.where((at < len(self._keys)) & (self.rows[index] == rows), self.times[index], never)

    def _untouched(self, rows: Ints) -> Ints:
        if not len(self.now):
            return np.zeros(len(rows), np.int64)
        return np.where(rows < len(self.now), self.now[np.clip(rows, 0, len(self.now) - 1)], 0)


@dataclass(frozen=True)
class About:
    """What the events that items stand for are about; -1 where one names no pid, no frame, no address."""

    kind: str
    why: NDArray[np.object_]
    pid: Ints
    pfn: Ints
    address: Ints

    def take(self, keep: Mask) -> About:
        """The chosen ones."""
        return About(self.kind, self.why[keep], self.pid[keep], self.pfn[keep], self.address[keep])


class Items:
    """Transitions that a query still considers, in log order: the ones at `picked` of a run of them, or all of it.

    With `events`, each stands for that event of its transition.
    """

    def __init__(
        self, first: int, picked: Ints | None, cell: AnyInts, old: AnyInts, new: AnyInts, events: About | None = None
    ) -> None:
        self._first, self._picked = first, picked
        self.cell, self.old, self.new, self.events = cell, old, new, events

    def __len__(self) -> int:
        return len(self.cell)

    @cached_property
    def index(self) -> Ints:
        """The number of each transition."""
        picked = np.arange(len(self.cell), dtype=np.int64) if self._picked is None else self._picked
        return picked + self._first

    @cached_property
    def column(self) -> AnyInts:
        """The id of each cell's column."""
        return self.cell >> schema.ROW_BITS

    @cached_property
    def row(self) -> Ints:
        """The row of each cell."""
        return (self.cell & schema.ROW_MASK).astype(np.int64)

    def of_column(self, name: str) -> Mask:
        """Which cells are of a column."""
        return self.cell - np.uint32(schema.BASE[name]) < schema.MAX_ROWS

    def of_table(self, table: str) -> Mask:
        """Which cells are of a table."""
        fields = schema.TABLES[table]
        mask: Mask = self.cell - np.uint32(schema.BASE[f"{table}.{fields[0]}"]) < len(fields) * schema.MAX_ROWS
        return mask

    def take(self, keep: Mask) -> Items:
        """The chosen ones."""
        at = np.flatnonzero(keep)
        picked = at if self._picked is None else self._picked[at]
        events = self.events.take(keep) if self.events is not None else None
        return Items(self._first, picked, self.cell[at], self.old[at], self.new[at], events)


@dataclass(frozen=True)
class Spans:
    """Intervals of the log, half-open, sorted by start; `covers` asks for their union."""

    start: Ints
    end: Ints

    def covers(self, index: Ints) -> Mask:
        """Which transitions lie in some interval."""
        if not len(self.start):
            return np.zeros(len(index), bool)
        reach = np.maximum.accumulate(self.end)
        at = np.searchsorted(self.start, index, side="right") - 1
        return (at >= 0) & (index < reach[np.clip(at, 0, None)])


class Data:
    """The columns that queries read of one timeline."""

    def __init__(self, timeline: Timeline) -> None:
        self.timeline = timeline
        self.length = len(timeline)
        self.kept: dict[object, object] = {}
        """What evaluation wants to keep beside it."""
        self._histories: dict[str, History] = {}
        self._changes: dict[str, tuple[Ints, Ints, Ints, Ints]] = {}
        self._events: dict[str, Items] = {}

    # Operations and calls

    @cached_property
    def operations(self) -> Spans:
        """Every operation that ran, in order."""
        calls, numbers = self.timeline.log.calls, range(self.timeline.op_count)
        own = np.fromiter(map(self.timeline.op_call, numbers), np.int64, len(numbers))
        return Spans(calls.start[own].astype(np.int64), calls.end[own].astype(np.int64))

    def operations_where(self, wanted: Callable[[object], bool]) -> Spans:
        """The operations for which `wanted(op)` holds."""
        numbers = range(self.timeline.op_count)
        keep = np.fromiter(map(wanted, map(self.timeline.op, numbers)), bool, len(numbers))
        return Spans(self.operations.start[keep], self.operations.end[keep])

    def calls_of(self, function: str) -> Spans:
        """The calls of a kernel function that changed something."""
        number = self.timeline.function_number(function)
        calls = self.timeline.log.calls
        if number is None:
            return Spans(np.zeros(0, np.int64), np.zeros(0, np.int64))
        keep = (calls.fn == number) & (calls.start < calls.end)
        return Spans(calls.start[keep].astype(np.int64), calls.end[keep].astype(np.int64))

    # Transitions and events

    def items(self) -> Iterator[Items]:
        """All transitions, in pieces."""
        for chunk in self.timeline.log.chunks():
            yield Items(chunk.first, None, chunk.cell, chunk.old, chunk.new)

    def rows_at(self, index: Ints, events: About | None = None) -> Items:
        """The transitions with these numbers, ascending."""
        cell = np.zeros(len(index), np.uint32)
        old, new = np.zeros(len(index), np.int64), np.zeros(len(index), np.int64)
        low = 0
        for chunk in self.timeline.log.chunks(int(index[0]), int(index[-1]) + 1) if len(index) else ():
            high = int(np.searchsorted(index, chunk.first + len(chunk.cell)))
            at = index[low:high] - chunk.first
            cell[low:high], old[low:high], new[low:high] = chunk.cell[at], chunk.old[at], chunk.new[at]
            low = high
        return Items(0, index, cell, old, new, events)

    def events(self, kind: str) -> Items:
        """The events of a kind, each with its transition."""
        if kind not in self._events:
            found = self.timeline.events().of(kind)
            pid = np.full(len(found), -1, np.int64)
            why = np.full(len(found), "", object)
            for at, event in found.told():
                why[at] = event.why
                named = event.subject.get("pid")
                pid[at] = named if isinstance(named, int) else -1
            about = About(kind, why, pid, found.pfn, found.address)
            self._events[kind] = self.rows_at(found.transition, about)
        return self._events[kind]

    @cached_property
    def _messages(self) -> tuple[Ints, NDArray[np.str_]]:
        """Every message of the kernel: its transition, its kind."""
        column = schema.COLUMN["trace.message"].id
        printed = [(items.index, items.new) for each in self.items() for items in [each.take(each.column == column)]]
        index = np.concatenate([index for index, _ in printed]) if printed else np.zeros(0, np.int64)
        texts = [self.timeline.string(int(number)) for _, numbers in printed for number in numbers]
        return index, np.array([str(json.loads(text)["kind"]) for text in texts], np.str_)

    def messages(self, kind: str | None) -> Ints:
        """The transitions at which the kernel printed a message (of a kind)."""
        index, kinds = self._messages
        return index if kind is None else index[kinds == kind]

    # Cells at any time

    def history(self, column: str) -> History:
        """All changes of a column."""
        if column not in self._histories:
            self._histories[column] = self._read_history(column)
        return self._histories[column]

    def _read_history(self, column: str) -> History:
        info = schema.COLUMN[column]
        now = np.asarray(getattr(getattr(self.timeline.machine, info.table), info.field), np.int64)
        return History(*self.changes(column), now.copy())

    def changes(self, column: str) -> tuple[Ints, Ints, Ints, Ints]:
        """(rows, transitions, old, new) of every change of a column, in log order."""
        if column not in self._changes and (indexed := self.timeline.changes_of(column)) is not None:
            found = self.rows_at(indexed[1])
            self._changes[column] = (*indexed, found.old.astype(np.int64), found.new.astype(np.int64))
        if column not in self._changes:
            parts = [
                (items.row, items.index, items.old.astype(np.int64), items.new.astype(np.int64))
                for each in ([self._few] if column.partition(".")[0] not in _MANY else self.items())
                for items in [each.take(each.of_column(column))]
                if len(items)
            ]
            if not parts:
                empty = np.zeros(0, np.int64)
                return empty, empty, empty, empty
            rows, times, old, new = (np.concatenate(part) for part in zip(*parts, strict=True))
            self._changes[column] = (rows, times, old, new)
        return self._changes[column]

    @cached_property
    def _few(self) -> Items:
        """The transitions of all tables but pages and entries: few beside those, and found in one pass."""
        parts = [each.take(~(each.of_table("page") | each.of_table("pte"))) for each in self.items()]
        empty = np.zeros(0, np.int64)
        columns = [(items.index, items.cell, items.old, items.new) for items in parts]
        index, cell, old, new = (
            np.concatenate(part) for part in zip(*(columns or [(empty, empty, empty, empty)]), strict=True)
        )
        return Items(0, index, cell, old, new)

    def mm_of_vma(self, rows: Ints, times: Ints) -> Ints:
        """The mm of each vma. While it is being filled the one that it is about to get, when it is freed its last."""
        return self.in_this_life("vma.state", "vma.mm", rows, times)

    def in_this_life(self, born: str, column: str, rows: Ints, times: Ints) -> Ints:
        """`column` of structs that are filled and emptied field by field: the value that it has between the two.

        A struct's life begins where the column `born` leaves 0. Before the field is set in that life the value is the
        one that it is about to get, after it was cleared the last one.
        """
        births = self._derived(born, "births", lambda history: (history.old == 0, history.times))
        given, when = self._given(column), self._derived(column, "when", lambda h: (h.new != 0, h.times))
        soon = given.after(rows, np.minimum(given.following(rows, times), self.length))
        return np.where(when.after(rows, times) >= births.after(rows, times), given.after(rows, times), soon)

    def _derived(self, column: str, word: str, choose: Callable[[History], tuple[Mask, Ints]]) -> History:
        """Some changes of a column with other values; before its first one a row has that one's value."""
        name = f"{column} {word}"
        if name not in self._histories:
            history = self.history(column)
            kept, values = choose(history)
            values = values[kept]
            self._histories[name] = History(history.rows[kept], history.times[kept], values, values, history.now)
        return self._histories[name]

    def _given(self, column: str) -> History:
        """A column without its returns to 0: the last value that a row was given, or the first that it will be."""
        return self._derived(column, "given", lambda history: (history.new != 0, history.new))

    def last(self, column: str, row: int, time: int) -> int:
        """The last value but 0 of a cell, or the first that it will get."""
        return int(self._given(column).after(np.array([row]), np.array([time]))[0])

    @cached_property
    def _tasks_of_mm(self) -> History:
        """The task that each mm was given to."""
        given = self._given("task.mm")
        return History(given.new, given.times, given.rows, given.rows, np.zeros(0, np.int64))

    def pid_of_mm(self, mm: Ints, times: Ints) -> Ints:
        """The process that an mm belongs to, or belonged to last; 0 where it never had one."""
        return self.pid_of_task(self._tasks_of_mm.after(mm, times), times)

    def pid_of_task(self, task: Ints, times: Ints) -> Ints:
        """The pid of a task; the last one when it is gone, the one that it will get before it has one."""
        return self._given("task.pid").after(task, times)

    def pte_place(self, rows: Ints, times: Ints) -> tuple[Ints, Ints]:
        """(pid, address) of entries."""
        tables = rows >> PT_SHIFT
        mm = self.history("pt.mm").after(tables, times)
        base = self.history("pt.base").after(tables, times)
        return self.pid_of_mm(mm, times), base + (rows & schema.PTES_PER_PT - 1) * 4096

    def table_place(self, rows: Ints, times: Ints) -> tuple[Ints, Ints]:
        """(pid, first address) of page-table pages, of one that is being made or freed too."""
        mm, base = (self.in_this_life("pt.mm", name, rows, times) for name in ("pt.mm", "pt.base"))
        return self.pid_of_mm(mm, times), base


def data_of(timeline: Timeline) -> Data:
    """The columns of a timeline, kept as long as it lives and does not grow."""
    kept = timeline.memo.get("query data")
    if not isinstance(kept, Data) or kept.length != len(timeline):
        kept = timeline.memo["query data"] = Data(timeline)  # a cycle, so that both can go: no registry outlives them
    return kept
