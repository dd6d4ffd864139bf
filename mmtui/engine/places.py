"""The one grammar of places (`op:6.12`, `50%`, `@mark`, `leak` ...) and of subjects (`page[8].count`).

A place is a position of a timeline; a subject is a thing of the machine, or one field of it. Both are read the same
way everywhere: --at, the stepper's `g` and `:`, bookmarks, annotations, watches, queries.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from mmtui.engine import schema

if TYPE_CHECKING:
    from mmtui.engine.timeline import Timeline

EVENTS: Final = (
    "alloc", "free", "fault", "cow", "bad_page", "bad_pte", "bug", "refused", "free_unpaged", "free_mapped",
    "free_owned", "stray_put", "window_on_foreign", "limbo", "leak",
)  # fmt: skip
"""Every kind of event."""

SUBJECTS: Final[dict[str, str]] = {
    "page": "page[PFN]",
    "vma": "vma[PID:START]",
    "pte": "pte[PID:ADDR]",
    "mm": "mm[PID]",
    "task": "task[PID]",
}
"""Every kind of subject, and how it is written."""

MAX_NUMBER: Final = (1 << 63) - 1

_OP = re.compile(r"op:(\d{1,12})(?:\.(\d{1,12}))?\Z")
_COUNT = re.compile(r"\d{1,18}\Z")
_RELATIVE = re.compile(r"[+-]\d{1,18}\Z")
_PERCENT = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)%\Z")
_SUBJECT = re.compile(r"([A-Za-z_]+)\[([^\]]*)\](?:\.([A-Za-z_]\w*))?\Z", re.ASCII)
_PLACES: Final = "120, op:6, op:6.12, 50%, +100, -1, start, end, @mark, an event (leak), pid:3, pfn:1f3 or 0xb7f02000"


class PlaceError(ValueError):
    """No such place, or not a place at all: one line that says what could stand there."""


class SubjectError(PlaceError):
    """Not a subject, or one that this machine does not have."""


@dataclass(frozen=True)
class Subject:
    """A thing of the machine at one position, or one cell of it.

    `kind` is page, vma, pte, mm or task; `table` and `row` say where its cells are; `column` is the field's full name
    (`page.count`), or None for the whole thing; `text` is how a person writes it: `page[8].count`.
    """

    kind: str
    table: str
    row: int
    column: str | None
    text: str

    @property
    def cell(self) -> tuple[str, int] | None:
        """The cell that `next_change` and `previous_change` take; None for a whole thing."""
        return None if self.column is None else (self.column, self.row)


@dataclass(frozen=True)
class SubjectText:
    """A subject as it was written: `ids` is (pfn,), (pid,) or (pid, address)."""

    kind: str
    ids: tuple[int, ...]
    field: str | None

    def __str__(self) -> str:
        ids = f"{self.ids[0]}:{self.ids[1]:#x}" if len(self.ids) == 2 else str(self.ids[0])
        return f"{self.kind}[{ids}]" + (f".{self.field}" if self.field else "")


def near(word: str, known: Iterable[str]) -> str:
    """` Did you mean page?`, or nothing."""
    found = difflib.get_close_matches(word[:60], list(known), n=1, cutoff=0.6)
    return f" Did you mean {found[0]}?" if found else ""


def read_number(text: str, *, hexadecimal: bool = False) -> int | None:
    """A decimal or 0x number, at most 63 bits; None for anything else. `hexadecimal`: digits without 0x are hex too."""
    digits = text[2:] if text[:2] in ("0x", "0X") else text
    base = 16 if hexadecimal or digits is not text else 10
    if not digits or len(digits) > 19 or not digits.isascii() or not digits.isalnum():
        return None
    try:
        number = int(digits, base)
    except ValueError:
        return None
    return number if number <= MAX_NUMBER else None


# Subjects


def parse_subject(text: str) -> SubjectText:
    """`pte[2:0x8000].val` in its parts. SubjectError says what is wrong."""
    found = _SUBJECT.match(text.strip())
    if found is None:
        raise SubjectError(f'"{_short(text)}" is not a subject: write {", ".join(SUBJECTS.values())}, then .field')
    kind, inside, field = found[1], found[2], found[3]
    if kind not in SUBJECTS:
        raise SubjectError(f'there is no "{_short(kind)}": a subject is {_any_of(SUBJECTS)}.{near(kind, SUBJECTS)}')
    parts = [read_number(part.strip()) for part in inside.split(":")]
    numbers = tuple(part for part in parts if part is not None)
    if len(numbers) != len(parts) or len(parts) != SUBJECTS[kind].count(":") + 1:
        raise SubjectError(f'"{_short(text)}": expected {SUBJECTS[kind]}, numbers in decimal or 0x')
    if field is not None and field not in schema.TABLES[kind]:
        fields = schema.TABLES[kind]
        raise SubjectError(f'{kind} has no field "{_short(field)}": it has {_any_of(fields)}.{near(field, fields)}')
    return SubjectText(kind, numbers, field)


def subject(timeline: Timeline, text: str) -> Subject:
    """What `text` names in the machine at the timeline's position. SubjectError: nothing does."""
    parsed = parse_subject(text)
    row = _subject_row(timeline, parsed)
    if parsed.field:
        column: str | None = f"{parsed.kind}.{parsed.field}"
    else:
        column = "pte.val" if parsed.kind == "pte" else None
    return Subject(parsed.kind, parsed.kind, row, column, str(parsed))


