"""Pictures of the real program, made by one command:  python docs/gallery.py [NAME ...]

Each picture is the stepper on a sample trace at a size and in a theme, after some keys. `docs/gallery/` gets one PNG
for each, `docs/GALLERY.md` shows them all. Needs pillow and the font DejaVu Sans Mono (fonts-dejavu-core).
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image, ImageDraw, ImageFont

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

WIDTH, HEIGHT = 9, 19
FONTS = Path("/usr/share/fonts/truetype/dejavu")
LINES = {"─": "lr", "│": "ud", "┬": "lrd", "┴": "lru", "┼": "lrud", "├": "urd", "┤": "uld"}
BARS = "▁▂▃▄▅▆▇█"
PLAIN = ("#d8d8d8", "#101010")
"""Foreground and background of a terminal that has no colours."""


class Picture(NamedTuple):
    """A name, the trace (of `traces`, or a path), the size, what to press, settings, a caption."""

    name: str
    trace: str
    size: tuple[int, int]
    keys: str
    flags: dict[str, str]
    caption: str


RECORDED = "tests/live/data/pipeline.mmrec.gz"
SMALL, NORMAL, WIDE = (80, 24), (120, 40), (200, 60)
PICTURES = (
    Picture(
        "leak-120x40", "nopage-leak", NORMAL, "c", {}, "The leak at 120x40: why it stopped, and a ledger that adds up"
    ),
    Picture("leak-80x24", "nopage-leak", SMALL, "c", {}, "The same at 80x24"),
    Picture(
        "leak-200x60", "nopage-leak", WIDE, "c", {}, "The same at 200x60, with source, notes and the other kernels"
    ),
    Picture("leak-60x16", "nopage-leak", (60, 16), "c 5", {}, "The smallest size: one pane and one row of the log"),
    Picture("leak-light", "nopage-leak", NORMAL, "c", {"ui.theme": "light"}, "The light theme"),
    Picture("leak-cvd", "nopage-leak", NORMAL, "c", {"ui.theme": "cvd"}, "Blue, orange and white only"),
    Picture("leak-mono", "nopage-leak", SMALL, "c", {"ui.theme": "mono"}, "Attributes only (NO_COLOR)"),
    Picture("leak-ascii", "nopage-leak", SMALL, "c", {"ui.glyphs": "ascii"}, "ASCII glyphs"),
    Picture(
        "fork",
        "fork-cow",
        NORMAL,
        ":stop.toggle|call|copy_one_pte enter c c f S S",
        {},
        "A fork, one pte after the other",
    ),
    Picture("compare", "nopage-leak", (160, 48), "c :diff|2.6.15 enter", {}, "Two kernels in lock step"),
    Picture("find", "nopage-leak", NORMAL, "c /pfn|8|and|(page.count|or|leak)", {}, "A search over all of time"),
    Picture("note", "nopage-leak", NORMAL, "c 3 i Who|gives|this|one|back?", {}, "A note about a page"),
    Picture("explain", "nopage-leak", NORMAL, "c e", {}, "A step explained"),
    Picture("source", "nopage-leak", WIDE, "c V", {}, "The model's source, and the next kernel's text beside it"),
    Picture("stops", "nopage-leak", NORMAL, "c B", {}, "Stops, with their hits over time"),
    Picture("overlay", "fork-cow", NORMAL, "> o 3", {}, "Frames by count"),
    Picture(
        "record-cow",
        RECORDED,
        NORMAL,
        "gop:118.7 enter",
        {},
        "A recording of Linux 6.18: the shell writes to its heap after a fork, and the page is copied",
    ),
    Picture("help", "nopage-leak", SMALL, "?", {}, "Help: all keys, all glyphs, all states"),
)


def strokes(keys: str) -> list[str]:
    """`c :diff|2.6.15 enter`: words are keys by name or text to type, `|` is a space in a text."""
    found: list[str] = []
    for word in keys.split():
        found += [word] if word in ("enter", "tab", "down", "escape") else ["space" if c == "|" else c for c in word]
    return found


async def shoot(picture: Picture, folder: Path, out: Path) -> None:
    """One picture."""
    from mmtui.ui import config
    from mmtui.ui.app import StepperApp

    source = ROOT / (picture.trace if "/" in picture.trace else f"traces/{picture.trace}.json")
    trace = shutil.copy(source, folder / source.name)
    app = StepperApp(str(trace), None, None, config.load(picture.flags, {}))
    async with app.run_test(size=picture.size) as pilot:
        while app.desk is None or app.loading is not None:
            await pilot.pause(0.02)
        for key in strokes(picture.keys):
            await pilot.press(key)
            while app.loading is not None:
                await pilot.pause(0.02)
        for _ in range(100):
            await pilot.pause(0.05)
            if not app.desk.others_running():
                break
        await pilot.pause(0.5)
        draw(app._stage._strips, app.painter.theme.background, out)


def draw(strips: list[Any], ground: str | None, out: Path) -> None:
    """The lines of a screen as a PNG."""
    regular = ImageFont.truetype(str(FONTS / "DejaVuSansMono.ttf"), 15)
    bold = ImageFont.truetype(str(FONTS / "DejaVuSansMono-Bold.ttf"), 15)
    image = Image.new("RGB", (strips[0].cell_length * WIDTH, len(strips) * HEIGHT), ground or PLAIN[1])
    pen = ImageDraw.Draw(image)
    for y, strip in enumerate(strips):
        x = 0
        for text, style, _ in strip:
            ink, paper = colours(style, ground)
            pen.rectangle([x * WIDTH, y * HEIGHT, (x + len(text)) * WIDTH - 1, (y + 1) * HEIGHT - 1], fill=paper)
            for character in text:
                glyph(pen, character, x * WIDTH, y * HEIGHT, ink, bold if style.bold else regular)
                if style.underline:
                    pen.line([x * WIDTH, (y + 1) * HEIGHT - 2, (x + 1) * WIDTH - 1, (y + 1) * HEIGHT - 2], fill=ink)
                x += 1
    image.save(out, optimize=True)


def colours(style: Any, ground: str | None) -> tuple[str, str]:
    """Foreground and background of a piece of text."""
    ink = style.color.get_truecolor().hex if style.color else PLAIN[0]
    paper = style.bgcolor.get_truecolor().hex if style.bgcolor else ground or PLAIN[1]
    if style.dim:
        ink = "#888888"
    return (paper, ink) if style.reverse else (ink, paper)


def glyph(pen: ImageDraw.ImageDraw, character: str, x: int, y: int, ink: str, font: ImageFont.FreeTypeFont) -> None:
    """One character; lines and bars are drawn, so that they join."""
    mx, my, right, bottom = x + WIDTH // 2, y + HEIGHT // 2, x + WIDTH - 1, y + HEIGHT - 1
    ends = {"l": [x, my, mx, my], "r": [mx, my, right, my], "u": [mx, y, mx, my], "d": [mx, my, mx, bottom]}
    if character in LINES:
        for way in LINES[character]:
            pen.line(ends[way], fill=ink)
    elif character in BARS:
        pen.rectangle([x, bottom + 1 - round(HEIGHT * (BARS.index(character) + 1) / 8), right, bottom], fill=ink)
    elif character != " ":
        pen.text((x, y + 1), character, font=font, fill=ink)


async def main(names: list[str]) -> None:
    """All pictures, or those that are named, and their page."""
    out = ROOT / "docs" / "gallery"
    out.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        os.environ.update(MMTUI_CONFIG_DIR=folder, MMTUI_STATE_DIR=folder, COLORTERM="truecolor", TERM="xterm-256color")
        os.environ.pop("NO_COLOR", None)
        for number, picture in enumerate(PICTURES):
            if not names or picture.name in names:
                place = Path(folder) / str(number)
                place.mkdir()
                await shoot(picture, place, out / f"{picture.name}.png")
                print(picture.name)
    page = ["# Gallery", "", "Made from the running program by `python docs/gallery.py`.", ""]
    for picture in PICTURES:
        page += [f"## {picture.caption}", "", f"![{picture.caption}](gallery/{picture.name}.png)", ""]
    (ROOT / "docs" / "GALLERY.md").write_text("\n".join(page), encoding="utf-8")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
