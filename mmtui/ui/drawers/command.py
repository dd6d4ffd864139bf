"""`:` and ctrl+p: every command by its name, with what it takes; one registry, two ways to reach it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mmtui.ui.commands import ALIASES, COMMANDS, Command, find_command, matching, nearest
from mmtui.ui.drawers.base import ListDrawer
from mmtui.ui.keymap import keys_of, shown
from mmtui.ui.lineedit import LineEdit
from mmtui.ui.rows import Row, Span

if TYPE_CHECKING:
    from mmtui.ui.chrome import Footing
    from mmtui.ui.desk import Desk


class CommandDrawer(ListDrawer):
    """A command line with completion. As a palette it takes the best match, as a line what is typed."""

    head = 2

    def __init__(self, desk: Desk, palette: bool = False) -> None:
        super().__init__(desk)
        self.palette = palette
        self.name = "palette" if palette else "command"
        self.key, self.title = ("ctrl+p", "Palette") if palette else (":", "Command")
        self.edit: LineEdit = LineEdit()
        self.found: list[Command] = []
        self.moved = False
        self.changed()

    def note(self) -> list[Span]:
        """How many there are."""
        return [(f"{len(self.found)} of {len(COMMANDS)} commands", "dim")]

    def footing(self) -> Sequence[Footing]:
        """Keys of the drawer."""
        return [("Up Down", "look"), ("Tab", "complete"), ("Enter", "do it"), ("Esc", "back")]

    def draft(self) -> str:
        """A command line is not worth keeping."""
        return ""

    def changed(self) -> None:
        """The commands that match the first word."""
        word = self.edit.text.strip().partition(" ")[0]
        self.found = matching(word)
        exact = find_command(word)
        if exact is not None:
            self.found = [exact, *(command for command in self.found if command is not exact)]
        self.chosen, self.top, self.moved = 0, 0, False

    def choose(self, index: int) -> None:
        """Once the list was used, Enter takes from it."""
        super().choose(index)
        self.moved = True

    def press(self, key: str, character: str | None) -> bool:
        """Tab completes the id."""
        if key == "tab":
            if self.found:
                self.edit.put(self.found[self.chosen].id + " ")
                self.changed()
            return True
        return super().press(key, character)

    def enter(self) -> None:
        """Do what is typed, or what the list says."""
        word, _, arg = self.edit.text.strip().partition(" ")
        command = find_command(word)
        if self.found and (self.moved or (self.palette and command is None)):
            command, arg = self.found[self.chosen], "" if self.moved and command is None else arg
        if command is None and word and (word[0].isdigit() or word[0] in "+-@%"):
            command, arg = COMMANDS["time.goto"], self.edit.text.strip()
        if command is None and len(self.found) == 1:
            command = self.found[0]
        if command is None:
            near = nearest(word, [*COMMANDS, *ALIASES])
            self.desk.say(f"no command {word!r}" + (f"; did you mean {near}?" if near else "") if word else "")
            return
        self.desk.close()
        self.desk.run(command.id, arg.strip())

    def count(self) -> int:
        """How many commands match."""
        return len(self.found)

    def lines(self, width: int, height: int) -> list[Row]:
        """What is typed, then the commands."""
        mark = " : " if not self.palette else " > "
        rows = [Row(((mark, "dim"), *self.edit.spans())), Row()]
        if not self.found:
            return [*rows, Row((("  No command has these letters.", "dim"),))]
        return [*rows, *self.list_rows(width, height - 2)]

    def row(self, index: int, width: int) -> Row:
        """Id, what it takes, what it does, its keys."""
        command = self.found[index]
        keys = " ".join(shown(key) for key in keys_of(self.desk.settings.keymap, command.id)[:2])
        takes = f" {command.arg}" if command.arg else ""
        left: list[Span] = [(f" {command.id}", "text"), (takes, "dim")]
        gap = max(2, 32 - len(command.id) - len(takes) - 1)
        return Row((*left, (" " * gap, "text"), (command.title, "dim")), right=((keys, "text+bold"),) if keys else ())
