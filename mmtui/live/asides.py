"""What of a recording is not the program's own doing: its start-up, and mappings that somebody else made.

Start-up: what a process does after its exec (or after the recording's start) until a fault shows that it runs, or
touches, the code of its own program file: until then the dynamic loader works. A process that never gets there, as
far as was recorded, has no start-up. Other people's mappings: files that are mapped executable but are not the program
(the loader, libraries), the anonymous memory that continues the data of one (its bss), vdso and vvar.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Final, NamedTuple

from mmtui.engine.story import Stretch
from mmtui.live.recording import FORKING, Area, Recording, Stop

KERNELS_OWN: Final = ("[vdso]", "[vvar]", "[vvar_vclock]", "[vsyscall]", "[uprobes]")
NOT_PROGRAMS: Final = ("/memfd:", "/dev/", "/SYSV")
FRESH_FILES: Final = 2  # what exec maps: the program and its loader
MOST_NAMED: Final = 3


class Region(NamedTuple):
    """As much of an area as tells whose it is. `name`: a path, `[heap]` and its like, empty for anonymous memory."""

    start: int
    end: int
    name: str
    writable: bool
    executable: bool

    @property
    def of_file(self) -> bool:
        """Does it map a file that a program could be?"""
        return self.name.startswith("/") and not self.name.startswith(NOT_PROGRAMS)


def region(area: Area) -> Region:
    """An area of a recording."""
    return Region(area.start, area.end, area.path, "w" in area.perms, "x" in area.perms)


def base_name(path: str) -> str:
    """`libc.so.6` of `/usr/lib/libc.so.6`."""
    return path.rpartition("/")[2] or path


def program(regions: Iterable[Region], loaders: frozenset[str]) -> str:
    """The file that a process was started from: the lowest that it maps and that is no loader; empty if unknown."""
    return next((here.name for here in sorted(regions) if here.of_file and here.name not in loaders), "")


def foreign(regions: Iterable[Region], loaders: frozenset[str]) -> dict[int, str]:
    """The regions of one address space that are not the program's own: start -> whose they are."""
    regions = sorted(regions)
    own = program(regions, loaders)
    libraries = {here.name for here in regions if here.executable and here.of_file} - {own}
    found: dict[int, str] = {}
    before = Region(0, 0, "", False, False)
    for here in regions:
        if here.name in libraries:
            found[here.start] = base_name(here.name)
        elif here.name in KERNELS_OWN:
            found[here.start] = here.name
        elif here == here._replace(start=before.end, name="", writable=True) and _data_of(before, libraries):
            found[here.start] = base_name(before.name)
        before = here
    return found


def _data_of(here: Region, libraries: set[str]) -> bool:
    """Is it the data of a library? Anonymous memory right behind it is its bss."""
    return here.writable and here.name in libraries


def loaders(recording: Recording) -> frozenset[str]:
    """The dynamic loaders: of the two files that exec maps, the one in which the first fault ran."""
    found: set[str] = set()
    fresh: dict[int, list[Region]] = {}
    for stop in recording.stops:
        if stop.ev.k in ("start", "exec"):
            fresh[stop.pid] = _executables(stop)
        elif stop.ev.k == "fault" and stop.pid in fresh:
            files = fresh.pop(stop.pid)
            ran = {here.name for here in files if here.start <= (stop.ev.ip or 0) < here.end}
            if len({here.name for here in files}) == FRESH_FILES:
                found |= ran
    return frozenset(found)


def _executables(stop: Stop) -> list[Region]:
    """The code that a process has at its exec."""
    mapped = stop.vma[stop.pid].mapped if stop.pid in stop.vma else ()
    return [here for area in mapped if (here := region(area)).executable and here.of_file]


# Start-up


class Startup(NamedTuple):
    """The stops of a process from `first` up to, not including, `end`, where its own code begins."""

    pid: int
    first: int
    end: int
    name: str


