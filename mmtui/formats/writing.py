"""Writes a file so that it is either whole or not there, and never over something that was not meant."""

from __future__ import annotations

import contextlib
import gzip
import os
import stat
import sys
import tempfile
from pathlib import Path

from mmtui.engine.errors import MmtuiError
from mmtui.trace.errors import printable


class WriteError(MmtuiError):
    """A file that was not written; the text says which and why."""


def write_file(path: Path, data: bytes, force: bool = False, source: Path | None = None) -> None:
    """Write `data` to `path`, gzip if its name ends so. A file that is there is replaced only if `force`.

    `source` is the file that the data is made of: it is named as what it is when it would be lost. A device or a pipe
    is written to, not replaced; through a symbolic link the file behind it is. Raises WriteError.
    """
    shown = printable(str(path))
    if path.name.endswith(".gz"):
        data = gzip.compress(data, mtime=0)
    try:
        path = path.resolve() if path.is_symlink() else path
        if _is_special(path):
            with path.open("wb", buffering=0) as file:
                _write_all(file.fileno(), data)
            return
        if path.is_dir():
            raise WriteError(f"{shown}: is a directory")
        refuse_existing(path, force, source)
        _replace(path, data)
    except BrokenPipeError:
        raise
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise WriteError(f"{shown}: not written: {reason}") from None


def refuse_existing(path: Path, force: bool, source: Path | None = None) -> None:
    """Raises WriteError for a file that is there, unless `force`: to be asked before much work is done for it."""
    if path.exists() and not force and not _is_special(path):
        same = source is not None and source.exists() and os.path.samefile(source, path)
        what = "is the trace itself" if same else "exists already"
        raise WriteError(f"{printable(str(path))}: {what} (--force writes over it)")


def write_output(data: bytes) -> None:
    """Write to standard output, unbuffered. Raises WriteError."""
    try:
        sys.stdout.flush()
        _write_all(sys.stdout.fileno(), data)
    except BrokenPipeError:
        raise
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise WriteError(f"standard output: not written: {reason}") from None


def _is_special(path: Path) -> bool:
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return False
    return not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)


def _write_all(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def _replace(path: Path, data: bytes) -> None:
    """A new file beside the old one, on the disk before it takes its name."""
    mode = path.stat().st_mode & 0o777 if path.exists() else 0o666 & ~_umask()
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:40]}.")
    try:
        try:
            _write_all(handle, data)
            os.fsync(handle)
        finally:
            os.close(handle)
        os.chmod(name, mode)
        os.replace(name, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
