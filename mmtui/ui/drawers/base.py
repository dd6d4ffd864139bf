"""What every drawer is: a title, lines, keys of its own. It takes the Log's and Why's rows until it is closed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING

from mmtui.ui.lineedit import LineEdit
from mmtui.ui.rows import Row, Span

if TYPE_CHECKING:
    from mmtui.ui.chrome import Footing
    from mmtui.ui.desk import Desk

ESC: tuple[str, str] = ("Esc", "back")


class Drawer(ABC):
    """A drawer over the lower panes. `small`: half of their rows are enough. Subclasses draw lines and take keys."""

    name = ""
    key = ""
    title = ""
    small = False
    precious = False
    """What is typed is kept while it is typed, not only when the drawer is left."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.edit: LineEdit | None = None
        self.room = 10

    def heading(self) -> list[Span]:
        """The title, on the hairline."""
        return [(f"{self.key} {self.title}", "bright")]

    def note(self) -> list[Span]:
        """The right end of the hairline."""
        return []

    @abstractmethod
    def lines(self, width: int, height: int) -> list[Row]:
        """What to show, at most `height` lines."""

    def footing(self) -> Sequence[Footing]:
        """The footer while the drawer is open."""
        return [ESC]

    def press(self, key: str, character: str | None) -> bool:
        """A key; False: not for this drawer. `escape` never comes here."""
        if self.edit is not None and self.edit.press(key, character):
            self.changed()
            return True
        return False

    def paste(self, text: str) -> None:
        """Text from the clipboard goes where one types."""
        if self.edit is not None:
            self.edit.insert(text)
            self.changed()

    def changed(self) -> None:  # noqa: B027  (most drawers need nothing)
        """The text was edited."""

    def click(self, line: int, twice: bool) -> None:  # noqa: B027
        """A click on a line of the drawer."""

    def leave(self) -> None:  # noqa: B027
        """Esc: everything as it was before."""

    def waiting(self) -> bool:
        """Something that it shows is still being computed; the screen is painted again in a moment."""
        return False

    def draft(self) -> str:
        """The text that would be lost; it is kept for the next time."""
        return self.edit.text if self.edit is not None else ""


class ListDrawer(Drawer):
    """A drawer with a list of which one row is chosen; the list scrolls no further than needed."""

    head = 0
    """Lines above the list."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self.chosen = 0
        self.top = 0

    @abstractmethod
    def count(self) -> int:
        """How many rows the list has."""

    @abstractmethod
    def row(self, index: int, width: int) -> Row:
        """One row of the list, without its first column and its band."""

    def choose(self, index: int) -> None:
        """Move to a row; panes above may follow."""
        self.chosen = max(0, min(index, self.count() - 1))

    def enter(self) -> None:
        """Enter on the chosen row."""

    def press(self, key: str, character: str | None) -> bool:
        """Arrows and pages move in the list, Enter takes; the rest is typing."""
        jump = {"up": -1, "down": 1, "pageup": -self.room, "pagedown": self.room}.get(key)
        if jump is not None:
            self.choose(self.chosen + jump)
            return True
        if key == "enter":
            self.enter()
            return True
        return super().press(key, character)

    def click(self, line: int, twice: bool) -> None:
        """One click chooses, a second one takes."""
        index = self.top + line - self.head
        if 0 <= index < self.count() and line >= self.head:
            again = twice and index == self.chosen
            self.choose(index)
            if again:
                self.enter()

    def list_rows(self, width: int, height: int) -> list[Row]:
        """The visible part of the list, the chosen row on a band with the cursor."""
        self.room = max(1, height)
        self.chosen = max(0, min(self.chosen, self.count() - 1))
        fullest = max(0, self.count() - self.room)  # no empty rows below while there are rows above
        self.top = max(min(self.top, self.chosen, fullest), self.chosen - self.room + 1, 0)
        shown = range(self.top, min(self.count(), self.top + self.room))
        return [self._with_cursor(self.row(i, width), i == self.chosen) for i in shown]

    def _with_cursor(self, row: Row, chosen: bool) -> Row:
        mark: Span = (">", "bright") if chosen else (" ", "text")
        return Row((mark, *row.spans), row.target, band=chosen, right=row.right)
