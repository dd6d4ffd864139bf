"""The screen of the leak, character by character at the sizes that matter, and style by style in each theme.

After a change of the screen that is meant: MMTUI_SNAPSHOTS=write pytest tests/ui/test_app_snapshots.py, and look at
the difference before it is committed.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mmtui.ui.theme import THEMES
from tests.ui.stepping import SIZES, Walk, walking

FOLDER = Path(__file__).parents[1] / "golden" / "screens"
SCENES = {
    "start": ("nopage-leak.json", ()),
    "leak": ("nopage-leak.json", ("c",)),
    "undone": ("nopage-leak.json", ("c", "S")),
    "fork": ("fork-cow.json", (":", *"goto", "space", *"op", ":", *"14", ".", *"34", "enter")),
    "find": ("nopage-leak.json", ("c", "/", *"leak")),
    "explain": ("nopage-leak.json", ("c", "e")),
    "stops": ("nopage-leak.json", ("c", "B")),
}


def compare(name: str, text: str) -> None:
    path = FOLDER / f"{name}.txt"
    if os.environ.get("MMTUI_SNAPSHOTS") == "write":
        FOLDER.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n", encoding="utf-8")
    assert path.read_text(encoding="utf-8") == text + "\n"


async def shown(walk: Walk, keys: tuple[str, ...]) -> None:
    await walk.press(*keys)
    for _ in range(200):
        if not walk.desk.others_running():
            return
        await walk.pilot.pause(0.05)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("scene", SCENES)
async def test_the_screen(tmp_path: Path, scene: str, size: tuple[int, int]) -> None:
    trace, keys = SCENES[scene]
    async with walking(tmp_path, trace=trace, size=size) as walk:
        await shown(walk, keys)

        compare(f"{scene}-{size[0]}x{size[1]}", walk.text())


async def test_two_kernels(tmp_path: Path) -> None:
    async with walking(tmp_path, size=(160, 48)) as walk:
        await walk.press("c", ":")
        await walk.type("diff 2.6.15")
        await walk.press("enter")

        compare("compare-160x48", walk.text())


async def test_ascii_glyphs(tmp_path: Path) -> None:
    async with walking(tmp_path, size=(80, 24), ui__glyphs="ascii") as walk:
        await walk.press("c")

        compare("ascii-80x24", walk.text())


async def test_help(tmp_path: Path) -> None:
    async with walking(tmp_path, size=(80, 24)) as walk:
        await walk.press("?")

        compare("help-80x24", walk.text())


@pytest.mark.parametrize("theme", [*THEMES, "dark-256"])
async def test_the_styles_of_a_theme(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, theme: str) -> None:
    name, _, cube = theme.partition("-")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLORTERM", "" if cube else "truecolor")
    monkeypatch.delenv("NO_COLOR", raising=False)
    async with walking(tmp_path, size=(80, 24), ui__theme=name) as walk:
        await walk.press("c")
        lines = []
        for y, strip in enumerate(walk.app._stage._strips):
            lines += [f"{y:>2} {segment.text.rstrip() or '(blank)':<40} {segment.style}" for segment in strip]

        compare(f"theme-{theme}", "\n".join(lines))
