"""`e`: this step for somebody who has never seen the function."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

from mmtui import words
from mmtui.ui.drawers.base import Drawer
from mmtui.ui.rows import Row, Span

if TYPE_CHECKING:
    from mmtui.ui.chrome import Footing
    from mmtui.ui.desk import Desk


class ExplainDrawer(Drawer):
    """Two or three sentences, the operation's own note; it stays open while one steps."""

    name, key, title = "explain", "e", "Explain"

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self.top = 0

    def note(self) -> list[Span]:
        """The place that is explained."""
        return [(self.desk.timeline.place_name(self.desk.view.position), "dim")]

    def footing(self) -> Sequence[Footing]:
        """Keys of the drawer: the time keys go on working."""
        keys = self.desk.key_of("time.transition"), self.desk.key_of("time.transition-back")
        return [("Up Down", "scroll"), (" ".join(keys), "step, and explain that"), ("Esc", "back")]

    def press(self, key: str, character: str | None) -> bool:
        """Arrows scroll; every other key is a command of the stepper."""
        jump = {"up": -1, "down": 1, "pageup": -5, "pagedown": 5}.get(key)
        if jump is None:
            return False
        self.top = max(0, self.top + jump)
        return True

    def lines(self, width: int, height: int) -> list[Row]:
        """The text, wrapped to a comfortable width."""
        rows = self._rows(min(width - 4, 96))
        self.top = max(0, min(self.top, len(rows) - height))
        return rows[self.top : self.top + height]

    def _rows(self, width: int) -> list[Row]:
        view, timeline = self.desk.view, self.desk.timeline
        rows = [Row()]
        at = view.marked + 1 if view.marked >= 0 else 0
        for paragraph in words.explain(timeline, at).split("\n"):
            rows += [Row((("  " + line, "text"),)) for line in textwrap.wrap(paragraph, width)]
        note = timeline.op(view.op).note if view.op >= 0 else None
        if note:
            rows += [Row(), Row((("  about this operation", "dim"),))]
            rows += [Row((("  " + line, "text"),)) for line in textwrap.wrap(words.plain(note), width)]
        about = timeline.trace.about
        if about and (view.position == 0 or not note):
            rows += [Row(), Row((("  about this trace", "dim"),))]
            rows += _paragraphs(about, width)
        return rows


def _paragraphs(text: str, width: int) -> list[Row]:
    """Markdown as plain text: paragraphs wrapped, one blank row between them."""
    rows: list[Row] = []
    for paragraph in text.split("\n\n"):
        if rows:
            rows.append(Row())
        lines = textwrap.wrap(words.plain(" ".join(paragraph.replace("**", "").replace("`", "").split())), width)
        rows += [Row((("  " + line, "text"),)) for line in lines]
    return rows
