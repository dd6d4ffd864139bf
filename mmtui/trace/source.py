"""The bytes of a trace: from a file, a pipe or standard input, gzip or not, never more than a limit."""

from __future__ import annotations

import gzip
import io
import os
import stat
import sys
import zlib
from pathlib import Path
from typing import IO, Final

from mmtui.engine.limits import limit as limit
from mmtui.trace.errors import Problem, TraceError

_CHUNK: Final = 1 << 20
_GZIP: Final = b"\x1f\x8b"


def read_bytes(path: str | os.PathLike[str]) -> bytes:
    """The uncompressed content of a file (`-`: standard input); gzip is known by its first bytes, not by its name.

    Raises TraceError with the one reason why it cannot be had.
    """
    name = os.fspath(path)
    if not name:
        raise TraceError('""', [Problem("", "not a file name")])
    try:
        if name == "-":
            return _read(sys.stdin.buffer, "standard input")
        with Path(name).open("rb") as file:
            return _read(file, name)
    except (OSError, ValueError) as e:
        raise TraceError(name, [Problem("", _why_not(name, e))]) from None
    except MemoryError:
        raise TraceError(name, [Problem("", "too large for this machine's memory")]) from None


def _why_not(name: str, e: OSError | ValueError) -> str:
    if isinstance(e, FileNotFoundError):
        return "no such file"
    if isinstance(e, IsADirectoryError):
        return "is a directory, not a trace"
    if isinstance(e, PermissionError):
        return "not readable: permission denied"
    if isinstance(e, OSError):
        return f"not readable: {e.strerror or 'input/output error'}"
    return "not a file name" if "\0" in name else "not readable"


def _read(file: IO[bytes], name: str) -> bytes:
    first = file.peek(2)[:2] if isinstance(file, io.BufferedReader) else b""
    if first == _GZIP:
        try:
            return _up_to_limit(gzip.GzipFile(fileobj=file), name, " when uncompressed")
        except EOFError:
            raise TraceError(name, [Problem("", "truncated: its gzip data ends early")]) from None
        except (zlib.error, gzip.BadGzipFile):
            raise TraceError(name, [Problem("", "damaged: its gzip data cannot be uncompressed")]) from None
    if first[:1] == b"\0" and not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        raise TraceError(name, [Problem("", "not JSON: binary data without an end")])
    return _up_to_limit(file, name, "")


def _up_to_limit(file: IO[bytes] | gzip.GzipFile, name: str, how: str) -> bytes:
    most = limit("MMTUI_MAX_BYTES")
    chunks: list[bytes] = []
    size = 0
    while chunk := file.read(_CHUNK):
        chunks.append(chunk)
        size += len(chunk)
        if size > most:
            shown = f"{most >> 20} MiB" if most >= 1 << 20 else f"{most} bytes"
            reason = f"larger than {shown}{how}, which is the limit (MMTUI_MAX_BYTES raises it)"
            raise TraceError(name, [Problem("", reason)])
    return b"".join(chunks)
