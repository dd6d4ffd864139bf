"""A stepper in a test: a copy of a sample trace, opened at a size, keys pressed, the screen as text."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

from textual.pilot import Pilot

from mmtui.ui import config
from mmtui.ui.app import StepperApp
from mmtui.ui.desk import Desk

TRACES = Path(__file__).parents[2] / "traces"
SIZES = ((80, 24), (120, 40), (200, 60))


class Walk:
    """The open stepper."""

    def __init__(self, app: StepperApp, pilot: Pilot[int]) -> None:
        self.app = app
        self.pilot = pilot

    @property
    def desk(self) -> Desk:
        assert self.app.desk is not None
        return self.app.desk

    @property
    def position(self) -> int:
        return self.desk.view.position

    @property
    def message(self) -> str:
        return self.desk.message

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.settle()

    async def type(self, text: str) -> None:
        names = {" ": "space", ".": "full_stop", ":": "colon", "/": "slash", "@": "at", "-": "minus", "_": "underscore"}
        names |= {"[": "left_square_bracket", "]": "right_square_bracket", "<": "less_than_sign", "%": "percent_sign"}
        await self.press(*(names.get(c, c) for c in text))

    async def settle(self) -> None:
        for _ in range(400):
            await self.pilot.pause(0.01)
            if self.app.loading is None and (self.app.desk is not None or self.app._exit):
                return
        raise AssertionError("the trace is still being read")

    @property
    def screen(self) -> list[str]:
        """The lines that are on the screen."""
        return [strip.text.rstrip() for strip in self.app._stage._strips]

    def text(self) -> str:
        return "\n".join(self.screen)


@contextlib.asynccontextmanager
async def walking(
    folder: Path,
    trace: str = "nopage-leak.json",
    size: tuple[int, int] = (120, 40),
    at: str | None = None,
    kernel: str | None = None,
    **flags: object,
) -> AsyncIterator[Walk]:
    """A sample trace, copied to `folder` so that its notes stay there, opened."""
    path = folder / trace
    if not path.exists():
        shutil.copy(TRACES / trace, path)
    settings = config.load({name.replace("__", "."): value for name, value in flags.items()}, {})
    app = StepperApp(str(path), kernel, at, settings)
    async with app.run_test(size=size) as pilot:
        walk = Walk(app, pilot)
        await walk.settle()
        yield walk
