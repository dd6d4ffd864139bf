"""The screen of `mmtui keys`: each key as it arrives, and the command that it runs."""

from __future__ import annotations

from collections.abc import Mapping

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.app import App, ComposeResult
from textual.strip import Strip
from textual.widget import Widget

from mmtui.ui.commands import COMMANDS
from mmtui.ui.keymap import arrived

HEAD = "Press keys. Esc twice or ctrl+c leaves."


def describe(key: str, character: str | None, keymap: Mapping[str, str]) -> str:
    """One line for one key: Textual's name, the character, the command."""
    name = arrived(key, character)
    command = keymap.get(name) or keymap.get(key)
    does = f"{command}: {COMMANDS[command].title}" if command else "nothing"
    shown = repr(character) if character and not character.isprintable() else character or "-"
    return f"{key:<24} {shown:<8} {does}"


class _Lines(Widget, can_focus=True):
    """The lines so far, the newest at the bottom."""

    DEFAULT_CSS = "_Lines { width: 100%; height: 100%; background: transparent; }"

    def __init__(self, keymap: Mapping[str, str]) -> None:
        super().__init__()
        self.keymap = keymap
        self.lines = [HEAD, "", f"{'key':<24} {'char':<8} does"]

    def render_line(self, y: int) -> Strip:
        """One line."""
        height = self.size.height
        shown = self.lines if len(self.lines) <= height else [*self.lines[:3], *self.lines[3 - height :]]
        text = shown[y] if y < len(shown) else ""
        return Strip([Segment(text[: self.size.width], Style(dim=y < 3))])

    def on_key(self, event: events.Key) -> None:
        """Say what arrived."""
        event.stop()
        event.prevent_default()
        again = event.key == "escape" and self.lines[-1].startswith("escape ")
        self.lines.append(describe(event.key, event.character, self.keymap))
        self.refresh()
        if again or event.key == "ctrl+c":
            self.app.exit()


class KeysApp(App[None], inherit_bindings=False):
    """Shows keys until it is left."""

    ENABLE_COMMAND_PALETTE = False
    CSS = "Screen { background: transparent; }"

    def __init__(self, keymap: Mapping[str, str]) -> None:
        super().__init__(ansi_color=True)
        self._lines_widget = _Lines(keymap)

    def compose(self) -> ComposeResult:
        """One widget."""
        yield self._lines_widget

    def on_mount(self) -> None:
        """Take the keys."""
        self._lines_widget.focus()
