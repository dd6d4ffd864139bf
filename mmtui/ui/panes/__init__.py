"""The panes: each a pure function of the view and its size."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from mmtui.ui.panes import aligned, frames, notes, source, tables, vmas, why
from mmtui.ui.rows import PaneRows
from mmtui.ui.view import View


class PaneSpec(NamedTuple):
    """A pane: the digit that focuses it, its word, and the function that builds it for a width and a height."""

    number: int
    title: str
    build: Callable[[View, int, int], PaneRows]


PANES: dict[str, PaneSpec] = {
    "vmas": PaneSpec(1, "VMAs", vmas.build),
    "tables": PaneSpec(2, "Tables", tables.build),
    "frames": PaneSpec(3, "Frames", frames.build),
    "log": PaneSpec(4, "Log", aligned.build),
    "why": PaneSpec(5, "Why", why.build),
    "notes": PaneSpec(6, "Notes", notes.build),
    "source": PaneSpec(7, "Source", source.build),
}
"""Every pane by its name, in the order of their digits."""
