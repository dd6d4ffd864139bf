"""Turns the events of a kernel trace into a recording: each event an operation on a model of today's memory.

Anonymous frames are the real ones, as the allocations name them. What events cannot tell - the frames of files, the
mappings that are older than the trace - stays unknown. What contradicts the model is an event to stop at.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from mmtui.live.importer_calls import apply, populate, possible, waits_for_frames
from mmtui.live.importer_lines import Line, Lines, returned, system_call
from mmtui.live.importer_model import (
    FILE,
    PAGE,
    PROT_EXEC,
    PROT_READ,
    PROT_WRITE,
    ZERO,
    Changes,
    Model,
    Space,
)
from mmtui.live.importer_scan import FAULTS, frames, last_acts, results, settled, user_frames
from mmtui.live.syscalls import ARGUMENTS, NAMES

USER_END: Final = 1 << 47
ERROR_PRESENT, ERROR_WRITE, ERROR_FETCH = 1, 2, 16
CLONE_VM, CLONE_THREAD = 0x100, 0x10000
USED: Final = frozenset(
    {*FAULTS, "mm_page_alloc", "mm_page_free", "sys_enter", "sys_exit", "sched_process_fork", "sched_process_exec",
     "sched_process_exit", "task_newtask", "page-faults"}
)  # fmt: skip

LISTED: Final = "mm_lru_insertion"
LEAKED: Final = "nothing maps it any more, and no free of it follows"
WAITS: Final = "nothing maps it any more, and its free was not seen yet: it may wait in a batch for its LRU list"


@dataclass
class Thread:
    """What one thread is doing: the fault or the system call that it is in, and the frames it was given in it."""

    tgid: int
    fault: Line | None = None
    call: tuple[int, tuple[int, ...]] | None = None
    given: list[int] = field(default_factory=list)
    clone_flags: int = 0


class Importer:
    """Reads events in order and keeps the lines of the recording."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines
        self._model = Model()
        self._threads: dict[int, Thread] = {}
        self._spaces: dict[int, Space] = {}
        self._comm: dict[int, str] = {}
        self._flags: dict[int, int] = {}
        self.stops: list[dict[str, Any]] = []
        self.unused = 0
        self._results = results(lines.events)
        self._last_act = last_acts(lines.events)
        self._settled = settled(lines.events)
        self._tgid_of = {line.tid: line.tgid for line in lines.events if line.tgid > 0}
        self._dying: set[int] = set()

    def run(self) -> None:
        """Turn all events into stops."""
        for at, line in enumerate(self._lines.events):
            if many := self._lines.lost.get(at):
                self._lost(line, many)
            if line.event == LISTED:
                self._model.listed(frames(line))
                continue
            if line.event not in USED:
                self.unused += 1
                continue
            thread = self._thread(line)
            self._event(at, line, thread)
            if at in self._settled:
                self._end_fault(thread)
            if self._last_act.get(line.tid) == at:
                self._begin_exit(line, thread)
        if many := self._lines.lost.get(len(self._lines.events)):
            self._lost(self._lines.events[-1], many)
        self._leaks()

    @property
    def unseen_frees(self) -> int:
        """Frames that were handed out again, and nobody saw them being freed before."""
        return self._model.unseen_frees

    def _event(self, at: int, line: Line, thread: Thread) -> None:
        if line.event in FAULTS:
            if 0 <= line.number("address", USER_END) < USER_END:
                thread.fault, thread.given = line, []
        elif line.event == "page-faults":
            self._bare_fault(line, thread)
        elif line.event == "mm_page_alloc":
            self._alloc(line, thread)
        elif line.event == "mm_page_free":
            self._free(line, thread)
        elif line.event == "sys_enter":
            self._enter(at, line, thread)
        elif line.event == "sys_exit":
            self._leave(line, thread)
        elif line.event == "task_newtask":
            self._flags[line.number("pid")] = _hex(line.text("clone_flags"), 0)
        elif line.event == "sched_process_fork":
            self._fork(line, thread)
        elif line.event == "sched_process_exec":
            self._comm[thread.tgid] = line.text("filename").rpartition("/")[2][:15] or line.comm
        else:
            self._exit(line, thread)

    # Threads and spaces

    def _thread(self, line: Line) -> Thread:
        if line.tid not in self._threads:
            tgid = self._tgid_of.get(line.tid, line.tid)
            self._threads[line.tid] = Thread(tgid)
            self._spaces.setdefault(tgid, Space(tgid))
        thread = self._threads[line.tid]
        self._comm.setdefault(thread.tgid, line.comm)
        return thread

    def _space(self, thread: Thread) -> Space:
        return self._spaces[thread.tgid]

    # Stops

    def _stop(self, line: Line, thread: Thread, event: dict[str, Any], **more: Any) -> None:
        """One line of the recording, with everything that changed since the one before."""
        changes, model = self._model.changes, self._model
        since = max(0, round((line.time - self._lines.events[0].time) * 1e9))
        stop: dict[str, Any] = {"i": len(self.stops), "t": since, "pid": thread.tgid}
        if line.tid != thread.tgid:
            stop["tid"] = line.tid
        stop["ev"] = event
        stop |= {name: value for name in ("vma", "pte", "unpte") if (value := getattr(changes, name))}
        if changes.frames:
            stop["fr"] = {
                str(pfn): [model.frames[pfn].mapcount, f"{model.flags(pfn):x}"] for pfn in sorted(changes.frames)
            }
        if changes.found:
            stop["found"] = changes.found
        self.stops.append(stop | more)
        model.changes = Changes()
        model.stop = len(self.stops)

    def _lost(self, line: Line, many: int) -> None:
        self._stop(line, self._thread(line), {"k": "lost", "name": "events", "count": many})

    def _leaks(self) -> None:
        """Frames that nobody maps any more and that were not freed by the end: so it says where the last entry went."""
        listings = any(line.event == LISTED for line in self._lines.events)
        for pfn, frame in sorted(self._model.frames.items()):
            if frame.live and frame.mapcount == 0 and 0 <= frame.unmapped_at < len(self.stops):
                stop = self.stops[frame.unmapped_at]
                # A new page is in a batch of some CPU until it is put on its LRU list; a process that ends while it is
                # leaves it there, for others to free. That is a grace, not a leak.
                waits = not frame.listed if listings else stop["ev"]["k"] in ("exec", "exiting")
                kind, text = ("limbo", WAITS) if waits else ("leak", LEAKED)
                stop.setdefault("found", []).append([kind, pfn, "observed", text])

    # Faults

    def _bare_fault(self, line: Line, thread: Thread) -> None:
        """A software event has an address, and nothing about what came of the fault."""
        word = line.rest.split()[0] if line.rest.split() else ""
        try:
            address = int(word, 16)
        except ValueError:
            address = USER_END
        if len(line.rest.split()) > 1 or not 0 < address < USER_END:
            self.unused += 1
            return
        space, page = self._space(thread), address // PAGE * PAGE
        self._model.touch_area(space, page, PROT_READ)
        space.entries[page] = FILE
        self._model.changes.pte.setdefault(space.key, {})[f"{page:x}"] = [None, "p"]
        self._stop(line, thread, self._fault_event(line, address))

    def _fault_event(self, line: Line, address: int, ip: str = "") -> dict[str, Any]:
        event: dict[str, Any] = {"k": "fault", "addr": address, "comm": line.comm[:15]}
        known = _hex(ip, -1) if ip.startswith("0x") else -1
        return event | ({"ip": known} if known >= 0 else {})

    def _end_fault(self, thread: Thread) -> None:
        """All frames of the fault are there: what it came to is known."""
        line = thread.fault
        if line is None:
            return
        thread.fault = None
        address, error = line.number("address"), line.number("error_code")
        self._resolve(self._space(thread), address // PAGE * PAGE, error, thread.given)
        thread.given = []
        self._stop(line, thread, self._fault_event(line, address, line.text("ip")))

    def _resolve(self, space: Space, page: int, error: int, given: list[int]) -> None:
        model = self._model
        write = error & ERROR_WRITE
        prot = PROT_WRITE | PROT_READ if write else PROT_EXEC | PROT_READ if error & ERROR_FETCH else PROT_READ
        area = model.touch_area(space, page, prot)
        entry = space.entries.get(page)
        if len(given) > 1 and not error & ERROR_PRESENT:  # a huge page: one fault, 512 entries
            start = page // (len(given) * PAGE) * len(given) * PAGE
            for number, pfn in enumerate(given):
                model.set_entry(space, start + number * PAGE, pfn)
            area.touched = True
        elif given and not area.shared and (write or (area.anonymous and area.known)):
            model.set_entry(space, page, given[0])
            area.touched = True
        elif write and error & ERROR_PRESENT and entry is not None and entry >= 0:
            model.frames[entry].exclusive = True
            model.changes.frames.add(entry)
        elif not write and not given and area.known and area.anonymous and not area.shared and not error & 1:
            model.set_entry(space, page, ZERO)
        elif entry is None:
            model.set_entry(space, page, FILE)

    # Frames

    def _alloc(self, line: Line, thread: Thread) -> None:
        """A frame for user memory belongs to the fault or the call that is going on; others are the kernel's."""
        given = user_frames(line)
        for frame in given:
            self._model.allocated(frame)
        if thread.fault is not None or thread.call is not None:
            thread.given += given

    def _free(self, line: Line, thread: Thread) -> None:
        if [frame for frame in frames(line) if self._model.freed(frame)]:
            self._stop(line, thread, {"k": "free", "args": [line.number("pfn"), line.number("order")]})

    # System calls

    def _enter(self, at: int, line: Line, thread: Thread) -> None:
        call = system_call(line)
        if call is None:
            self.unused += 1
            return
        thread.call, thread.given = call, []
        name, result = NAMES.get(call[0], ""), self._results.get(at)
        if name in ("clone", "fork", "vfork", "clone3"):
            thread.clone_flags = call[1][0] if name == "clone" and call[1] else {"vfork": CLONE_VM}.get(name, 0)
        if name in ("execve", "execveat") and result == 0:
            self._exec(line, thread)
        elif name in ARGUMENTS and result is not None and not waits_for_frames(name, call[1]):
            self._memory_call(line, thread, name, call[1], result)

    def _leave(self, line: Line, thread: Thread) -> None:
        done, call = returned(line), thread.call
        thread.call = None
        if done is None or call is None or done[0] != call[0]:
            thread.given = []
            return
        name = NAMES.get(call[0], "")
        if waits_for_frames(name, call[1]):
            self._memory_call(line, thread, name, call[1], done[1])
        thread.given = []

    def _memory_call(self, line: Line, thread: Thread, name: str, args: tuple[int, ...], result: int) -> None:
        event = {"k": "exit", "nr": next(n for n, each in NAMES.items() if each == name), "name": name,
                 "args": list(args[: len(ARGUMENTS[name])]), "ret": result}  # fmt: skip
        args = (*args, 0, 0, 0, 0, 0, 0)[:6]
        if (result >= 0 or result < -4095) and possible(name, args, result):
            apply(self._model, self._space(thread), name, args, result)
            if waits_for_frames(name, args):
                start = result if name == "mmap" else args[0]
                populate(self._model, self._space(thread), start, args[1], thread.given)
        self._stop(line, thread, event)

    # Processes

    def _fork(self, line: Line, thread: Thread) -> None:
        child, comm = line.number("child_pid"), line.text("child_comm")[:15]
        flags = self._flags.get(child, thread.clone_flags)
        if self._tgid_of.get(child) == thread.tgid or flags & CLONE_THREAD:
            self._threads[child] = Thread(thread.tgid)
            self._stop(line, thread, {"k": "clone", "child": child, "tgid": thread.tgid})
            return
        self._threads[child] = Thread(child)
        self._comm[child] = comm
        event = {"k": "vfork" if flags & CLONE_VM else "fork", "child": child, "tgid": child, "comm": comm}
        space = self._space(thread)
        if flags & CLONE_VM:
            space.users += 1
            self._spaces[child] = space
            self._stop(line, thread, event, mm={child: space.key})
            return
        self._spaces[child] = Space(child, heap=space.heap)
        self._model.fork(space, self._spaces[child])
        self._stop(line, thread, event)

    def _exec(self, line: Line, thread: Thread) -> None:
        old = self._space(thread)
        more: dict[str, Any] = {}
        if old.users > 1:
            old.users -= 1
            self._spaces[thread.tgid] = Space(thread.tgid)
            more = {"mm": {thread.tgid: thread.tgid}}
        else:
            self._model.unmap(old, 0, USER_END)
            old.heap = 0
        self._stop(line, thread, {"k": "exec", "comm": self._comm.get(thread.tgid, line.comm)}, **more)

    def _begin_exit(self, line: Line, thread: Thread) -> None:
        """The thread does nothing from here on but end; with the last one the address space goes."""
        self._dying.add(line.tid)
        others = [tid for tid, each in self._threads.items() if each.tgid == thread.tgid and tid not in self._dying]
        space = self._spaces.get(thread.tgid)
        if others or space is None:
            return
        more: dict[str, Any] = {}
        if space.users > 1:
            space.users -= 1
        else:
            self._model.unmap(space, 0, USER_END)
            more = {"end": space.key}
        self._stop(line, thread, {"k": "exiting"}, **more)

    def _exit(self, line: Line, thread: Thread) -> None:
        tid = line.number("pid", line.tid)
        ended = self._threads.pop(tid, None)
        if ended is not None and not any(each.tgid == ended.tgid for each in self._threads.values()):
            self._stop(line, ended, {"k": "gone"})
            self._spaces.pop(ended.tgid, None)


def _hex(text: str, default: int) -> int:
    """A word of 64 bits in hex; `default` for what is none."""
    try:
        number = int(text[:18], 16)
    except ValueError:
        return default
    return number if 0 <= number < 1 << 64 else default
