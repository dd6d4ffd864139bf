"""`E`: the annotated trace, or a report, by the name's ending."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mmtui.engine.errors import MmtuiError
from mmtui.ui.drawers.base import Drawer
from mmtui.ui.export import ENDINGS, write
from mmtui.ui.lineedit import LineEdit
from mmtui.ui.rows import Row

if TYPE_CHECKING:
    from mmtui.ui.chrome import Footing
    from mmtui.ui.desk import Desk


class ExportDrawer(Drawer):
    """A line for the file's name."""

    name, key, title = "export", "E", "Export"

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self.edit: LineEdit = LineEdit(_proposal(desk.timeline.path))
        self.sure = False
        self.trouble = ""

    def footing(self) -> Sequence[Footing]:
        """Keys of the drawer."""
        return [("Enter", "write it"), ("Esc", "back")]

    def draft(self) -> str:
        """The proposal is made anew."""
        return ""

    def changed(self) -> None:
        """Another name: ask again before writing over a file."""
        self.sure, self.trouble = False, ""

    def press(self, key: str, character: str | None) -> bool:
        """Enter writes; over a file that exists only the second time."""
        if key != "enter":
            return super().press(key, character)
        try:
            path = Path(self.edit.text.strip()).expanduser()
            exists = path.exists()
        except (OSError, ValueError, RuntimeError) as error:  # too long, a zero byte, nobody's home
            self.trouble = getattr(error, "strerror", None) or str(error)
            return True
        if exists and not self.sure:
            self.sure = True
            self.trouble = f"{path.name} exists: Enter once more writes over it"
            return True
        self._write(path)
        return True

    def _write(self, path: Path) -> None:
        """The drawer is closed first, so that a picture shows the screen behind it; what goes wrong opens it again."""
        desk = self.desk
        desk.drawer = None
        try:
            write(desk.stepper, desk.view.position, path, desk.host.picture)
        except (OSError, ValueError, MmtuiError) as error:
            self.trouble = str(error)
            desk.drawer = self
        else:
            desk.say(f"written: {path}")
        desk.view.timeline.seek(desk.view.position)

    def lines(self, width: int, height: int) -> list[Row]:
        """The name, what is wrong, what the endings mean."""
        rows = [Row(((" E ", "dim"), *self.edit.spans()))]
        rows += [Row((("   " + line, "text"),)) for line in textwrap.wrap(self.trouble, max(20, width - 5))]
        rows += [Row()] * (2 if not self.trouble else 1)
        rows += [Row(((f"   {ending:<16}", "text"), (about, "dim"))) for ending, about in ENDINGS]
        return rows[:height]


def _proposal(path: Path | None) -> str:
    name = path.name if path is not None else "trace.json"
    stem = name.removesuffix(".gz").removesuffix(".json")
    folder = path.parent if path is not None else Path()
    return str(folder / f"{stem}.annotated.json")
