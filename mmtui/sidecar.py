"""What a person adds to a trace, kept beside it as it is made: `trace.json.mmtui`.

A journal of JSON lines, only ever appended to, each line flushed to the disk under a lock before the key that made it
returns; so nothing is lost by kill -9, and two mmtui on the same trace see each other's notes. A record is replaced or
dropped by a later one of the same id. The journal is rewritten when most of it is out of date.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from mmtui.engine.limits import limit

SUFFIX: Final = ".mmtui"
COMPACT_FROM: Final = 200
KINDS: Final = frozenset({"mark", "note", "stop", "set", "drop"})

Record = dict[str, Any]


@dataclass
class Sidecar:
    """The journal of one trace. `path` is None where nothing can be written; then everything stays in memory.

    `trouble`: one line that says why the last write failed, empty when all is kept.
    """

    path: Path | None
    records: dict[str, Record] = field(default_factory=dict)
    trouble: str = ""
    _unsaved: list[Record] = field(default_factory=list)
    _seen: tuple[int, int] = (0, 0)  # inode and how much of it has been read
    _lines: int = 0

    @classmethod
    def open(cls, trace: Path | None, fallback: Path | None = None) -> Sidecar:
        """The sidecar of a trace: beside it, or in `fallback` where that folder cannot be written."""
        if trace is None:
            return cls(None)
        beside = trace.with_name(trace.name + SUFFIX)
        path = beside if _writable(beside) else _elsewhere(trace, fallback)
        side = cls(path)
        if path is not None and path != beside and beside.is_file():
            side._take(_read(beside))
        side.refresh()
        if side._lines > COMPACT_FROM and side._lines > 2 * len(side.records):
            side._compact()
        return side

    def of_kind(self, kind: str) -> list[Record]:
        """All live records of a kind, in the order in which they were made."""
        return [record for record in self.records.values() if record["kind"] == kind]

    def get(self, name: str, default: Any = None) -> Any:
        """A value stored with `put`."""
        record = self.records.get(f"set:{name}")
        return default if record is None else record.get("value", default)

    def put(self, name: str, value: Any) -> None:
        """Keep a value (layout, last position) under a name."""
        if self.get(name) != value:
            self._write({"kind": "set", "id": f"set:{name}", "value": value})

    def add(self, kind: str, **fields: Any) -> Record:
        """Keep a new mark, note or stop; returns its record, with its id. On disk when this returns, or `trouble`."""
        record: Record = {"kind": kind, "id": fields.pop("id", None) or secrets.token_hex(6), **fields}
        self._write(record)
        return record

    def drop(self, id: str) -> None:
        """Forget the record of this id."""
        if id in self.records:
            self._write({"kind": "drop", "id": id})

    def refresh(self) -> bool:
        """Read what others have appended; True if there was anything."""
        if self.path is None or not self.path.exists():
            return False
        try:
            with self.path.open("rb") as file:
                return self._catch_up(file.fileno())
        except OSError as error:
            self.trouble = _why(self.path, error)
            return False

    def _write(self, record: Record) -> None:
        if self.path is None:
            self._apply(record)
            return
        self._unsaved.append(record)
        try:
            with _locked(self.path) as fd:
                self._catch_up(fd)
                for waiting in self._unsaved:
                    self._apply(waiting)
                self._append(fd)
        except OSError as error:
            self._apply(record)
            self.trouble = _why(self.path, error)
            return
        self._unsaved.clear()
        self.trouble = ""

    def _append(self, fd: int) -> None:
        """All lines that wait, as one write, on the disk when this returns. A torn last line is ended first."""
        size = os.fstat(fd).st_size
        torn = size > 0 and os.pread(fd, 1, size - 1) != b"\n"
        data = (b"\n" if torn else b"") + b"".join(_line(record) for record in self._unsaved)
        try:
            written = os.write(fd, data)
            if written < len(data):
                raise OSError(errno.ENOSPC, "No space left on device")
            os.fsync(fd)
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(fd, size)
            raise
        self._seen = (os.fstat(fd).st_ino, size + len(data))
        self._lines += len(self._unsaved)

    def _catch_up(self, fd: int) -> bool:
        """Apply the lines after the ones already read; all of them when the file is a new one."""
        status = os.fstat(fd)
        inode, offset = self._seen
        if inode != status.st_ino or offset > status.st_size:
            offset, self._lines = 0, 0
        if status.st_size - offset > limit("MMTUI_MAX_BYTES"):
            raise OSError(errno.EFBIG, "too large to be notes (MMTUI_MAX_BYTES raises the limit)")
        data = os.pread(fd, status.st_size - offset, offset)
        whole = data.rfind(b"\n") + 1
        records = list(_parse(data[:whole]))
        if last := list(_parse(data[whole:])):  # only its newline is missing: somebody edited the file
            records, whole = records + last, len(data)
        self._seen = (status.st_ino, offset + whole)
        self._lines += len(records)
        self._take(records)
        return bool(records)

    def _take(self, records: list[Record]) -> None:
        for record in records:
            self._apply(record)

    def _apply(self, record: Record) -> None:
        if record["kind"] == "drop":
            self.records.pop(record["id"], None)
        else:
            self.records[record["id"]] = record

    def _compact(self) -> None:
        """Write the live records to a new file and put it in the old one's place, under the old one's lock."""
        assert self.path is not None
        fresh = self.path.with_name(f"{self.path.name}.{os.getpid()}.new")
        try:
            with _locked(self.path) as fd:
                self._catch_up(fd)
                with fresh.open("wb") as file:
                    file.write(b"".join(_line(record) for record in self.records.values()))
                    file.flush()
                    os.fsync(file.fileno())
                os.replace(fresh, self.path)
                _sync_folder(self.path.parent)
                self._seen = (os.stat(self.path).st_ino, os.stat(self.path).st_size)
                self._lines = len(self.records)
        except OSError as error:
            self.trouble = _why(self.path, error)
            with contextlib.suppress(OSError):
                fresh.unlink()


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[int]:
    """The journal, open for appending and locked; another mmtui may just have put a new file in its place."""
    while True:
        new = not path.exists()
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            try:
                same = os.stat(path).st_ino == os.fstat(fd).st_ino
            except FileNotFoundError:
                same = False
            if same:
                if new:
                    _sync_folder(path.parent)
                yield fd
                return
        finally:
            os.close(fd)


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _line(record: Record) -> bytes:
    # A lone surrogate of a strange file name stays as an escape: the line is always ASCII.
    return json.dumps(record, ensure_ascii=True, separators=(",", ":")).encode() + b"\n"


def _parse(data: bytes) -> Iterator[Record]:
    """The records of a journal; lines that are torn or not ours are passed over."""
    for line in data.splitlines():
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(record, dict) and _is_ours(record):
            yield record


def _is_ours(record: Record) -> bool:
    kind = record.get("kind")
    return isinstance(kind, str) and kind in KINDS and isinstance(record.get("id"), str)


def _read(path: Path) -> list[Record]:
    try:
        return list(_parse(path.read_bytes())) if path.stat().st_size <= limit("MMTUI_MAX_BYTES") else []
    except OSError:
        return []


def _writable(path: Path) -> bool:
    """Can the journal be appended to, or made? Nothing is made here: a trace that is only looked at stays alone."""
    if path.exists():
        return path.is_file() and os.access(path, os.W_OK)
    return os.access(path.parent, os.W_OK | os.X_OK)


def _elsewhere(trace: Path, fallback: Path | None) -> Path | None:
    if fallback is None:
        return None
    name = str(trace.resolve()).strip("/").replace("%", "%25").replace("/", "%")
    try:
        fallback.mkdir(parents=True, exist_ok=True)
    except OSError:
        return None
    path = fallback / (name[-200:] + SUFFIX)
    return path if _writable(path) else None


def _why(path: Path, error: OSError) -> str:
    return f"not written to {path.name}: {error.strerror or error}; kept in memory"