def _subject_row(timeline: Timeline, parsed: SubjectText) -> int:
    if parsed.kind == "page":
        frames = len(timeline.machine.page.count)
        if parsed.ids[0] >= frames:
            raise SubjectError(f"there is no {parsed}: the machine has {frames} frames")
        return parsed.ids[0]
    pid = parsed.ids[0]
    process = next((process for process in timeline.processes() if process.pid == pid), None)
    if process is None:
        raise SubjectError(f"there is no process {pid} at position {timeline.position}")
    if parsed.kind == "task":
        return process.task
    if parsed.kind == "mm":
        return process.mm
    return _vma_row(timeline, parsed) if parsed.kind == "vma" else _pte_row(timeline, parsed)


def _vma_row(timeline: Timeline, parsed: SubjectText) -> int:
    pid, start = parsed.ids
    for vma in timeline.vmas(pid):
        if vma.start == start:
            return vma.row
    inside = next((vma for vma in timeline.vmas(pid) if vma.start <= start < vma.end), None)
    hint = f": the vma around it starts at {inside.start:#x}" if inside else f" at position {timeline.position}"
    raise SubjectError(f"process {pid} has no vma that starts at {start:#x}{hint}")


def _pte_row(timeline: Timeline, parsed: SubjectText) -> int:
    pid, address = parsed.ids
    base = address >> 22 << 22
    for table in timeline.tables(pid):
        if table.base == base:
            return table.row * schema.PTES_PER_PT + (address - base) // 4096
    raise SubjectError(f"process {pid} has no page table at {address:#x} at position {timeline.position}")


# Places


def resolve(timeline: Timeline, text: str, marks: Mapping[str, int] | None = None) -> int:
    """The position that a place names, 0 .. len(timeline).

    `marks`: positions by name, for `@name`; the bookmarks of the trace are known as well. Relative places and "next
    operation that touches it" start from the timeline's position. PlaceError: no such place.
    """
    word = text.strip()
    end = len(timeline)
    if _COUNT.match(word):
        return _bounded(int(word), end, word)
    if _RELATIVE.match(word):
        return min(max(timeline.position + int(word), 0), end)
    if percent := _PERCENT.match(word):
        return _percentage(float(percent[1]), end, word)
    if operation := _OP.match(word):
        return _operation(timeline, int(operation[1]), int(operation[2] or 0))
    if word.startswith("@"):
        return _mark(timeline, word[1:], marks or {})
    if word in ("start", "end"):
        return 0 if word == "start" else end
    if word in EVENTS:
        return _first_event(timeline, word)
    return _touching(timeline, word)


