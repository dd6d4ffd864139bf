"""Writing a recording: JSON Lines, one stop a line, as `mmtui.live.recording` reads them."""

from __future__ import annotations

import gzip
import json
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, Final

from mmtui.live import proc

Line = dict[str, Any]
FLUSH_SECONDS: Final = 1.0


class RecordingFile:
    """A file that grows by a line a stop. What was flushed survives a kill -9: the reader takes a cut-off file."""

    def __init__(self, path: Path, change: Callable[[Line], Line] | None = None) -> None:
        """Create `path`, compressed if its name ends in .gz. `change` sees every line first. Raises OSError."""
        self.path = path
        self._written = False
        self._change = change
        self._raw: BinaryIO = open(path, "wb")  # noqa: SIM115 - it lives as long as we do
        self._zip = gzip.GzipFile("", "wb", 6, self._raw, mtime=0) if path.name.endswith(".gz") else None
        self._flushed = time.monotonic()

    def write(self, line: Line) -> None:
        """Append one object."""
        if self._change is not None:
            line = self._change(line)
        data = json.dumps(line, separators=(",", ":"), ensure_ascii=True).encode() + b"\n"
        (self._zip or self._raw).write(data)
        self._written = True
        self.flush_if_due()

    def flush_if_due(self) -> None:
        """Hand over what has been waiting for a second; called now and then while nothing happens, too."""
        if self._written and time.monotonic() - self._flushed > FLUSH_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Hand everything to the system."""
        self._flushed, self._written = time.monotonic(), False
        if self._zip is not None:
            self._zip.flush(zlib.Z_SYNC_FLUSH)
        self._raw.flush()

    def close(self) -> None:
        """Finish the file."""
        if self._zip is not None:
            self._zip.close()
        self._raw.close()


def entry_text(entry: int, zero: bool) -> list[Any]:
    """A pagemap entry as the file holds it: [pfn or null, letters]; for a swapped page the swap entry.

    Letters: p present, f file or shared memory, s swapped, g guard, u write-protected by userfaultfd,
    x mapped once (kept only where frames are hidden), d soft-dirty, z the zero page.
    """
    letters = "".join(
        letter
        for letter, bit in (
            ("p", proc.PM_PRESENT), ("f", proc.PM_FILE), ("s", proc.PM_SWAP), ("g", proc.PM_GUARD),
            ("u", proc.PM_UFFD_WP), ("x", proc.PM_EXCLUSIVE), ("d", proc.PM_SOFT_DIRTY),
        )
        if entry & bit
    )  # fmt: skip
    number = entry & proc.PM_PFN
    return [number or None, letters + "z" if zero else letters]
