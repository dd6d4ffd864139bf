"""`?`: every key on one screen, then the glyphs and states in their own styles, so that it is a test card as well."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from mmtui.ui.commands import CATEGORIES, COMMANDS, Command, matching
from mmtui.ui.keymap import keys_of, shown
from mmtui.ui.lineedit import LineEdit
from mmtui.ui.paint import width_of
from mmtui.ui.rows import Row, Span

if TYPE_CHECKING:
    from mmtui.ui.chrome import Footing
    from mmtui.ui.desk import Desk

RULE: Final = "Lower case goes forward, the same letter in upper case goes back."


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a column: commands that belong together and a word for them."""

    ids: tuple[str, ...]
    word: str


# The overview: three columns of nine, as much as 80x24 has room for. Typing filters the whole registry instead.
COLUMNS: Final = (
    (
        "time",
        Entry(("time.op", "time.op-back"), "operation"),
        Entry(("time.transition", "time.transition-back"), "single change"),
        Entry(("time.call", "time.call-back"), "call"),
        Entry(("time.stop", "time.stop-back"), "stop"),
        Entry(("time.change", "time.change-back"), "change of this"),
        Entry(("time.alert", "time.alert-back"), "alert"),
        Entry(("time.mark", "time.mark-back"), "mark or note"),
        Entry(("time.end", "time.end-back"), "end, start"),
        Entry(("time.goto",), "go to ..."),
    ),
    (
        "look",
        Entry(("pane.vmas", "pane.source"), "pane"),
        Entry(("pane.next",), "next pane"),
        Entry(("cursor.follow",), "follow"),
        Entry(("cursor.back",), "back"),
        Entry(("proc.next", "proc.previous"), "process"),
        Entry(("pane.zoom",), "zoom pane"),
        Entry(("view.overlay",), "frame overlay"),
        Entry(("view.numbers",), "hex, decimal"),
        Entry(("proc.all",), "all processes"),
    ),
    (
        "find and keep",
        Entry(("find", "time.hit"), "search all time"),
        Entry(("stop.toggle", "stop.list"), "stop, stops"),
        Entry(("stop.watch",), "watch this"),
        Entry(("mark.set", "mark.list"), "mark, marks"),
        Entry(("note.edit", "pane.notes"), "note, notes"),
        Entry(("explain",), "explain"),
        Entry(("model",), "other kernel"),
        Entry(("diff",), "compare with"),
        Entry(("copy", "export"), "copy, export"),
    ),
)

FRAMES: Final = (
    ((".", "faint", "free"), ("F", "kind.F", "file"), ("R", "kind.R", "reserved"), ("S", "kind.S", "slab")),
    (
        (("A"), "kind.A", "anon"),
        ("N", "kind.N", "nopage driver page"),
        ("Z", "kind.Z", "zero page"),
        ("!", "alarm", "leaked"),
    ),
    (
        ("c", "kind.c", "COW-shared"),
        ("D", "kind.D", "pfn-mapped window"),
        ("P", "kind.P", "page table"),
        ("X", "alarm_fill", "freed while mapped"),
    ),
)
FRAME_COLUMNS: Final = (2, 20, 43, 58)


