"""What a trace probably did not mean, although it means something."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from mmtui.engine import ops as o
from mmtui.trace.errors import Problem, shown
from mmtui.trace.model import Trace


def lint(trace: Trace) -> list[Problem]:
    """The doubts about a trace, without running it, in the order of its operations."""
    doubts = [*_head(trace), *_Walk(trace).doubts(), *_notes(trace)]
    return sorted(doubts, key=lambda doubt: _op_number(doubt.place))


def _op_number(place: str) -> int:
    return int(place[4 : place.index("]")]) if place.startswith("ops[") else -1


def _head(trace: Trace) -> Iterator[Problem]:
    if not trace.ops:
        yield Problem("ops", "nothing happens: no operations")
    if not trace.title:
        yield Problem("title", "a title would say what the trace shows")


def _notes(trace: Trace) -> Iterator[Problem]:
    names: set[str] = set()
    for i, mark in enumerate(trace.bookmarks):
        if mark.name in names:
            yield Problem(f"bookmarks[{i}].name", f"{shown(mark.name)} names two places; @{mark.name} is the first")
        names.add(mark.name)


@dataclass
class _Walk:
    """Who was made and who was used, operation by operation: where each name last appeared, unused so far."""

    trace: Trace
    pids: dict[int, int] = field(default_factory=dict)
    gone: set[int] = field(default_factory=set)
    drivers: dict[str, int] = field(default_factory=dict)
    declared: set[str] = field(default_factory=set)
    bufs: dict[str, int] = field(default_factory=dict)
    allocated: set[str] = field(default_factory=set)
    pins: dict[str, int] = field(default_factory=dict)

    def doubts(self) -> Iterator[Problem]:
        for i, op in enumerate(self.trace.ops):
            place = f"ops[{i}]"
            yield from self._of_pid(op, place)
            if isinstance(op, o.Spawn | o.Fork):
                pid = op.pid if isinstance(op, o.Spawn) else op.child
                self.pids[pid] = i
                self.gone.discard(pid)
            elif isinstance(op, o.Exit):
                self.pids.pop(op.pid, None)
                self.gone.add(op.pid)
            elif isinstance(op, o.Driver):
                self._declare(op, i)
            else:
                yield from self._of_buffers(op, i, place)
        yield from self._left_over()

    def _of_pid(self, op: o.AnyOp, place: str) -> Iterator[Problem]:
        name = "parent" if isinstance(op, o.Fork) else "pid"
        pid = getattr(op, name, None)
        if pid is None or isinstance(op, o.Spawn):
            return
        if pid not in self.pids and pid not in self.gone:
            yield Problem(f"{place}.{name}", f"there is no process {pid} yet: the result will be -ESRCH")
        elif pid in self.gone:
            yield Problem(f"{place}.{name}", f"process {pid} has exited: the result will be -ESRCH")

    def _declare(self, op: o.Driver, i: int) -> None:
        self.drivers[op.driver] = i
        self.declared.add(op.driver)
        self.bufs.pop(op.buf or "", None)

    def _of_buffers(self, op: o.AnyOp, i: int, place: str) -> Iterator[Problem]:
        if isinstance(op, o.Alloc):
            self.drivers.pop(op.driver, None)
            self.bufs[op.buf] = i
            self.allocated.add(op.buf)
        elif isinstance(op, o.Free | o.InsertPage):
            self.bufs.pop(op.buf, None)
            if op.buf not in self.allocated:
                yield Problem(f"{place}.buf", f"no buffer {shown(op.buf)} has been allocated")
        elif isinstance(op, o.Mmap):
            yield from self._of_mmap(op, place)
        elif isinstance(op, o.Pin):
            self.pins[op.pin] = i
        elif isinstance(op, o.Unpin) and self.pins.pop(op.pin, None) is None:
            yield Problem(f"{place}.name", f"no pin {shown(op.pin)} is held: the result will be -EINVAL")

    def _of_mmap(self, op: o.Mmap, place: str) -> Iterator[Problem]:
        driver = op.backing.driver
        for i, remap in enumerate(op.remap):
            self.bufs.pop(remap.buf or "", None)
            if remap.buf is not None and remap.buf not in self.allocated:
                yield Problem(f"{place}.remap[{i}].buf", f"no buffer {shown(remap.buf)} has been allocated")
        if driver is not None:
            self.drivers.pop(driver, None)
            inserted = any(isinstance(other, o.InsertPage) for other in self.trace.ops)
            if driver not in self.declared and not (op.remap or op.zeromap or inserted):
                yield Problem(f"{place}.backing.driver", f"no driver {shown(driver)}: a touch will be SIGBUS")

    def _left_over(self) -> Iterator[Problem]:
        for name, i in self.drivers.items():
            yield Problem(f"ops[{i}]", f"driver {shown(name)} is never used")
        for name, i in self.bufs.items():
            yield Problem(f"ops[{i}]", f"buffer {shown(name)} is neither mapped nor freed")
        for name, i in self.pins.items():
            yield Problem(f"ops[{i}]", f"pin {shown(name)} is never released")
