"""How the rows of a part are printed."""

from __future__ import annotations

from tests.bench.measure import Row
from tests.bench.rows import PARTS, Sizes

WIDTHS = (54, 26, 34, 9, 18)


def line(cells: tuple[str, ...]) -> str:
    """One line of the table."""
    return "  ".join(f"{cell:<{width}}" for cell, width in zip(cells, WIDTHS, strict=False)).rstrip()


def shown(row: Row) -> str:
    """A row; what does not reach as far as it should is marked."""
    mark = "" if row.held is None else ("yes" if row.held else "NO")
    return line((row.what, row.figure, row.baseline, row.ratio, f"{row.reach} {mark}".strip()))


def print_part(name: str, sizes: Sizes) -> None:
    """The rows of one part."""
    for row in PARTS[name](sizes):
        print(shown(row), flush=True)
