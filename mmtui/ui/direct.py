"""Writes pieces of lines to the terminal without composing the screen again.

After a key a few hundred cells change; Textual would take each line that changed from its first column, through all of
its layers, which costs more than everything else that a key does. It has no public way around that, so that this one
asks first whether its own are there, and leaves everything to Textual where they are not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

try:
    from textual._compositor import CompositorUpdate
except ImportError:
    CompositorUpdate = None  # type: ignore[assignment,misc]  # a later Textual

if TYPE_CHECKING:
    from rich.console import Console
    from textual.strip import Strip
    from textual.widget import Widget

Piece = tuple[int, int, "Strip"]
"""Column, line, and what stands there."""


class _Pieces(CompositorUpdate or object):  # type: ignore[misc]
    """An update of the screen."""

    def __init__(self, pieces: list[Piece]) -> None:
        self.pieces = pieces

    def render_segments(self, console: Console) -> str:
        """The pieces, each at its place."""
        return "".join(f"\x1b[{y + 1};{x + 1}H{strip.render(console)}" for x, y, strip in self.pieces)


def write(widget: Widget, pieces: list[Piece]) -> bool:
    """Whether the pieces were written; else the widget has to be refreshed."""
    app: Any = widget.app
    display = getattr(app, "_display", None)
    # While Textual gathers updates (`batch_update`) it forgets those of others.
    if CompositorUpdate is None or display is None or getattr(app, "_batch_count", True):
        return False
    display(widget.screen, _Pieces(pieces))
    return True