class Help:
    """The help screen: an overview, or what matches the letters that were typed."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.edit = LineEdit()
        self.chosen = 0
        self.top = 0

    def footing(self) -> Sequence[Footing]:
        """Keys of the help."""
        return [("Up Down", "scroll"), ("Enter", "do it"), ("Esc", "back")]

    def press(self, key: str, character: str | None) -> bool:
        """Letters filter, arrows choose, Enter does the chosen command."""
        jump = {"up": -1, "down": 1, "pageup": -10, "pagedown": 10}.get(key)
        if jump is not None:
            self.chosen = max(0, self.chosen + jump)
        elif key == "enter":
            self._do()
        elif self.edit.press(key, character):
            self.chosen = 0
        else:
            return False
        return True

    def _do(self) -> None:
        if not self.edit.text:
            return
        found = self._found()
        self.desk.help = None
        if found:
            self.desk.run(found[min(self.chosen, len(found) - 1)].id)

    def _found(self) -> list[Command]:
        return matching(self.edit.text)

    def lines(self, width: int, height: int) -> list[Row]:
        """The screen, at most `height` rows."""
        rows = self._filtered(width, height - 1) if self.edit.text else self._overview(width)
        room = height - 1
        if not self.edit.text:
            self.chosen = max(0, min(self.chosen, len(rows) - room))
            rows = rows[self.chosen : self.chosen + room]
        return [self._heading(width), *rows[:room]]

    def _heading(self, width: int) -> Row:
        typed: list[Span] = self.edit.spans() if self.edit.text else [("type to filter", "dim")]
        right: list[Span] = [(" ", "text"), *typed, ("   Esc back ", "dim"), ("\u2500", "rule_focus")]
        left: list[Span] = [("\u2500 ", "rule_focus"), ("? Help ", "bright")]
        line = "\u2500" * max(0, width - width_of(left) - width_of(right))
        return Row((*left, (line, "rule_focus"), *right))

    def _overview(self, width: int) -> list[Row]:
        starts = (2, 2 + (width - 4) * 27 // 76, 2 + (width - 4) * 54 // 76)
        rows = [Row((("  " + RULE, "text+bold"),)), self._leaving(starts)]
        rows.append(_at([(x, str(column[0]), "dim") for x, column in zip(starts, COLUMNS, strict=True)]))
        for i in range(1, len(COLUMNS[0])):
            parts: list[tuple[int, str, str]] = []
            for x, column in zip(starts, COLUMNS, strict=True):
                entry = column[i]
                assert isinstance(entry, Entry)
                keys = self._keys(entry)
                parts += [
                    (x, keys, "text+bold"),
                    (x + max(8 if x == 2 else 9 if x == starts[1] else 6, len(keys) + 1), entry.word, "text"),
                ]
            rows.append(_at(parts))
        rows += [Row(), _section("Frames", width)]
        rows += [_frames_row(line) for line in FRAMES]
        return [*rows, _section("States", width), *_states(), Row(), *self._more(width)]

    def _leaving(self, starts: tuple[int, int, int]) -> Row:
        """What nobody should have to look for: how to leave, the command line, a mark with a name."""
        shorts = ((starts[0], "quit", "quit, all is kept"), (starts[1], "command", "command line"))
        parts: list[tuple[int, str, str]] = []
        for x, command, word in shorts:
            keys = self._keys(Entry((command,), word))
            parts += [(x, keys, "text+bold"), (x + (8 if x == 2 else 9), word, "text")]
        return _at([*parts, (starts[2], ":mark NAME", "text+bold"), (starts[2] + 11, "names it", "text")])

    def _keys(self, entry: Entry) -> str:
        """`n  N`; the panes as a range."""
        keys = [found[0] for name in entry.ids if (found := keys_of(self.desk.settings.keymap, name))]
        if entry.ids[-1] == "pane.notes":
            keys[-1] = keys_of(self.desk.settings.keymap, "pane.notes")[-1]
        if entry.ids[0] == "pane.vmas" and len(keys) == 2:
            return " .. ".join(keys)
        if entry.ids == ("find", "time.hit"):
            keys = keys[:1]
        return "  ".join(shown(key) for key in keys)

    def _more(self, width: int) -> list[Row]:
        """Every command that the overview has no room for, below it."""
        entries = [entry for column in COLUMNS for entry in column[1:] if isinstance(entry, Entry)]
        seen = {name for entry in entries for name in entry.ids}
        rows = []
        for category in CATEGORIES:
            rest = [c for c in COMMANDS.values() if c.category == category and c.id not in seen]
            if rest:
                rows += [_section(f"More: {category}", width), *(self._command_row(c, False) for c in rest)]
        bar = "bars in the second row: how deep the kernel's calls go; m mark, ! stop, f fork"
        return [*rows, _section("Timeline", width), Row((("  " + bar, "text"),))]

    def _command_row(self, command: Command, chosen: bool) -> Row:
        keys = " ".join(shown(key) for key in keys_of(self.desk.settings.keymap, command.id)[:2]) or ":"
        cursor: Span = (">", "bright") if chosen else (" ", "text")
        spans: tuple[Span, ...] = (
            cursor,
            (f" {keys:<17}", "text+bold"),
            (f"{command.id:<22}", "dim"),
            (command.title, "text"),
        )
        return Row(spans, band=chosen)

    def _filtered(self, width: int, height: int) -> list[Row]:
        found = self._found()
        if not found:
            return [Row(), Row((("  No command has these letters.", "dim"),))]
        self.chosen = min(self.chosen, len(found) - 1)
        self.top = max(min(self.top, self.chosen), self.chosen - height + 2, 0)
        rows = [self._command_row(command, i == self.chosen) for i, command in enumerate(found)]
        return [Row(), *rows[self.top : self.top + height - 1]]


def _at(parts: Sequence[tuple[int, str, str]]) -> Row:
    """Texts at columns."""
    spans: list[Span] = []
    x = 0
    for column, text, role in parts:
        if column > x:
            spans.append((" " * (column - x), "text"))
            x = column
        spans.append((text, role))
        x += len(text)
    return Row(tuple(spans))


def _section(name: str, width: int) -> Row:
    return Row(
        (("\u2500 ", "rule"), (name, "text+bold"), (" ", "rule"), ("\u2500" * max(0, width - len(name) - 3), "rule"))
    )


def _frames_row(line: Sequence[tuple[str, str, str]]) -> Row:
    parts: list[tuple[int, str, str]] = []
    for x, (glyph, role, name) in zip(FRAME_COLUMNS, line, strict=True):
        parts += [(x, glyph, role + ("+bold" if role.startswith("kind") else "")), (x + 3, name, "text")]
    return _at(parts)


def _states() -> list[Row]:
    return [
        _at(
            [
                (2, "1 -> 2", "accent"),
                (11, "changed in this step", "text"),
                (40, "+1", "text"),
                (45, "pte that holds a reference", "text"),
            ]
        ),
        _at(
            [
                (2, "2", "recent"),
                (11, "changed in this operation", "text"),
                (41, "~", "kind.N"),
                (45, "window: maps, holds nothing", "text"),
            ]
        ),
        _at(
            [
                (0, ">", "bright"),
                (2, "008", "text+underline"),
                (11, "selected", "text"),
                (40, "STOP", "alarm_fill"),
                (45, "a breakpoint or an alert", "text"),
            ]
        ),
        _at(
            [
                (2, "4", "diff"),
                (4, "\u2260", "bright"),
                (11, "differs between two kernels", "text"),
                (40, "F", "kind.F"),
                (41, "2", "dim"),
                (45, "count, shown where it is not 1", "text"),
            ]
        ),
    ]
