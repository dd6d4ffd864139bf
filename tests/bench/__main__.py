"""`python -m tests.bench [--quick] [PART...]`: one table of what is measured, against what, and how far it reaches.

Parts: small, ranges, walking, commands, growth, screen. All of it takes a few minutes and 2 GB; --quick less.
"""

from __future__ import annotations

import sys

from tests.bench.measure import Row
from tests.bench.rows import PARTS, QUICK, Sizes

WIDTHS = (54, 26, 34, 9, 18)


def line(cells: tuple[str, ...]) -> str:
    """One line of the table."""
    return "  ".join(f"{cell:<{width}}" for cell, width in zip(cells, WIDTHS, strict=False)).rstrip()


def shown(row: Row) -> str:
    """A row; what does not reach as far as it should is marked."""
    mark = "" if row.held is None else ("yes" if row.held else "NO")
    return line((row.what, row.figure, row.baseline, row.ratio, f"{row.reach} {mark}".strip()))


def main(arguments: list[str]) -> int:
    """Print the table; 2 for a part that there is not."""
    quick = "--quick" in arguments
    chosen = [word for word in arguments if word != "--quick"] or list(PARTS)
    unknown = [word for word in chosen if word not in PARTS]
    if unknown:
        sys.stderr.write(f"no part {unknown[0]!r}; there are {', '.join(PARTS)}\n")
        return 2
    print(line(("what", "figure", "baseline", "ratio", "reach")))
    for name in chosen:
        for row in PARTS[name](QUICK if quick else Sizes()):
            print(shown(row), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
