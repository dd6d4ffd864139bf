"""Runs operations on a kernel model: each fills the log from a transition of trace.op to one of trace.result."""

from __future__ import annotations

import errno
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
from mmtui.engine.instrument import Build, Function, build, source_of
from mmtui.engine.kernel import RELEASES
from mmtui.engine.kernel.drivers import Drivers
from mmtui.engine.kernel.model import NO_PAGE, NULL, Strings
from mmtui.engine.log import Ints, Log
from mmtui.engine.ranges import Ranges, with_fast_ranges
from mmtui.engine.schema import BASE, COLUMNS
from mmtui.engine.source import Source

OP_FUNCTION = 0xFFFF
"""Function number of an operation's own call; its `a0` is the operation's number."""

NONE = -1
"""An operation has no such result: no pfn, no value, no faults."""

Extra = dict[str, int]
Outcome = tuple[str, Extra]


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


def errno_text(code: int) -> str:
    """`-EINVAL` for -22, `ok` for what is not negative."""
    return "ok" if code >= 0 else f"-{errno.errorcode[-code]}"


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
        self._extra = {name: array("q") for name in ("pfn", "value", "faults")}
        self._checker = Checker(self)
        self._messages = array("q", [0])
        """How many messages there were after each operation; the first one is for the boot."""

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
        return {name: values[number] for name, values in self._extra.items() if values[number] != NONE}

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
        with uncollected():
            for op in operations:
                if self.over:
                    break
                self.step(op)
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

    def step(self, op: ops.Op) -> None:
        """Run one operation to its end. LimitError: before it, or where there was no more room for it."""
        kernel, recorder, number = self.kernel, self.recorder, self.done
        limit: LimitError | None = None
        self.log.check(recorder.here()[0])
        if number >= self.cells.rows("trace"):
            self.cells.grow("trace", number)
            recorder.bind(kernel, ("trace",))
        op_column: Any = kernel.trace_op  # type: ignore[attr-defined]
        self.operations.append(op)
        self.op_calls.append(recorder.here()[2])
        parent = recorder.enter(OP_FUNCTION, number, 0)
        recorder.store(op_column, BASE["trace.op"], 0, number, 0)
        try:
            result, extra = HANDLERS[type(op)](kernel, op, number)
        except KernelBug as bug:
            result, extra = bug.result, {}
            self.over = True
        except LimitError as most:
            result, extra, limit = "LIMIT", {}, most
            self.over = True
        results: Any = kernel.trace_result  # type: ignore[attr-defined]
        recorder.store(results, BASE["trace.result"], number, self.strings.number(result), 0)
        recorder.leave(parent)
        found = extra.get
        self._extra["pfn"].append(found("pfn", NONE))
        self._extra["value"].append(found("value", NONE))
        self._extra["faults"].append(found("faults", NONE))
        self._messages.append(kernel.index.messages)
        self.done = number + 1
        if limit is not None:
            raise limit

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


def _with_mm(act: Callable[[Drivers, Any, int], int]) -> Callable[[Drivers, Any, int], Outcome]:
    """An operation on a process: -ESRCH if there is none, else the errno that `act` returns."""

    def handler(kernel: Drivers, op: Any, number: int) -> Outcome:
        mm = kernel.mm_of(op.pid)
        return ("-ESRCH", {}) if mm == NULL else (errno_text(act(kernel, op, mm)), {})

    return handler


def _spawn(kernel: Drivers, op: ops.Spawn, number: int) -> Outcome:
    if op.pid in kernel.index.tasks:
        return "-EEXIST", {}
    kernel.new_task(op.pid, kernel.strings.number(op.comm if op.comm is not None else f"p{op.pid}"), NULL)
    return "ok", {}


def _fork(kernel: Drivers, op: ops.Fork, number: int) -> Outcome:
    if op.parent not in kernel.index.tasks:
        return "-ESRCH", {}
    if op.child in kernel.index.tasks:
        return "-EEXIST", {}
    kernel.copy_mm(op.parent, op.child)
    return "ok", {}


