"""Where everything stands on a screen of a given size: rectangles of panes, and the hairlines between them.

The sizes that matter are 80x24, 120x40 and 200x60, and 160x48 for two kernels; between them the room is shared in the
same proportions.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final, Literal

Shape = Literal["too small", "single", "portrait", "narrow", "normal", "wide"]

SMALLEST: Final = (60, 16)
LEFT_SLOT: Final = ("vmas", "tables")
RIGHT_SLOT: Final = ("why", "notes", "source")
ORDER: Final = ("vmas", "tables", "frames", "log", "why", "notes", "source")
STANDARD_SLOTS: Final = {"left": "vmas", "why": "why", "only": "log", "right": "frames"}
"""Which pane stands where several share a place, at the start."""
SIZES: Final[dict[Shape, Literal["narrow", "normal", "wide"]]] = {
    "portrait": "narrow", "single": "narrow", "narrow": "narrow", "normal": "normal", "wide": "wide",
}  # fmt: skip
"""How much a pane says on a screen of each shape that has panes."""

L, R, U, D = 1, 2, 4, 8
JOINTS: Final = {
    L | R: "─",
    L: "─",
    R: "─",
    U | D: "│",
    U: "│",
    D: "│",
    L | R | D: "┬",
    L | R | U: "┴",
    U | D | R: "├",
    U | D | L: "┤",
    L | R | U | D: "┼",
    D | R: "┌",
    D | L: "┐",
    U | R: "└",
    U | L: "┘",
}


@dataclass(frozen=True, slots=True)
class Cell:
    """A pane's place: its content; the title's hairline is the row above it. `half`: 1 for the second kernel."""

    pane: str
    x: int
    y: int
    width: int
    height: int
    half: int = 0

    @property
    def bottom(self) -> int:
        """The first row below the content."""
        return self.y + self.height

    def holds(self, x: int, y: int) -> bool:
        """Whether a place of the screen lies in the content or the title."""
        return self.x <= x < self.x + self.width and self.y - 1 <= y < self.bottom


@dataclass(frozen=True)
class Layout:
    """A whole screen. Rows of `timeline` are followed by the now line; `log_row`: a small screen's one log line."""

    width: int
    height: int
    shape: Shape
    cells: tuple[Cell, ...] = ()
    timeline: int = 1
    log_row: int | None = None
    gutter: int | None = None

    @property
    def now_row(self) -> int:
        """The row of the now line."""
        return 1 + self.timeline

    @property
    def footer_row(self) -> int:
        """The last row."""
        return self.height - 1

    def cell_of(self, pane: str, half: int = 0) -> Cell | None:
        """Where a pane stands, None if it is not shown."""
        return next((cell for cell in self.cells if cell.pane == pane and cell.half == half), None)

    def at(self, x: int, y: int) -> Cell | None:
        """The pane at a place of the screen."""
        return next((cell for cell in self.cells if cell.holds(x, y)), None)


def shape_of(width: int, height: int) -> Shape:
    """Which of the layouts a screen gets."""
    if width < SMALLEST[0] or height < SMALLEST[1]:
        return "too small"
    if width <= 84 and height >= 46:
        return "portrait"
    if width < 80 or height < 22:
        return "single"
    if width < 110 or height < 28:
        return "narrow"
    return "wide" if width >= 160 and height >= 50 else "normal"


def arrange(
    width: int, height: int, slots: Mapping[str, str], zoom: str | None = None, compare: bool = False
) -> Layout:
    """The layout of a screen. `slots`: the pane in the shared places `left`, `why`, `only`; `zoom`: this one alone."""
    shape = shape_of(width, height)
    base = Layout(width, height, shape)
    if shape == "too small":
        return base
    if shape == "single":
        return _single(base, zoom or slots["only"])
    base = replace(base, timeline=2 if shape == "wide" else 1)
    top = base.now_row + 2
    if zoom:
        return replace(base, cells=(Cell(zoom, 0, top, width, height - top - 1),))
    if compare:
        return _compare(base, slots)
    make = {"portrait": _portrait, "narrow": _narrow, "normal": _normal, "wide": _wide}[shape]
    return replace(base, cells=tuple(make(width, height, top, slots)))


def _single(base: Layout, pane: str) -> Layout:
    """One pane, the now line, one row of the log, the footer."""
    log_row = None if pane == "log" else base.height - 2
    cell = Cell(pane, 0, 3, base.width, base.height - (4 if log_row is None else 5))
    return replace(base, cells=(cell,), timeline=0, log_row=log_row)


def _portrait(width: int, height: int, top: int, slots: Mapping[str, str]) -> list[Cell]:
    room = height - top - 1 - 4
    parts = _share(room, (10, 10, 8, 8, 12))
    panes = ("vmas", "tables", "frames", slots["why"], "log")
    cells, y = [], top
    for pane, part in zip(panes, parts, strict=True):
        cells.append(Cell(pane, 0, y, width, part))
        y += part + 1
    return cells


