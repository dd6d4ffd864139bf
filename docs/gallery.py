"""Pictures of the real program, made by one command:  python docs/gallery.py

Each picture is the stepper on a sample trace at a size and in a theme, after some keys; `docs/gallery/` gets one SVG for
each and a page that shows them all.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))


class Picture(NamedTuple):
    """A name, the trace, the size, settings, the keys to press after the start, a caption."""

    name: str
    trace: str
    size: tuple[int, int]
    flags: dict[str, str]
    keys: tuple[str, ...]
    caption: str


LEAK = ("c",)
PICTURES = (
    Picture("leak-80x24", "nopage-leak", (80, 24), {}, LEAK, "The leak, at 80x24."),
    Picture("leak-120x40", "nopage-leak", (120, 40), {}, LEAK, "The leak, at 120x40: the ledger adds up."),
    Picture("leak-200x60", "nopage-leak", (200, 60), {}, LEAK, "The leak, at 200x60, with source and notes."),
    Picture("leak-light", "nopage-leak", (120, 40), {"ui.theme": "light"}, LEAK, "The light theme."),
    Picture("leak-cvd", "nopage-leak", (120, 40), {"ui.theme": "cvd"}, LEAK, "Blue, orange and white only."),
    Picture("leak-mono", "nopage-leak", (80, 24), {"ui.theme": "mono"}, LEAK, "Without colour."),
    Picture("leak-ascii", "nopage-leak", (80, 24), {"ui.glyphs": "ascii"}, LEAK, "ASCII glyphs."),
    Picture("fork-120x40", "fork-cow", (120, 40), {}, (":", *"goto", "space", *"call", "escape"), "A fork."),
    Picture(
        "compare-160x48",
        "nopage-leak",
        (160, 48),
        {},
        (*LEAK, ":", *"diff", "space", *"2", "full_stop", *"6", "full_stop", *"15", "enter"),
        "Two kernels in lock step.",
    ),
    Picture(
        "find-120x40",
        "nopage-leak",
        (120, 40),
        {},
        (*LEAK, "slash", *"pfn", "space", *"8"),
        "A search over all of time.",
    ),
    Picture("help-80x24", "nopage-leak", (80, 24), {}, ("question_mark",), "Help."),
    Picture("stops-120x40", "nopage-leak", (120, 40), {}, ("B",), "Stops, with their hits."),
    Picture("small-60x16", "nopage-leak", (60, 16), {}, LEAK, "The smallest size: one pane."),
)


async def draw(picture: Picture, folder: Path, out: Path) -> None:
    """One picture."""
    from mmtui.ui import config
    from mmtui.ui.app import StepperApp

    trace = shutil.copy(ROOT / "traces" / f"{picture.trace}.json", folder / f"{picture.trace}.json")
    app = StepperApp(str(trace), None, None, config.load(picture.flags, {}))
    async with app.run_test(size=picture.size) as pilot:
        while app.desk is None or app.loading is not None:
            await pilot.pause(0.02)
        for key in picture.keys:
            await pilot.press(key)
            while app.loading is not None:
                await pilot.pause(0.02)
        await pilot.pause(0.1)
        (out / f"{picture.name}.svg").write_text(app.export_screenshot(title=picture.caption), encoding="utf-8")


async def main() -> None:
    """All pictures and their page."""
    out = ROOT / "docs" / "gallery"
    out.mkdir(exist_ok=True)
    page = ["# Gallery", "", "Made from the running program by `python docs/gallery.py`.", ""]
    with tempfile.TemporaryDirectory() as folder:
        os.environ.update(MMTUI_CONFIG_DIR=folder, MMTUI_STATE_DIR=folder, COLORTERM="truecolor", TERM="xterm-256color")
        os.environ.pop("NO_COLOR", None)
        for picture in PICTURES:
            await draw(picture, Path(folder), out)
            page += [f"## {picture.caption}", "", f"![{picture.caption}](gallery/{picture.name}.svg)", ""]
            print(picture.name)
    (ROOT / "docs" / "GALLERY.md").write_text("\n".join(page), encoding="utf-8")


if __name__ == "__main__":
    asyncio.run(main())
