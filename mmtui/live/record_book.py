"""From stops to lines: which address spaces are read again at a stop, and what of them is written."""

from __future__ import annotations

import time
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from mmtui.live import proc, ptrace
from mmtui.live.proc import Frames
from mmtui.live.record_file import RecordingFile, entry_text
from mmtui.live.record_space import AddressSpace, Changes, Sight

Event = dict[str, Any]
Line = dict[str, Any]


class Book:
    """Keeps every address space of the recorded program and writes one line per stop."""

    def __init__(self, file: RecordingFile, sight: Sight) -> None:
        self.steps = 0
        self.processes = 0
        self.spaces: dict[int, AddressSpace] = {}  # by tgid; sharers have the same object
        self._file = file
        self._sight = sight
        self._frames = Frames() if sight.frames else None
        self._seen: dict[int, tuple[int, int]] = {}
        self._began = time.monotonic_ns()

    def close(self) -> None:
        """Close what was opened in /proc."""
        for space in set(self.spaces.values()):
            space.close()
        if self._frames is not None:
            self._frames.close()

    @property
    def failed(self) -> str:
        """Why the file can no longer be written, empty while it can."""
        return self._file.failed

    def idle(self) -> None:
        """Nothing is happening: a good moment to hand the file over to the system."""
        self._file.flush_if_due()

    def start(self, tgid: int) -> None:
        """The program has just been loaded (its first exec)."""
        self._adopt(tgid)
        self._write(tgid, tgid, {"k": "start", "comm": proc.command_name(tgid)}, self._read([tgid]))

    def fork(self, tgid: int, tid: int, kind: str, child: int, child_tgid: int) -> None:
        """fork, vfork or clone: a child with its own copy, one that borrows the parent's memory, or a thread."""
        event = {"k": kind, "child": child, "tgid": child_tgid}
        extra: Line = {}
        if child_tgid != tgid:
            self.processes += 1
            event["comm"] = proc.command_name(child_tgid)
            if self._borrows(tgid, child_tgid, kind):
                space = self.spaces[child_tgid] = self.spaces[tgid]
                space.members.add(child_tgid)
                extra["mm"] = {str(child_tgid): space.key}
            else:
                self._adopt(child_tgid, count=False)
        self._write(tgid, tid, event, self._read([tgid, child_tgid]), extra)

    @staticmethod
    def _borrows(tgid: int, child: int, kind: str) -> bool:
        same = ptrace.same_memory(tgid, child)
        return kind == "vfork" if same is None else same

    def exec(self, tgid: int) -> None:
        """The process has a new program. Whoever shared its old memory keeps that."""
        extra: Line = {}
        space = self.spaces[tgid]
        spoken: list[int] = [tgid]
        if len(space.members) > 1:
            spoken += self._leave(tgid, extra)
            self._adopt(tgid, count=False)
            extra.setdefault("mm", {})[str(tgid)] = tgid
        else:
            space.follow_exec(tgid)
        self._write(tgid, tgid, {"k": "exec", "comm": proc.command_name(tgid)}, self._read(spoken), extra)

    def gone(self, tgid: int, event: Event) -> None:
        """The process has ended; the last one to leave takes the address space with it."""
        extra: Line = {}
        space = self.spaces[tgid]
        if len(space.members) > 1:
            spoken = self._leave(tgid, extra)
            self._write(tgid, tgid, event, self._read(spoken), extra)
            return
        del self.spaces[tgid]
        space.close()
        extra["end"] = space.key
        self._write(tgid, tgid, event, [(space, Changes(frames=space.present_frames()))], extra)

    def _leave(self, tgid: int, extra: Line) -> list[int]:
        """Take one of several out of a shared address space; if it was named after it, it gets another name."""
        space = self.spaces.pop(tgid)
        space.members.discard(tgid)
        if space.key != tgid:
            return []
        heir = min(space.members)
        space.rename(heir)
        extra["mm"] = {str(member): heir for member in space.members}
        return [heir]

    def fault(self, tgid: int, tid: int, event: Event, whole: bool) -> None:
        """A user page fault. `whole`: the counters say that the kernel itself faulted as well."""
        space = self.spaces[tgid]
        changes = Changes()
        if whole or not space.has(event["addr"]):
            space.read_all(changes, flags_too=False)
        else:
            space.read_near(event["addr"], changes)
        self._write(tgid, tid, event, [(space, changes)])

    def late_fault(self, tgid: int, tid: int, at: int, address: int, ip: int, addresses: set[int] | None) -> None:
        """A fault at CLOCK_MONOTONIC time `at` that stopped nobody. `addresses`: where to look now for changes."""
        space = self.spaces.get(tgid)
        read: list[tuple[AddressSpace, Changes]] = []
        if addresses and space is not None:
            changes = Changes()
            with suppress(ProcessLookupError):  # it has left this memory since: its exec or its end tells the rest
                self._look(space, addresses, changes)
                read.append((space, changes))
        self._write(tgid, tid, {"k": "fault", "addr": address, "ip": ip, "late": True}, read, at=at)

    @staticmethod
    def _look(space: AddressSpace, addresses: set[int], changes: Changes) -> None:
        if not all(space.has(address) for address in addresses):
            space.read_all(changes, flags_too=False)
            return
        for table in {address // proc.TABLE_SPAN for address in addresses}:
            space.read_near(table * proc.TABLE_SPAN, changes)

    def lost(self, tgid: int, tid: int, count: int) -> None:
        """Here `count` faults were lost."""
        self._write(tgid, tid, {"k": "lost", "count": count}, [])

    def other(self, tgid: int, tid: int, event: Event, areas: bool, flags: bool, entries: bool, everyone: bool) -> None:
        """Any other stop, with what has to be read again after it."""
        read: list[tuple[AddressSpace, Changes]] = []
        for space in self._whose(tgid, everyone):
            changes = Changes()
            with suppress(ProcessLookupError):  # killed in this moment
                if areas or everyone:
                    space.read_all(changes, flags)
                elif entries:
                    space.read_entries(changes)
                read.append((space, changes))
        self._write(tgid, tid, event, read)

    def _whose(self, tgid: int, everyone: bool) -> Iterable[AddressSpace]:
        return sorted(set(self.spaces.values()), key=lambda s: s.key) if everyone else [self.spaces[tgid]]

    def _adopt(self, tgid: int, count: bool = True) -> None:
        self.spaces[tgid] = AddressSpace(tgid, self._sight)
        self.processes += count

    def _read(self, tgids: Iterable[int]) -> list[tuple[AddressSpace, Changes]]:
        found: dict[int, tuple[AddressSpace, Changes]] = {}
        for tgid in tgids:
            space = self.spaces[tgid]
            if space.key not in found:
                changes = Changes()
                space.read_all(changes)
                found[space.key] = space, changes
        return list(found.values())

    def _write(
        self, tgid: int, tid: int, event: Event, read: list[tuple[AddressSpace, Changes]], extra: Line | None = None,
        at: int | None = None,
    ) -> None:  # fmt: skip
        line: Line = {"i": self.steps, "t": (at or time.monotonic_ns()) - self._began, "pid": tgid}
        if tid != tgid:
            line["tid"] = tid
        line["ev"] = event
        line.update(extra or {})
        frames: set[int] = set()
        for space, changes in read:
            frames |= changes.frames
            _describe(line, space, changes)
        if fresh := self._read_frames(frames):
            line["fr"] = fresh
        self.steps += 1
        self._file.write(line)

    def _read_frames(self, pfns: set[int]) -> dict[str, list[Any]]:
        """Map count and flags of the frames that were given, where they differ from what was last written."""
        fresh: dict[str, list[Any]] = {}
        if self._frames is not None:
            for pfn in sorted(pfns):
                value = self._frames.read(pfn)
                if self._seen.get(pfn) != value:
                    self._seen[pfn] = value
                    fresh[str(pfn)] = [value[0], f"{value[1]:x}"]
        return fresh


def _describe(line: Line, space: AddressSpace, changes: Changes) -> None:
    key = str(space.key)
    if changes.mapped or changes.unmapped:
        line.setdefault("vma", {})[key] = {"+": [list(area) for area in changes.mapped], "-": changes.unmapped}
    entries = {f"{a:x}": entry_text(entry, a in space.zero) for a, entry in changes.ptes.items() if entry}
    if entries:
        line.setdefault("pte", {})[key] = entries
    gone = [f"{address:x}" for address, entry in changes.ptes.items() if not entry]
    if gone:
        line.setdefault("unpte", {})[key] = gone
