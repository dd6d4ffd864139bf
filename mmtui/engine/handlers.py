"""What each operation of a trace asks of a kernel model, and what comes of it."""

from __future__ import annotations

import errno
from collections.abc import Callable
from typing import Any

from mmtui.engine import ops
from mmtui.engine.kernel.drivers import Drivers
from mmtui.engine.kernel.model import NO_PAGE, NULL

NONE = -1
"""An operation has no such result: no pfn, no value, no faults."""

Outcome = tuple[str, int, int, int]
"""What an operation comes to, the frame, the word and the faults of an access; NONE for what it has not."""

OK: Outcome = ("ok", NONE, NONE, NONE)


def errno_text(code: int) -> str:
    """`-EINVAL` for -22, `ok` for what is not negative."""
    return "ok" if code >= 0 else f"-{errno.errorcode[-code]}"


def ended(result: str) -> Outcome:
    """A result and nothing else."""
    return result, NONE, NONE, NONE


def returned(code: int) -> Outcome:
    """0 or -errno, and nothing else."""
    return OK if code >= 0 else ended(errno_text(code))


def _with_mm(act: Callable[[Drivers, Any, int], int]) -> Callable[[Drivers, Any, int], Outcome]:
    """An operation on a process: -ESRCH if there is none, else the errno that `act` returns."""

    def handler(kernel: Drivers, op: Any, number: int) -> Outcome:
        mm = kernel.mm_of(op.pid)
        return ended("-ESRCH") if mm == NULL else returned(act(kernel, op, mm))

    return handler


def _spawn(kernel: Drivers, op: ops.Spawn, number: int) -> Outcome:
    if op.pid in kernel.index.tasks:
        return ended("-EEXIST")
    kernel.new_task(op.pid, kernel.strings.number(op.comm if op.comm is not None else f"p{op.pid}"), NULL)
    return OK


def _fork(kernel: Drivers, op: ops.Fork, number: int) -> Outcome:
    if op.parent not in kernel.index.tasks:
        return ended("-ESRCH")
    if op.child in kernel.index.tasks:
        return ended("-EEXIST")
    kernel.copy_mm(op.parent, op.child)
    return OK


def _exit(kernel: Drivers, op: ops.Exit, number: int) -> Outcome:
    if op.pid not in kernel.index.tasks:
        return ended("-ESRCH")
    kernel.do_exit(op.pid)
    return OK


def _driver(kernel: Drivers, op: ops.Driver, number: int) -> Outcome:
    kernel.declare_driver(op)
    return OK


def _alloc(kernel: Drivers, op: ops.Alloc, number: int) -> Outcome:
    pfn = kernel.driver_alloc(op, op.order)
    if pfn == NO_PAGE:
        return ended("OOM")
    return ("ok", pfn, NONE, NONE) if pfn >= 0 else returned(pfn)


def _free(kernel: Drivers, op: ops.Free, number: int) -> Outcome:
    return returned(kernel.driver_free(op))


def _set_reserved(kernel: Drivers, op: ops.SetReserved, number: int) -> Outcome:
    return returned(kernel.set_page_reserved(op.pfn, True))


def _clear_reserved(kernel: Drivers, op: ops.ClearReserved, number: int) -> Outcome:
    return returned(kernel.set_page_reserved(op.pfn, False))


def _access(kernel: Drivers, pid: int, address: int, value: int | None) -> Outcome:
    mm = kernel.mm_of(pid)
    if mm == NULL:
        return ended("-ESRCH")
    outcome = kernel.access(mm, address, value)
    return outcome if outcome[0] == "ok" else (outcome[0], NONE, NONE, outcome[3])


def _read(kernel: Drivers, op: ops.Read, number: int) -> Outcome:
    return _access(kernel, op.pid, op.addr, None)


def _write(kernel: Drivers, op: ops.Write, number: int) -> Outcome:
    return _access(kernel, op.pid, op.addr, 1000 + number if op.value is None else op.value)


def _insert_page(kernel: Drivers, op: ops.InsertPage, number: int) -> Outcome:
    result = kernel.insert_page_op(op)
    return ended(result) if isinstance(result, str) else returned(result)


def _pin(kernel: Drivers, op: ops.Pin, number: int) -> Outcome:
    pfn = kernel.pin_op(op)
    return ("ok", pfn, NONE, NONE) if pfn >= 0 else returned(pfn)


def _unpin(kernel: Drivers, op: ops.Unpin, number: int) -> Outcome:
    return returned(kernel.unpin_op(op))


def _drop_cache(kernel: Drivers, op: ops.DropCache, number: int) -> Outcome:
    return returned(kernel.drop_cache_op(op))


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
    ops.Read: _read,
    ops.Write: _write,
    ops.InsertPage: _insert_page,
    ops.Pin: _pin,
    ops.Unpin: _unpin,
    ops.DropCache: _drop_cache,
}
"""What does each operation: with the model, the operation and its number."""
