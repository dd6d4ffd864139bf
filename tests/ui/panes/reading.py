"""How a pane is read in tests, and at which sizes."""

from __future__ import annotations

from pathlib import Path

from mmtui.ui.panes import PANES
from mmtui.ui.rows import PaneRows, Row
from mmtui.ui.view import View

TRACES = Path(__file__).resolve().parents[3] / "traces"

SIZES = {
    "narrow": {"vmas": (39, 12), "tables": (39, 12), "frames": (40, 6), "why": (40, 5), "log": (80, 6)},
    "normal": {"vmas": (33, 18), "tables": (44, 18), "frames": (41, 18), "log": (72, 16), "why": (47, 16)},
    "wide": {"vmas": (46, 26), "tables": (46, 26), "frames": (57, 26), "log": (93, 27), "why": (48, 26)},
}
"""Columns and lines of the panes at 80x24, 120x40 and 200x60."""


def built(view: View, pane: str, size: tuple[int, int] | None = None) -> PaneRows:
    """A pane at the size that the view's size class gives it."""
    width, height = size or SIZES[view.size][pane]
    return PANES[pane].build(view, width, height)


def lines(view: View, pane: str, size: tuple[int, int] | None = None) -> list[str]:
    """Every line of a pane as plain text: heading, rows, foot."""
    width = (size or SIZES[view.size][pane])[0]
    rows = built(view, pane, size)
    return [row.plain(width) for row in (*rows.head, *rows.rows, *rows.foot)]


def roles(row: Row, word: str) -> str:
    """The role of the first span that has `word` in it."""
    return next(role for text, role in (*row.spans, *row.right) if word in text)


def row_with(rows: PaneRows, word: str) -> Row:
    """The first row with `word` in its text."""
    return next(row for row in rows.rows if word in row.text)