def name(timeline: Timeline, position: int) -> str:
    """`6.12`: after the first 12 transitions of operation 6. `start` before all of them.

    The place where an operation ends is its own (`6.40`), not the next one's: what happens in its last transition
    is then named by the operation that did it.
    """
    if position <= 0:
        return "start"
    number = timeline.op_at(position)
    if number > 0 and timeline.op_start(number) == position:
        number -= 1
    return str(position) if number < 0 else f"{number}.{position - timeline.op_start(number)}"


def _bounded(position: int, end: int, word: str) -> int:
    if position > end:
        raise PlaceError(f"there is no position {word}: the log ends at {end}")
    return position


def _percentage(percent: float, end: int, word: str) -> int:
    if percent > 100:
        raise PlaceError(f"{word} is past the end: expected 0% to 100%")
    return round(end * percent / 100)


def _operation(timeline: Timeline, number: int, transitions: int) -> int:
    if number >= timeline.op_count:
        last = timeline.op_count - 1
        known = f"the last that ran is op:{last}" if last >= 0 else "no operation ran"
        raise PlaceError(f"there is no op:{number}: {known}")
    start, end = timeline.op_start(number), timeline.op_end(number)
    if start + transitions > end:
        raise PlaceError(f"there is no op:{number}.{transitions}: operation {number} has {end - start} transitions")
    return start + transitions


def _mark(timeline: Timeline, mark: str, marks: Mapping[str, int]) -> int:
    if mark in marks:
        return _bounded(marks[mark], len(timeline), str(marks[mark]))
    bookmarks = {book.name: book.at for book in timeline.trace.bookmarks or ()}
    if mark in bookmarks:
        at = bookmarks[mark]
        return _operation(timeline, at.op, at.transition or 0)
    known = [*marks, *bookmarks]
    there = f"there are {_any_of([f'@{one}' for one in known])}" if known else "there are no marks yet"
    raise PlaceError(f'there is no mark "@{_short(mark)}": {there}.{near(mark, known)}')


def _first_event(timeline: Timeline, kind: str) -> int:
    events = timeline.events(kind=kind)
    if not events:
        raise PlaceError(f"no {kind} happens in this trace on {timeline.kernel}")
    return int(events[0].position)


def _touching(timeline: Timeline, word: str) -> int:
    """Where the next operation begins that touches a process, a frame or an address."""
    key, colon, value = word.partition(":")
    if word[:2] in ("0x", "0X"):
        number, query = read_number(word), "addr"
    elif colon and key in ("pid", "pfn"):
        number, query = read_number(value, hexadecimal=key == "pfn"), key
    else:
        raise PlaceError(f'"{_short(word)}" is not a place: expected {_PLACES}.{near(word, EVENTS)}')
    if number is None:
        raise PlaceError(f'"{_short(word)}": expected a number, as in pid:3, pfn:1f3, 0xb7f02000')
    shown = f"{number:#x}" if query != "pid" else str(number)
    return _next_operation(timeline, f"{query} {shown}", word)


def _next_operation(timeline: Timeline, expression: str, word: str) -> int:
    hits = timeline.find(expression)
    for hit in hits[np.searchsorted(hits, timeline.position, side="right") :]:
        start = timeline.op_start(timeline.op_at(int(hit)))
        if start > timeline.position:
            return start
    if len(hits):
        last = timeline.op_at(int(hits[-1]))
        raise PlaceError(f"no operation after this one touches {_short(word)}: the last that does is op:{last}")
    raise PlaceError(f"nothing in this trace touches {_short(word)}")


def _any_of(words: Iterable[str]) -> str:
    found = list(words)
    shown = found[:12]
    rest = f" and {len(found) - 12} more" if len(found) > 12 else ""
    return ", ".join(shown) + rest


def _short(text: str, limit: int = 40) -> str:
    """A stranger's text, harmless and not too long, for a message."""
    shown = text if len(text) <= limit else text[: limit - 3] + "..."
    return "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in shown)


__all__ = [
    "EVENTS", "SUBJECTS", "PlaceError", "Subject", "SubjectError", "SubjectText", "name", "near", "parse_subject",
    "read_number", "resolve", "subject",
]  # fmt: skip
