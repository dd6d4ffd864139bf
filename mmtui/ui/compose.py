"""The whole screen from the desk's state: rows around the panes, panes with their hairlines, a drawer over them."""

from __future__ import annotations

import textwrap
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from mmtui.ui import chrome
from mmtui.ui.layout import SMALLEST, Cell, Layout, drawer_top
from mmtui.ui.paint import Canvas, Lines, Painter, cut_left, scroll_to
from mmtui.ui.panes import PANES
from mmtui.ui.rows import PaneRows, Row, Span, Target

if TYPE_CHECKING:
    from mmtui.ui.drawers.base import Drawer
    from mmtui.ui.help import Help
    from mmtui.ui.view import View

Title = tuple[list[Span], list[Span]]


class Shown(Protocol):
    """What a screen is composed of: a desk, or the first screen before there is one."""

    painter: Painter
    layout: Layout
    view: View
    message: str
    following: bool
    shown: dict[tuple[str, int], PaneRows]
    tops: dict[tuple[str, int], int]
    loose: set[str]

    @property
    def drawer(self) -> Drawer | None:
        """What lies over the lower panes."""

    @property
    def help(self) -> Help | None:
        """What lies over everything."""

    @property
    def focused(self) -> str:
        """The pane that has the focus."""

    def around(self) -> chrome.Around:
        """What header, timeline and now line need to know."""

    def footing(self) -> list[chrome.Footing]:
        """The footer's entries."""


def screen(desk: Shown, width: int, height: int) -> Lines:
    """The lines of the screen, each exactly `width` columns."""
    canvas = Canvas(desk.painter, width, height)
    if desk.layout.shape == "too small":
        return _too_small(canvas)
    if desk.help is not None:
        _put_lines(canvas, desk.help.lines(width, height - 1), 0, 0, width)
        said = desk.message or "mmtui keys  shows what a key sends"
        canvas.put(0, height - 1, desk.painter.row(chrome.footer(desk.footing(), width, said), width))
        return canvas.strips()
    around = desk.around()
    _put_around(desk, canvas, around)
    top = drawer_top(desk.layout, desk.drawer.small) if desk.drawer is not None else None
    _put_panes(desk, canvas, top)
    if desk.drawer is not None and top is not None:
        lines = desk.drawer.lines(width, desk.layout.footer_row - top - 1)
        _put_lines(canvas, lines[: desk.layout.footer_row - top - 1], 0, top + 1, width)
    return canvas.strips()


def _too_small(canvas: Canvas) -> Lines:
    """Below the smallest size: what is needed, in words."""
    said = (
        f"This terminal has {canvas.width}x{canvas.height}.",
        f"mmtui needs {SMALLEST[0]}x{SMALLEST[1]};",
        "80x24 shows all panes.",
        "mmtui step --plain",
        "works at any size.",
    )
    for y, text in enumerate(said):
        canvas.line(y, [(text, "text")])
    return canvas.strips()


def _put_around(desk: Shown, canvas: Canvas, around: chrome.Around) -> None:
    layout, view, width = desk.layout, desk.view, canvas.width
    paint = desk.painter
    canvas.put(0, 0, paint.row(chrome.header(view, around, width), width))
    if layout.timeline == 2:
        canvas.put(0, 1, paint.spans(chrome.names_row(view, around, width), width))
    if layout.timeline:
        canvas.put(0, layout.timeline, paint.spans(chrome.timeline_row(view, around, width), width))
    canvas.put(0, layout.now_row, paint.row(chrome.now_line(view, around, width), width))
    canvas.put(0, layout.footer_row, paint.row(chrome.footer(desk.footing(), width, desk.message), width))
    if layout.log_row is not None and desk.drawer is None:
        _put_log_row(desk, canvas, layout.log_row)


def _put_log_row(desk: Shown, canvas: Canvas, y: int) -> None:
    """The one row of the log on a small screen: the position's."""
    rows = PANES["log"].build(desk.view, canvas.width, 1)
    index = min(rows.changed, default=rows.cursor)
    if index is not None and 0 <= index < len(rows.rows):
        canvas.put(0, y, desk.painter.row(rows.rows[index], canvas.width))


def _put_panes(desk: Shown, canvas: Canvas, end: int | None) -> None:
    """All panes above row `end` (the title of a drawer), then titles and hairlines."""
    cells: list[Cell] = []
    titles: dict[Cell, Title] = {}
    differing: set[int] = set()
    for cell in desk.layout.cells:
        if end is not None and cell.y >= end:
            continue
        shown = cell if end is None else replace(cell, height=min(cell.height, end - cell.y))
        titles[shown] = _put_pane(desk, canvas, cell, shown.height, differing)
        cells.append(shown)
    focus = desk.focused
    if desk.drawer is not None and end is not None:
        below = Cell("drawer", 0, end + 1, canvas.width, desk.layout.footer_row - end - 1)
        cells.append(below)
        titles[below] = (desk.drawer.heading(), desk.drawer.note())
        focus = "drawer"
    canvas.lines(replace(desk.layout, cells=tuple(cells)), titles, focus)
    if desk.layout.gutter is not None:
        _put_gutter(desk, canvas, differing, end)


