"""What a person keeps of a trace: marks and notes, by places that mean the same on every kernel."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from mmtui.sidecar import Record, Sidecar
from mmtui.ui.view import Note

if TYPE_CHECKING:
    from mmtui.engine.timeline import Timeline


class Notebook:
    """Marks and notes of one trace: those of its file, and those of the sidecar."""

    def __init__(self, timeline: Timeline, sidecar: Sidecar, author: str = "") -> None:
        self.timeline = timeline
        self.sidecar = sidecar
        self.author = author

    def notes(self) -> list[Note]:
        """Everything of the trace and of the sidecar, by position; what an export wrote into the trace counts once."""
        found: dict[tuple[int, str, str, str], Note] = {}
        for note in (*self._of_trace(), *self._of_sidecar()):
            found.setdefault((note.position, note.name, note.about, note.text), note)
        return sorted(found.values(), key=lambda note: (note.position, not note.name))

    def _of_trace(self) -> Iterable[Note]:
        for mark in self.timeline.trace.bookmarks or ():
            yield Note(self.position_of(mark.at.op, mark.at.transition), name=mark.name)
        for note in self.timeline.trace.annotations or ():
            at = self.position_of(note.at.op, note.at.transition)
            yield Note(at, about=note.about or "", text=note.text, author=note.author or "")

    def _of_sidecar(self) -> Iterable[Note]:
        for record in (*self.sidecar.of_kind("mark"), *self.sidecar.of_kind("note")):
            yield self.note_of(record)

    def note_of(self, record: Record) -> Note:
        """A record of the sidecar as the panes show it."""
        at = self.position_of(_number(record, "op"), _number(record, "transition"))
        fields = {name: str(record.get(name) or "") for name in ("name", "about", "text", "author")}
        return Note(at, **fields)

    def position_of(self, op: int | None, transition: int | None) -> int:
        """A place of the trace file on this kernel; an operation that did not run here counts as the end."""
        if op is None or op < 0:
            return min(max(transition or 0, 0), len(self.timeline))
        if op >= self.timeline.op_count:
            return len(self.timeline)
        return min(self.timeline.op_start(op) + (transition or 0), self.timeline.op_end(op))

    def place_of(self, position: int) -> dict[str, int]:
        """A position as operation and transition, as notes keep it: it means the same on another kernel.

        Where an operation ends the next one begins: only the latter is the same place where the first takes longer.
        """
        k = self.last_op_before(position)
        if k is None:
            return {"op": -1, "transition": position} if position else {"op": 0, "transition": 0}
        if self._ends(k, position):
            return {"op": k + 1, "transition": 0}
        return {"op": k, "transition": position - self.timeline.op_start(k)}

    def _ends(self, k: int, position: int) -> bool:
        """Is operation `k` over at a position? The last one of a run that still grows may not be."""
        last = k + 1 == self.timeline.op_count
        return position >= self.timeline.op_end(k) and not (last and self.timeline.growing)

    def add_mark(self, name: str) -> None:
        """A named mark here; a mark of that name moves here."""
        at = self.place_of(self.timeline.position)
        self.sidecar.add("mark", id=f"mark:{name}", name=name, **at)

    def add_note(self, text: str, about: str) -> None:
        """A note here about a subject."""
        at = self.place_of(self.timeline.position)
        self.sidecar.add("note", text=text, about=about, author=self.author, kernel=self.timeline.kernel, **at)

    def drop_note(self, note: Note) -> bool:
        """Delete a mark or note that is the person's own; False for one that stands in the trace file."""
        for record in (*self.sidecar.of_kind("mark"), *self.sidecar.of_kind("note")):
            if self.note_of(record) == note:
                self.sidecar.drop(record["id"])
                return True
        return False

    def marks(self) -> dict[str, int]:
        """Positions by name."""
        return {note.name: note.position for note in self.notes() if note.name}

    def last_op_before(self, p: int) -> int | None:
        """The last operation that begins before position `p`; a binary search."""
        low, high = 0, self.timeline.op_count
        while low < high:
            middle = (low + high) // 2
            if self.timeline.op_start(middle) < p:
                low = middle + 1
            else:
                high = middle
        return low - 1 if low else None


def _number(record: Record, name: str) -> int | None:
    value = record.get(name)
    return value if isinstance(value, int) else None
