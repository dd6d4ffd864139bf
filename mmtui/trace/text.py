"""JSON as text: whether it is text at all, where it stops being JSON, and keys that it gives twice."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any, Final

from mmtui.trace.errors import Problem, TraceError, shown

_SPACED_COLON: Final = re.compile(rb'(?<!\\)"\s+:')
_SURROGATE: Final = re.compile(rb"\\u[dD][89a-fA-F][0-9a-fA-F]{2}")
_AT_BYTE: Final = re.compile(r"(.*?) \(byte (\d+)\)")


def check_text(data: bytes, name: str) -> None:
    """Raises TraceError for what is empty or not UTF-8, before any parser meets it."""
    if not data.strip():
        raise TraceError(name, [Problem("", "is empty")])
    if data.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        raise TraceError(name, [Problem("1:1", "begins with a byte order mark: save it as UTF-8 without one")])
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as e:
        problem = Problem(line_column(data, e.start), f"not UTF-8 text: byte 0x{data[e.start]:02x}")
        raise TraceError(name, [problem]) from None


def line_column(data: bytes, byte: int) -> str:
    """`line:column` of a byte, both from 1, columns in characters."""
    start = data.rfind(b"\n", 0, byte) + 1
    line, column = data.count(b"\n", 0, byte) + 1, len(data[start:byte].decode("utf-8", "replace")) + 1
    return f"{line}:{column}"


def syntax_problem(data: bytes, message: str) -> Problem:
    """Where `data` stops being JSON, from the parser's message (which counts bytes)."""
    found = _AT_BYTE.search(message)
    byte = int(found[2]) if found else len(data)
    lone = _SURROGATE.search(data, max(0, byte - 18), byte + 1)
    if lone and re.search("surrogate|hex escape|truncated", message):
        reason = f"not JSON: the lone surrogate {lone[0].decode()} is not text"
        return Problem(line_column(data, lone.start()), reason)
    if found is None:
        return Problem(line_column(data, byte), "not JSON: it ends too early (truncated?)")
    byte -= "trailing characters" in found[1]  # there the parser has already gone on
    here = data[byte : byte + 24].split(b"\n")[0].decode("utf-8", "replace")
    reason = found[1].removeprefix("JSON is malformed: ") + (f" at {shown(here)}" if here.strip() else "")
    return Problem(line_column(data, byte), f"not JSON: {reason}")


def count_keys(data: bytes) -> int:
    """How many keys the objects in JSON text have together: its unescaped quotes before a colon.

    Right for every text whose keys do not end in a backslash; such a key is unknown anyway.
    """
    keys = data.count(b'":') - data.count(b'\\":')
    if any(data.count(space + b":") for space in (b" ", b"\n", b"\t", b"\r")):  # rare, and ten times dearer to count
        keys += len(_SPACED_COLON.findall(data))
    return keys


def keys_in(value: object) -> int:
    """The same of decoded JSON: fewer than `count_keys` of its text if, and only if, the text gives a key twice."""
    if isinstance(value, list):
        return sum(keys_in(item) for item in value if type(item) is dict or type(item) is list)
    if isinstance(value, dict):
        nested = [item for item in value.values() if type(item) is dict or type(item) is list]
        return len(value) + (keys_in(nested) if nested else 0)
    return 0


class _Object(dict[str, Any]):
    """An object of JSON that remembers the keys it was given more than once."""

    again: tuple[str, ...] = ()


def repeated_keys(data: bytes, place: str) -> list[Problem]:
    """The keys given twice in one object of `data`: a file that says two things means neither."""
    problems: list[Problem] = []

    def walk(value: object, at: str) -> None:
        if isinstance(value, list):
            for i, item in enumerate(value):
                walk(item, f"{at}[{i}]")
        elif isinstance(value, _Object):
            problems.extend(Problem(f"{at}.{key}".lstrip("."), "given twice") for key in value.again)
            for key, item in value.items():
                walk(item, f"{at}.{key}".lstrip("."))

    walk(json.loads(data, object_pairs_hook=_object), place)
    return problems


def _object(items: list[tuple[str, Any]]) -> _Object:
    value = _Object(items)
    if len(value) < len(items):
        value.again = tuple(key for key, times in Counter(key for key, _ in items).items() if times > 1)
    return value
