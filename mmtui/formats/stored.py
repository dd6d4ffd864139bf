"""A log that a file brought, as a Story: a timeline over it opens without any kernel model being run."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np

from mmtui.engine.errors import LimitError
from mmtui.engine.events import Event, Events, gather
from mmtui.engine.instrument import Function
from mmtui.engine.kernel.model import Strings
from mmtui.engine.log import Ints, Log
from mmtui.engine.run import OP_FUNCTION
from mmtui.engine.schema import COLUMN, COLUMNS, ROW_BITS
from mmtui.engine.source import Source
from mmtui.engine.timeline import Timeline
from mmtui.formats import log_in
from mmtui.formats.log_in import StoredLog, WrongLogError, same_length, whole, within
from mmtui.trace.errors import Problem, TraceError, printable
from mmtui.trace.model import Trace
from mmtui.version import VERSION

DEEPEST: Final = 200
"""Calls within calls."""
MOST_KINDS: Final = 100
"""Kinds of events."""
_STRINGS: Final = (
    "trace.result", "trace.message", "task.name", "inode.name", "driver.name", "buf.name", "buf.driver", "pin.name",
    "vma.letters", "vma.name",
)  # fmt: skip
_ROWS: Final = {
    "task.mm": "mm", "task.parent": "task", "vma.mm": "mm", "vma.vm_file": "file", "file.inode": "inode", "pt.mm": "mm",
    "pin.mm": "mm", "cache.inode": "inode", "cache.pfn": "page", "buf.pfn": "page", "page.private": "page",
}  # fmt: skip
"""Columns that hold a row of another table."""
_FEW: Final = {
    "vma.state": 3, "vma.vm_ops": 3, "task.state": 3, "buf.state": 3, "pin.state": 2, "driver.state": 2, "page.free": 2,
    "driver.get_page": 3, "inode.kind": 4, "buf.order": 31,
}  # fmt: skip
"""Columns with few values, 0 to one less."""
_NUMBERS: Final = ("pfn", "vaddr", "flags", "mapcount", "count", "pid")
"""Fields of a message that are numbers."""


def stored_timeline(trace: Trace, name: str, path: Path | None, rerun: Callable[[str], Timeline]) -> Timeline:
    """The timeline over the log that `trace` brings, at position 0. Raises TraceError."""
    assert trace.log is not None
    try:
        return Timeline(Stored(log_in.parse(trace.log), trace), trace, path, rerun)
    except WrongLogError as wrong:
        raise wrong.error(name) from None
    except LimitError as most:
        raise TraceError(name, [Problem("log", str(most))]) from None


class Stored:
    """A checked log, with what it is read by (`mmtui.engine.story.Story`). Raises WrongLogError."""

    def __init__(self, log: StoredLog, trace: Trace) -> None:
        self.kernel_name = log.kernel
        self.version = log.mmtui
        self.over = log.over
        self.frames = log.frames
        self._stored = log
        self._trace = trace
        if log.kernel != trace.kernel:
            raise WrongLogError("kernel", f"is of {printable(log.kernel)}, and the trace is for {trace.kernel}")
        if len(log.ops) > len(trace.ops):
            raise WrongLogError("ops", f"{len(log.ops)} operations ran, and the trace has {len(trace.ops)}")
        columns, rows = log_in.cells_of(log.cells)
        self._room = log_in.room(log, columns, rows)
        self.boot = {
            name: log_in.column_of(runs, self._room[COLUMN[name].table], f"boot.{name}")
            for name, runs in log.boot.items()
        }
        self.boot_held = log_in.column_of(log.boot_held, log.frames, "boot_held")
        self.holes = _holes(log)
        self.strings = _strings(log.strings)
        self._sites = log.transitions.sites
        self._places: dict[int, tuple[str, str, int]] = {}
        self._functions = [function.name for function in log.functions]
        self.log = Log()
        self._calls()
        self.op_calls = self._op_calls()
        self._transitions(columns, rows)
        self._events = self._checked_events()

    # Reading

    def _calls(self) -> None:
        """Fill the call tree: parents come first, and hold what they call."""
        stored, changes = self._stored.calls, len(self._stored.transitions.cell)
        names = ("function", "parent", "start", "end", "a0", "a1")
        columns = {name: whole(getattr(stored, name), f"calls.{name}") for name in names}
        count = same_length(columns, "calls")
        within(columns["function"], -1, len(self._functions), "calls.function")
        within(columns["parent"] - np.arange(count), -count - 1, 0, "calls.parent")
        within(columns["parent"], -1, max(count, 1), "calls.parent")
        within(columns["start"], 0, changes + 1, "calls.start")
        within(columns["end"], 0, changes + 1, "calls.end")
        inner = np.flatnonzero(columns["parent"] >= 0)
        outer = columns["parent"][inner]
        bad = (columns["start"][inner] < columns["start"][outer]) | (columns["end"][inner] > columns["end"][outer])
        bad |= columns["function"][inner] < 0
        if bad.any() or (columns["end"] < columns["start"]).any():
            raise WrongLogError("calls", "a call does not lie within the one that makes it")
        self._check_depth(columns["parent"])
        self._fill_calls(columns, count)

    def _fill_calls(self, columns: dict[str, Ints], count: int) -> None:
        calls = self.log.calls
        while len(calls.raw("fn")) < count:
            calls.grow()
        calls.count = count
        calls.raw("fn")[:count] = np.where(columns["function"] < 0, OP_FUNCTION, columns["function"])
        for name in ("parent", "start", "end", "a0", "a1"):
            calls.raw(name)[:count] = columns[name]

    def _check_depth(self, parent: Ints) -> None:
        here = np.flatnonzero(parent >= 0)
        for _ in range(DEEPEST):
            here = here[parent[here] >= 0]
            if not len(here):
                return
            parent = np.where(parent >= 0, parent[parent], -1)
        raise WrongLogError("calls.parent", f"more than {DEEPEST} calls within one another")

    def _op_calls(self) -> list[int]:
        """The operations' own calls: one after the other, they are the whole log."""
        calls = self.log.calls
        found = [op.call for op in self._stored.ops]
        roots = np.flatnonzero(calls.parent < 0).tolist()
        at = 0
        if found != roots:
            raise WrongLogError("ops", "their calls are not the calls that nothing encloses")
        for number, call in enumerate(found):
            if calls.fn[call] != OP_FUNCTION or calls.a0[call] != number or calls.start[call] != at:
                raise WrongLogError(f"ops[{number}].call", "is not the call of this operation")
            at = int(calls.end[call])
        if at != len(self._stored.transitions.cell):
            raise WrongLogError("ops", "they do not end where the log ends")
        return found

    def _transitions(self, columns: Ints, rows: Ints) -> None:
        stored = self._stored.transitions
        values = {
            name: whole(getattr(stored, name), f"transitions.{name}") for name in ("cell", "old", "new", "call", "site")
        }
        same_length(values, "transitions")
        within(values["cell"], 0, len(columns), "transitions.cell")
        within(values["call"], 0, max(len(self.log.calls), 1), "transitions.call")
        within(values["site"], 0, min(len(self._sites), 1 << 16), "transitions.site")
        boot = np.array([self._at_boot(*cell) for cell in zip(columns.tolist(), rows.tolist(), strict=True)], np.int64)
        log_in.check_chain(values["cell"], values["old"], values["new"], boot)
        self._check_values(columns[values["cell"]], values["new"])
        self.log.check(len(values["cell"]))
        numbers = columns[values["cell"]] << ROW_BITS | rows[values["cell"]]
        self.log.seal(numbers, values["old"], values["new"], values["call"], values["site"])

    def _at_boot(self, column: int, row: int) -> int:
        values = self.boot.get(COLUMNS[column].name)
        return int(values[row]) if values is not None else 0

    def _check_values(self, columns: Ints, new: Ints) -> None:
        """Numbers of strings, rows of other tables and states are what they can be."""
        bounds = dict.fromkeys(_STRINGS, len(self.strings)) | _FEW
        bounds |= {name: self._room[table] for name, table in _ROWS.items()}
        for name, bound in bounds.items():
            within(new[columns == COLUMN[name].id], 0, bound, f"transitions: {name}")
            if name in self.boot:
                within(self.boot[name], 0, bound, f"boot.{name}")
        at_boot = self.boot.get("page.mapping", new[:0])
        mapping = np.concatenate([at_boot, new[columns == COLUMN["page.mapping"].id]])
        within(mapping[mapping & 1 == 0] >> 1, 0, self._room["inode"], "page.mapping")
        for number in np.unique(new[columns == COLUMN["trace.message"].id]).tolist():
            if not _is_message(self.strings[number]):
                raise WrongLogError(f"strings[{number}]", "is not a message of the kernel")
        for number in np.unique(new[columns == COLUMN["trace.op"].id]).tolist():
            if not -1 <= number < len(self._stored.ops):
                raise WrongLogError("transitions: trace.op", f"there is no operation {number}")

    def _checked_events(self) -> Events:
        found: list[Event] = []
        if len({event.kind for event in self._stored.events}) > MOST_KINDS:
            raise WrongLogError("events", f"more than {MOST_KINDS} kinds")
        for number, event in enumerate(self._stored.events):
            if not 0 <= event.transition < len(self.log) or not 0 <= event.op < len(self.op_calls):
                raise WrongLogError(f"events[{number}]", "is at no transition of this log")
            pfn = event.subject.get("pfn", 0)
            if not isinstance(pfn, int) or not 0 <= pfn < 1 << 52:
                raise WrongLogError(f"events[{number}].subject", "is about no frame")
            found.append(Event(event.kind, event.transition, event.op, event.subject, event.why, event.text))
        return gather([], found)

    # What a timeline asks

    def advance(self, seconds: float) -> bool:
        """The whole log is here."""
        return False

    def rows(self) -> list[int]:
        """Room of each column, by id."""
        return [self._room[info.table] for info in COLUMNS]

    def operation(self, number: int) -> Any:
        """An operation of the trace."""
        return self._trace.ops[: len(self.op_calls)][number]

    def result(self, number: int) -> str:
        """The result of an operation."""
        return self._results[number]

    @cached_property
    def _results(self) -> list[str]:
        wanted = COLUMN["trace.result"].id << ROW_BITS
        found = [""] * len(self.op_calls)
        for chunk in self.log.chunks():
            here = np.flatnonzero(chunk.cell.astype(np.int64) >> ROW_BITS == wanted >> ROW_BITS)
            for at in here.tolist():
                row = int(chunk.cell[at]) - wanted
                if row < len(found):
                    found[row] = self.strings[int(chunk.new[at])]
        return found

    def extra(self, number: int) -> dict[str, int]:
        """pfn, value, faults of an operation."""
        return self._stored.ops[number].extra

    def messages(self, number: int) -> list[dict[str, Any]]:
        """What the kernel said during an operation."""
        return self._stored.ops[number].messages

    def events(self) -> Events:
        """All events, by transition."""
        return self._events

    def function(self, number: int) -> Function | None:
        """A function that was called. IndexError: there is none of this number."""
        if number == OP_FUNCTION:
            return None
        name, shown = self._functions[number], self._stored.functions[number].shown
        return Function(name, name, "", 0, shown[:2], "", "", "")

    def function_number(self, name: str) -> int | None:
        """The number of a function, None if it was never called."""
        return self._functions.index(name) if name in self._functions else None

    def site(self, number: int) -> tuple[str, str, int]:
        """The function of a store; where it stands in this mmtui's own model, if that is the one that ran."""
        if number not in self._places:
            name = self._sites[number]
            found = self.source(name)
            self._places[number] = (name, found.file, found.first_line) if found else (name, "", 0)
        return self._places[number]

    def source(self, function: str, kernel: str | None = None) -> Source | None:
        """The text of a function, where this is the mmtui that wrote the log: another one's may say something else."""
        from mmtui.engine.instrument import source_of
        from mmtui.engine.kernel import RELEASES

        model = RELEASES.get(kernel or self.kernel_name)
        if model is None or (self.version != VERSION and kernel is None):
            return None
        return source_of(model, function)


def _holes(log: StoredLog) -> Ints:
    for number, (start, end) in enumerate(log.holes):
        if not 0 <= start <= end <= log.frames:
            raise WrongLogError(f"holes[{number}]", f"is no range of the {log.frames} frames")
    found = [np.arange(start, end, dtype=np.int64) for start, end in log.holes]
    return np.unique(np.concatenate([*found, np.zeros(0, np.int64)]))


def _strings(texts: list[str]) -> Strings:
    strings = Strings()
    for number, text in enumerate(texts):
        if strings.number(text) != number:
            raise WrongLogError(f"strings[{number}]", "expected the empty string first, and each string once")
    return strings


def _is_message(text: str) -> bool:
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        return False
    if not isinstance(message, dict) or not isinstance(message.get("kind"), str):
        return False
    return all(isinstance(value, int if name in _NUMBERS else int | str) for name, value in message.items())
