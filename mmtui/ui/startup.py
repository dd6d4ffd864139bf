"""Before and after the screen: where a trace opens, which look fits the terminal, what is said of errors."""

from __future__ import annotations

import locale
import os
import sys
import traceback
from typing import TYPE_CHECKING

from rich.console import Console

from mmtui.ui import config
from mmtui.ui.paint import Painter
from mmtui.ui.theme import theme

if TYPE_CHECKING:
    from mmtui.ui.desk import Desk


def start_position(desk: Desk, at: str | None) -> int:
    """Where a trace opens: --at, the file's own position, then the setting."""
    if at:
        return desk.stepper.place(at)
    position = desk.timeline.trace.position
    if position is not None:
        return desk.stepper.position_of(position.op, position.transition)
    wanted = desk.settings["open.at"]
    if wanted == "last":
        kept = desk.stepper.sidecar.get("position")
        if isinstance(kept, dict):
            return desk.stepper.position_of(kept.get("op"), kept.get("transition"))
    if wanted == "first-alert":
        alerts = desk.stepper.alerts()
        return alerts[0].position if alerts else 0
    return 0


def painter_for(settings: config.Settings, name: str) -> Painter:
    """The look that fits the settings and the terminal."""
    system = Console(force_terminal=True).color_system
    if os.environ.get("NO_COLOR"):
        system = None
    glyphs = settings["ui.glyphs"]
    if glyphs == "auto":
        encoding = (getattr(sys.__stdout__, "encoding", None) or locale.getencoding()).lower()
        glyphs = "unicode" if "utf" in encoding else "ascii"
    return Painter(theme(_fitting() if name == "auto" else name, system), glyphs == "ascii")


def _fitting() -> str:
    """Dark, unless the terminal says (in COLORFGBG, as several do) that its background is white."""
    return "light" if os.environ.get("COLORFGBG", "").rpartition(";")[2] in ("7", "15") else "dark"


def one_line(error: Exception | None) -> str:
    return message_of(error).splitlines()[0] if error is not None else ""


def message_of(error: Exception | None) -> str:
    """What to tell of an error: a TraceError's own lines; anything else by its kind, without a traceback."""
    from mmtui.engine.errors import MmtuiError

    if isinstance(error, MmtuiError | OSError | ValueError):
        return str(error)
    return f"{type(error).__name__}: {error}"


def keep_fault(fault: BaseException) -> str:
    """One line about a fault of mmtui itself; the traceback goes to a file that can be sent along."""
    path = config.state_dir() / "fault.txt"
    said = f"a fault in mmtui: {type(fault).__name__}: {str(fault).splitlines()[0] if str(fault) else ''}"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(traceback.format_exception(fault)), encoding="utf-8")
    except OSError:
        return said
    return f"{said} (details: {path}); your notes are kept"