def _put_gutter(desk: Shown, canvas: Canvas, differing: set[int], end: int | None) -> None:
    gutter, sign = desk.layout.gutter, "!=" if desk.painter.ascii else "\u2260"
    assert gutter is not None
    for y in range(desk.layout.now_row + 1, desk.layout.footer_row if end is None else end):
        span: Span = (sign, "bright") if y in differing else ("\u2502", "rule")
        canvas.put(gutter, y, desk.painter.spans([span], len(sign)))


def _put_pane(desk: Shown, canvas: Canvas, cell: Cell, height: int, differing: set[int]) -> Title:
    """One pane, cut to `height` lines; returns its title and note."""
    view = desk.view if cell.half == 0 else desk.view.twin
    assert view is not None
    rows = _with_cursor(_build(view, cell), view.cursors.get(cell.pane))
    desk.shown[cell.pane, cell.half] = rows
    body = rows.body_height(cell.height)
    top = _top(desk, cell, rows, body)
    lines = [*rows.head, *rows.rows[top : top + body]]
    if not len(rows.rows) and rows.empty:
        lines += [Row(((f"  {text}", "dim"),)) for text in textwrap.wrap(rows.empty, max(10, cell.width - 3))]
    lines = lines[: cell.height - len(rows.foot)]
    lines += [Row()] * (cell.height - len(rows.foot) - len(lines))
    lines = [*lines, *rows.foot][:height]
    if desk.layout.gutter is not None:
        differing.update(cell.y + i for i, row in enumerate(lines) if row.is_different)
    _put_lines(canvas, lines, cell.x, cell.y, cell.width)
    return _title(desk, cell, rows, top, body)


def _build(view: View, cell: Cell) -> PaneRows:
    view.timeline.seek(view.position)
    return PANES[cell.pane].build(view, cell.width, cell.height)


def _with_cursor(rows: PaneRows, target: Target | None) -> PaneRows:
    """The person's cursor in a pane that does not place it itself."""
    if rows.cursor is not None or target is None or len(rows.rows) > 500:
        return rows
    lines = list(rows.rows)
    at = next((i for i, row in enumerate(lines) if row.target == target), None)
    if at is None:
        return rows
    spans = cut_left(lines[at].spans, 1)
    lines[at] = replace(lines[at], spans=((">", "bright"), *spans), band=True)
    return replace(rows, rows=lines, cursor=at)


def _top(desk: Shown, cell: Cell, rows: PaneRows, body: int) -> int:
    """The first row in sight. Both kernels' panes scroll together."""
    before = desk.tops.get((cell.pane, 0), 0)
    if cell.half == 1:
        return max(0, min(before, len(rows.rows) - body))
    if cell.pane in desk.view.cursors and rows.cursor is not None:
        rows = replace(rows, changed=())  # the person's cursor is looked at, wherever the change was
    follow = cell.pane not in desk.loose and (desk.following or cell.pane == desk.focused)
    top = scroll_to(rows, before, body, follow)
    desk.tops[cell.pane, 0] = top
    return top


def _title(desk: Shown, cell: Cell, rows: PaneRows, top: int, body: int) -> Title:
    number = str(PANES[cell.pane].number)
    focused = cell.pane == desk.focused and desk.drawer is None
    title: list[Span] = [(f"{number} ", "bright" if focused else "dim"), *rows.title]
    if focused:
        title = [(text, "bright" if role.startswith("text") else role) for text, role in title]
    above = sum(1 for i in rows.changed if i < top)
    below = sum(1 for i in rows.changed if i >= top + body)
    note = list(rows.note)
    if desk.view.other is not None:
        title, note = _compare_title(desk, cell, title, note)
    marks = [f"{sign} {n}" for sign, n in (("^", above), ("v", below)) if n]
    if marks:
        title += [(" ", "text"), (" ".join(marks), "accent")]
    return title, note


def _compare_title(desk: Shown, cell: Cell, title: list[Span], note: list[Span]) -> Title:
    """In a comparison the first pane of each half names the kernel, the last one of its top row the stop."""
    view = desk.view if cell.half == 0 else desk.view.twin
    assert view is not None
    mine = [c for c in desk.layout.cells if c.half == cell.half]
    top = [c for c in mine if c.y == mine[0].y]
    if cell == top[0]:
        same = desk.view.other is not None and desk.view.other.kernel == desk.view.timeline.kernel
        name = view.timeline.place_name(view.position) if same else view.timeline.kernel
        title = [(name, "bright"), (" \u2500\u2500\u2500 ", "rule"), *title]
    if cell == top[-1]:
        kinds = " ".join(dict.fromkeys(event.kind for event in view.faults))
        note = [(f" STOP {kinds} ", "alarm_fill")] if kinds else [("no stop", "dim")]
    return title, note


def _put_lines(canvas: Canvas, lines: list[Row], x: int, y: int, width: int) -> None:
    paint = canvas.painter.row
    for at, row in enumerate(lines, y):
        canvas.put(x, at, paint(row, width))


def row_at(desk: Shown, layout: Layout, x: int, y: int) -> tuple[Cell, int] | None:
    """The pane and the index of its row at a place of the screen; -1 for a title, head or foot."""
    cell = layout.at(x, y)
    if cell is None:
        return None
    rows = desk.shown.get((cell.pane, cell.half))
    if rows is None:
        return cell, -1
    line = y - cell.y - len(rows.head)
    body = rows.body_height(cell.height)
    index = desk.tops.get((cell.pane, 0), 0) + line
    return cell, index if 0 <= line < body and index < len(rows.rows) else -1
