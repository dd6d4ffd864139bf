"""What stands in a log, whatever the position: transitions, calls, operations and what became of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from mmtui.engine.log import Ints, Log
from mmtui.engine.schema import COLUMNS, ROW_BITS, ROW_MASK
from mmtui.engine.source import Source
from mmtui.engine.story import Story

CALLS_KEPT = 4096
"""Call objects that are kept: the same few are open during many steps."""


@dataclass(frozen=True, slots=True)
class Transition:
    """One cell changed once: `old` and `new` are all it takes to go either way. `file`, `line`: of the model's text."""

    index: int
    table: str
    column: str
    row: int
    old: int
    new: int
    call: int
    function: str
    file: str
    line: int

    @property
    def name(self) -> str:
        """`page.count`."""
        return f"{self.table}.{self.column}"


@dataclass(frozen=True)
class Call:
    """A half-open interval [start, end) of transitions: an operation (`parent` -1) or a kernel function's call."""

    number: int
    name: str
    args: dict[str, int]
    parent: int
    start: int
    end: int
    depth: int
    op: int

    def __len__(self) -> int:
        return self.end - self.start


class LogReader:
    """Reads the log of a story."""

    def __init__(self, story: Story) -> None:
        self._story = story
        self._starts: Ints = np.zeros(0, np.int64)
        self._calls: dict[int, Call] = {}

    @property
    def kernel(self) -> str:
        """The model's name."""
        return self._story.kernel_name

    @property
    def log(self) -> Log:
        """Transitions and calls, in numpy columns."""
        return self._story.log

    def __len__(self) -> int:
        """Transitions."""
        return len(self._story.log)

    def string(self, number: int) -> str:
        """An interned string."""
        return self._story.strings[int(number)]

    def transition(self, index: int) -> Transition:
        """Transition `index`, 0 .. len - 1. IndexError outside."""
        cell, old, new, call, site = self._story.log.row(index)
        info = COLUMNS[cell >> ROW_BITS]
        function, file, line = self._story.site(site)
        return Transition(index, info.table, info.field, cell & ROW_MASK, old, new, call, function, file, line)

    def call(self, number: int) -> Call:
        """A call by its number. IndexError outside 0 .. calls - 1."""
        found = self._calls.get(number)
        if found is None:
            if not 0 <= number < len(self._story.log.calls):
                raise IndexError(number)
            if len(self._calls) > CALLS_KEPT:
                self._calls.clear()
            found = self._calls[number] = self._call(number)
        return found

    def _call(self, number: int) -> Call:
        calls = self._story.log.calls
        parent, start, end = int(calls.parent[number]), int(calls.start[number]), int(calls.end[number])
        function, first = self._story.function(int(calls.fn[number])), int(calls.a0[number])
        if function is None:
            return Call(number, f"op {self.op(first).name}", {}, -1, start, end, 0, first)
        outer = self.call(parent) if parent >= 0 else None
        depth, op = (outer.depth + 1, outer.op) if outer else (0, first)
        args = dict(zip(function.shown, (first, int(calls.a1[number])), strict=False))
        return Call(number, function.name, args, parent, start, end, depth, op)

    def calls_at(self, position: int) -> list[Call]:
        """The calls that made the last transition before a position, outermost first; none at 0."""
        if not 0 < position <= len(self):
            return []
        number = self._story.log.row(position - 1)[3]
        found = []
        while number >= 0:
            found.append(self.call(number))
            number = found[-1].parent
        return found[::-1]

    def depth_at(self, position: int) -> int:
        """How many calls are open at a position: len(calls_at(position)), without making them."""
        if not 0 < position <= len(self):
            return 0
        number, depth = self._story.log.row(position - 1)[3], 0
        parent = self._story.log.calls.parent
        while number >= 0:
            number, depth = int(parent[number]), depth + 1
        return depth

    def function_number(self, name: str) -> int | None:
        """The number that `log.calls.fn` has for a kernel function; None if the model lacks it."""
        return self._story.function_number(name)

    def function_name(self, number: int) -> str:
        """The kernel function of a number in `log.calls.fn`; `op` for an operation's own call."""
        function = self._story.function(number)
        return function.name if function else "op"

    def functions(self) -> list[str]:
        """Every kernel function of this model that stands in the log as a call."""
        names, number = [], 0
        while number < 0xFFFF:
            try:
                function = self._story.function(number)
            except IndexError:
                break
            if function is not None:
                names.append(function.name)
            number += 1
        return names

    def source(self, function: str, kernel: str | None = None) -> Source | None:
        """The model's own text of a function, as this or another kernel has it; None if it has none."""
        return self._story.source(function, kernel)

    # Operations

    @property
    def op_count(self) -> int:
        """Operations that ran; after a BUG fewer than the trace has."""
        return len(self._story.op_calls)

    @property
    def over(self) -> bool:
        """The run ended in a BUG or an oops."""
        return self._story.over

    def op(self, number: int) -> Any:
        """An operation of the trace."""
        return self._story.operation(number)

    def op_call(self, number: int) -> int:
        """The call of an operation."""
        return self._story.op_calls[number]

    def op_start(self, number: int) -> int:
        """The position just before an operation's first transition."""
        return int(self._story.log.calls.start[self._story.op_calls[number]])

    def op_end(self, number: int) -> int:
        """The position just after an operation's last transition."""
        return int(self._story.log.calls.end[self._story.op_calls[number]])

    def op_at(self, position: int) -> int:
        """The operation that made the last transition before a position; -1 at position 0."""
        if position <= 0 or not self.op_count:
            return -1
        return int(self._op_starts.searchsorted(position, side="left")) - 1

    @property
    def _op_starts(self) -> Ints:
        """Where the operations start; of a log that grows only those that are new are looked at."""
        known = len(self._starts)
        if known != self.op_count:
            calls = np.array(self._story.op_calls[known:], np.int64)
            starts = self._story.log.calls.start[calls].astype(np.int64)
            self._starts = np.concatenate([self._starts, starts]) if known else starts
        return self._starts

    def result(self, number: int) -> str:
        """`ok`, an errno, a signal, a BUG."""
        return self._story.result(number)

    def extra(self, number: int) -> dict[str, int]:
        """pfn, value and faults of an operation, where it has them."""
        return self._story.extra(number)

    def messages(self, number: int) -> list[dict[str, Any]]:
        """What the kernel said during an operation."""
        return self._story.messages(number)
