"""A recording as a Timeline, like any other: the same columns, events and queries over what a live kernel did."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from os import fspath
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np

from mmtui.engine.errors import LimitError
from mmtui.engine.flags import VM_EXEC, VM_WRITE
from mmtui.engine.inspect import Frame
from mmtui.engine.kpf import kflag_names
from mmtui.engine.pgtable import PTE_FRAME
from mmtui.engine.schema import UNKNOWN
from mmtui.engine.story import Stretch
from mmtui.engine.timeline import Timeline
from mmtui.live import about, asides, recording
from mmtui.live.asides import Region
from mmtui.live.recording import Recording
from mmtui.live.replay import Replay
from mmtui.trace.errors import Problem, TraceError
from mmtui.trace.model import Trace

_ADDED: Final = ("title", "about", "breakpoints", "bookmarks", "annotations", "position")


class RecordedTimeline(Timeline):
    """A timeline of a recording. What the recorder could not see is UNKNOWN in the columns and null in `state()`."""

    recording: Recording
    """Header, stops and summary, as the file has them."""

    def state(self) -> dict[str, Any]:
        """As of any timeline, of the frames that recorded processes map; `pfn` is a frame's real number.

        Keys of frames and ptes are rows of `page`. `count` is never known here, `mapcount` and `flags` may be null.
        """
        state = super().state()
        state["frames"] = {str(row): self._frame_state(row) for row in self._mapped_rows()}
        state["nfree"] = None
        for process in self.processes():
            if process.state == "running":
                state["procs"][str(process.pid)]["name"] = process.name
        return state

    def frame(self, pfn: int) -> Frame:
        """One frame; `owner` ends with its real number, where that is known."""
        frame = super().frame(pfn)
        real = int(self.machine.page.pfn[pfn])
        if real == UNKNOWN:
            return frame
        return replace(frame, owner=f"{frame.owner}, pfn {real:#x}" if frame.owner else f"pfn {real:#x}")

    def foreign(self, pid: int) -> dict[int, str]:
        """The vmas that are not the program's own (libraries, vdso, vvar): start -> whose they are."""
        regions = [
            Region(
                vma.start, vma.end, "" if vma.kind == "A" and vma.name == "anon" else vma.name,
                bool(vma.flags & VM_WRITE), bool(vma.flags & VM_EXEC),
            )
            for vma in self.vmas(pid)
        ]  # fmt: skip
        return asides.foreign(regions, self._loaders)

    def stretches(self) -> list[Stretch]:
        """Start-up, and faults in mappings that are not the program's own, where two or more stops follow."""
        return self._stretches

    @cached_property
    def _loaders(self) -> frozenset[str]:
        return asides.loaders(self.recording)

    @cached_property
    def _stretches(self) -> list[Stretch]:
        return asides.stretches(self.recording)

    def _mapped_rows(self) -> list[int]:
        values = self.machine.pte.val
        live = self.machine.pt.mm[np.arange(len(values)) >> 10] != 0
        return [int(row) for row in np.unique(values[(values & PTE_FRAME != 0) & live] >> 12)]

    def _frame_state(self, row: int) -> dict[str, Any]:
        page = self.machine.page
        kflags = int(page.kflags[row])
        mapping = int(page.mapping[row])
        return {
            "pfn": _known(int(page.pfn[row])),
            "free": bool(page.free[row]),
            "count": None,
            "mapcount": _known(int(page.mapcount[row])),
            "flags": None if kflags == UNKNOWN else kflag_names(kflags),
            "kind": "anon" if mapping & 1 else "file" if mapping else "none",
        }


def _known(value: int) -> int | None:
    return None if value == UNKNOWN else value


def load(data: bytes, path: Path | None = None, kernel: str | None = None) -> RecordedTimeline:
    """The timeline of a recording, at position 0. Raises TraceError.

    `kernel` must be None: what was recorded was done by one kernel, and cannot be done again by another.
    """
    name = fspath(path) if path else "recording"
    found = recording.decode(data, name)
    if kernel is not None:
        reason = f"a recording shows what Linux {found.release} did: it cannot be run on another kernel"
        raise TraceError(name, [Problem("kernel", reason)])
    try:
        replay = Replay(found)
    except LimitError as limit:
        raise TraceError(name, [Problem("", str(limit))]) from None
    timeline = RecordedTimeline(replay, _trace(data, found, name), path)
    timeline.recording = found
    return timeline


def _trace(data: bytes, found: Recording, name: str) -> Trace:
    """What people have added to a recording stands in its first line; the rest follows from the stops."""
    first = msgspec.json.decode(data.partition(b"\n")[0])
    if first.get("format") == "mmtui-rec":
        first = {}
    known = {"title": about.title(found), "about": about.about(found), "bookmarks": about.bookmarks(found)}
    known |= {key: first[key] for key in _ADDED if key in first}
    try:
        return msgspec.convert({"mmtui": 1, "ops": [], "recording": found.header, **known}, Trace)
    except msgspec.ValidationError as error:
        raise TraceError(name, [Problem("1", str(error))]) from None


def with_notes(data: bytes, trace: Trace) -> bytes:
    """The recording `data` with the notes, bookmarks and breakpoints of `trace`: the same stops, a new first line."""
    head, newline, stops = data.partition(b"\n")
    first = msgspec.json.decode(head)
    if first.get("format") == "mmtui-rec":
        first = {"mmtui": 1, "recording": first}
    fields = msgspec.to_builtins(trace)
    added = {key: fields[key] for key in _ADDED if key in fields}
    return msgspec.json.encode({"mmtui": 1, "recording": first["recording"], **added}) + newline + stops
