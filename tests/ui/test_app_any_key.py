"""Whatever is pressed, in whatever order, on whatever size: the screen is whole and nothing breaks."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

import mmtui
from mmtui.engine.errors import MmtuiError
from mmtui.engine.timeline import Timeline
from mmtui.sidecar import Sidecar
from mmtui.ui import config
from mmtui.ui.commands import COMMANDS
from mmtui.ui.desk import Desk
from mmtui.ui.paint import Painter
from mmtui.ui.theme import theme
from tests.ui.stepping import TRACES

LEFT_OUT = {"file.reload", "export", "suspend", "quit"}
ARGUMENTS = {
    "model": ("2.6.14", "2.6.15", "nope"),
    "diff": ("2.6.15", "50%", "nope"),
    "time.goto": ("50%", "leak", "end", "+7", "op:3.2", "@x", "pfn:8"),
    "layout": ("save a", "use a", "reset", "nope"),
    "proc.next": ("1", "99", "x"),
    "time.op": ("3", "0", "x"),
    "mark.set": ("here",),
    "note.edit": ("a note",),
    "stop.toggle": ("cow", "(("),
}
TYPED = ("up", "down", "pagedown", "tab", "enter", "backspace", "x", "1", "l", "e", "a", "k", "[", ".", "delete")


class NoScreen:
    """A host without a program around it: timelines are made at once."""

    desk: Desk

    def leave(self) -> None: ...
    def suspend_to_shell(self) -> None: ...
    def copy_text(self, text: str) -> None: ...
    def redraw(self) -> None: ...
    def use_theme(self, name: str) -> None: ...
    def play(self, ops_per_second: float | None) -> None: ...

    def picture(self) -> str:
        return "<svg/>"

    def fetch(self, what: str, make: Callable[[], Timeline], then: Callable[[Timeline], None]) -> None:
        try:
            timeline = make()
        except MmtuiError as error:
            self.desk.say(str(error))
        else:
            then(timeline)


def press_something(desk: Desk, rng: random.Random) -> None:
    open_one = desk.help or desk.drawer
    if open_one is not None and rng.random() < 0.6:
        key = rng.choice((*TYPED, "escape"))
        if key == "escape":
            desk.run("cancel")
        else:
            open_one.press(key, key if len(key) == 1 else None)
        return
    name = rng.choice([name for name in COMMANDS if name not in LEFT_OUT])
    desk.run(name, rng.choice(ARGUMENTS[name]) if name in ARGUMENTS and rng.random() < 0.6 else "")


@pytest.mark.parametrize("seed", range(12))
def test_any_keys_at_any_size(seed: int) -> None:
    rng = random.Random(seed)
    trace = rng.choice(sorted(TRACES.glob("*.json")))
    timeline = mmtui.load(trace, kernel=rng.choice([None, "2.6.14", "vm-unpaged", "2.6.15"]))
    host = NoScreen()
    desk = host.desk = Desk(timeline, config.load({}, {}), Sidecar(None), Painter(theme("dark", "truecolor")), host)
    for _ in range(60):
        press_something(desk, rng)
        width, height = rng.choice(((80, 24), (120, 40), (160, 48), (rng.randint(30, 210), rng.randint(8, 70))))
        strips = desk.compose(width, height)
        assert len(strips) == height
        assert {strip.cell_length for strip in strips} == {width}
        assert 0 <= desk.view.position <= len(desk.timeline)
