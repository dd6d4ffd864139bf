"""`mmtui record`: run a command and write down, stop by stop, what the kernel does to its memory.

Only processes that the command starts are touched; should this process die, the kernel ends them (EXITKILL).
"""

from __future__ import annotations

import os
import platform
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NoReturn

from mmtui.live import perf, proc, ptrace
from mmtui.live.record_book import Book
from mmtui.live.record_events import EventTracer
from mmtui.live.record_file import RecordingFile
from mmtui.live.record_neutral import Neutral
from mmtui.live.record_space import Sight
from mmtui.live.record_tasks import Outcome
from mmtui.live.record_tracer import SIGNALS, Tracer

VERSION: Final = 1


class RecordError(Exception):
    """This cannot be recorded. The text is one line that says why, and what would allow it."""


@dataclass(frozen=True)
class Options:
    """What to record, and where to. `steps`: stop at every system call and fault; else the program runs freely."""

    command: Sequence[str]
    out: Path
    max_steps: int | None = None
    anonymize: bool = False
    steps: bool = True


@dataclass(frozen=True)
class Recorded:
    """A finished recording."""

    path: Path
    steps: int
    processes: int
    outcome: Outcome
    frames: bool
    faults: bool


def record(options: Options, say: Callable[[str], None], tick: Callable[[Book], None]) -> Recorded:
    """Run the command to its end and record it. `say` gets lines for the user, `tick` is called at every stop.

    Raises RecordError before anything has been started or written, or when the command cannot be run.
    """
    _check_machine()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        child = Child(options.command, before)
        try:
            faults = _faults_allowed(child.pid, say)
            return _record(options, child, faults, say, tick)
        finally:
            child.reap()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _check_machine() -> None:
    if sys.platform != "linux" or platform.machine() != "x86_64":
        raise RecordError(f"record needs Linux on x86-64, and this is {platform.system()} on {platform.machine()}")


class Child:
    """The command's process, seized and waiting to be told to exec."""

    def __init__(self, command: Sequence[str], mask: set[signal.Signals] | set[int]) -> None:
        go_read, self._go = os.pipe()
        self._error, error_write = os.pipe()
        self.pid = os.fork()
        if not self.pid:
            os.close(self._go)
            _become(command, mask, go_read, error_write)
        os.close(go_read)
        os.close(error_write)
        try:
            ptrace.seize(self.pid)
        except OSError as error:
            self.reap()
            raise RecordError(_why_not_traced(error)) from None

    def go(self) -> None:
        """Let it exec."""
        os.write(self._go, b"!")
        os.close(self._go)
        self._go = -1

    def why_not_run(self) -> str | None:
        """Why the command could not be executed; None if it was. Call when the first stop or the end is known."""
        text = os.read(self._error, 4096).decode("utf-8", "replace")
        return text or None

    def reap(self) -> None:
        """End it if it has not been told to go, and close everything."""
        if self._go >= 0:
            os.close(self._go)
            self._go = -1
            os.waitpid(self.pid, ptrace.WALL)
        if self._error >= 0:
            os.close(self._error)
            self._error = -1


def _become(command: Sequence[str], mask: set[signal.Signals] | set[int], go: int, error: int) -> NoReturn:
    """In the child: wait for the word, undo what Python changed about signals, become the command."""
    try:
        if os.read(go, 1):
            for number in (signal.SIGPIPE, signal.SIGXFSZ):
                signal.signal(number, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            os.execvp(command[0], list(command))
    except OSError as failure:
        os.write(error, (failure.strerror or "it cannot be run").encode())
    finally:
        os._exit(127)


def _why_not_traced(error: OSError) -> str:
    scope = Path("/proc/sys/kernel/yama/ptrace_scope")
    level = scope.read_text().strip() if scope.exists() else ""
    if level in ("2", "3"):
        remedy = "`sysctl kernel.yama.ptrace_scope=1` allows it" if level == "2" else "it stays so until the next boot"
        return f"this machine does not allow ptrace: kernel.yama.ptrace_scope is {level}; {remedy}"
    return (
        f"this machine does not allow ptrace ({error.strerror}): a container allows it with --cap-add=SYS_PTRACE "
        "or a seccomp profile that permits it"
    )


def _faults_allowed(tid: int, say: Callable[[str], None]) -> bool:
    try:
        perf.try_out(tid)
    except OSError as error:
        say(f"page faults are not recorded, only system calls: {perf.why_not(error)}")
        return False
    return True


def _record(
    options: Options, child: Child, faults: bool, say: Callable[[str], None], tick: Callable[[Book], None]
) -> Recorded:
    frames = proc.may_see_frames()
    if not frames:
        say("frame numbers, map counts and page flags are not recorded: only root sees them (symbolic frames instead)")
    facts = proc.kernel_facts()
    neutral = Neutral() if options.anonymize else None
    try:
        file = RecordingFile(options.out, neutral.line if neutral else None)
    except OSError as error:
        raise RecordError(f"{options.out}: {error.strerror}") from None
    file.write({"mmtui": 1, "recording": _header(options, facts, frames, faults)})
    book = Book(file, Sight(frames, facts["soft_dirty"] is True))
    tracer = (Tracer if options.steps else EventTracer)(child.pid, book, faults, options.max_steps, tick, say)
    try:
        child.go()
        outcome = tracer.run()
        why = child.why_not_run()
        if why is None:
            file.write({"summary": _summary(book, outcome)})
    finally:
        book.close()
        file.close()
    if why is not None:
        options.out.unlink()
        raise RecordError(f"{options.command[0]}: {why}")
    return Recorded(options.out, book.steps, book.processes, outcome, frames, faults)


def _header(options: Options, facts: dict[str, object], frames: bool, faults: bool) -> dict[str, Any]:
    missing = [] if frames else ["pfn", "mapcount", "page flags"]
    return {
        "version": VERSION, "cmd": list(options.command), "uid": os.getuid(), **facts,
        "mechanism": _mechanism(options, faults), "mode": "steps" if options.steps else "events",
        "pfn": frames, "missing": missing + ([] if faults else ["page faults"]),
        "addresses": True, "contents": False, "anonymized": False, "date": int(time.time()),
    }  # fmt: skip


def _mechanism(options: Options, faults: bool) -> str:
    if not faults:
        return "ptrace+pagemap"
    return "ptrace+perf-sigtrap+pagemap" if options.steps else "ptrace+perf-ring+pagemap"


def _summary(book: Book, outcome: Outcome) -> dict[str, Any]:
    return {
        "stops": book.steps, "processes": book.processes, "ended": outcome.ended, "status": outcome.status,
        "inexact": outcome.inexact, "lost": outcome.lost, "notes": outcome.notes,
    }  # fmt: skip
