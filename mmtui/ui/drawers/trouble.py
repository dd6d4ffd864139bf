"""A wrong query or place: a caret under the spot, then the sentence, wrapped."""

from __future__ import annotations

import textwrap

from mmtui.ui.rows import Row


def trouble_rows(error: ValueError, indent: int, width: int) -> list[Row]:
    """Rows to stand under the line that was typed; its text begins at column `indent`."""
    column = getattr(error, "column", None)
    message = str(getattr(error, "message", error))
    rows = []
    if isinstance(column, int) and column > 0:
        rows.append(Row(((" " * (indent + column - 1), "text"), ("^", "recent+bold"))))
    rows += [Row(((" " * indent + line, "text"),)) for line in textwrap.wrap(message, max(20, width - indent - 2))]
    expected = getattr(error, "expected", ())
    if expected:
        told = "could stand there: " + "  ".join(str(word) for word in expected[:24])
        rows += [Row(((" " * indent + line, "dim"),)) for line in textwrap.wrap(told, max(20, width - indent - 2))[:3]]
    return rows
