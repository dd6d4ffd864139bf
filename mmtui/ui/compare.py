"""The comparison's now line: how many cells differ here, where it began, which functions were changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mmtui import words
from mmtui.compare import Difference, changed_functions, difference, divergences, position_in
from mmtui.ui.panes import texts
from mmtui.ui.rows import Span

if TYPE_CHECKING:
    from mmtui.engine.timeline import Timeline
    from mmtui.ui.view import View


def difference_line(view: View) -> list[Span]:
    """`≠ 13 cells differ here.  First at op 23 read 10000000: page 008 mapcount 0 with 1.`"""
    other = view.other
    assert other is not None
    sign = "\u2260" if view.glyphs == "unicode" else "!="
    view.timeline.seek(view.position)
    other.seek(view.other_position)
    key = ("differ", id(other), view.position, view.other_position)
    found = view.remember(key, lambda: difference(view.timeline, other))
    if other.kernel == view.timeline.kernel:
        return _moments(view, sign, found)
    cells = found.cells
    places = divergences(view.timeline, other, view.memo)
    if not places:
        return [(f" {sign} ", "bright"), ("these two kernels do the same, change by change", "text")]
    differ = "cell differs" if cells == 1 else "cells differ"
    here: list[Span] = [(f" {sign} {cells}", "bright"), (f" {differ} here.", "dim")]
    return [*here, *view.remember(("first", id(other)), lambda: _first(view, places[0]))]


def _moments(view: View, sign: str, found: Difference) -> list[Span]:
    """This moment beside another one of the same run."""
    assert view.other is not None
    place = view.other.place_name(view.other_position)
    if found.first is None:
        return [(f" {sign} 0", "bright"), (f" cells differ from {place}", "dim")]
    number = max(0, min(view.position, len(view.timeline)) - 1)
    spans: list[Span] = [(f" {sign} {found.cells}", "bright"), (f" cells differ from {place}.  First ", "dim")]
    return [*spans, *_cell(view.timeline, found.first, number)]


def _first(view: View, position: int) -> list[Span]:
    """Where the two part for the first time, in what, and which functions were changed in between."""
    timeline, other = view.timeline, view.other
    assert other is not None
    op = timeline.op_at(position)
    where = f"op {op} {' '.join(texts.op_text(view, op).split())}" if op >= 0 else "boot"
    spans: list[Span] = [("  First at ", "dim"), (where, "text"), (": ", "dim")]
    spans += _what(view, timeline, other, position)
    names = changed_functions(timeline, other, position)
    if names:
        spans += [(".  The kernel changed ", "dim"), (", ".join(names[:4]), "text")]
    return spans


def _what(view: View, timeline: Timeline, other: Timeline, position: int) -> list[Span]:
    """The first cell that differs there, `page 008 mapcount 0 with 1`; the change itself where none does yet."""
    timeline.seek(position)
    other.seek(position_in(timeline, other, position, view.memo))
    found = difference(timeline, other).first
    timeline.seek(view.position)
    other.seek(view.other_position)
    number = max(0, min(position, len(timeline)) - 1)
    if found is None:
        said = words.transition_text(timeline, number)
        return [(f"{said.subject} {said.old} -> {said.new}", "dim")]
    return _cell(timeline, found, number)


def _cell(timeline: Timeline, found: tuple[str, int, int, int], number: int) -> list[Span]:
    """`page 008 mapcount 0 with 1`."""
    name, row, a, b = found
    subject = words.subject_text(timeline, name, row, number)
    field = "" if name == "pte.val" else f" {name.partition('.')[2]}"
    values = [words.value_text(timeline, name, value, number) for value in (a, b)]
    return [(f"{subject}{field} ", "dim"), (values[0], "text+bold"), (" with ", "dim"), (values[1], "text+bold")]
