"""What the tracer knows of a task, and how a recording ended."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from mmtui.live import ptrace


@dataclass(slots=True)
class Task:
    """A traced thread. `ready`: it is stopped and may be resumed; else it runs, or sleeps in the kernel."""

    tid: int
    tgid: int
    ready: bool = False
    signal: int = 0
    call: ptrace.SyscallInfo | None = None
    armed: bool = False
    event: int = -1
    stat: int = -1
    faults: int = 0

    def close(self) -> None:
        """Close its descriptors; the fault event goes with the first."""
        for fd in (self.event, self.stat):
            if fd >= 0:
                os.close(fd)
        self.event = self.stat = -1


@dataclass(slots=True)
class Outcome:
    """How a recording ended. `status`: as os.waitstatus_to_exitcode, of the command itself."""

    ended: str = "the program ended"
    status: int = 0
    inexact: int = 0
    lost: int = 0
    notes: list[str] = field(default_factory=list)