def _narrow(width: int, height: int, top: int, slots: Mapping[str, str]) -> list[Cell]:
    upper, lower = _share(height - top - 2, (12, 6))
    left, right = _share(width - 1, (39, 40))
    frames = upper // 2
    return [
        Cell(slots["left"], 0, top, left, upper),
        Cell("frames", left + 1, top, right, frames),
        Cell(slots["why"], left + 1, top + frames + 1, right, upper - frames - 1),
        Cell("log", 0, top + upper + 1, width, lower),
    ]


def _normal(width: int, height: int, top: int, slots: Mapping[str, str]) -> list[Cell]:
    upper, lower = _share(height - top - 2, (18, 16))
    a, b, c = _share(width - 2, (33, 44, 41))
    log, why = _share(width - 1, (72, 47))
    y = top + upper + 1
    return [
        Cell("vmas", 0, top, a, upper),
        Cell("tables", a + 1, top, b, upper),
        Cell("frames", a + b + 2, top, c, upper),
        Cell("log", 0, y, log, lower),
        Cell(slots["why"], log + 1, y, why, lower),
    ]


def _wide(width: int, height: int, top: int, slots: Mapping[str, str]) -> list[Cell]:
    upper, lower = _share(height - top - 2, (26, 27))
    a, b, c, d = _share(width - 3, (46, 46, 57, 48))
    y = top + upper + 1
    return [
        Cell("vmas", 0, top, a, upper),
        Cell("tables", a + 1, top, b, upper),
        Cell("frames", a + b + 2, top, c, upper),
        Cell("why", a + b + c + 3, top, d, upper),
        Cell("log", 0, y, a + b + 1, lower),
        Cell("source", a + b + 2, y, c, lower),
        Cell("notes", a + b + c + 3, y, d, lower),
    ]


def _compare(base: Layout, slots: Mapping[str, str]) -> Layout:
    """The same panes twice, a gutter of two columns between them."""
    base = replace(base, timeline=1)
    top, half = base.now_row + 2, (base.width - 2) // 2
    make = _half_wide if half >= 74 and base.height >= 40 else _half_narrow
    cells = make(half, base.height, top, slots)
    second = [replace(cell, x=cell.x + base.width - half, half=1) for cell in cells]
    return replace(base, cells=(*cells, *second), gutter=half)


def _half_wide(half: int, height: int, top: int, slots: Mapping[str, str]) -> list[Cell]:
    first, second, third = _share(height - top - 3, (9, 12, 20))
    a, b = _share(half - 1, (34, 44))
    c, d = _share(half - 1, (41, 37))
    y2 = top + first + 1
    return [
        Cell("vmas", 0, top, a, first),
        Cell("tables", a + 1, top, b, first),
        Cell("frames", 0, y2, c, second),
        Cell(slots["why"], c + 1, y2, d, second),
        Cell("log", 0, y2 + second + 1, half, third),
    ]


def _half_narrow(half: int, height: int, top: int, slots: Mapping[str, str]) -> list[Cell]:
    first, second, third = _share(height - top - 3, (10, 10, 12))
    y2 = top + first + 1
    lower = slots["why"] if slots["right"] == "why" else "frames"
    return [
        Cell(slots["left"], 0, top, half, first),
        Cell(lower, 0, y2, half, second),
        Cell("log", 0, y2 + second + 1, half, third),
    ]


def _share(room: int, parts: tuple[int, ...]) -> list[int]:
    """`room` divided in the proportions of `parts`, exactly; each gets at least 1."""
    total, given, left = sum(parts), [], room
    for part in parts[:-1]:
        size = max(1, round(room * part / total))
        given.append(size)
        left -= size
    return [*given, max(1, left)]


def drawer_top(layout: Layout, small: bool) -> int:
    """The title row of a drawer: it takes the Log's and Why's rows, half of them where it is `small`."""
    log = layout.cell_of("log")
    title = log.y - 1 if log is not None and log.height < layout.height - 8 else layout.height // 2
    title = min(title, layout.footer_row - 7)
    return (title + layout.footer_row + 1) // 2 if small and layout.footer_row - title >= 16 else title


def hairlines(cells: Iterable[Cell]) -> dict[tuple[int, int], int]:
    """(x, y) -> the directions in which lines leave that place, for titles and the verticals to the left of panes."""
    cells = list(cells)
    mask: dict[tuple[int, int], int] = {}
    for cell in cells:
        for x in range(cell.x, cell.x + cell.width):
            mask[x, cell.y - 1] = mask.get((x, cell.y - 1), 0) | L | R
    for cell in cells:
        x = cell.x - 1
        if x < 0 or not any(c.half == cell.half and c.x < cell.x for c in cells):
            continue
        for y in range(cell.y, cell.bottom):
            mask[x, y] = mask.get((x, y), 0) | U | D
        above = (x, cell.y - 1)
        mask[above] = mask.get(above, 0) | R | D | (L if mask.get((x - 1, cell.y - 1), 0) & R else 0)
    for (x, y), lines in list(mask.items()):
        if lines & (L | R) and mask.get((x, y - 1), 0) & D:
            mask[x, y] |= U
    return mask
