"""The trace file: `read`, `decode`, `encode`."""

from __future__ import annotations

import json
import operator
import os
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from mmtui.engine.ops import AnyOp
from mmtui.trace.errors import Problem, TraceError
from mmtui.trace.model import FORMAT, Trace
from mmtui.trace.reading import Reading, recording_header
from mmtui.trace.source import read_bytes

_HEX_FIELDS: Final = ("addr", "new_addr")


def read(path: str | os.PathLike[str]) -> Trace:
    """The trace in a file, `.json` or `.json.gz`, or on standard input (`-`). Raises TraceError, with every fault."""
    name = os.fspath(path)
    return decode(read_bytes(path), "standard input" if name == "-" else name)


def decode(source: bytes | str | Mapping[str, Any], name: str = "trace") -> Trace:
    """The trace that `source` says: JSON text, or what such text decodes to. Raises TraceError, with every fault.

    `name` is what the errors call it: the path of the file.
    """
    try:
        return Reading(name).trace(_as_bytes(source, name))
    except RecursionError:
        raise TraceError(name, [Problem("", "nested too deeply")]) from None
    except MemoryError:
        raise TraceError(name, [Problem("", "too large for this machine's memory")]) from None


def is_recording(data: bytes) -> bool:
    """Whether `data` is a recording of a live kernel: its first line is the header of one."""
    return recording_header(data) is not None


def _as_bytes(source: bytes | str | Mapping[str, Any], name: str) -> bytes:
    if isinstance(source, bytes):
        return source
    try:
        return source.encode() if isinstance(source, str) else msgspec.json.encode(source, enc_hook=operator.index)
    except UnicodeEncodeError:
        raise TraceError(name, [Problem("", "holds a lone surrogate, which is not text")]) from None
    except (TypeError, ValueError, OverflowError) as e:
        raise TraceError(name, [Problem("", f"holds what JSON cannot: {e}")]) from None


def encode(trace: Trace) -> bytes:
    """The canonical file of `trace`: one operation, bookmark and annotation per line, no defaults, addresses in hex.

    The same trace gives the same bytes, and decodes to an equal trace.
    """
    fields = msgspec.to_builtins(trace)
    fields["ops"] = [op_fields(op) for op in trace.ops]
    lines = [f'  "mmtui": {FORMAT}']
    keys = [key.name for key in msgspec.structs.fields(Trace) if key.name in fields and key.name != "mmtui"]
    lines += [f'  "{key}": {_value(fields[key], key)}' for key in keys]
    return ("{\n" + ",\n".join(lines) + "\n}\n").encode()


def op_fields(op: AnyOp) -> dict[str, Any]:
    """An operation as the canonical file spells it: the name first, the note last, no defaults, addresses in hex."""
    fields: dict[str, Any] = msgspec.to_builtins(op)
    for name in _HEX_FIELDS:
        if name in fields:
            fields[name] = f"{fields[name]:#x}"
    if "note" in fields:
        fields["note"] = fields.pop("note")
    return fields


def op_line(op: AnyOp) -> str:
    """An operation as one line of the canonical file."""
    return _json(op_fields(op))


def _value(value: Any, key: str) -> str:
    if key in ("ops", "bookmarks", "annotations") and value:
        return "[\n" + ",\n".join(f"    {_json(item)}" for item in value) + "\n  ]"
    return _json(value)


def _json(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, separators=(", ", ": "))
    if text.isprintable():
        return text
    # what a terminal obeys or hides, JSON may spell out
    return "".join(char if char.isprintable() else json.dumps(char)[1:-1] for char in text)


__all__ = ["decode", "encode", "is_recording", "op_fields", "op_line", "read"]
