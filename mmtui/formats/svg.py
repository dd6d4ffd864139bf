"""The screen as a picture: the stepper itself, run without a terminal on a copy of the trace."""

from __future__ import annotations

import asyncio
import os
import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from mmtui.engine.errors import MmtuiError
from mmtui.formats.annotated import annotated_json
from mmtui.trace.model import Trace
from mmtui.words import plain

if TYPE_CHECKING:
    from mmtui.engine.timeline import Timeline

SIZE: Final = (120, 40)
SMALLEST: Final = (60, 16)
LARGEST: Final = (400, 200)
PATIENCE: Final = 120.0
"""Seconds for the stepper to read the trace."""
_FONTS: Final = re.compile(r"@font-face\s*\{[^}]*\}\s*")
_CONTROLS: Final = re.compile("[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def screenshot(timeline: Timeline, trace: Trace, size: tuple[int, int] = SIZE, theme: str = "dark") -> bytes:
    """The stepper's screen at the position of `trace`, as SVG that fetches nothing. Raises MmtuiError."""
    name = Path(timeline.source_name).name or "trace.json"
    if not name.endswith((".json", ".json.gz")):
        name = f"{name}.json"
    with tempfile.TemporaryDirectory(prefix="mmtui-") as folder:
        copy = Path(folder) / name.removesuffix(".gz")
        data = annotated_json(timeline, trace)
        try:
            copy.write_bytes(data)
        except OSError as error:
            raise MmtuiError(f"{copy}: not written: {error.strerror}") from None
        title = plain(f"mmtui {timeline.source_name}")
        drawn = asyncio.run(_draw(copy, None if trace.recording else timeline.kernel, size, theme, title))
    return (_CONTROLS.sub("\ufffd", _FONTS.sub("", drawn)) + "\n").encode()


async def _draw(path: Path, kernel: str | None, size: tuple[int, int], theme: str, title: str) -> str:
    from mmtui.ui import config
    from mmtui.ui.app import StepperApp
    from mmtui.ui.paint import Painter
    from mmtui.ui.theme import theme as theme_of

    app = StepperApp(os.fspath(path), kernel, None, config.load({"ui.theme": theme}, {}))
    app.painter = Painter(theme_of(theme, "truecolor"))
    async with app.run_test(size=size) as pilot:
        for _ in range(int(PATIENCE / 0.02)):
            if app.error or app.failure or app._exception or (app.desk is not None and app.loading is None):
                break
            await pilot.pause(0.02)
        wrong = app.error or app.failure or app._exception
        if wrong or app.desk is None:
            raise MmtuiError(str(wrong or "the screen was not drawn in time"))
        await pilot.pause(0.1)
        return app.export_screenshot(title=title)
