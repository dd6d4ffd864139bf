"""Lines of ftrace text (`trace`, `trace-cmd report` with and without -R) and of `perf script`, one event each."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

_FTRACE: Final = re.compile(
    r"\s*(?:\S+:\s+)?(?P<comm>\S.*?|)-(?P<tid>\d+)\s+(?:\(\s*(?P<tgid>\d+|-+)\)\s+)?\[(?P<cpu>\d+)\]\s+"
    r"(?:[^\s\d]\S{3,7}\s+)?(?P<time>\d+\.\d+):\s+(?:\w+:)?(?P<event>\w+):\s*(?P<rest>.*)"
)
_PERF: Final = re.compile(
    r"\s*(?P<comm>\S.*?)\s+(?:(?P<tgid>-?\d+)/)?(?P<tid>-?\d+)\s+(?:\[(?P<cpu>\d+)\]\s+)?(?P<time>\d+\.\d+):\s+"
    r"(?:\d+\s+)?(?P<event>[A-Za-z][\w-]*(?::[A-Za-z][\w-]*)*):\s*(?P<rest>.*)"
)
_LOST: Final = re.compile(r"\[(?:LOST )?(?P<many>\d+) EVENTS(?: DROPPED)?\]|\blost (?P<perf>\d+)", re.I)
_WRITTEN: Final = re.compile(r"#\s*entries-in-buffer/entries-written:\s*(\d+)/(\d+)")
_HEX: Final = re.compile(r"(?:0x)?[0-9a-fA-F]{1,16}")
_BLANKS: Final = re.compile(r"\s+")
LONG: Final = 400
LONGEST: Final = 8000
"""Characters of a line. Blanks in a long one are joined: the patterns try them one by one."""
MOST_DIGITS: Final = 9
WORD: Final = (1 << 64) - 1
_BYTES: Final = re.compile(r"ARRAY\[([0-9a-fA-F, ]*)\]")


@dataclass(frozen=True, slots=True)
class Line:
    """One event: which thread it happened to, when (seconds), its name without its group, its fields as text."""

    comm: str
    tid: int
    tgid: int
    time: float
    event: str
    rest: str

    def text(self, name: str) -> str:
        """The text of a field `name=...`, "" if there is none."""
        found = re.search(rf"(?:^|[\s,]){name}=([^\s,]+)", self.rest)
        return found[1] if found else ""

    def number(self, name: str, default: int = 0) -> int:
        """A number, decimal or `0x...`."""
        text = self.text(name)
        try:
            number = int(text, 0)
        except ValueError:
            return default
        return number if abs(number) <= WORD else default


@dataclass
class Lines:
    """What was read: events in order (None: so many events were lost here), and how many lines meant nothing."""

    events: list[Line] = field(default_factory=list)
    lost: dict[int, int] = field(default_factory=dict)  # number of the event before which so many were lost
    skipped: int = 0
    form: str = ""

    def lose(self, many: int) -> None:
        """So many events are missing here."""
        if many > 0:
            at = len(self.events)
            self.lost[at] = self.lost.get(at, 0) + many


def read_lines(text: Iterable[str]) -> Lines:
    """Read all lines. A line that is no event is counted, not an error."""
    found = Lines()
    for written in text:
        line = _BLANKS.sub(" ", written.rstrip()) if len(written) > LONG else written.rstrip()
        if not line:
            continue
        match = (_FTRACE.fullmatch(line) or _PERF.fullmatch(line)) if len(line) <= LONGEST else None
        event = _line(match) if match else None
        if match and event:
            found.form = found.form or ("ftrace" if match.re is _FTRACE else "perf script")
            found.events.append(event)
        else:
            _other(line[:LONGEST], found)
    return found


def _line(match: re.Match[str]) -> Line | None:
    """The event; None if no thread can have that number."""
    tgid = match["tgid"] or ""
    if max(len(match["tid"]), len(tgid)) > MOST_DIGITS:
        return None
    tid = int(match["tid"])
    return Line(
        match["comm"].strip(), tid, int(tgid) if tgid.lstrip("-").isdigit() else -1, float(match["time"]),
        match["event"].rpartition(":")[2] if not _modified(match["event"]) else match["event"].partition(":")[0],
        match["rest"],
    )  # fmt: skip


def _modified(event: str) -> bool:
    """`page-faults:u`: a software event with modifiers, not an event of a group."""
    return event.startswith(("page-faults", "minor-faults", "major-faults"))


def _other(line: str, found: Lines) -> None:
    """A header, a note that events were lost, or something else."""
    written = _WRITTEN.match(line)
    lost = _LOST.search(line)
    if written:
        found.lose(int(written[2][:MOST_DIGITS]) - int(written[1][:MOST_DIGITS]))
    elif lost:
        found.lose(int((lost["many"] or lost["perf"])[:MOST_DIGITS]))
    elif not line.lstrip().startswith("#"):
        found.skipped += 1


def system_call(line: Line) -> tuple[int, tuple[int, ...]] | None:
    """(number, arguments) of a sys_enter, which spells them in hex without 0x; None if it is not one."""
    found = re.match(r"NR (-?\d{1,9}) \(([^)]*)\)", line.rest)
    if found:
        words = found[2].replace(" ", "").split(",")
        plain = all(_HEX.fullmatch(word) for word in words if word)
        return (int(found[1]), tuple(int(word, 16) for word in words if word)) if plain else None
    array = _BYTES.search(line.rest)
    if not array:
        return None
    data = bytes(int(word, 16) & 255 for word in array[1].replace(" ", "").split(",") if word)
    return line.number("id"), tuple(int.from_bytes(data[at : at + 8], "little") for at in range(0, len(data), 8))


def returned(line: Line) -> tuple[int, int] | None:
    """(number, result) of a sys_exit; None if it is not one."""
    found = re.match(r"NR (-?\d{1,9}) = (-?\d{1,20})\b", line.rest)
    if found:
        return int(found[1]), int(found[2])
    if not line.text("ret"):
        return None
    value = line.number("ret")
    return line.number("id"), value - (1 << 64) if value >> 63 == 1 else value
