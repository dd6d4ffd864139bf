"""What every command prints with: harmless text, aligned columns, files written whole."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import click

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


def write_whole(path: Path, data: bytes, force: bool) -> None:
    """Writes a file that is either whole or not there. Refuses one that exists unless `force`."""
    if path.exists() and not force:
        raise click.ClickException(f"{path}: exists already (--force writes over it)")
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:40]}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod((path.stat().st_mode if path.exists() else 0o666 & ~_umask()) & 0o777)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
