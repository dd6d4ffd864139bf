"""The panes: each a pure function of the view and its size."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from mmtui.ui.rows import PaneRows
from mmtui.ui.view import View


class PaneSpec(NamedTuple):
    """A pane: the digit that focuses it, its word, and the function that builds it for a width and a height."""

    number: int
    title: str
    build: Callable[[View, int, int], PaneRows]


PANES: dict[str, PaneSpec] = {}
