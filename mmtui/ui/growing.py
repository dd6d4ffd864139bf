"""A long trace runs on while a person walks what is there already."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from mmtui.engine.timeline import Timeline
    from mmtui.ui.desk import Desk
    from mmtui.ui.opening import Text

SLICE: Final = 0.01
"""Seconds of a run between two looks at the keys; as much again is for finding what happened in it."""
PAUSE: Final = 0.002
"""Seconds for keys and for the screen."""
TELL: Final = 0.5
"""Seconds between two paintings of the progress."""
ENOUGH: Final = 150
"""Operations that run before the first state is shown."""


def open_trace(path: str, kernel: str | None, whole: bool, text: Text | None = None) -> Timeline:
    """The timeline of a trace, for a thread to make; a long one still grows, unless it is wanted whole.

    `text`: what was read of it already.
    """
    from mmtui import loading
    from mmtui.trace.model import Trace

    if isinstance(text, Trace):
        timeline = loading.timeline_of(text, Path(path), kernel)
    else:
        begun = loading.timeline_of_stream(text, Path(path), kernel) if text else loading.start(Path(path), kernel)
        timeline = loading.load(Path(path), kernel) if begun is None else begun
    whole = whole or timeline.trace.position is not None
    while timeline.growing and (whole or timeline.op_count < ENOUGH):
        timeline.grow(SLICE)
    if not timeline.growing:
        timeline.prepare()
    return timeline


class Growing:
    """The growth of one timeline, in slices on the screen's own thread."""

    def __init__(self, timeline: Timeline, desk: Desk) -> None:
        self.timeline, self.desk = timeline, desk
        self._next = time.monotonic() + TELL
        self.said = ""

    def slice(self) -> bool:
        """Run on a little; is there something new to paint? Raises MmtuiError for what is wrong with the trace."""
        self.timeline.grow(SLICE)
        self.timeline.prepare()
        if self.timeline.growing and time.monotonic() < self._next:
            return False
        self.desk.grown()
        return True

    def painted(self, seconds: float) -> None:
        """So long took the painting; the longer, the rarer."""
        self._next = time.monotonic() + max(TELL, 10 * seconds)

    def tell(self) -> None:
        """Say how far it is, unless something else is said."""
        if self.desk.message not in ("", self.said):
            return
        done = f"{self.timeline.op_count:,} operations, {int(100 * self.timeline.progress())}%"
        self.said = f"running: {done}   Esc stops"
        self.desk.say(self.said)

    def end(self) -> str:
        """What to tell when it has grown to its end, unless something else is said."""
        if self.desk.message not in ("", self.said):
            return self.desk.message
        return f"all {self.timeline.op_count:,} operations have run"

    def stop(self) -> str:
        """Leave it as it is; returns what to tell."""
        self.timeline.stop_growing()
        self.desk.grown()
        return f"stopped after {self.timeline.op_count:,} operations; the rest of the trace was not read"
