"""The one widget of the stepper: it shows the lines that the desk composes, and repaints only what changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.segment import Segment
from textual import events
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from mmtui.ui.keymap import arrived

if TYPE_CHECKING:
    from mmtui.ui.app import StepperApp


class Stage(Widget, can_focus=True):
    """The whole screen, line by line (Textual's Line API)."""

    DEFAULT_CSS = """
    Stage { width: 100%; height: 100%; }
    """

    def __init__(self, app: StepperApp) -> None:
        super().__init__()
        self._stepper_app = app
        self._strips: list[Strip] = []

    def render_lines(self, crop: Region) -> list[Strip]:
        """The lines as they were composed, to the last colour: Textual has no border, padding or tint to add."""
        lines = self._strips[crop.y : crop.bottom]
        width = self.size.width
        if len(lines) != crop.height or lines[0].cell_length != width:  # composed for another size
            lines = [self.render_line(y) for y in crop.line_range]
        return lines if crop.column_span == (0, width) else [line.crop(*crop.column_span) for line in lines]

    def render_line(self, y: int) -> Strip:
        """One line of the screen."""
        if y < len(self._strips) and self._strips[y].cell_length == self.size.width:
            return self._strips[y]
        return Strip([Segment(" " * self.size.width, self._stepper_app.ground)], self.size.width)

    def show(self, strips: list[Strip], everything: bool = False) -> None:
        """Take new lines; only the columns that differ from the ones on the screen are painted again."""
        before, self._strips = self._strips, strips
        if everything or len(before) != len(strips):
            self.refresh()
            return
        regions = [
            Region(span[0], y, span[1] - span[0], 1)
            for y, (old, new) in enumerate(zip(before, strips, strict=True))
            if old is not new and (span := _difference(old, new)) is not None
        ]
        if regions:
            self.refresh(*regions)

    def on_key(self, event: events.Key) -> None:
        """Every key goes to the commands, none to Textual."""
        event.stop()
        event.prevent_default()
        self._stepper_app.press(arrived(event.key, event.character), event.key, event.character)

    def on_paste(self, event: events.Paste) -> None:
        """Pasted text goes where one types; elsewhere it does nothing."""
        event.stop()
        self._stepper_app.paste(event.text)

    def on_resize(self, event: events.Resize) -> None:
        """Another size: the lines are composed anew."""
        self._stepper_app.repaint(everything=True)

    def on_click(self, event: events.Click) -> None:
        """A click on a row, a title, the timeline, a key of the footer."""
        event.stop()
        self._stepper_app.click(event.x, event.y, event.chain > 1)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """The wheel scrolls the pane under it."""
        event.stop()
        self._stepper_app.wheel(event.x, event.y, 3)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """The wheel scrolls the pane under it."""
        event.stop()
        self._stepper_app.wheel(event.x, event.y, -3)


def _difference(old: Strip, new: Strip) -> tuple[int, int] | None:
    """The columns in which two lines of the same width differ: from the first to the last differing segment."""
    if old.cell_length != new.cell_length:
        return 0, max(old.cell_length, new.cell_length)
    a, b = list(old), list(new)
    most = min(len(a), len(b))
    same = next((at for at in range(most) if a[at] is not b[at] and a[at] != b[at]), most)
    if same == len(a) == len(b):
        return None
    alike = next(
        (at for at in range(most - same) if a[-1 - at] is not b[-1 - at] and a[-1 - at] != b[-1 - at]), most - same
    )
    first = sum(segment.cell_length for segment in b[:same])
    last = new.cell_length - sum(segment.cell_length for segment in b[len(b) - alike :])
    return first, max(last, first + 1)
