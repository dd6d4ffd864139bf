"""What every command prints with: harmless text, aligned columns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mmtui.trace.errors import printable


def harmless(text: str) -> str:
    """`text` with everything that a terminal would obey spelled out; line ends stay."""
    return "\n".join(printable(line) for line in text.split("\n"))


def columns(rows: Iterable[Sequence[str]], gap: str = "  ", indent: str = "") -> list[str]:
    """`rows` as lines with their columns aligned; the last column is as wide as it likes."""
    table = [[printable(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*(row[:-1] for row in table), strict=True)] if table else []
    lines = []
    for row in table:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)] + row[-1:]
        lines.append((indent + gap.join(cells)).rstrip())
    return lines
