"""Reading a recording of a live kernel: a header, then one stop after the other with what it changed.

The file is JSON Lines. First line `{"mmtui": 1, "recording": {...}}` (or the header of an older `mmtui-rec` file),
then one line a stop, then `{"summary": {...}}`, which is absent where the recorder was killed: such a file is read
up to its last whole line, and says so (`Recording.cut`).
"""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from mmtui.live.syscalls import ARGUMENTS
from mmtui.trace.errors import MOST_SHOWN, Problem, TraceError, printable, shown

PAGE: Final = 4096
LONGEST_NAME: Final = 100
USER_END: Final = 1 << 47  # an area above it (the gate page) belongs to no mm

FORKING: Final = frozenset({"fork", "vfork", "clone", "clone3"})
WORD: Final = (1 << 64) - 1

Number = Annotated[int, Meta(ge=-(1 << 63))]  # at most WORD: checked by hand, the decoder's bounds are 63 bits
Address = Annotated[int, Meta(ge=0)]
Id = Annotated[int, Meta(ge=0, le=1 << 40)]
Pfn = Annotated[int, Meta(ge=0, le=(1 << 55) - 1)]
Text = Annotated[str, Meta(max_length=4096)]


class Area(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """One VMA as /proc/PID/smaps showed it. `flags`: VmFlags (`rd wr mr ...`), `dev`: `major:minor:inode`."""

    start: Address
    end: Address
    perms: Text
    flags: Text
    offset: Address
    dev: Text
    path: Text


class Areas(msgspec.Struct, frozen=True, gc=False, rename={"mapped": "+", "unmapped": "-"}):
    """VMAs that are new or changed, and the starts of those that are gone."""

    mapped: tuple[Area, ...] = ()
    unmapped: tuple[Address, ...] = ()


class Entry(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """A page-table entry as pagemap showed it: the pfn (None: not visible; a swap entry where swapped) and letters.

    p present, f file or shared memory, s swapped, g guard, u write-protected by userfaultfd, x mapped once,
    d soft-dirty, z the zero page.
    """

    pfn: Pfn | None
    letters: Text


class Event(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """Why the program was stopped. `k`: start, exit (of a system call), fault, fork, vfork, clone, exec, signal,
    exiting, gone, lost.

    `late`: the fault stopped nobody, and what it changed was read a moment later, together with others.
    """

    k: Text
    nr: Number | None = None
    name: Text = ""
    args: tuple[Number, ...] = ()
    ret: Number | None = None
    addr: Number = 0
    ip: Address | None = None
    child: Id = 0
    tgid: Id = 0
    comm: Text = ""
    sig: Number = 0
    code: Number = 0
    count: Id = 0
    late: bool = False


class Finding(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """Something to stop at that an importer saw: an event's kind, the frame, why, in words."""

    kind: Text
    pfn: Pfn
    why: Text = ""
    text: Text = ""


class Stop(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One stop, and every cell that differs from the stop before. Address spaces are named by a tgid (`spaces`)."""

    i: Id
    t: Id = 0
    pid: Id
    tid: Id | None = None
    ev: Event
    vma: dict[Id, Areas] = {}
    pte: dict[Id, dict[str, Entry]] = {}
    unpte: dict[Id, tuple[str, ...]] = {}
    fr: dict[Pfn, tuple[Id, str]] = {}
    end: Id | None = None
    mm: dict[Id, Id] = {}
    found: tuple[Finding, ...] = ()

    @property
    def name(self) -> str:
        """What happened, in one word: mmap, fault, fork, exec, exit ... `clone_return`: the fork has its own stop."""
        if self.ev.k == "exit" and self.ev.nr is None:
            return "exec_return"  # older recorders stopped there without knowing the call
        if self.ev.k == "exit":
            return f"{self.ev.name}_return" if self.ev.name in FORKING else self.ev.name
        return "exit" if self.ev.k == "gone" else self.ev.k

    @property
    def arguments(self) -> dict[str, int]:
        """The numbers that belong to it, by name: a system call's arguments and `ret`, a fault's `addr` and `ip` ..."""
        event = self.ev
        if event.k == "exit":
            names = ARGUMENTS.get(event.name, tuple(f"a{n}" for n in range(len(event.args))))
            found = dict(zip(names, event.args, strict=False))
            return found if event.ret is None else found | {"ret": event.ret}
        if event.k == "fault":
            return {"addr": event.addr} if event.ip is None else {"addr": event.addr, "ip": event.ip}
        if event.k in ("fork", "vfork", "clone"):
            return {"child": event.child}
        if event.k == "signal":
            return {"signal": event.sig}
        if event.k == "free":
            return dict(zip(("pfn", "order"), event.args, strict=False))
        if event.k == "lost":
            return {"count": event.count}
        return {"code": event.code} if event.k in ("exiting", "gone") else {}


class Summary(msgspec.Struct, frozen=True):
    """How the recording ended. `inexact`: how often two tasks ran at once; `lost`: faults that were missed."""

    stops: Id
    processes: Id = 0
    ended: Text = ""
    status: Number = 0
    inexact: Id = 0
    lost: Id = 0
    notes: tuple[Text, ...] = ()


class Last(msgspec.Struct, frozen=True):
    """The last line."""

    summary: Summary


class Recording(msgspec.Struct, frozen=True):
    """A whole recording. `cut`: the file ends early; nothing is known of what came after its last stop."""

    header: dict[str, Any]
    stops: tuple[Stop, ...]
    summary: Summary | None
    cut: bool

    @property
    def frames_known(self) -> bool:
        """Were pfns, map counts and page flags visible to whoever recorded?"""
        return self.header.get("pfn") is True

    @property
    def release(self) -> str:
        """The release of the recorded kernel, harmless to print; "" if the header does not say."""
        release = self.header.get("kernel")
        return printable(release[:LONGEST_NAME]) if isinstance(release, str) else ""

    @property
    def missing(self) -> tuple[str, ...]:
        """What the recorder could not see: `pfn`, `mapcount`, `page flags`, `page faults`."""
        listed = self.header.get("missing")
        if isinstance(listed, list):
            return tuple(str(item) for item in listed)
        return () if self.frames_known else ("pfn", "mapcount", "page flags")


_STOP: Final = msgspec.json.Decoder(Stop, strict=False)  # strict=False: numbers that are keys are text in JSON
_LAST: Final = msgspec.json.Decoder(Last)


def decode(data: bytes, name: str) -> Recording:
    """The recording that `data` holds, `name` in the errors. Raises TraceError with every wrong line (the first 20)."""
    head, _, rest = data.partition(b"\n")
    header = _header(head, name)
    lines = rest.split(b"\n")
    cut_off = lines.pop()  # what follows the last newline: nothing, or half a line
    stops: list[Stop] = []
    summary: Summary | None = None
    problems: list[Problem] = []
    for number, line in enumerate(lines, 2):
        try:
            if line.startswith(b'{"summary"'):
                summary = _LAST.decode(line).summary
            elif line.strip():
                stops.append(_checked(_STOP.decode(line)))
        except (msgspec.DecodeError, ValueError) as error:
            problems.append(Problem(f"{number}", _reason(str(error))))
    if problems:
        raise TraceError(name, problems[:MOST_SHOWN], max(0, len(problems) - MOST_SHOWN))
    if not stops:
        raise TraceError(name, [Problem("", "an empty recording: no stop was written")])
    ended = summary is not None or header.get("format") == "mmtui-rec"
    return Recording(header, tuple(stops), summary, bool(cut_off.strip()) or not ended)


def _header(line: bytes, name: str) -> dict[str, Any]:
    try:
        first = msgspec.json.decode(line)
    except UnicodeDecodeError:
        raise TraceError(name, [Problem("1", "not UTF-8")]) from None
    except (msgspec.DecodeError, RecursionError) as error:
        raise TraceError(name, [Problem("1", _reason(str(error)))]) from None
    header = first.get("recording") if isinstance(first, dict) else None
    if isinstance(first, dict) and first.get("format") == "mmtui-rec":
        header = first
    if not isinstance(header, dict):
        raise TraceError(name, [Problem("1", 'not a recording: its first line needs "mmtui": 1 and "recording"')])
    if header.get("page", PAGE) != PAGE:
        reason = f"recorded with pages of {shown(header['page'])} bytes; only {PAGE} is understood"
        raise TraceError(name, [Problem("1", reason)])
    return header


def _checked(stop: Stop) -> Stop:
    """The stop, if its texts are the numbers that they stand for. ValueError says which one is not."""
    for entries in stop.pte.values():
        for address in entries:
            _page_address(address)
    for gone in stop.unpte.values():
        for address in gone:
            _page_address(address)
    for _, flags in stop.fr.values():
        if not 0 <= int(flags, 16) < 1 << 63:
            raise ValueError(f"page flags {flags!r} are not a number of 63 bits")
    for areas in stop.vma.values():
        for area in areas.mapped:
            if area.end <= area.start:
                raise ValueError(f"an area from {area.start:#x} ends before it starts")
            if area.start < USER_END < area.end or max(area.end, area.offset) > WORD or (area.start | area.end) % PAGE:
                raise ValueError(f"an area from {area.start:#x} to {area.end:#x} is not made of pages")
    event = stop.ev
    if any(abs(number) > WORD for number in (event.addr, event.ip or 0, event.ret or 0, event.sig, *event.args)):
        raise ValueError("a number of the event does not fit in 64 bits")
    return stop


def _page_address(text: str) -> None:
    address = int(text, 16)
    if not 0 <= address < USER_END or address % PAGE:
        raise ValueError(f"{text!r} is not the address of a page of a process")


def _reason(text: str) -> str:
    return text[:1].lower() + text[1:]
