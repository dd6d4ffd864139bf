"""A stop of a recording as an operation: its name, what it is about, how it ended."""

from __future__ import annotations

import errno
from typing import Final

import msgspec

from mmtui.engine.ops import Op
from mmtui.live.recording import Stop
from mmtui.live.syscalls import ARGUMENTS, RETURNS_ADDRESS

LARGEST_ERRNO: Final = 4095


class RecordedStop(Op, tag="stop", frozen=True):
    """One stop. `details` is what it is about, in words; `args` the numbers behind them."""

    word: str
    pid: int
    tid: int = 0
    args: dict[str, int] = msgspec.field(default_factory=dict)
    details: str = ""

    @property
    def name(self) -> str:
        """What happened: `mmap`, `fault`, `fork` ..."""
        return self.word

    @property
    def child(self) -> int | None:
        """The process, or the thread, that a fork, vfork or clone made."""
        return self.args.get("child") if self.word in ("fork", "vfork", "clone") else None

    @property
    def parent(self) -> int | None:
        """The process that made it."""
        return None if self.child is None else self.pid


def operation(stop: Stop, comm: str) -> RecordedStop:
    """The operation that a stop is; `comm`: the name of its process at that moment."""
    who = f"pid {stop.pid} {comm}".rstrip()
    if stop.tid is not None:
        who += f" thread {stop.tid}"
    what = _what(stop)
    return RecordedStop(
        word=stop.name, pid=stop.pid, tid=stop.tid or stop.pid, args=stop.arguments,
        details=f"{who}  {what}" if what else who,
    )  # fmt: skip


def _what(stop: Stop) -> str:
    event = stop.ev
    if event.k == "fault":
        return f"{event.addr:x}"
    if event.k in ("fork", "vfork", "clone"):
        return f"thread {event.child}" if event.tgid == stop.pid else f"-> pid {event.tgid}"
    if event.k == "exit":
        return _call(stop)
    if event.k == "signal":
        return f"signal {event.sig}"
    if event.k == "free":
        return f"pfn {event.args[0]:x}" if event.args else ""
    if event.k == "lost":
        return f"{event.count} {event.name or 'faults'} were lost here"
    return f"status {event.code}" if event.k in ("exiting", "gone") else ""


def _call(stop: Stop) -> str:
    if stop.ev.name not in ARGUMENTS:
        return ""
    shown = []
    for name, value in stop.arguments.items():
        if name != "ret":
            shown.append(f"{name} {value:x}" if name.endswith("addr") else f"{name} {_signed(value)}")
    return " ".join(shown)


def _signed(value: int) -> int:
    """An argument as the C declaration has it: fd -1 comes as a 32-bit or a 64-bit number."""
    for bits in (32, 64):
        if (1 << bits) - LARGEST_ERRNO <= value < 1 << bits:
            return value - (1 << bits)
    return value


def result(stop: Stop) -> str:
    """How it ended: `ok`, `-ENOMEM`, an address, a number; for a fault the empty string (the replay knows)."""
    event = stop.ev
    if event.k != "exit" or event.ret is None or event.ret == 0:
        return "ok"
    if -LARGEST_ERRNO <= event.ret < 0:
        return f"-{errno.errorcode.get(-event.ret, -event.ret)}"
    return f"{event.ret:x}" if event.name in RETURNS_ADDRESS else str(event.ret)


def refused(stop: Stop) -> bool:
    """Did the kernel refuse a change of memory?"""
    event = stop.ev
    return event.k == "exit" and event.name in ARGUMENTS and event.ret is not None and -LARGEST_ERRNO <= event.ret < 0
