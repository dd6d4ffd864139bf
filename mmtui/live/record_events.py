"""`record --events`: the program runs freely, and its page faults are noted in a ring buffer.

Areas and entries are read where a task forks, execs, gets a signal or ends, and otherwise a moment after the faults:
such a line says `"late": true`. Nothing but file descriptors of this process is involved, so nothing can be left over.
"""

from __future__ import annotations

import mmap
import os
import struct
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from mmtui.live import perf
from mmtui.live.proc import PAGE
from mmtui.live.record_book import Book
from mmtui.live.record_tasks import Task
from mmtui.live.record_tracer import Tracer

POLL: Final = 0.002
RING_PAGES: Final = (64, 16, 4)  # as much as the limit on locked memory lets us have

_SAMPLE_TYPE: Final = 1 << 0 | 1 << 1 | 1 << 2 | perf.SAMPLE_ADDR  # ip, tid, time, addr
_USE_CLOCKID: Final = 1 << 25
_CLOCK_MONOTONIC: Final = 1
_RECORD_LOST: Final = 2
_RECORD_SAMPLE: Final = 9
_HEAD: Final = 1024  # of struct perf_event_mmap_page: data_head, data_tail


class Fault(NamedTuple):
    """One user page fault. `time`: CLOCK_MONOTONIC in ns."""

    time: int
    tgid: int
    tid: int
    address: int
    ip: int


class Ring:
    """The faults of one task, as the kernel writes them down. Raises OSError when it is made."""

    def __init__(self, tid: int) -> None:
        flags = perf.EXCLUDE_KERNEL | perf.EXCLUDE_HV | _USE_CLOCKID
        attr = bytearray(perf.attribute(perf.TYPE_SOFTWARE, perf.SW_PAGE_FAULTS, _SAMPLE_TYPE, flags))
        struct.pack_into("<i", attr, 92, _CLOCK_MONOTONIC)
        self._fd = perf.open_event(bytes(attr), tid)
        try:
            self._map = self._mapped()
        except OSError:
            os.close(self._fd)
            raise

    def _mapped(self) -> mmap.mmap:
        for pages in RING_PAGES:
            try:
                self._size = pages * PAGE
                return mmap.mmap(self._fd, self._size + PAGE)
            except PermissionError:
                if pages == RING_PAGES[-1]:
                    raise
        raise AssertionError("RING_PAGES is empty")

    def read(self) -> tuple[list[Fault], int]:
        """The faults since the last call, and how many were lost because the ring was full."""
        head, tail = struct.unpack_from("<QQ", self._map, _HEAD)
        faults: list[Fault] = []
        lost = 0
        while tail < head:
            kind, _, size = struct.unpack("<IHH", self._bytes(tail, 8))
            body = self._bytes(tail + 8, size - 8)
            if kind == _RECORD_SAMPLE:
                ip, tgid, tid, time, address = struct.unpack_from("<QIIQQ", body)
                faults.append(Fault(time, tgid, tid, address, ip))
            elif kind == _RECORD_LOST:
                lost += struct.unpack_from("<QQ", body)[1]
            tail += size
        struct.pack_into("<Q", self._map, _HEAD + 8, tail)
        return faults, lost

    def _bytes(self, at: int, size: int) -> bytes:
        at %= self._size
        first = self._map[PAGE + at : PAGE + min(at + size, self._size)]
        return first + self._map[PAGE : PAGE + size - len(first)]

    def close(self) -> None:
        """End it."""
        self._map.close()
        os.close(self._fd)


class EventTracer(Tracer):
    """Lets every task run, and stops it only where it forks, execs, gets a signal or ends."""

    def __init__(
        self,
        root: int,
        book: Book,
        faults: bool,
        max_steps: int | None,
        tick: Callable[[Book], None],
        say: Callable[[str], None],
    ) -> None:
        super().__init__(root, book, faults, max_steps, tick, say)
        self._rings: dict[int, Ring] = {}
        self._syscalls = False

    def _turn(self) -> None:
        if not self._queue:
            self._collect(POLL)
        self._drain()
        while self._queue and not self._at_limit():
            self._handle(*self._queue.popleft())
        for task in [task for task in self._tasks.values() if task.ready]:
            self._resume(task)
        self._tick(self._book)

    def _arm(self, task: Task) -> None:
        task.armed = True
        if self._started and self._faults and task.tid not in self._rings:
            try:
                self._rings[task.tid] = Ring(task.tid)
            except OSError as error:
                self.outcome.notes.append(f"faults of task {task.tid} were not recorded: {perf.why_not(error)}")

    def _exec(self, task: Task) -> None:
        super()._exec(task)
        self._arm(task)

    def _plain(
        self, task: Task, event: dict[str, Any], areas: bool = False, flags: bool = False, everyone: bool = False
    ) -> None:
        self._drain()
        self._book.other(task.tgid, task.tid, event, areas=True, flags=True, entries=True, everyone=False)

    def _fork(self, task: Task, kind: str) -> None:
        self._drain()
        super()._fork(task, kind)

    def _let_go(self) -> None:
        self._drain()
        for ring in self._rings.values():
            ring.close()
        self._rings.clear()
        super()._let_go()

    def _drain(self) -> None:
        """Write down the faults of all tasks since the last time, in the order in which they happened."""
        faults: list[Fault] = []
        for tid, ring in list(self._rings.items()):
            found, lost = ring.read()
            faults += found
            if lost:
                self.outcome.lost += lost
                self._book.lost(self._tgid(tid), tid, lost)
            if tid not in self._tasks:
                self._rings.pop(tid).close()
        faults.sort()
        last = {fault.tgid: index for index, fault in enumerate(faults)}
        for index, fault in enumerate(faults):
            tables = {f.address for f in faults if f.tgid == fault.tgid} if last[fault.tgid] == index else None
            self._book.late_fault(fault.tgid, fault.tid, fault.time, fault.address, fault.ip, tables)

    def _tgid(self, tid: int) -> int:
        return self._tasks[tid].tgid if tid in self._tasks else tid
