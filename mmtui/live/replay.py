"""A recording as a log: every stop an operation, every difference a transition.

A Replay is a `mmtui.engine.story.Story`: a Timeline does not ask where its log is from.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from mmtui.engine.events import Event, Events, gather
from mmtui.engine.kpf import KPF_ZERO_PAGE
from mmtui.engine.log import Ints
from mmtui.engine.pgtable import PAGE_SHIFT, PTE_PRESENT, PTE_SPECIAL, pte_pfn
from mmtui.engine.run import OP_FUNCTION
from mmtui.engine.schema import COLUMNS
from mmtui.live.frames import ZERO_PAGE_ROW, Frames
from mmtui.live.memory import Memory, Space
from mmtui.live.recording import PAGE, Entry, Recording, Stop
from mmtui.live.stops import RecordedStop, operation, refused, result
from mmtui.live.store import Store

RUNNING: Final = 1
EXITING: Final = 2
COMM_LENGTH: Final = 15
FORKS: Final = ("fork", "vfork", "clone")


class Replay:
    """Fills cells and log from a recording, stop by stop, when it is made."""

    def __init__(self, recording: Recording) -> None:
        self.recording = recording
        self.kernel_name = recording.release or "recorded"
        self._store = store = Store(len(recording.stops))
        self.log, self.strings = store.log, store.strings
        self.operations: list[RecordedStop] = []
        self.op_calls: list[int] = []
        self.over = False
        self._told: list[Event] = []
        self._frames = _numbered(recording)
        self._memory = Memory(store, self._frames, recording.frames_known)
        self._spaces: dict[int, Space] = {}
        self._key_of: dict[int, int] = {}
        self._tasks: dict[int, int] = {}
        self._comm: dict[int, str] = {}
        store.room("page", len(self._frames.pfns) - 1)
        for stop in recording.stops:
            self._operation(stop)
            store.log.check(store.recorder.here()[0])
        self.boot = store.finish(self._frames.pfns)
        self._events = gather([], self._told)

    # -- what a timeline asks (mmtui.engine.story.Story) ---------------------------------------------------------

    def advance(self, seconds: float) -> bool:
        """The whole log is there from the beginning: there is never more to come."""
        return False

    @property
    def frames(self) -> int:
        """Rows of `page`: the frames that were seen, after row 0 (none) and row 1 (the zero page)."""
        return len(self._frames.pfns)

    @property
    def holes(self) -> Ints:
        """Row 0, and row 1 where the zero page was never seen."""
        unseen = [row for row in (0, ZERO_PAGE_ROW) if not self._frames.seen(row)]
        return np.array(unseen, np.int64)

    @property
    def boot_held(self) -> Ints:
        """A recording does not see references."""
        return np.zeros(self.frames, np.int64)

    def rows(self) -> list[int]:
        """Room of each column, by id."""
        return [len(self._store.cells.columns[info.name]) for info in COLUMNS]

    def operation(self, number: int) -> RecordedStop:
        """A stop, as an operation."""
        return self.operations[number]

    def extra(self, number: int) -> dict[str, int]:
        """The numbers of a stop: a fault's address, a system call's arguments and result."""
        op = self.operations[number]
        return {"pid": op.pid, **({"tid": op.tid} if op.tid != op.pid else {}), **op.args}

    def events(self) -> Events:
        """All events, by transition."""
        return self._events

    def function(self, number: int) -> None:
        """A recording has no calls but its stops. IndexError: this is not one."""
        if number != OP_FUNCTION:
            raise IndexError(number)

    def function_number(self, name: str) -> None:
        """There are no kernel functions in a recording."""

    def site(self, number: int) -> tuple[str, str, int]:
        """Where a change was made: in the recorded kernel, which does not say where."""
        return ("trace", "", 0) if number == 0 else ("recorded", "", 0)

    def source(self, function: str, kernel: str | None = None) -> None:
        """There is no text to show."""

    def result(self, number: int) -> str:
        """How a stop ended."""
        return self.strings[self._store.get("trace.result", number)]

    def messages(self, number: int) -> list[dict[str, Any]]:
        """What the kernel said: a recording does not hear it."""
        return []

    # -- one stop ------------------------------------------------------------------------------------------------

    def _operation(self, stop: Stop) -> None:
        store, number = self._store, len(self.operations)
        recorder = store.recorder
        self.op_calls.append(recorder.here()[2])
        parent = recorder.enter(OP_FUNCTION, number, 0)
        store.set("trace.op", 0, number, site=0)
        outcome = self._apply(stop) or result(stop)
        if refused(stop):
            self._note("refused", {"pid": stop.pid}, outcome)
        for finding in stop.found:
            self._note(finding.kind, {"pfn": self._frames.row(finding.pfn)}, finding.why, finding.text)
        store.set("trace.result", number, self.strings.number(outcome), site=0)
        recorder.leave(parent)
        self.operations.append(operation(stop, self._comm.get(stop.pid, "")))

    def _note(self, kind: str, subject: dict[str, int | str], why: str = "", text: str = "") -> None:
        """The last transition shows this."""
        at = self._store.recorder.here()[0] - 1
        self._told.append(Event(kind, at, len(self.operations), subject, why, text or why))

    def _apply(self, stop: Stop) -> str:
        """Write what the stop changed; for a fault, what came of it."""
        parents = self._processes(stop)
        fault = stop.ev.k == "fault"
        if fault:
            self._note("fault", {"pid": stop.pid, "address": stop.ev.addr})
        before = self._faulted(stop) if fault else 0
        for key, areas in sorted(stop.vma.items()):
            self._memory.change_areas(self._space(key), areas.mapped, areas.unmapped)
        origins = self._origins(stop, parents)
        for key, addresses in sorted(stop.unpte.items()):
            for address in sorted(int(text, 16) for text in addresses):
                self._memory.clear_entry(self._space(key), address)
        self._end_before_frames(stop)
        self._change_frames(stop)
        for key, entries in sorted(stop.pte.items()):
            self._change_entries(stop, key, entries, origins.get(key, {}))
        for key in sorted({*stop.pte, *stop.unpte}):
            if key in self._spaces:
                self._memory.change_totals(self._spaces[key])
        return self._outcome(stop, before, self._faulted(stop)) if fault else ""

    def _space(self, key: int) -> Space:
        if key not in self._spaces:
            self._spaces[key] = self._memory.new_space()
        return self._spaces[key]

    # -- processes -----------------------------------------------------------------------------------------------

    def _processes(self, stop: Stop) -> dict[int, int]:
        """Begin, rename and end tasks; returns for each new address space the one that it is a copy of."""
        event, copies = stop.ev, {}
        comm = self._comm_of(stop)
        if event.k in FORKS and event.tgid != stop.pid:
            self._begin(event.tgid, event.comm or self._comm.get(stop.pid, ""), stop.mm, stop.pid)
            if event.tgid not in stop.mm:
                copies[event.tgid] = self._key_of.get(stop.pid, stop.pid)
        elif stop.pid not in self._tasks:
            self._begin(stop.pid, comm, stop.mm, 0)
        elif comm:
            self._name(stop.pid, comm)
        for tgid, key in sorted(stop.mm.items()):
            if self._key_of.get(tgid) != key:
                self._key_of[tgid] = key
                if tgid in self._tasks:
                    self._store.set("task.mm", self._tasks[tgid], self._space(key).mm)
        if event.k == "exiting" and stop.tid in (None, stop.pid):
            self._store.set("task.state", self._tasks[stop.pid], EXITING)
        if event.k == "gone":
            task = self._tasks.pop(stop.pid)
            self._store.set("task.state", task, 0)
            self._store.give("task", task)
        return copies

    def _comm_of(self, stop: Stop) -> str:
        """The name that a process has from here on; an old recording tells only which file it runs."""
        if stop.ev.comm or stop.ev.k not in ("start", "exec"):
            return stop.ev.comm
        areas = stop.vma[stop.pid].mapped if stop.pid in stop.vma else ()
        files = [area.path for area in sorted(areas, key=lambda area: area.start) if area.path.startswith("/")]
        return files[0].rpartition("/")[2][:COMM_LENGTH] if files else ""

    def _begin(self, tgid: int, comm: str, shared: dict[int, int], parent: int) -> None:
        store = self._store
        task = self._tasks[tgid] = store.take("task")
        key = self._key_of[tgid] = shared.get(tgid, tgid)
        store.set("task.pid", task, tgid)
        self._name(tgid, comm)
        store.set("task.mm", task, self._space(key).mm)
        store.set("task.parent", task, self._tasks.get(parent, 0))
        store.set("task.state", task, RUNNING)

    def _name(self, tgid: int, comm: str) -> None:
        self._comm[tgid] = comm
        self._store.set("task.name", self._tasks[tgid], self.strings.number(comm))

    def _end_before_frames(self, stop: Stop) -> None:
        """The last user of an address space took it along."""
        if stop.end is not None and stop.end in self._spaces:
            self._memory.drop(self._spaces.pop(stop.end))

    # -- entries and frames --------------------------------------------------------------------------------------

    def _origins(self, stop: Stop, copies: dict[int, int]) -> dict[int, dict[int, int]]:
        """For symbolic frames: which entry each new one comes from (fork copies, mremap moves, others stay)."""
        if self.recording.frames_known:
            return {}
        moved = stop.arguments if stop.name == "mremap" and (stop.ev.ret or 0) > 0 else {}
        found: dict[int, dict[int, int]] = {}
        for key, entries in stop.pte.items():
            source = self._space(copies.get(key, key))
            shift = moved["addr"] - moved["ret"] if moved else 0
            found[key] = {}
            for text in entries:
                address = int(text, 16)
                here = self._memory.entry(source, address)
                found[key][address] = here or self._memory.entry(source, address + shift)
        return found

    def _change_frames(self, stop: Stop) -> None:
        for pfn, (mapcount, flags) in sorted(stop.fr.items()):
            row = self._frames.row(pfn)
            if change := self._memory.change_frame(row, mapcount, int(flags, 16)):
                self._note("free" if change > 0 else "alloc", {"pfn": row})

    def _change_entries(self, stop: Stop, key: int, entries: dict[str, Entry], origins: dict[int, int]) -> None:
        space = self._space(key)
        at = stop.ev.addr // PAGE * PAGE if stop.ev.k == "fault" else -1
        for address, entry in sorted((int(text, 16), entry) for text, entry in entries.items()):
            before = self._memory.entry(space, address)
            row = self._memory.frame_of(space, address, entry, origins.get(address, before), address == at)
            self._memory.set_entry(space, address, entry, row)
            if before & PTE_PRESENT and row and pte_pfn(before) != row and "f" not in entry.letters:
                self._note("cow", {"pid": stop.pid, "address": address, "pfn": row, "old": pte_pfn(before)})

    def _faulted(self, stop: Stop) -> int:
        """The entry of the address that faulted."""
        space = self._space(self._key_of.get(stop.pid, stop.pid))
        return self._memory.entry(space, stop.ev.addr // PAGE * PAGE)

    def _outcome(self, stop: Stop, before: int, after: int) -> str:
        """What a fault came to. `not seen`: its entry was read later, with others; `not visible`: pagemap hides it."""
        if stop.ev.late and before == after:
            return "not seen"
        if not after & PTE_PRESENT:
            return "not visible"
        if pte_pfn(after) == ZERO_PAGE_ROW and after & PTE_SPECIAL:
            return "zero page"
        if before & PTE_PRESENT:
            return "copied" if pte_pfn(after) != pte_pfn(before) else "reused"
        mapping = self._store.get("page.mapping", after >> PAGE_SHIFT)
        return "new page" if mapping & 1 else "page of a file"


def _numbered(recording: Recording) -> Frames:
    """Rows for every frame whose number the recording tells, in the order of the numbers."""
    frames = Frames()
    seen: set[int] = set()
    zero = 0
    for stop in recording.stops:
        seen.update(stop.fr)
        seen.update(finding.pfn for finding in stop.found)
        for entries in stop.pte.values():
            seen.update(entry.pfn for entry in entries.values() if entry.pfn and "p" in entry.letters)
        for pfn, (_, flags) in stop.fr.items():
            zero = pfn if int(flags, 16) & KPF_ZERO_PAGE else zero
    if zero:
        frames.row(zero, zero=True)
    for pfn in sorted(seen):
        frames.row(pfn)
    return frames
