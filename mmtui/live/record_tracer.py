"""The tracer: runs the tasks of a program one at a time, from stop to stop."""

from __future__ import annotations

import os
import signal
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from mmtui.live import perf, proc, ptrace, syscalls
from mmtui.live.record_book import Book
from mmtui.live.record_tasks import Outcome, Task

QUANTUM: Final = 200  # stops in a row for one task while another could run
SETTLE: Final = 0.001  # asleep in a system call for so long: somebody else's turn
PATIENCE: Final = 0.2  # neither stopping nor sleeping for so long: it keeps running beside the others
WAIT: Final = 0.25
GRACE: Final = 5.0
GROUP_STOPS: Final = {signal.SIGSTOP, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU}
INTERRUPTS: Final = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
SIGNALS: Final = INTERRUPTS | {signal.SIGCHLD}
FORKS: Final = {ptrace.EVENT_FORK: "fork", ptrace.EVENT_VFORK: "vfork", ptrace.EVENT_CLONE: "clone"}


class Tracer:
    """Drives the program that `root` is, which waits before its exec and is already seized."""

    def __init__(
        self,
        root: int,
        book: Book,
        faults: bool,
        max_steps: int | None,
        tick: Callable[[Book], None],
        say: Callable[[str], None],
    ) -> None:
        self.outcome = Outcome()
        self._root = root
        self._book = book
        self._faults = faults
        self._max_steps = max_steps
        self._tick = tick
        self._say = say
        self._tasks: dict[int, Task] = {root: Task(root, root)}
        self._early: set[int] = set()  # stopped before its parent told of it
        self._queue: deque[tuple[int, int]] = deque()
        self._running = 0
        self._turns = 0
        self._interrupt: signal.struct_siginfo | None = None
        self._started = False
        self._syscalls = True

    def run(self) -> Outcome:
        """Record until every task is gone, the limit is reached or somebody interrupts; then let the rest run out."""
        while self._tasks and self._interrupt is None and not self._at_limit() and not self._book.failed:
            self._turn()
        if self._tasks:
            self._let_go()
        return self.outcome

    def _turn(self) -> None:
        """Handle one stop, or let one task run to its next."""
        self._collect(0)
        if self._queue:
            self._handle(*self._queue.popleft())
            self._tick(self._book)
        elif task := self._choose():
            self._resume(task)
            self._await(task)
        else:
            self._collect(WAIT)

    def _at_limit(self) -> bool:
        return self._max_steps is not None and self._book.steps >= self._max_steps

    # -- running one task at a time ------------------------------------------------------------------------------

    def _collect(self, timeout: float) -> None:
        """Fetch every stop that has happened; sleep up to `timeout` seconds if there is none."""
        before = len(self._queue)
        while True:
            try:
                while (found := os.waitpid(-1, os.WNOHANG | ptrace.WALL))[0]:
                    self._queue.append(found)
            except ChildProcessError:
                if not self._queue:
                    self._tasks.clear()
                return
            got = signal.sigtimedwait(SIGNALS, 0 if len(self._queue) > before else timeout)
            if got is None:
                self._book.idle()
                self._tick(self._book)
                return
            if got.si_signo in INTERRUPTS:
                self._interrupt = got
                return
            timeout = 0

    def _choose(self) -> Task | None:
        ready = [task for task in self._tasks.values() if task.ready]
        if not ready:
            return None
        current = next((task for task in ready if task.tid == self._running), None)
        if current is not None and (len(ready) == 1 or self._turns < QUANTUM):
            self._turns += 1
            return current
        self._turns = 0
        later = [task for task in ready if task.tid > self._running]
        return (later or ready)[0]

    def _resume(self, task: Task) -> None:
        self._running, task.ready = task.tid, False
        number, task.signal = task.signal, 0
        with suppress(ProcessLookupError):  # killed while it was stopped: waitpid tells of it
            ptrace.resume(task.tid, number, syscalls=self._started and self._syscalls)

    def _await(self, task: Task) -> None:
        """Wait until the task stops, or sleeps while others could run, or has kept us waiting for too long."""
        began = time.monotonic()
        pause = 0.0
        while self._interrupt is None:
            self._collect(pause)
            if any(tid == task.tid for tid, _ in self._queue) or task.tid not in self._tasks:
                return
            waited = time.monotonic() - began
            alone = not self._queue and not any(other.ready for other in self._tasks.values())
            if not alone and waited > SETTLE and self._asleep(task):
                return
            if not alone and waited > PATIENCE:
                self.outcome.inexact += 1
                return
            pause = WAIT if alone and waited > SETTLE else SETTLE

    def _asleep(self, task: Task) -> bool:
        return task.call is not None and self._stat(task)[0] in "SDT"

    def _stat(self, task: Task) -> tuple[str, int]:
        """The task's state and its own fault counters; ("X", unchanged) when it is gone."""
        try:
            if task.stat < 0:
                task.stat = os.open(f"/proc/{task.tgid}/task/{task.tid}/stat", os.O_RDONLY | os.O_CLOEXEC)
            return proc.state_and_faults(os.pread(task.stat, 4096, 0))
        except (OSError, ValueError):
            return "X", task.faults

    # -- what a stop means ---------------------------------------------------------------------------------------

    def _handle(self, tid: int, status: int) -> None:
        task = self._tasks.get(tid)
        if os.WIFEXITED(status) or os.WIFSIGNALED(status):
            self._gone(tid, status)
        elif task is None:
            self._early.add(tid)
        else:
            task.ready = True
            try:
                self._stopped(task, os.WSTOPSIG(status), status >> 16)
            except (ProcessLookupError, FileNotFoundError):
                task.ready = False  # killed in the meantime: its end is still to come

    def _stopped(self, task: Task, number: int, event: int) -> None:
        if event == ptrace.EVENT_EXEC:
            self._exec(task)
        elif not self._started:
            task.signal = 0 if event else number
        elif event in FORKS:
            self._fork(task, FORKS[event])
        elif event == ptrace.EVENT_EXIT:
            code = ptrace.event_message(task.tid)
            self._plain(task, {"k": "exiting", "code": os.waitstatus_to_exitcode(code)})
        elif event == ptrace.EVENT_STOP:
            self._event_stop(task, number)
        elif number == ptrace.SYSCALL_STOP:
            self._syscall(task)
        else:
            self._signal(task, number)

    def _event_stop(self, task: Task, number: int) -> None:
        if number in GROUP_STOPS:
            task.ready = False
            ptrace.listen(task.tid)
        elif not task.armed:
            self._arm(task)

    def _arm(self, task: Task) -> None:
        """Ask for a stop after every fault of this task from here on."""
        task.close()
        task.armed = True
        task.faults = self._stat(task)[1]
        if self._faults:
            try:
                task.event = perf.stop_at_faults(task.tid)
            except OSError as error:
                self.outcome.notes.append(f"faults of task {task.tid} were not recorded: {perf.why_not(error)}")

    def _exec(self, task: Task) -> None:
        former = ptrace.event_message(task.tid)
        for other in [t for t in self._tasks.values() if t.tgid == task.tgid and t.tid != task.tid]:
            if other.tid == former or not other.ready:
                self._tasks.pop(other.tid).close()
        task.call = None
        if self._started:
            self._book.exec(task.tgid)
        else:
            self._started = True
            self._book.start(task.tgid)
        self._arm(task)

    def _fork(self, task: Task, kind: str) -> None:
        child = ptrace.event_message(task.tid)
        self._await_first_stop(child)
        tgid = proc.thread_group(child)
        new = self._tasks[child] = Task(child, tgid)
        self._book.fork(task.tgid, task.tid, kind, child, tgid)
        if child in self._early:
            self._early.discard(child)
            new.ready = True
            self._arm(new)

    def _await_first_stop(self, child: int) -> None:
        """On its way to its first stop the kernel writes the child's tid into the child's memory: let that be over."""
        deadline = time.monotonic() + PATIENCE
        while child not in self._early and time.monotonic() < deadline:
            for stop in [stop for stop in self._queue if stop[0] == child and os.WIFSTOPPED(stop[1])]:
                self._queue.remove(stop)
                self._early.add(child)
            if child not in self._early:
                self._collect(SETTLE)

    def _syscall(self, task: Task) -> None:
        info = ptrace.syscall_info(task.tid)
        if info.op == ptrace.SYSCALL_ENTRY:
            task.call = info
            return
        call, task.call = task.call, None
        if call is None:
            return  # the way out of execve: the exec event has told it
        name = syscalls.name_of(call.nr, call.arch)
        event = {"k": "exit", "nr": call.nr, "name": name, "args": list(call.args), "ret": info.ret}
        areas = name in syscalls.CHANGES_MEMORY
        self._plain(task, event, areas, name in syscalls.CHANGES_ONLY_FLAGS, name in syscalls.CHANGES_OTHERS)

    def _plain(
        self, task: Task, event: dict[str, Any], areas: bool = False, flags: bool = False, everyone: bool = False
    ) -> None:
        faults = self._stat(task)[1]
        entries, task.faults = faults != task.faults, faults
        self._book.other(task.tgid, task.tid, event, areas, flags, entries, everyone)

    def _signal(self, task: Task, number: int) -> None:
        info = ptrace.signal_info(task.tid)
        if number == signal.SIGTRAP and info.code == ptrace.TRAP_PERF:
            ip = ptrace.syscall_info(task.tid).ip
            faults = self._stat(task)[1]
            more, task.faults = faults - task.faults > 1, faults
            self._book.fault(task.tgid, task.tid, {"k": "fault", "addr": info.address, "ip": ip}, more)
            return
        task.signal = number
        self._plain(task, {"k": "signal", "sig": number, "code": info.code, "addr": info.address})

    def _gone(self, tid: int, status: int) -> None:
        code = os.waitstatus_to_exitcode(status)
        if tid == self._root:
            self.outcome.status = code
        self._early.discard(tid)
        task = self._tasks.pop(tid, None)
        if task is None:
            return
        task.close()
        if task.tid == task.tgid and task.tgid in self._book.spaces:
            for thread in [t for t in self._tasks.values() if t.tgid == task.tgid]:
                self._tasks.pop(thread.tid).close()
            self._book.gone(task.tgid, {"k": "gone", "code": code})

    # -- after the recording -------------------------------------------------------------------------------------

    def _let_go(self) -> None:
        """No more stops: the program runs on by itself, held only so that it cannot outlive us."""
        got, self._interrupt = self._interrupt, None
        if self._book.failed:
            self.outcome.ended = f"writing failed: {self._book.failed}"
        else:
            self.outcome.ended = "interrupted" if got else "the limit of --max-steps"
        deadline = time.monotonic() + GRACE if got else None
        if got:
            self._say(f"the recording ends here; the program has {GRACE:.0f} s to end, another ctrl-c ends it at once")
        for task in self._tasks.values():
            task.close()
            if task.ready:
                self._free(task.tid, task.signal)
        for tid in self._early:
            self._free(tid, 0)
        if got and got.si_code <= 0:  # kill(1), not a key: the program has not had it
            self._kill_all(got.si_signo)
        while self._tasks:
            self._collect(WAIT)
            while self._queue:
                self._run_out(*self._queue.popleft())
            if self._interrupt is not None or (deadline is not None and time.monotonic() > deadline):
                self._interrupt = deadline = None
                self._kill_all(signal.SIGKILL)

    def _run_out(self, tid: int, status: int) -> None:
        if os.WIFEXITED(status) or os.WIFSIGNALED(status):
            if tid == self._root:
                self.outcome.status = os.waitstatus_to_exitcode(status)
            self._tasks.pop(tid, None)
            return
        number, event = os.WSTOPSIG(status), status >> 16
        self._tasks.setdefault(tid, Task(tid, tid))
        plain = not event and number != ptrace.SYSCALL_STOP
        try:
            if event == ptrace.EVENT_STOP and number in GROUP_STOPS:
                ptrace.listen(tid)
                return
            if plain and number == signal.SIGTRAP and ptrace.signal_info(tid).code == ptrace.TRAP_PERF:
                plain = False
        except OSError:
            return
        self._free(tid, number if plain else 0)

    @staticmethod
    def _free(tid: int, number: int) -> None:
        with suppress(ProcessLookupError):  # killed: waitpid tells of it
            ptrace.resume(tid, number, syscalls=False)

    def _kill_all(self, number: int) -> None:
        for tgid in {task.tgid for task in self._tasks.values()}:
            with suppress(ProcessLookupError):
                os.kill(tgid, number)
