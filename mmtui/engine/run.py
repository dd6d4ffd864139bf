"""Runs operations on a kernel model: each fills the log from a transition of trace.op to one of trace.result."""

from __future__ import annotations

import gc
import json
from array import array
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any

import numpy as np

from mmtui.engine import ops
from mmtui.engine.cells import Cells, Recorder
from mmtui.engine.checker import Checker
from mmtui.engine.errors import DiskFullError, KernelBug, LimitError
from mmtui.engine.events import Events
from mmtui.engine.handlers import HANDLERS, NONE, ended
from mmtui.engine.instrument import Build, Function, build, source_of
from mmtui.engine.kernel import RELEASES
from mmtui.engine.kernel.drivers import Drivers
from mmtui.engine.kernel.model import Strings
from mmtui.engine.log import Ints, Log
from mmtui.engine.ranges import Ranges, with_fast_ranges
from mmtui.engine.schema import BASE, COLUMNS
from mmtui.engine.source import Source

OP_FUNCTION = 0xFFFF
"""Function number of an operation's own call; its `a0` is the operation's number."""

OP, RESULT = BASE["trace.op"], BASE["trace.result"]

Extra = dict[str, int]


@contextmanager
def uncollected() -> Iterator[None]:
    """Without Python's search for cyclic garbage: a run makes none, but millions of things to look at."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


class Run:
    """A machine, a kernel on it, and the log of what it did."""

    def __init__(self, kernel: str, spec: ops.MachineSpec, expected_ops: int = 0, fast: bool = True) -> None:
        self.kernel_name = kernel
        self.spec = spec
        self.build: Build = build(RELEASES[kernel])  # type: ignore[arg-type]  # mypy: a class does hash
        self.cells = Cells({"page": spec.frames, "trace": max(expected_ops + 1, 16), "pte": 1024 * 16})
        self.log = Log()
        self.recorder = Recorder(self.cells, self.log)
        self.strings = Strings()
        machine = self.build.machine(self.recorder)
        model = with_fast_ranges(machine) if fast else machine
        self.kernel: Drivers = model(spec, self.recorder, self.strings)
        if fast:
            self.kernel.fast_ = Ranges(self.build, self.recorder, self.kernel.holes)
        self.kernel.boot_memmap()
        self.cells.columns["trace.op"][0] = -1
        self.boot = {name: values.copy() for name, values in self.cells.columns.items() if values.any()}
        """The columns that are not all zero before the first operation."""
        self._planned: Iterator[ops.Op] = iter(())
        self.operations: list[ops.Op] = []
        """The operations that ran."""
        self.unreached: list[ops.Op] = []
        """Planned operations after the end of the run."""
        self.done = 0
        """How many."""
        self.over = False
        """A BUG ended the run."""
        self.op_calls: list[int] = []
        """The call of each operation."""
        self._pfns, self._values, self._faults = array("q"), array("q"), array("q")
        """Of each operation, or NONE."""
        self._checker = Checker(self)
        self._messages = array("q", [0])
        """How many messages there were after each operation; the first one is for the boot."""
        self.step = self._stepper()

    # What a timeline asks (story.Story)

    @property
    def frames(self) -> int:
        """Frames of the machine."""
        return self.spec.frames

    @property
    def holes(self) -> Ints:
        """Frames without a struct page."""
        return np.flatnonzero(np.frombuffer(self.kernel.holes, np.uint8))

    @property
    def boot_held(self) -> Ints:
        """References of each frame that boot holds for ever."""
        held = np.zeros(self.spec.frames, np.int64)
        counts = self.boot.get("page.count")
        return held if counts is None else counts[: self.spec.frames]

    def rows(self) -> list[int]:
        """Room of each column, by id."""
        return [len(self.cells.columns[info.name]) for info in COLUMNS]

    def operation(self, number: int) -> ops.Op:
        """An operation of the trace."""
        return self.operations[number]

    def extra(self, number: int) -> Extra:
        """pfn, value, faults of an operation."""
        found = {"pfn": self._pfns[number], "value": self._values[number], "faults": self._faults[number]}
        return {name: value for name, value in found.items() if value != NONE}

    def events(self) -> Events:
        """All events so far, by transition."""
        return self._checker.advance()

    def function(self, number: int) -> Function | None:
        """A kernel function by number. IndexError: there is none."""
        return None if number == OP_FUNCTION else self.build.functions[number]

    def function_number(self, name: str) -> int | None:
        """The number of a kernel function."""
        return self.build.by_name.get(name)

    def site(self, number: int) -> tuple[str, str, int]:
        """(function, file, line) of a store."""
        return self.build.sites[number]

    def source(self, function: str, kernel: str | None = None) -> Source | None:
        """The text of a function of this model or of another."""
        return source_of(RELEASES[kernel or self.kernel_name], function)

    # Running

    def run(self, operations: Iterable[ops.Op]) -> None:
        """Run operations until they end or the kernel does; then seal the log."""
        step = self.step
        with uncollected():
            for op in operations:
                if self.over:
                    break
                step(op)
            self.recorder.flush()

    def plan(self, operations: Iterable[ops.Op]) -> None:
        """Operations for `advance` to run, a slice at a time."""
        self._planned = iter(operations)

    def advance(self, seconds: float) -> bool:
        """Run planned operations for about this long (one at least), and seal the log; is there more to do?"""
        end = monotonic() + seconds
        try:
            with uncollected():
                for op in self._planned:
                    if self.over:
                        self.unreached.append(op)
                    else:
                        self.step(op)
                    if self.log.shelf.trouble:
                        raise DiskFullError(self.log.shelf.trouble)
                    if monotonic() >= end:
                        return True
            return False
        finally:
            self.recorder.flush()

    def _stepper(self) -> Callable[[ops.Op], None]:
        """`step`, which is a closure for speed, as what it logs with is."""
        recorder = self.recorder
        here, enter, change, leave = recorder.here, recorder.enter, recorder.change, recorder.leave
        check, string = self.log.check, self.strings.number
        keep_op, keep_call, keep_messages = self.operations.append, self.op_calls.append, self._messages.append
        keep_pfn, keep_value, keep_faults = self._pfns.append, self._values.append, self._faults.append

        def step(op: ops.Op) -> None:
            """Run one operation to its end. LimitError: before it, or where there was no more room for it."""
            kernel: Any = self.kernel
            number = self.done
            first, _, call = here()
            check(first)
            if number >= len(kernel.trace_op):
                self.cells.grow("trace", number)
                recorder.bind(kernel, ("trace",))
            keep_op(op)
            keep_call(call)
            parent = enter(OP_FUNCTION, number, 0)
            change(kernel.trace_op, OP, 0, number, number - 1, 0)
            limit: LimitError | None = None
            try:
                result, pfn, value, faults = HANDLERS[type(op)](kernel, op, number)
            except KernelBug as bug:
                result, pfn, value, faults = ended(bug.result)
                self.over = True
            except LimitError as most:
                result, pfn, value, faults = ended("LIMIT")
                self.over, limit = True, most
            change(kernel.trace_result, RESULT, number, string(result), 0, 0)
            leave(parent)
            keep_pfn(pfn)
            keep_value(value)
            keep_faults(faults)
            keep_messages(kernel.index.messages)
            self.done = number + 1
            if limit is not None:
                raise limit

        return step

    @property
    def keeps_reserved(self) -> bool:
        """This kernel keeps a PG_reserved page off the free list (689bcebfda1)."""
        return self.kernel_name not in ("2.6.14", "2.6.15-rc2")

    def function_name(self, number: int) -> str:
        """The kernel function of a call's number; `op` for an operation's own call."""
        return "op" if number == OP_FUNCTION else self.build.functions[number].name

    def result(self, number: int) -> str:
        """The result of an operation."""
        return self.strings[int(self.cells.columns["trace.result"][number])]

    def messages(self, number: int) -> list[dict[str, Any]]:
        """The messages of an operation, as objects."""
        column = self.cells.columns["trace.message"]
        rows = range(self._messages[number], self._messages[number + 1])
        return [json.loads(self.strings[int(column[row])]) for row in rows]
