"""Writing a recording: JSON Lines, one stop a line, as `mmtui.live.recording` reads them."""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, Final

from mmtui.live import proc

Line = dict[str, Any]
FLUSH_SECONDS: Final = 1.0
FLUSH_BYTES: Final = 1 << 20


class RecordingFile:
    """A file that grows by a line a stop.

    It is written about once a second, in whole lines and whole gzip members: a file that a kill -9 leaves is a good
    one, only shorter.
    """

    def __init__(self, path: Path, change: Callable[[Line], Line] | None = None) -> None:
        """Create `path`, compressed if its name ends in .gz. `change` sees every line first. Raises OSError."""
        self.path = path
        self.failed = ""  # why writing failed; nothing is written from then on
        self._change = change
        self._file: BinaryIO = open(path, "wb", buffering=0)  # noqa: SIM115 - it lives as long as we do
        self._compress = path.name.endswith(".gz")
        self._waiting = bytearray()
        self._flushed = time.monotonic()

    def write(self, line: Line) -> None:
        """Append one object."""
        if self._change is not None:
            line = self._change(line)
        self._waiting += json.dumps(line, separators=(",", ":"), ensure_ascii=True).encode() + b"\n"
        if len(self._waiting) > FLUSH_BYTES:
            self.flush()
        else:
            self.flush_if_due()

    def flush_if_due(self) -> None:
        """Hand over what has been waiting for a second; called now and then while nothing happens, too."""
        if time.monotonic() - self._flushed > FLUSH_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Hand everything to the system."""
        self._flushed = time.monotonic()
        if self._waiting:
            data = memoryview(gzip.compress(self._waiting, 6, mtime=0) if self._compress else bytes(self._waiting))
            self._waiting.clear()
            try:
                while data and not self.failed:
                    data = data[self._file.write(data) :]
            except OSError as error:
                self.failed = error.strerror or "it cannot be written"

    def close(self) -> None:
        """Finish the file."""
        self.flush()
        self._file.close()


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
