"""`g`: go to a place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from mmtui.ui.drawers.base import Drawer
from mmtui.ui.drawers.trouble import trouble_rows
from mmtui.ui.lineedit import LineEdit
from mmtui.ui.panes import texts
from mmtui.ui.rows import Row

if TYPE_CHECKING:
    from mmtui.ui.chrome import Footing
    from mmtui.ui.desk import Desk

PLACES: Final = (
    ("op:6   op:6.12", "before operation 6; after its first 12 changes"),
    ("120   50%", "a position; half way through the log"),
    ("+100   -1", "from here"),
    ("@name", "a mark"),
    ("leak", "the first event of that name"),
    ("pid:2   pfn:1f3   0x10000000", "the next operation that touches it"),
)


class GotoDrawer(Drawer):
    """A line, what it means so far, and what else could be typed."""

    name, key, title = "goto", "g", "Go to"

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self.edit: LineEdit = LineEdit()
        self.position: int | None = None
        self.trouble: ValueError | None = None

    def footing(self) -> Sequence[Footing]:
        """Keys of the drawer."""
        return [("Enter", "go"), ("Esc", "back")]

    def draft(self) -> str:
        """A place is not worth keeping."""
        return ""

    def changed(self) -> None:
        """Resolve what is typed so far."""
        self.position, self.trouble = None, None
        text = self.edit.text.strip()
        if not text:
            return
        try:
            self.position = self.desk.stepper.place(text)
        except ValueError as error:
            self.trouble = error

    def press(self, key: str, character: str | None) -> bool:
        """Enter goes there."""
        if key != "enter":
            return super().press(key, character)
        if self.position is not None:
            position = self.position
            self.desk.close()
            self.desk.travel(position)
        return True

    def lines(self, width: int, height: int) -> list[Row]:
        """What is typed, what it is, the grammar by example."""
        rows = [Row(((" g ", "dim"), *self.edit.spans()))]
        if self.trouble is not None:
            rows += trouble_rows(self.trouble, 3, width)
        elif self.position is not None:
            timeline = self.desk.timeline
            op = timeline.op_at(self.position)
            what = texts.op_text(self.desk.view, op) if op >= 0 else "before the first operation"
            rows.append(
                Row(((f"   position {self.position}   {timeline.place_name(self.position)}   ", "text"), (what, "dim")))
            )
        else:
            rows.append(Row())
        rows.append(Row())
        rows += [Row(((f"   {place:<30}", "text"), (about, "dim"))) for place, about in PLACES]
        return rows[:height]
