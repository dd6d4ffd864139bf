"""The public surface: a timeline is a log with a position in it, the machine at that position, and questions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mmtui.engine import inspect, ledger, places, query
from mmtui.engine.changes import Changes
from mmtui.engine.events import Event, Events
from mmtui.engine.framemap import FrameMap
from mmtui.engine.inspect import Frame, Process, Pte, Table, Vma
from mmtui.engine.ledger import Holder, Ledger
from mmtui.engine.log import Ints
from mmtui.engine.machine import Machine, column_ids
from mmtui.engine.places import PlaceError, Subject
from mmtui.engine.reading import Call, LogReader, Transition
from mmtui.engine.schema import BASE, COLUMN, COLUMNS, ROW_MASK
from mmtui.engine.seek import Seeker
from mmtui.engine.source import Source
from mmtui.engine.state import state as state_of
from mmtui.engine.story import Story, Stretch

if TYPE_CHECKING:
    from mmtui.trace.model import Trace


class Timeline(LogReader):
    """A log and a position in it, 0 <= position <= len. Nothing here changes the log; only the position moves."""

    def __init__(
        self,
        story: Story,
        trace: Trace,
        path: Path | None = None,
        rerun: Callable[[str], Timeline] | None = None,
        whole: Callable[[], Trace] | None = None,
    ) -> None:
        super().__init__(story)
        self.trace, self.path = trace, path
        self._rerun, self._whole = rerun, whole
        self._seeker = Seeker(story.log, story.rows(), story.boot)
        self._changes = Changes(story.log)
        self.machine = Machine(self._seeker, story.frames)
        self.holes: Ints = story.holes
        """Frames without a struct page."""
        self.boot_held: Ints = story.boot_held
        """References of each frame that boot holds for ever."""
        self._frame_map = FrameMap(self)
        self.growing = False
        """The run goes on: `grow` makes more of the log."""
        self.progress: Callable[[], float] = lambda: 1.0
        """How much of a growing trace was read, 0 to 1."""
        self._hits: dict[str, tuple[int, Ints]] = {}
        self.memo: dict[str, object] = {}
        """What others of the engine keep about this timeline, for as long as it lives."""

    # Where it is

    @property
    def source_name(self) -> str:
        """The file's name, or `trace`."""
        return self.path.name if self.path else "trace"

    @property
    def position(self) -> int:
        """How many transitions are applied."""
        return self._seeker.position

    @position.setter
    def position(self, position: int) -> None:
        self.seek(position)

    def seek(self, position: int) -> int:
        """Go to a position, or to the nearest end; returns where it is."""
        self._seeker.seek(min(max(position, 0), len(self)))
        return self.position

    def step(self, count: int = 1) -> int:
        """Apply transitions; returns the position."""
        return self.seek(self.position + count)

    def step_back(self, count: int = 1) -> int:
        """Undo transitions; returns the position."""
        return self.seek(self.position - count)

    @contextmanager
    def at(self, position: int) -> Iterator[None]:
        """Be at another position for a moment."""
        here = self.position
        self.seek(position)
        try:
            yield
        finally:
            self.seek(here)

    def stamp(self, *names: str) -> int:
        """A number for what stands in some tables (`vma`) or columns (`page.count`) at this position.

        As long as it is the same, they are. When they are the same it may be another one.
        """
        return max(map(self._seeker.moved.__getitem__, column_ids(names)))

    def grow(self, seconds: float) -> bool:
        """Let the run of a long trace go on for about this long; is there more to come? The position stays.

        TraceError, LimitError: the trace turns out to be wrong, or too large; what ran until then is there.
        """
        try:
            self.growing = self._story.advance(seconds)
        finally:
            self._seeker.grow(self._story.rows())
        if not self.growing:
            self.stop_growing()
        return self.growing

    def stop_growing(self) -> None:
        """Leave the log as it is; the trace has the operations that were read."""
        self.growing = False
        if self._whole is not None:
            self.trace = self._whole()

    def prepare(self) -> None:
        """Make what long seeks, changes of cells and stops need of the log so far, ahead of the first one."""
        self._seeker.prepare()
        self._changes.extend()
        self._story.events()

    # Events, changes, queries

    def events(self, kind: str | None = None) -> Events:
        """The events of the whole log, by transition; of one kind if given. A sequence of Event, and columns."""
        found = self._story.events()
        return found if kind is None else found.of(kind)

    def history(self, column: str, row: int) -> Ints:
        """The positions just after each change of a cell (`"page.count", 66`), ascending. KeyError: no such column."""
        return self._changes.of(BASE[column] | row)

    def next_change(self, cell: tuple[str, int], position: int | None = None) -> int | None:
        """The first position after `position` (default: here) at which a cell has just changed."""
        column, row = cell
        return self._changes.after(BASE[column] | row, self.position if position is None else position)

    def previous_change(self, cell: tuple[str, int], position: int | None = None) -> int | None:
        """The last position before `position` (default: here) at which a cell had just changed."""
        column, row = cell
        return self._changes.before(BASE[column] | row, self.position if position is None else position)

    def value(self, cell: tuple[str, int], position: int) -> int:
        """What a cell holds at a position, wherever the timeline is."""
        before = self.previous_change(cell, position + 1)
        if before is not None:
            return self.transition(before - 1).new
        after = self.next_change(cell, position)
        if after is not None:
            return self.transition(after - 1).old
        column, row = cell
        values = self._seeker.image[COLUMN[column].id]
        return int(values[row]) if row < len(values) else 0

    def changes_of(self, column: str) -> tuple[Ints, Ints] | None:
        """(row, transition) of every change of a column, in log order; None where that is not indexed yet."""
        if not self._changes.is_ready:
            return None
        cell, transition = self._changes.between(BASE[column], BASE[column] + ROW_MASK + 1)
        return (cell & ROW_MASK).astype(np.int64), transition.astype(np.int64)

    def find(self, expression: str) -> Ints:
        """The positions where an expression stops, ascending. query.QueryError: it is not one."""
        known = self._hits.get(expression)
        if known is None or known[0] != len(self):
            known = self._hits[expression] = len(self), query.compile(expression).hits(self)
        return known[1]

    def next(self, expression: str, position: int | None = None) -> int | None:
        """continue: the first hit after a position (default: here)."""
        hits = self.find(expression)
        at = int(np.searchsorted(hits, self.position if position is None else position, side="right"))
        return int(hits[at]) if at < len(hits) else None

    def previous(self, expression: str, position: int | None = None) -> int | None:
        """reverse-continue: the last hit before a position (default: here)."""
        hits = self.find(expression)
        at = int(np.searchsorted(hits, self.position if position is None else position, side="left"))
        return int(hits[at - 1]) if at else None

    def place(self, text: str, marks: Mapping[str, int] | None = None) -> int:
        """The position that a place names. PlaceError: there is none."""
        return places.resolve(self, text, marks)

    def place_name(self, position: int) -> str:
        """`6.12`: after the first 12 transitions of operation 6."""
        return places.name(self, position)

    def subject(self, text: str) -> Subject:
        """What `page[8].count` names at this position. SubjectError: nothing."""
        return places.subject(self, text)

    # The machine at this position

    def processes(self) -> list[Process]:
        """The processes, by pid."""
        return inspect.processes(self)

    def vmas(self, pid: int) -> list[Vma]:
        """The vmas of a process, by address."""
        return inspect.vmas(self, pid)

    def foreign(self, pid: int) -> dict[int, str]:
        """The vmas that are not the program's own (libraries, vdso), where that is known: start -> whose they are."""
        return {}

    def stretches(self) -> list[Stretch]:
        """Runs of operations that fold away together: in a recording start-up, and faults in what is not its own."""
        return []

    def tables(self, pid: int) -> list[Table]:
        """The page-table pages of a process, by address."""
        return inspect.tables(self, pid)

    def ptes(self, pid: int, start: int = 0, end: int = 1 << 48) -> list[Pte]:
        """The non-empty entries of a process, by address."""
        return inspect.ptes(self, pid, start, end)

    def frame_kinds(self) -> NDArray[np.bytes_]:
        """The glyph of every frame: `.` free, A anonymous, c shared for COW, F file, N driver's page, D remapped, R
        reserved, Z ZERO_PAGE, `!` leaked, X free while mapped, `_` hole, `?` none of these."""
        return self._frame_map.kinds()

    def frame_tally(self) -> dict[str, int]:
        """How many frames have each glyph."""
        return self._frame_map.tally()

    def frame_folds(self, across: int, kinds: str) -> Ints:
        """The lines of a map of `across` frames (a multiple of 8) to a line that stay when it is folded: of a run of
        lines on which all frames have the same glyph, one of `kinds`, the first. Beyond the last frame are holes."""
        return self._frame_map.folds(across, kinds)

    def frame(self, pfn: int) -> Frame:
        """One frame. IndexError: the machine has no such frame."""
        return inspect.frame(self, pfn)

    def holders(self, pfn: int) -> Ledger:
        """Who holds a frame. IndexError: the machine has no such frame."""
        return ledger.holders(self, pfn)

    def pte_place(self, row: int) -> tuple[int, int]:
        """(pid, address) of a page-table entry by its row; pid 0 if its process is gone."""
        return inspect.pte_place(self, row)

    def state(self) -> dict[str, Any]:
        """The machine as `run --state` prints it."""
        columns = {info.name: self._seeker.image[info.id] for info in COLUMNS}
        return state_of(columns, self.kernel, self._story.frames, self.holes)

    def report(self, state: bool = True) -> Iterator[dict[str, Any]]:
        """The objects that `run --format jsonl` prints, one per operation; the position stays where it is."""
        for number in range(self.op_count):
            entry: dict[str, Any] = {
                "trace": self.source_name if self.path else None,
                "kernel": self.kernel,
                "op": number,
                "name": self.op(number).name,
                "result": self.result(number),
                "messages": self.messages(number),
                **self.extra(number),
            }
            if self.over and number == self.op_count - 1:
                entry["abort"] = True
            if state:
                here = self.position
                try:
                    self.seek(self.op_end(number))
                    entry["state"] = self.state()
                finally:
                    self.seek(here)
            yield entry

    def digest(self) -> str:
        """A hash of every column that is not all zero at this position: the same on every machine."""
        found = blake2b(digest_size=16)
        for info in COLUMNS:
            values = self._seeker.image[info.id]
            used = np.flatnonzero(values)
            if len(used):
                found.update(info.name.encode() + b"\0")
                found.update(values[: int(used[-1]) + 1].astype("<i8").tobytes())
        return found.hexdigest()

    def with_kernel(self, name: str) -> Timeline:
        """The same trace under another kernel model, at position 0. KeyError: there is no such model."""
        if self._rerun is None:
            raise KeyError(name)
        return self._rerun(name)


__all__ = [
    "Call", "Event", "Events", "Frame", "Holder", "Ledger", "Machine", "PlaceError", "Process", "Pte", "Source",
    "Stretch", "Subject", "Table", "Timeline", "Transition", "Vma",
]  # fmt: skip
