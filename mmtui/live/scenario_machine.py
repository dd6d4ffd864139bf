"""A machine with the model 6.x that runs the operations of a scenario: system calls and accesses."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from mmtui.engine import ops
from mmtui.engine.errors import KernelBug, LimitError
from mmtui.engine.flags import PG_locked
from mmtui.engine.kernel.v6_x import Linux_6_x
from mmtui.engine.run import OP_FUNCTION, Run
from mmtui.engine.schema import BASE
from mmtui.live import scenario_mappings as _mappings  # noqa: F401  # its operations are in CALLS then
from mmtui.live.scenario_calls import CALLS, Call

PAGE: Final = 4096
FRAMES: Final = 1 << 15
FIRST_REGION: Final = 0x10000000
FIRST_LARGE_REGION: Final = 0x40000000
LARGE: Final = 512  # pages: such a region is aligned for a huge page
GAP: Final = 16 * PAGE


class ScenarioError(Exception):
    """An operation that cannot be: of a process or a region that does not exist."""


@dataclass
class Region:
    """A named range of addresses."""

    start: int
    pages: int


@dataclass
class File:
    """Something that was opened. `pages` None: as long as it needs to be."""

    name: str
    inode: int
    file: int
    read_only: bool
    zero: bool = False
    pages: int | None = None


@dataclass
class Done:
    """What an operation did: user faults and signals as `P:A+0`, `P:11`; what the call returned (None: not known)."""

    faults: list[str] = field(default_factory=list)
    signals: list[tuple[str, int]] = field(default_factory=list)
    ret: int | str | None = None
    bug: str = ""
    unknown: bool = False


class Machine:
    """Roles (`P`, `C`) are processes, regions have names, file descriptors are per process."""

    def __init__(self, sizes: Mapping[str, int] | None = None) -> None:
        """`sizes`: pages of the regions, where a later operation makes them larger than their mmap."""
        self._sizes = sizes or {}
        self._run = Run("6.x", ops.MachineSpec(frames=FRAMES, fault_around=True))
        kernel: Any = self._run.kernel
        self.kernel: Linux_6_x = kernel
        self._run.recorder.enter(OP_FUNCTION, 0, 0)  # one call around it all: every store has a caller
        self.columns = self._run.cells.columns
        self.pids: dict[str, int] = {}
        self.parents: dict[str, str] = {}
        self.regions: dict[str, Region] = {}
        self.named: dict[str, File] = {}
        self.kept: list[tuple[str, int, bool]] = []
        """(owner, frame, is it a pin) of the references that pipes and rings keep."""
        self._fds: dict[str, dict[int, File]] = {}
        self._next = FIRST_REGION
        self._next_large = FIRST_LARGE_REGION
        self.add_role("P", None)

    # Processes

    def add_role(self, role: str, parent: str | None) -> int:
        """A new process: the first, or a fork of `parent`."""
        pid = len(self.parents) + 1
        while pid in self.pids.values():
            pid += 1
        if parent is None:
            self.kernel.new_task(pid, self.kernel.strings.number(role), 0)
        else:
            self.kernel.copy_mm(self.pids[parent], pid)
        self.pids[role] = pid
        self.parents[role] = parent or ""
        self._fds[role] = dict(self._fds.get(parent or "", {}))
        for each in self._fds[role].values():
            self._hold(each, 1)
        return pid

    def remove_role(self, role: str) -> None:
        """A process ends."""
        self.kernel.do_exit(self.pids.pop(role))
        for file in self._fds.pop(role).values():
            self._hold(file, -1)

    def mm(self, role: str) -> int:
        """The mm of a process. ScenarioError: there is none of this role."""
        if role not in self.pids:
            raise ScenarioError(f"there is no process {role} at this point")
        return self.kernel.mm_of(self.pids[role])

    # Files

    def open(self, role: str, name: str, file: File) -> int:
        """Give a process a descriptor, the lowest that it does not use."""
        self.named[name] = file
        self._hold(file, 1)
        used = self._fds[role]
        number = next(fd for fd in range(3, len(used) + 4) if fd not in used)
        used[number] = file
        return number

    def close(self, role: str, name: str) -> int:
        """Close the descriptors that a name stands for; 0 or -EBADF."""
        if self.let_go(name):
            return 0
        file = self.named.get(name)
        numbers = [fd for fd, each in self._fds[role].items() if each is file]
        for number in numbers[:1]:
            self._hold(self._fds[role].pop(number), -1)
        return 0 if numbers else -9

    def _hold(self, file: File, by: int) -> None:
        """A descriptor keeps a file open, or no longer does: the last one lets shared memory go."""
        if file.zero:
            return
        if by < 0:
            self.kernel.fput(file.file)
            return
        column: Any = self.kernel.file_count  # type: ignore[attr-defined]
        self.kernel.store_(column, BASE["file.count"], file.file, column[file.file] + by, 0)

    def let_go(self, name: str) -> bool:
        """A pipe or a ring gives its pages back; had it any?"""
        mine = [(frame, pinned) for owner, frame, pinned in self.kept if owner == name]
        self.kept = [each for each in self.kept if each[0] != name]
        for frame, pinned in mine:
            if pinned:
                self.kernel.unpin_user_page(frame)
            else:
                self.kernel.put_page(frame)
        return bool(mine)

    # Addresses

    def place(self, name: str, pages: int) -> int:
        """Where a new region goes: above the others, with a gap; a large one where a huge page could stand."""
        pages = max(pages, self._sizes.get(name, 0))
        if pages >= LARGE:
            start = self._next_large
            self._next_large = start + -(-pages // LARGE) * LARGE * PAGE + LARGE * PAGE
        else:
            start = self._next
            self._next = start + pages * PAGE + GAP
        self.regions[name] = Region(start, pages)
        return start

    def address(self, place: str) -> int:
        """The address of `A+3`. ScenarioError: no such region."""
        name, _, page = place.partition("+")
        if name not in self.regions or (page and not page.isdigit()):
            raise ScenarioError(f"there is no region {place} at this point")
        return self.regions[name].start + int(page or 0) * PAGE

    def place_of(self, address: int) -> str | None:
        """`A+3` of an address, None outside all regions."""
        for name, region in self.regions.items():
            if region.start <= address < region.start + region.pages * PAGE:
                return f"{name}+{(address - region.start) // PAGE}"
        return None

    # Operations

    def run(self, role: str, text: str, referenced: Iterable[int] = (), locked: Iterable[int] = ()) -> Done:
        """Run one operation. `referenced`: frames to which somebody else has a passing reference meanwhile; `locked`:
        frames of files that somebody has locked, so that fault-around passes over them."""
        self.mm(role)
        call = CALLS.find(text)
        done = Done(unknown=call is None)
        if call is None:
            return done
        held = list(referenced)
        busy = list(locked)
        for pfn in held:
            self.kernel.get_page(pfn)
        self._set_locked(busy, True)
        try:
            self._act(role, call, done)
        except KernelBug as bug:
            done.bug = bug.result
        except (ValueError, OverflowError, LimitError) as error:
            raise ScenarioError(f"it cannot be run: {error}") from None
        self._set_locked(busy, False)
        for pfn in held:
            self.kernel.put_page(pfn)
        self._run.recorder.flush()
        return done

    def _act(self, role: str, call: Call, done: Done) -> None:
        act: Callable[[Machine, str, Call, Done], None] = call.act
        act(self, role, call, done)

    def _set_locked(self, frames: list[int], on: bool) -> None:
        column: Any = self.kernel.page_flags  # type: ignore[attr-defined]
        for pfn in frames:
            flags = column[pfn] | PG_locked if on else column[pfn] & ~PG_locked
            self.kernel.store_(column, BASE["page.flags"], pfn, flags, 0)

    def freed_since(self, position: int) -> tuple[set[int], int]:
        """(frames that came to the free list since a position of the log, the position now)."""
        column = BASE["page.free"]
        freed: set[int] = set()
        for chunk in self._run.log.chunks(position):
            cells = chunk.cell.astype("int64")
            rows = cells[(cells >= column) & (cells < column + FRAMES) & (chunk.new == 1)]
            freed.update(int(cell) - column for cell in rows)
        return freed, len(self._run.log)
