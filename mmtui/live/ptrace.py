"""ptrace(2) through ctypes: seize a task, let it run to its next stop, ask why it stopped.

Every function raises OSError with the kernel's errno. Nothing here keeps state.
"""

from __future__ import annotations

import ctypes
import os
import struct
from typing import Final, NamedTuple

PTRACE_CONT: Final = 7
PTRACE_SYSCALL: Final = 24
PTRACE_GETEVENTMSG: Final = 0x4201
PTRACE_GETSIGINFO: Final = 0x4202
PTRACE_SEIZE: Final = 0x4206
PTRACE_LISTEN: Final = 0x4208
PTRACE_GET_SYSCALL_INFO: Final = 0x420E

O_TRACESYSGOOD: Final = 1 << 0
O_TRACEFORK: Final = 1 << 1
O_TRACEVFORK: Final = 1 << 2
O_TRACECLONE: Final = 1 << 3
O_TRACEEXEC: Final = 1 << 4
O_TRACEEXIT: Final = 1 << 6
O_EXITKILL: Final = 1 << 20
OPTIONS: Final = (
    O_TRACESYSGOOD | O_TRACEFORK | O_TRACEVFORK | O_TRACECLONE | O_TRACEEXEC | O_TRACEEXIT | O_EXITKILL
)  # fmt: skip

EVENT_FORK: Final = 1
EVENT_VFORK: Final = 2
EVENT_CLONE: Final = 3
EVENT_EXEC: Final = 4
EVENT_EXIT: Final = 6
EVENT_STOP: Final = 128
SYSCALL_STOP: Final = 0x80 | 5  # SIGTRAP with the bit that TRACESYSGOOD sets

WALL: Final = 0x40000000  # __WALL: threads as well as processes
TRAP_PERF: Final = 6
SYSCALL_ENTRY: Final = 1
SYSCALL_EXIT: Final = 2

_KCMP: Final = 312
_KCMP_VM: Final = 1


class SyscallInfo(NamedTuple):
    """Where a stopped task is. `op`: SYSCALL_ENTRY (nr, args), SYSCALL_EXIT (ret), or 0 for any other stop."""

    op: int
    arch: int
    ip: int
    nr: int
    args: tuple[int, ...]
    ret: int


class SigInfo(NamedTuple):
    """The signal a task stopped for. `address` is si_addr of a fault, the sender's pid for a signal of a process."""

    number: int
    code: int
    address: int


_libc = ctypes.CDLL(None, use_errno=True)
_libc.ptrace.restype = ctypes.c_long
_libc.ptrace.argtypes = (ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p)
_libc.syscall.restype = ctypes.c_long
_libc.syscall.argtypes = (ctypes.c_long,) * 6


def _ptrace(request: int, tid: int, addr: int = 0, data: int | None = 0) -> int:
    ctypes.set_errno(0)
    result = int(_libc.ptrace(request, tid, addr, data))
    if result < 0 and ctypes.get_errno():
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def seize(tid: int) -> None:
    """Become the tracer of a task without stopping it; should we die, the kernel kills it (EXITKILL)."""
    _ptrace(PTRACE_SEIZE, tid, 0, OPTIONS)


def resume(tid: int, signal: int, syscalls: bool) -> None:
    """Let a stopped task run, with `signal` (0: none) delivered; with `syscalls` it stops at the next one."""
    _ptrace(PTRACE_SYSCALL if syscalls else PTRACE_CONT, tid, 0, signal)


def listen(tid: int) -> None:
    """Leave a task in its group-stop (SIGSTOP, ctrl-z) and hear of its end."""
    _ptrace(PTRACE_LISTEN, tid)


def event_message(tid: int) -> int:
    """What belongs to the event: the child's tid (fork, vfork, clone), the former tid (exec), the status (exit)."""
    value = ctypes.c_ulong()
    _ptrace(PTRACE_GETEVENTMSG, tid, 0, ctypes.addressof(value))
    return value.value


def signal_info(tid: int) -> SigInfo:
    """The siginfo of a signal-delivery stop (64-bit layout)."""
    raw = ctypes.create_string_buffer(128)
    _ptrace(PTRACE_GETSIGINFO, tid, 0, ctypes.addressof(raw))
    number, _, code = struct.unpack_from("iii", raw, 0)
    address = struct.unpack_from("Q", raw, 16)[0]
    sent_by_process = number == 17 or code <= 0  # SIGCHLD and kill(): a pid stands where a fault has its address
    return SigInfo(number, code, address & 0xFFFFFFFF if sent_by_process else address)


def syscall_info(tid: int) -> SyscallInfo:
    """PTRACE_GET_SYSCALL_INFO (Linux 5.3): portable over architectures, and the ip at any stop."""
    raw = ctypes.create_string_buffer(88)
    _ptrace(PTRACE_GET_SYSCALL_INFO, tid, ctypes.sizeof(raw), ctypes.addressof(raw))
    op, arch, ip = struct.unpack_from("<BxxxIQ", raw, 0)
    if op == SYSCALL_ENTRY:
        nr, *args = struct.unpack_from("<7Q", raw, 24)
        return SyscallInfo(op, arch, ip, nr, tuple(args), 0)
    ret = struct.unpack_from("<q", raw, 24)[0] if op == SYSCALL_EXIT else 0
    return SyscallInfo(op, arch, ip, -1, (), ret)


def same_memory(tid: int, other: int) -> bool | None:
    """Do two tasks share one mm? None if this kernel cannot tell (no kcmp)."""
    result = int(_libc.syscall(_KCMP, tid, other, _KCMP_VM, 0, 0))
    return None if result < 0 else result == 0
