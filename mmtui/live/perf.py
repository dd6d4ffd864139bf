"""The software event that stops a task after each of its page faults (perf_event_open(2), sigtrap, Linux 5.13)."""

from __future__ import annotations

import ctypes
import errno
import os
import struct
from pathlib import Path
from typing import Final

_SYS_PERF_EVENT_OPEN: Final = 298  # x86-64
_FD_CLOEXEC: Final = 8

TYPE_SOFTWARE: Final = 1
SW_PAGE_FAULTS: Final = 2
SAMPLE_ADDR: Final = 1 << 3

DISABLED: Final = 1
EXCLUDE_KERNEL: Final = 1 << 5
EXCLUDE_HV: Final = 1 << 6
REMOVE_ON_EXEC: Final = 1 << 36
SIGTRAP: Final = 1 << 37

ATTR_SIZE: Final = 128  # PERF_ATTR_SIZE_VER7, the first with sig_data

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long
_libc.syscall.argtypes = (ctypes.c_long, ctypes.c_void_p, *(ctypes.c_long,) * 4)


def attribute(kind: int, config: int, sample_type: int, flags: int) -> bytes:
    """A struct perf_event_attr for one event with a period of 1."""
    head = struct.pack("<IIQQQQQ", kind, ATTR_SIZE, config, 1, sample_type, 0, flags)
    return head.ljust(ATTR_SIZE, b"\0")


def open_event(attr: bytes, tid: int, cpu: int = -1) -> int:
    """perf_event_open for one task; a file descriptor. Raises OSError."""
    raw = ctypes.create_string_buffer(attr, len(attr))
    fd = int(_libc.syscall(_SYS_PERF_EVENT_OPEN, ctypes.addressof(raw), tid, cpu, -1, _FD_CLOEXEC))
    if fd < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return fd


def try_out(tid: int) -> None:
    """Ask whether `stop_at_faults` would work, without stopping anything. Raises OSError if not."""
    os.close(_fault_event(tid, DISABLED))


def stop_at_faults(tid: int) -> int:
    """From here on the task gets a SIGTRAP (code TRAP_PERF, si_addr: the address) after each of its page faults.

    Closing the descriptor ends it, and so does the task's next exec. Raises OSError.
    """
    return _fault_event(tid, 0)


def _fault_event(tid: int, more: int) -> int:
    flags = EXCLUDE_KERNEL | EXCLUDE_HV | REMOVE_ON_EXEC | SIGTRAP | more
    return open_event(attribute(TYPE_SOFTWARE, SW_PAGE_FAULTS, SAMPLE_ADDR, flags), tid)


def why_not(error: OSError) -> str:
    """One sentence: why faults cannot be stopped at on this machine, and what would allow it."""
    if error.errno in (errno.EACCES, errno.EPERM):
        level = paranoid()
        if level is not None and level > 2:
            return f"kernel.perf_event_paranoid is {level}: `sysctl kernel.perf_event_paranoid=2` allows it, or root"
        return "perf_event_open is not permitted here (a container's seccomp filter?): CAP_PERFMON or root allows it"
    if error.errno == errno.ENOSYS:
        return "this kernel was built without perf events (CONFIG_PERF_EVENTS)"
    if error.errno in (errno.EINVAL, errno.E2BIG):
        return "this kernel has no sigtrap events: Linux 5.13 or later has them"
    return f"perf_event_open: {error.strerror}"


def paranoid() -> int | None:
    """kernel.perf_event_paranoid, None where there is none."""
    try:
        return int(Path("/proc/sys/kernel/perf_event_paranoid").read_text())
    except (OSError, ValueError):
        return None
