"""What every kernel model stands on: its columns, its indexes, and the marks that its functions carry."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from mmtui.engine.index import Index
from mmtui.engine.ops import MachineSpec

if TYPE_CHECKING:
    from mmtui.engine.cells import Recorder

F = TypeVar("F", bound=Callable[..., Any])

NULL = 0
"""Row 0 of a table."""

NO_PAGE = -1
"""No struct page: what the kernel writes as a NULL `struct page *`. (pfn 0 is a page.)"""


def kfn(*shown: str, name: str = "") -> Callable[[F], F]:
    """Marks a function whose calls stand in the log. `shown`: at most two of its arguments that a call records;
    `name`: the kernel's spelling where Python's differs."""

    def mark(function: F) -> F:
        function.kfn_ = {"shown": shown, "name": name}  # type: ignore[attr-defined]
        return function

    return mark


def since(release: str, commit: str, subject: str) -> Callable[[F], F]:
    """Marks a restated function with the change that made it so: first release that has it, commit, its title."""

    def mark(function: F) -> F:
        function.since_ = (release, commit, subject)  # type: ignore[attr-defined]
        return function

    return mark


class Gone:
    """What stands in a release for a function that it no longer has."""

    def __init__(self, release: str, commit: str, subject: str) -> None:
        self.since_ = (release, commit, subject)


def gone(release: str, commit: str, subject: str) -> Any:
    """Marks a function as removed by a change."""
    return Gone(release, commit, subject)


class Column:
    """A column as a model function sees it: `column[row]` reads a cell, `column[row] = value` writes and logs it."""

    def __getitem__(self, row: int) -> int:
        raise TypeError("a model runs only after instrument.build")

    def __setitem__(self, row: int, value: int) -> None:
        raise TypeError("a model runs only after instrument.build")


class Sys:
    """Counters of the whole machine."""

    nr_mapped: Column
    merges: Column
    anon_vmas: Column
    inodes: Column
    tainted: Column
    incomplete: Column


class Trace:
    """Where the trace is: the operation's number, its result, the messages."""

    op: Column
    result: Column
    message: Column


class Page:
    """struct page; row = pfn. `free`: on the free list; `word`: the page's contents."""

    flags: Column
    count: Column
    mapcount: Column
    mapping: Column
    index: Column
    private: Column
    free: Column
    word: Column


class Pt:
    """A page-table page: 4 MiB of one mm."""

    mm: Column
    base: Column


class Pte:
    """Page-table entries; row = pt row * 1024 + slot."""

    val: Column


class Vma:
    """struct vm_area_struct. `state`: 0 free, 1 in its mm's list, 2 taken out of it (or not yet in)."""

    state: Column
    mm: Column
    vm_start: Column
    vm_end: Column
    vm_flags: Column
    vm_page_prot: Column
    vm_pgoff: Column
    anon_vma: Column
    vm_file: Column
    vm_ops: Column


class Mm:
    """struct mm_struct. 2.6.14 counts `rss` and `anon_rss`, later kernels `file_rss` and `anon_rss`."""

    file_rss: Column
    anon_rss: Column
    rss: Column


class Task:
    """A process. `state`: 0 none, 1 running, 2 exiting."""

    state: Column
    pid: Column
    name: Column
    mm: Column
    parent: Column


class Inode:
    """A file, a device, or the object behind anonymous shared memory."""

    name: Column
    kind: Column
    index: Column


class File:
    """struct file: one for each (inode, opened read-only)."""

    inode: Column
    ro: Column
    count: Column


class Driver:
    """What a driver's nopage does. `buf`: a name. `get_page`: 0 forgets it, 1 takes it, 2 unless PageReserved."""

    state: Column
    name: Column
    buf: Column
    get_page: Column


class Buf:
    """A driver's buffer. `state`: 0 none, 1 allocated, 2 freed."""

    state: Column
    name: Column
    driver: Column
    pfn: Column
    order: Column
    comp: Column
    reserved: Column


class Pin:
    """A page that get_user_pages handed out. `ref`: a reference came with it."""

    state: Column
    name: Column
    mm: Column
    address: Column
    pfn: Column
    ref: Column


class Cache:
    """A page that the page cache holds."""

    inode: Column
    pgoff: Column
    pfn: Column


VM_OPS_NONE, VM_OPS_FILE, VM_OPS_DRIVER = 0, 1, 2
"""vma.vm_ops: none, a file's (nopage and populate), a driver's nopage."""

INODE_FILE, INODE_DEVICE, INODE_SHMEM = 1, 2, 3
"""inode.kind."""


class Area:
    """The state that all areas of a model share. Only cells and their indexes: a model keeps nothing else."""

    sys: Sys
    trace: Trace
    page: Page
    pt: Pt
    pte: Pte
    vma: Vma
    mm: Mm
    task: Task
    inode: Inode
    file: File
    driver: Driver
    buf: Buf
    pin: Pin
    cache: Cache

    release: str
    """The model's name: `2.6.14`."""
    oldest = "2.6.14"

    def __init__(self, spec: MachineSpec, recorder: Recorder, strings: Strings) -> None:
        self.config = spec
        self.recorder = recorder
        self.strings = strings
        self.store_, self.enter_, self.leave_ = recorder.store, recorder.enter, recorder.leave
        holes = bytearray(spec.frames)
        for start, end in spec.holes:
            holes[start:end] = b"\1" * (end - start)
        self.holes = bytes(holes)
        self.index = Index(spec.frames)
        recorder.bind(self)

    def row(self, table: str) -> int:
        """The lowest unused row of a table, with room made for it."""
        row = self.index.take_row(table)
        recorder = self.recorder
        if row >= recorder.cells.rows(table):
            recorder.cells.grow(table, row)
            recorder.bind(self, (table,))
        return row

    def pfn_valid(self, pfn: int) -> bool:
        """The frame has a struct page: FLATMEM, without the machine's holes."""
        return 0 <= pfn < len(self.holes) and not self.holes[pfn]

    def printk(self, kind: str, **fields: int | str) -> None:
        """Say something: one message of the operation."""
        text = json.dumps({"kind": kind, **fields}, separators=(",", ":"))
        number = self.index.messages
        self.index.messages = number + 1
        if number >= self.recorder.cells.rows("trace"):
            self.recorder.cells.grow("trace", number)
            self.recorder.bind(self, ("trace",))
        self.trace.message[number] = self.strings.number(text)


class Strings:
    """Interned strings: a cell holds the number of its string. Number 0 is the empty string."""

    def __init__(self) -> None:
        self._text = [""]
        self._number = {"": 0}

    def number(self, text: str) -> int:
        """The number of a string, a new one if it was never seen."""
        number = self._number.get(text)
        if number is None:
            number = self._number[text] = len(self._text)
            self._text.append(text)
        return number

    def find(self, text: str) -> int:
        """The number of a string, -1 if it was never seen."""
        return self._number.get(text, -1)

    def __getitem__(self, number: int) -> str:
        return self._text[number]

    def __len__(self) -> int:
        return len(self._text)
