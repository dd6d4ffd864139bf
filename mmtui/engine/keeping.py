"""Compiled models are kept: beside the modules' own byte code, else in the user's cache folder.

Compiling one takes half a second, which a person waits for. Python's byte code may not be written where mmtui is
installed for everybody, or where PYTHONDONTWRITEBYTECODE forbids it; the cache folder (`MMTUI_CACHE_DIR` moves it) is
the person's own.
"""

from __future__ import annotations

import contextlib
import marshal
import os
import sys
import threading
import zlib
from collections.abc import Callable
from pathlib import Path
from types import CodeType
from typing import Final

Compiled = tuple[dict[str, CodeType], list[tuple[str, str, int]]]
"""The code of each file of a model, and the sites of its stores."""

Stamp = list[tuple[str, int, int]]
"""Path, time and size of each file that decides what a model compiles to."""

MOST: Final = 64
"""Models in the cache folder; each place where mmtui is installed has its own."""

_ENGINE: Final = Path(__file__).parent
_ALSO: Final = [
    str(_ENGINE / f"{name}.py")
    for name in (
        "cells", "errors", "flags", "index", "inline", "instrument", "keeping", "linking", "pgtable", "placing",
        "rewriting", "schema", "kernel/model",
    )
]  # fmt: skip
"""Files besides the model's own that decide it."""

_COMPILING = threading.Lock()
"""Two threads must not parse at once: CPython 3.11 counts the parser's recursion in one place for all threads."""


def cached(name: str, paths: list[str], make: Callable[[], Compiled]) -> Compiled:
    """What `make` makes, as it was kept while these files are unchanged."""
    stamp: Stamp = [(path, os.stat(path).st_mtime_ns, os.stat(path).st_size) for path in (*paths, *_ALSO)]
    stamp.append((sys.version, 0, 0))
    beside = _ENGINE / "kernel" / "__pycache__" / f"{name}.{sys.implementation.cache_tag}.mmtui"
    found = _read(beside, stamp)
    if found is not None:
        return found
    place = zlib.crc32(os.fsencode(_ENGINE))
    own = _folder() / f"{name}.{sys.implementation.cache_tag}.{place:08x}.mmtui"
    found = _read(own, stamp)
    if found is not None:
        return found
    with _COMPILING:
        made = make()
    text = marshal.dumps((stamp, *made))
    if (sys.dont_write_bytecode or not _write(beside, text)) and _write(own, text):
        _forget(own.parent)
    return made


def _folder() -> Path:
    own = os.environ.get("MMTUI_CACHE_DIR")
    if own:
        return Path(own)
    import platformdirs  # only where there is nothing beside the byte code

    return Path(platformdirs.user_cache_dir("mmtui"))


def _read(path: Path, stamp: Stamp) -> Compiled | None:
    try:
        kept = marshal.loads(path.read_bytes())
        return (kept[1], kept[2]) if kept[0] == stamp else None
    except (OSError, ValueError, EOFError, TypeError, IndexError):
        return None


def _write(path: Path, text: bytes) -> bool:
    """Whether that could be done; nobody reads half of it."""
    fresh = path.with_suffix(f".{os.getpid()}")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh.write_bytes(text)
        fresh.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            fresh.unlink()
        return False
    return True


def _forget(folder: Path) -> None:
    """Keep the models that were compiled last."""
    with contextlib.suppress(OSError):
        found = sorted(folder.glob("*.mmtui"), key=lambda path: path.stat().st_mtime, reverse=True)
        for path in found[MOST:]:
            path.unlink()
