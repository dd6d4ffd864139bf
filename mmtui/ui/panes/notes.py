"""6 Notes: marks and notes in the order of time; those at the position are text, the others dim."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mmtui.ui.panes.common import Line, plural, title, wrap
from mmtui.ui.rows import PaneRows, Row, Target
from mmtui.words import plain

if TYPE_CHECKING:
    from mmtui.ui.view import Note, View


def build(view: View, width: int, height: int) -> PaneRows:
    """Each mark on a line; each note under what it is about, wrapped."""
    words = title(view, "notes", "Notes")
    if view.planned:
        return PaneRows(words)
    if not view.notes:
        return PaneRows(words, empty="No notes yet. m marks this place, i writes a note about what is selected.")
    cursor = view.cursors.get("notes")
    rows: list[Row] = []
    at = None
    for number, note in enumerate(view.notes):
        target = Target("position", note.about, note.position, -1 - number)
        here = cursor == target if cursor else note.position == view.position and at is None
        if here:
            at = len(rows)
        rows += _note_rows(view, note, target, here, width)
    notes = sum(1 for note in view.notes if note.text)
    counts = f"{plural(notes, 'note')}   {plural(len(view.notes) - notes, 'mark')}"
    return PaneRows(words, ((counts, "dim"),), (), rows, (), at)


def _note_rows(view: View, note: Note, target: Target, here: bool, width: int) -> list[Row]:
    role = "text" if note.position == view.position else "dim"
    place = view.timeline.place_name(note.position)
    line = Line().put(0, ">" if here else "", "bright").put(max(1, 7 - len(place)), place, "dim")
    if note.name:
        line.put(9, "m", "text+bold").add(plain(note.name), "text", 1)
        return [Row(line.spans, target, band=here)]
    line.put(9, _about(view, note) or "here", "text").add(plain(note.author), "dim", 2)
    rows = [Row(line.spans, target, band=here)]
    lines = wrap(plain(note.text), max(8, width - 10))
    return rows + [Row(Line().put(9, text, role).spans, target, band=here) for text in lines]


def _about(view: View, note: Note) -> str:
    """`page 008` for `page[8]`; other subjects as they are written."""
    kind, bracket, rest = note.about.partition("[")
    number, _, field = rest.partition("]")
    if kind == "page" and bracket and number.isdecimal():
        return f"page {int(number):03x}{' ' + field[1:] if field else ''}"
    return plain(note.about)
