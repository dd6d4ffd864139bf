"""A piece of a recording: what came before it is folded into one first stop for each process that lives by then."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from mmtui.live.recording import FORKING, Area, Entry, Recording, Stop

MOVED: Final = ("bookmarks", "annotations")
KEPT: Final = ("title", "about", "breakpoints")


class FoldError(ValueError):
    """This piece cannot be cut out; the text says why."""


@dataclass(slots=True)
class _Space:
    areas: dict[int, Area] = field(default_factory=dict)
    entries: dict[str, Entry] = field(default_factory=dict)


class _State:
    """What the stops so far add up to."""

    def __init__(self) -> None:
        self.spaces: dict[int, _Space] = {}
        self.key_of: dict[int, int] = {}
        self.comm: dict[int, str] = {}
        self.frames: dict[int, tuple[int, str]] = {}

    def apply(self, stop: Stop) -> None:
        """One more stop."""
        event = stop.ev
        if event.k in FORKING and event.tgid != stop.pid:
            self.key_of[event.tgid] = event.tgid
            self.comm[event.tgid] = event.comm or self.comm.get(stop.pid, "")
        self.key_of.setdefault(stop.pid, stop.pid)
        if event.k in ("start", "exec") and event.comm:
            self.comm[stop.pid] = event.comm
        self.key_of.update(stop.mm)
        self._areas(stop)
        self._entries(stop)
        self.frames.update(stop.fr)
        if event.k == "gone":
            self.key_of.pop(stop.pid, None)
        if stop.end is not None:
            self.spaces.pop(stop.end, None)

    def _space(self, key: int) -> _Space:
        return self.spaces.setdefault(key, _Space())

    def _areas(self, stop: Stop) -> None:
        for key, change in stop.vma.items():
            areas = self._space(key).areas
            for start in change.unmapped:
                areas.pop(start, None)
            areas.update((area.start, area) for area in change.mapped)

    def _entries(self, stop: Stop) -> None:
        for key, gone in stop.unpte.items():
            for address in gone:
                self._space(key).entries.pop(address, None)
        for key, entries in stop.pte.items():
            self._space(key).entries.update(entries)

    def starts(self) -> list[dict[str, Any]]:
        """One `start` line for each process; whoever borrows an address space comes after its owner."""
        lines = []
        told: set[int] = set()
        frames = {str(pfn): list(value) for pfn, value in sorted(self.frames.items())}
        for tgid, key in sorted(self.key_of.items(), key=lambda item: (item[0] != item[1], item)):
            line: dict[str, Any] = {"i": 0, "pid": tgid, "ev": {"k": "start", "comm": self.comm.get(tgid, "")}}
            if key != tgid:
                line["mm"] = {str(tgid): key}
            if key not in told and key in self.spaces:
                told.add(key)
                space = self.spaces[key]
                line["vma"] = {str(key): {"+": [msgspec.to_builtins(area) for area in space.areas.values()], "-": []}}
                line["pte"] = {str(key): msgspec.to_builtins(space.entries)}
            if frames:
                line["fr"], frames = frames, {}
            lines.append(line)
        return lines


def cut(data: bytes, recording: Recording, first: int, end: int) -> bytes:
    """The stops from `first` up to, not including, `end`, as a recording of its own. Raises FoldError."""
    state = _State()
    for stop in recording.stops[:first]:
        state.apply(stop)
    if not recording.frames_known and len(state.spaces) > 1:
        raise FoldError(
            f"at {first} there are {len(state.spaces)} address spaces, and which pages they share follows from what "
            "came before: this recording has no frame numbers"
        )
    starts = state.starts()
    head, _, rest = data.partition(b"\n")
    lines = [line for line in rest.split(b"\n") if line.strip()]
    stops = [line for line in lines if not line.startswith(b'{"summary"')][first:end]
    if end == len(recording.stops):
        last = [line for line in lines if line.startswith(b'{"summary"')]
    else:
        last = [msgspec.json.encode({"summary": {"stops": len(starts) + len(stops), "ended": "a piece was cut out"}})]
    encoded = [msgspec.json.encode(line) for line in starts]
    return b"\n".join([_head(head, first, end, len(starts)), *encoded, *stops, *last, b""])


def _head(head: bytes, first: int, end: int, starts: int) -> bytes:
    """The first line, with what people said about the stops that are kept."""
    given = msgspec.json.decode(head)
    if given.get("format") == "mmtui-rec":
        given = {"recording": given}
    new = {"mmtui": 1, "recording": given["recording"] | {"cut": [first, end]}}
    new |= {key: given[key] for key in KEPT if key in given}
    for key in MOVED:
        moved = [
            note | {"at": note["at"] | {"op": note["at"]["op"] - first + starts}}
            for note in given.get(key, ())
            if first <= note["at"]["op"] < end
        ]
        if moved:
            new[key] = moved
    return msgspec.json.encode(new)
