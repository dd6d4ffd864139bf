"""The first screen of a trace: its state before the first operation, shown while the kernel model is imported.

It takes the trace's text and no engine: at that moment no process is there and no call was made, and the frames follow
from the description of the machine. The panes are those of the desk; where a person or a setting wants another place,
or the file is not a plain trace, there is no such screen.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final

from mmtui.engine.bootmap import boot_folds, boot_glyphs
from mmtui.engine.errors import MmtuiError
from mmtui.trace import codec
from mmtui.trace.kernels import KERNELS
from mmtui.trace.model import Trace
from mmtui.trace.stream import LONG, OpStream, open_stream
from mmtui.ui import compose
from mmtui.ui.chrome import Around, Footing, footer_ids, footing
from mmtui.ui.layout import SIZES, STANDARD_SLOTS, Layout, arrange
from mmtui.ui.view import View

if TYPE_CHECKING:
    from mmtui.ui.config import Settings
    from mmtui.ui.paint import Lines, Painter
    from mmtui.ui.rows import PaneRows

LISTED: Final = 200
"""Operations that the log lists: more than a screen has lines."""

Text = Trace | OpStream
"""What was read of a file: all of it, or the beginning of a long one."""


class Beginning:
    """What the panes ask of a timeline, where nothing has run: position 0 of an empty log."""

    position = 0
    growing = False

    def __init__(self, trace: Trace, ops: tuple[Any, ...], path: Path, kernel: str) -> None:
        self.trace, self.path, self.kernel = trace, path, kernel
        self.source_name = path.name
        self.op_count = len(ops)
        nothing = bytes(trace.machine.frames)
        self.machine = SimpleNamespace(page=SimpleNamespace(count=nothing, mapcount=nothing))
        self._ops = ops
        self._glyphs = boot_glyphs(trace.machine)

    def __len__(self) -> int:
        return 0

    def seek(self, position: int) -> int:
        """There is one position."""
        return 0

    def at(self, position: int) -> AbstractContextManager[None]:
        """There is one position."""
        return nullcontext()

    def stamp(self, *names: str) -> int:
        """Nothing ever changes."""
        return 0

    def place_name(self, position: int) -> str:
        """That of position 0."""
        return "start"

    def op(self, number: int) -> Any:
        """An operation of the trace, one of the first."""
        return self._ops[number]

    def op_at(self, position: int) -> int:
        """None has run."""
        return -1

    def depth_at(self, position: int) -> int:
        """No call was made."""
        return 0

    def calls_at(self, position: int) -> list[Any]:
        """No call is open."""
        return []

    def processes(self) -> list[Any]:
        """No process is there."""
        return []

    def frame_kinds(self) -> bytes:
        """The glyph of every frame."""
        return self._glyphs

    def frame_tally(self) -> dict[str, int]:
        """How many frames have each glyph."""
        return {chr(glyph): self._glyphs.count(glyph) for glyph in set(self._glyphs)}

    def frame_folds(self, across: int, kinds: str) -> list[int]:
        """The lines of a folded map."""
        return boot_folds(self._glyphs, across, kinds)


class Opening:
    """The screen, as `compose.screen` wants it. `text`: what was read, so that nothing is read twice."""

    drawer = None
    help = None
    following = True
    focused = "log"
    message = ""

    def __init__(self, text: Text, path: Path, kernel: str | None, settings: Settings, painter: Painter) -> None:
        trace = text if isinstance(text, Trace) else text.trace
        ops = text.ops[:LISTED] if isinstance(text, Trace) else text.beginning()[:LISTED]
        self.text, self.painter = text, painter
        self._settings = settings
        self.shown: dict[tuple[str, int], PaneRows] = {}
        self.tops: dict[tuple[str, int], int] = {}
        self.loose: set[str] = set()
        self.layout: Layout = arrange(80, 24, STANDARD_SLOTS)
        timeline: Any = Beginning(trace, ops, path, kernel or trace.kernel)
        glyphs: Any = "ascii" if painter.ascii else "unicode"
        numbers = settings["ui.numbers"]
        self.view = View(timeline, 0, numbers=numbers, glyphs=glyphs, focused=self.focused, planned=True)

    @property
    def timeline(self) -> Any:
        """The timeline in view."""
        return self.view.timeline

    def around(self) -> Around:
        """No marks and no stops: they have their places in a log."""
        return Around((), 0, ())

    def footing(self) -> list[Footing]:
        """The footer's entries."""
        return footing(footer_ids(self.focused, self.layout.width), self._settings.keymap, {})

    def compose(self, width: int, height: int) -> Lines:
        """The lines of a screen of this size."""
        self.layout = arrange(width, height, STANDARD_SLOTS)
        if self.layout.shape != "too small":
            self.view = replace(self.view, size=SIZES[self.layout.shape])
        return compose.screen(self, width, height)


def opening_of(path: str, kernel: str | None, at: str | None, settings: Settings, painter: Painter) -> Opening | None:
    """The first screen of a file; None if another place is wanted, it is no plain trace, or something is wrong."""
    plain = settings["open.at"] == "start" and settings["ui.overlay"] == "state" and not settings["ui.layout"]
    if at is not None or not plain or (kernel is not None and kernel not in KERNELS):
        return None
    try:
        text = _read(Path(path))
    except (MmtuiError, OSError):  # whoever reads it next says so
        return None
    if text is None:
        return None
    trace = text.trace if isinstance(text, OpStream) else text
    if trace.position is not None or trace.recording is not None or trace.log is not None:
        return None
    if (kernel or trace.kernel) not in KERNELS:
        return None
    return Opening(text, Path(path), kernel, settings, painter)


def _read(path: Path) -> Text | None:
    """A short trace, or the beginning of a long one; None if that would take long."""
    stream = open_stream(path)
    if stream is not None:
        return stream
    return codec.read(path) if path.stat().st_size < LONG else None
