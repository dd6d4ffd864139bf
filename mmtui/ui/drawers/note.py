"""`i`: a note at this position about the selected thing, on the disk before the key returns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mmtui.ui.drawers.base import Drawer
from mmtui.ui.lineedit import LineEdit
from mmtui.ui.panes.common import wrap
from mmtui.ui.rows import Row, Span

if TYPE_CHECKING:
    from mmtui.ui.chrome import Footing
    from mmtui.ui.desk import Desk


class NoteDrawer(Drawer):
    """Text that wraps; Tab changes what it is about."""

    name, key, title = "note", "i", "Note"
    small = True
    precious = True

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self.edit: LineEdit = LineEdit()
        self.subjects = _subjects(desk)
        self.about = 0

    def note(self) -> list[Span]:
        """Where and about what."""
        place = self.desk.timeline.place_name(self.desk.view.position)
        about = self.subjects[self.about]
        return [(f"{place}   {about}" if about else place, "dim")]

    def footing(self) -> Sequence[Footing]:
        """Keys of the drawer."""
        return [("Enter", "save"), ("Tab", "what it is about"), ("Esc", "leave, the draft is kept")]

    def press(self, key: str, character: str | None) -> bool:
        """Enter keeps the note, Tab goes through what it could be about."""
        if key == "tab":
            self.about = (self.about + 1) % len(self.subjects)
            return True
        if key == "enter":
            self._save()
            return True
        return super().press(key, character)

    def _save(self) -> None:
        text = self.edit.text.strip()
        desk = self.desk
        if not text:
            desk.close()
            return
        desk.stepper.add_note(text, self.subjects[self.about])
        desk.close()
        desk.say("noted" if not desk.stepper.sidecar.trouble else "")
        desk.fresh_notes()

    def lines(self, width: int, height: int) -> list[Row]:
        """The text with its cursor, wrapped; where it will be kept on the last line."""
        assert self.edit is not None
        shown = _with_cursor(self.edit, max(10, width - 5))
        room = max(1, height - 3)
        rows = [Row(), *(Row((("  ", "text"), *line)) for line in shown[-room:])]
        rows += [Row()] * (height - 1 - len(rows))
        path = self.desk.stepper.sidecar.path
        kept = (
            f"  Enter keeps it beside the trace, in {path.name}"
            if path
            else "  Nothing can be written here: kept in memory only"
        )
        return [*rows[: height - 1], Row(((kept, "dim"),))]


def _with_cursor(edit: LineEdit, width: int) -> list[list[Span]]:
    """The wrapped text, the cursor as a tinted cell in it."""
    mark = "\ue000"  # stands for the cursor while the text is wrapped; typing cannot produce it
    lines = wrap(edit.text[: edit.at] + mark + edit.text[edit.at :] + ("" if edit.at < len(edit.text) else " "), width)
    found: list[list[Span]] = []
    for line in lines:
        before, here, after = line.partition(mark)
        found.append(
            [(before, "text"), (after[:1] or " ", "accent"), (after[1:], "text")] if here else [(line, "text")]
        )
    return found


def _subjects(desk: Desk) -> list[str]:
    """What a note could be about: the cursor's thing, what the step changed, the page and vma of the panes, nothing."""
    found = [
        target.subject
        for pane in (desk.focused, "why", "frames", "tables", "vmas")
        if (target := desk.cursor_target(pane))
    ]
    if desk.view.subject is not None:
        found.insert(0, desk.view.subject.subject)
    return [*dict.fromkeys(subject for subject in found if subject), ""]
