"""The one widget of the stepper: it shows the lines that the desk composes, and repaints only what changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.segment import Segment
from textual import events
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from mmtui.ui import direct
from mmtui.ui.keymap import arrived
from mmtui.ui.paint import Lines

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
        self._strips = Lines(app.painter, [], 0)

    def render_lines(self, crop: Region) -> list[Strip]:
        """The lines as they were composed, to the last colour: Textual has no border, padding or tint to add."""
        lines = self._strips[crop.y : crop.bottom]
        width = self.size.width
        if len(lines) != crop.height or self._strips.width != width:  # composed for another size
            lines = [self.render_line(y) for y in crop.line_range]
        return lines if crop.column_span == (0, width) else [line.crop(*crop.column_span) for line in lines]

    def render_line(self, y: int) -> Strip:
        """One line of the screen."""
        if y < len(self._strips) and self._strips.width == self.size.width:
            return self._strips[y]
        return Strip([Segment(" " * self.size.width, self._stepper_app.ground)], self.size.width)

    def show(self, lines: Lines, everything: bool = False) -> None:
        """Take new lines; only the pieces that differ from the ones on the screen are painted again."""
        before, self._strips = self._strips, lines
        changes = None if everything else lines.changes(before)
        if changes is None:
            self.refresh()
        elif changes and not direct.write(self, changes):
            self.refresh(*(Region(x, y, strip.cell_length, 1) for x, y, strip in changes))

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