def _exit(kernel: Drivers, op: ops.Exit, number: int) -> Outcome:
    if op.pid not in kernel.index.tasks:
        return "-ESRCH", {}
    kernel.do_exit(op.pid)
    return "ok", {}


def _driver(kernel: Drivers, op: ops.Driver, number: int) -> Outcome:
    kernel.declare_driver(op)
    return "ok", {}


def _alloc(kernel: Drivers, op: ops.Alloc, number: int) -> Outcome:
    pfn = kernel.driver_alloc(op, op.order)
    if pfn == NO_PAGE:
        return "OOM", {}
    return ("ok", {"pfn": pfn}) if pfn >= 0 else (errno_text(pfn), {})


def _free(kernel: Drivers, op: ops.Free, number: int) -> Outcome:
    return errno_text(kernel.driver_free(op)), {}


def _set_reserved(kernel: Drivers, op: ops.SetReserved, number: int) -> Outcome:
    return errno_text(kernel.set_page_reserved(op.pfn, True)), {}


def _clear_reserved(kernel: Drivers, op: ops.ClearReserved, number: int) -> Outcome:
    return errno_text(kernel.set_page_reserved(op.pfn, False)), {}


def _access(kernel: Drivers, op: ops.Read | ops.Write, number: int) -> Outcome:
    mm = kernel.mm_of(op.pid)
    if mm == NULL:
        return "-ESRCH", {}
    value = None
    if isinstance(op, ops.Write):
        value = 1000 + number if op.value is None else op.value
    result, pfn, word, faults = kernel.access(mm, op.addr, value)
    return result, {"pfn": pfn, "value": word, "faults": faults} if result == "ok" else {"faults": faults}


def _insert_page(kernel: Drivers, op: ops.InsertPage, number: int) -> Outcome:
    result = kernel.insert_page_op(op)
    return (result if isinstance(result, str) else errno_text(result)), {}


def _pin(kernel: Drivers, op: ops.Pin, number: int) -> Outcome:
    pfn = kernel.pin_op(op)
    return ("ok", {"pfn": pfn}) if pfn >= 0 else (errno_text(pfn), {})


def _unpin(kernel: Drivers, op: ops.Unpin, number: int) -> Outcome:
    return errno_text(kernel.unpin_op(op)), {}


def _drop_cache(kernel: Drivers, op: ops.DropCache, number: int) -> Outcome:
    return errno_text(kernel.drop_cache_op(op)), {}


HANDLERS: dict[type[ops.Op], Callable[[Drivers, Any, int], Outcome]] = {
    ops.Spawn: _spawn,
    ops.Fork: _fork,
    ops.Exit: _exit,
    ops.Driver: _driver,
    ops.Alloc: _alloc,
    ops.Free: _free,
    ops.SetReserved: _set_reserved,
    ops.ClearReserved: _clear_reserved,
    ops.Mmap: _with_mm(lambda kernel, op, mm: kernel.do_mmap_pgoff(mm, op.addr, op)),
    ops.Munmap: _with_mm(lambda kernel, op, mm: kernel.do_munmap(mm, op.addr, op.pages << 12)),
    ops.Mprotect: _with_mm(lambda kernel, op, mm: kernel.sys_mprotect(mm, op.addr, op.pages << 12, op.prot)),
    ops.Madvise: _with_mm(lambda kernel, op, mm: kernel.sys_madvise(mm, op.addr, op.pages << 12)),
    ops.Mremap: _with_mm(
        lambda kernel, op, mm: kernel.sys_mremap(
            mm, op.addr, op.old_pages << 12, op.new_pages << 12, -1 if op.new_addr is None else op.new_addr
        )
    ),
    ops.RemapFilePages: _with_mm(lambda kernel, op, mm: kernel.sys_remap_file_pages(mm, op.addr, op.pages, op.pgoff)),
    ops.Read: _access,
    ops.Write: _access,
    ops.InsertPage: _insert_page,
    ops.Pin: _pin,
    ops.Unpin: _unpin,
    ops.DropCache: _drop_cache,
}
"""What each operation does."""