def startups(recording: Recording) -> Iterator[Startup]:
    """The start-up of each program that came to its own code, in the order in which they did."""
    known = loaders(recording)
    begun: dict[int, tuple[int, str, list[Region]]] = {}
    for number, stop in enumerate(recording.stops):
        if stop.ev.k in ("start", "exec"):
            begun[stop.pid] = number + 1, stop.ev.comm, _own_code(stop, known)
        elif stop.ev.k == "gone":
            begun.pop(stop.pid, None)
        elif stop.pid in begun and _runs(stop, begun[stop.pid][2]):
            first, name, code = begun.pop(stop.pid)
            yield Startup(stop.pid, first, number, name or base_name(code[0].name))


def _own_code(stop: Stop, known: frozenset[str]) -> list[Region]:
    """The code of the program that was just started; nothing of one that has been running (a piece of a recording)."""
    files = _executables(stop)
    if len({here.name for here in files}) > FRESH_FILES:
        return []
    own = program(files, known)
    return [here for here in files if here.name == own]


def _runs(stop: Stop, code: list[Region]) -> bool:
    """A fault in, or on, the program's own code: the dynamic loader is done."""
    event = stop.ev
    places = (event.ip or 0, event.addr) if event.k == "fault" else ()
    return any(here.start <= place < here.end for place in places for here in code)


# Stretches


def stretches(recording: Recording) -> list[Stretch]:
    """Two or more stops in a row that are start-up, or faults in other people's mappings."""
    labels: list[str] = [""] * len(recording.stops)
    for number, name in _foreign_faults(recording):
        labels[number] = name
    for startup in startups(recording):
        for number in range(startup.first, startup.end):
            if recording.stops[number].pid == startup.pid:
                labels[number] = f"start-up of {startup.name}"
        labels[startup.end] = ""  # its own code, wherever it touches memory
    found: list[Stretch] = []
    at = 0
    for aside, run in groupby(labels, key=bool):
        names = list(run)
        if aside and len(names) > 1:
            found.append(Stretch(at, at + len(names), _text(names)))
        at += len(names)
    return found


def _text(labels: list[str]) -> str:
    """`start-up of ls, start-up of wc`; `faults in libc.so.6, ld.so`; what there is most of comes first."""
    names = sorted(set(labels), key=lambda name: -labels.count(name))
    started = [name for name in names if name.startswith("start-up of ")]
    files = [name for name in names if name not in started]
    said = started[:MOST_NAMED] + ([f"faults in {', '.join(files[:MOST_NAMED])}"] if files else [])
    return ", ".join(said) + (" ..." if max(len(started), len(files)) > MOST_NAMED else "")


def _foreign_faults(recording: Recording) -> Iterator[tuple[int, str]]:
    """(stop, whose mapping) of each fault in a mapping that is not the program's own."""
    known = loaders(recording)
    areas: dict[int, dict[int, Area]] = {}
    asides: dict[int, list[tuple[int, int, str]]] = {}
    key_of: dict[int, int] = {}
    for number, stop in enumerate(recording.stops):
        if stop.ev.k in FORKING and stop.ev.tgid != stop.pid:
            key_of[stop.ev.tgid] = stop.ev.tgid
        key_of.update(stop.mm)
        for key, change in stop.vma.items():
            space = areas.setdefault(key, {})
            for start in change.unmapped:
                space.pop(start, None)
            space.update((area.start, area) for area in change.mapped)
            asides.pop(key, None)
        if stop.ev.k == "fault":
            key = key_of.get(stop.pid, stop.pid)
            if key not in asides:
                asides[key] = _asides(areas.get(key, {}), known)
            found = next((name for start, end, name in asides[key] if start <= stop.ev.addr < end), None)
            if found is not None:
                yield number, found
        if stop.end is not None:
            areas.pop(stop.end, None)
            asides.pop(stop.end, None)


def _asides(areas: dict[int, Area], known: frozenset[str]) -> list[tuple[int, int, str]]:
    """(start, end, whose) of the areas that are not the program's own."""
    whose = foreign(map(region, areas.values()), known)
    return [(start, areas[start].end, name) for start, name in whose.items()]
