"""The comparison's now line: how many cells differ here, where it began, which functions were changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mmtui import words
from mmtui.compare import changed_functions, difference, divergences
from mmtui.ui.panes import texts
from mmtui.ui.rows import Span

if TYPE_CHECKING:
    from mmtui.ui.view import View


def difference_line(view: View) -> list[Span]:
    """`≠ 13 cells differ here.  First at op 23 read 10000000: page 008 mapcount 0 with 1.`"""
    other = view.other
    assert other is not None
    sign = "\u2260" if view.glyphs == "unicode" else "!="
    view.timeline.seek(view.position)
    other.seek(view.other_position)
    cells = view.remember(("differ", id(other), view.position), lambda: difference(view.timeline, other)).cells
    places = divergences(view.timeline, other, view.memo)
    if not places:
        return [(f" {sign} ", "bright"), ("these two kernels do the same, change by change", "text")]
    differ = "cell differs" if cells == 1 else "cells differ"
    here: list[Span] = [(f" {sign} {cells}", "bright"), (f" {differ} here.", "dim")]
    return [*here, *view.remember(("first", id(other)), lambda: _first(view, places[0]))]


def _first(view: View, position: int) -> list[Span]:
    """Where the two part for the first time, and what was changed in the kernel."""
    timeline, other = view.timeline, view.other
    assert other is not None
    op = timeline.op_at(max(0, position - 1))
    spans: list[Span] = [("  First at ", "dim")]
    spans.append((f"op {op} {texts.op_text(view, op)}" if op >= 0 else "boot", "text"))
    if 0 < position <= len(timeline):
        said = words.transition_text(timeline, position - 1)
        spans += [(f": {said.subject} ", "dim"), (f"{said.old} -> {said.new}", "text"), (".", "dim")]
    names = changed_functions(timeline, other, position)
    if names:
        spans += [("  The kernel changed ", "dim"), (", ".join(names[:4]), "text")]
    return spans
