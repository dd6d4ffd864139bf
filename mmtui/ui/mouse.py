"""What a click and the wheel mean: everything that the mouse does, keys do too."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mmtui.ui.chrome import footer_at, position_at
from mmtui.ui.commands import COMMANDS
from mmtui.ui.compose import row_at
from mmtui.ui.layout import drawer_top
from mmtui.ui.rows import Target

if TYPE_CHECKING:
    from mmtui.ui.desk import Desk


def click(desk: Desk, x: int, y: int, twice: bool) -> None:
    """One click focuses and selects, a second one follows."""
    layout = desk.layout
    if y == layout.footer_row:
        _footer(desk, x)
        return
    if desk.help is not None:
        return
    if desk.drawer is not None and y > (top := drawer_top(layout, desk.drawer.small)):
        desk.drawer.click(y - top - 1, twice)
        return
    if 1 <= y <= layout.timeline:
        desk.travel(position_at(desk.timeline, x, layout.width))
        return
    found = row_at(desk, layout, x, y)
    if found is None:
        return
    cell, index = found
    desk.focus(cell.pane)
    if index < 0:
        return
    rows = desk.shown[cell.pane, cell.half]
    target = rows.rows[index].target
    if target is None:
        return
    if cell.pane == "frames" and target.kind == "page":
        target = _frame(rows.rows[index].text, target, x - cell.x) or target
    if twice:
        desk.run("cursor.follow")
    else:
        desk.put_cursor(cell.pane, target)


def _frame(text: str, target: Target, column: int) -> Target | None:
    """The frame whose glyph is at a column of a row of the map."""
    words = text[1:].split()
    if not words:
        return None
    try:
        first = int(words[0], 16)
    except ValueError:
        return None
    start = text.index(words[0], 1) + len(words[0]) + 1
    for cell, gap, across in ((3, 4, 16), (2, 4, 16), (1, 16, 32)):
        length = (across - 1) * cell + (across - 1) // gap
        if len(text) - start > length - cell * 2 and column >= start:
            for number in range(across):
                at = start + number * cell + number // gap
                if at <= column < at + cell:
                    return Target("page", f"page[{first + number}]")
            return None
    return None


def _footer(desk: Desk, x: int) -> None:
    entries = desk.footing()
    index = footer_at(entries, x, desk.layout.width, desk.message)
    if index is None:
        return
    if desk.drawer is not None or desk.help is not None:
        if entries[index][0] == "Esc":
            desk.run("cancel")
        return
    ids = [*desk.footer_ids()[: len(entries) - 1], "help"]
    desk.run(COMMANDS[ids[index]].id)


def wheel(desk: Desk, x: int, y: int, lines: int) -> None:
    """Scroll the pane under the mouse; its cursor and time stay."""
    found = row_at(desk, desk.layout, x, y)
    if found is None or desk.help is not None:
        return
    cell = found[0]
    desk.tops[cell.pane, 0] = max(0, desk.tops.get((cell.pane, 0), 0) + lines)
    desk.loose.add(cell.pane)
