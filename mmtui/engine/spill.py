"""Where a log goes that is larger than its share of memory: a file without a name, mapped into memory.

Nothing of it is left when the program ends, however it ends. Room in the file is taken before it is written to, so
that a full disk is noticed here and not by a signal later.
"""

from __future__ import annotations

import os
from typing import IO, TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    import mmap

SEGMENT: Final = 64 << 20
"""Bytes that are taken at once; each segment is one mapping."""

DEFAULT_BUDGET: Final = 1 << 30


def budget() -> int:
    """Bytes of log that stay in memory: MMTUI_LOG_MEMORY, or 1 GiB."""
    text = os.environ.get("MMTUI_LOG_MEMORY", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else DEFAULT_BUDGET


class Spill:
    """A file that arrays can be put in. OSError, from `empty`: there is no more room."""

    def __init__(self) -> None:
        self._file: IO[bytes] | None = None
        self._size = 0
        self._segment: mmap.mmap | None = None
        self._used = 0

    @property
    def folder(self) -> str:
        """Where the file is: TMPDIR, or the system's own."""
        import tempfile  # here, like mmap: few runs need them, and every start would wait for them

        return tempfile.gettempdir()

    def empty(self, length: int, kind: Any) -> np.ndarray[Any, Any]:
        """An array of zeroes in the file."""
        dtype = np.dtype(kind)
        size = length * dtype.itemsize
        if self._segment is None or self._used + size > len(self._segment):
            self._extend(max(SEGMENT, size))
        assert self._segment is not None
        made = np.frombuffer(self._segment, dtype, length, self._used)
        self._used += (size + 63) & ~63
        return made

    def keep(self, values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """A copy of an array in the file."""
        made = self.empty(len(values), values.dtype)
        made[:] = values
        return made

    def _extend(self, size: int) -> None:
        import mmap
        import tempfile

        size = -(-size // mmap.ALLOCATIONGRANULARITY) * mmap.ALLOCATIONGRANULARITY
        if self._file is None:
            self._file = tempfile.TemporaryFile(prefix="mmtui-log-")  # noqa: SIM115  (as long as the log lives)
        number = self._file.fileno()
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(number, self._size, size)
        else:
            os.truncate(number, self._size + size)
        self._segment = mmap.mmap(number, size, offset=self._size)
        self._size, self._used = self._size + size, 0
