"""What no type can say about a trace: which operations, ranges and places mean something together.

What the kernel itself refuses (an unaligned address, no pages, no such process) is not looked at here: it is a result.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from mmtui.engine.flags import ALL_VM_FLAGS
from mmtui.engine.limits import limit
from mmtui.engine.ops import AnyOp, Fork, MachineSpec, Mmap, Spawn
from mmtui.trace.errors import Problem, shown
from mmtui.trace.faults import did_you_mean
from mmtui.trace.model import Place

MOST_FRAMES: Final = (1 << 26) - 1
"""A row of a table has 26 bits in the log."""


def of_mmap(op: Mmap, place: str) -> Iterator[Problem]:
    """The faults of a mapping whose every field is right by itself."""
    backing = op.backing
    kinds = ["anon"] if backing.anon else []
    kinds += ["file"] if backing.file is not None else []
    kinds += ["driver"] if backing.driver is not None else []
    if len(kinds) != 1:
        got = " and ".join(kinds) if kinds else "none"
        yield Problem(f"{place}.backing", f"expected exactly one of anon, file and driver, got {got}")
    elif kinds == ["anon"] and backing.pgoff:
        yield Problem(f"{place}.backing.pgoff", "anonymous memory has no page offset")
    for i, name in enumerate(op.vm_flags):
        if name not in ALL_VM_FLAGS:
            hint = did_you_mean(name, sorted(ALL_VM_FLAGS))
            yield Problem(f"{place}.vm_flags[{i}]", f"no kernel has a flag {shown(name)}{hint}")
    for i, remap in enumerate(op.remap):
        if (remap.pfn is None) == (remap.buf is None):
            got = "none" if remap.pfn is None else "both"
            yield Problem(f"{place}.remap[{i}]", f"expected exactly one of pfn and buf, got {got}")
    for name in ("remap", "zeromap"):
        if getattr(op, name) and kinds != ["driver"]:
            yield Problem(f"{place}.{name}", "only a driver's mmap method can do that: the backing is not a driver")
    if op.ro_file and kinds == ["anon"]:
        yield Problem(f"{place}.ro_file", "anonymous memory has no file")


def of_processes(ops: Sequence[AnyOp | None]) -> Iterator[Problem]:
    """More processes than this machine should be asked to hold."""
    most = limit("MMTUI_MAX_PROCESSES")
    processes = sum(type(op) is Spawn or type(op) is Fork for op in ops)
    if processes > most:
        yield Problem("ops", f"{processes} processes; the limit is {most} (MMTUI_MAX_PROCESSES raises it)")


def of_machine(machine: MachineSpec) -> Iterator[Problem]:
    """Ranges that end before they start, leave the machine or overlap; too many frames."""
    most = min(limit("MMTUI_MAX_FRAMES"), MOST_FRAMES)
    if machine.frames > most:
        how = f"MMTUI_MAX_FRAMES raises it, up to {MOST_FRAMES}" if most < MOST_FRAMES else "no machine can have more"
        yield Problem("machine.frames", f"{shown(machine.frames)} frames; the limit is {most} ({how})")
    ranges = [(r, f"machine.reserved[{i}]") for i, r in enumerate(machine.reserved)]
    ranges += [(r, f"machine.holes[{i}]") for i, r in enumerate(machine.holes)]
    for (first, end), place in ranges:
        if end < first:
            yield Problem(place, f"[{first}, {end}] ends before it starts")
        elif end > machine.frames:
            yield Problem(place, f"[{first}, {end}] goes beyond the machine's {machine.frames} frames")
        elif place.startswith("machine.holes") and first <= 1 < end:
            yield Problem(place, f"[{first}, {end}] covers frame 1, which is the ZERO_PAGE")
    yield from _overlaps([(r, place) for r, place in ranges if r[0] < r[1]])


def _overlaps(ranges: list[tuple[tuple[int, int], str]]) -> Iterator[Problem]:
    widest: tuple[tuple[int, int], str] | None = None
    for item in sorted(ranges, key=lambda item: item[0]):
        (first, end), place = item
        if widest and first < widest[0][1]:
            yield Problem(place, f"[{first}, {end}] overlaps {widest[1]}, [{widest[0][0]}, {widest[0][1]}]")
        widest = item if widest is None or end > widest[0][1] else widest


def of_place(at: Place, place: str, ops: int) -> Iterator[Problem]:
    """A place after the last operation."""
    if at.op > ops:
        plural = "operation" if ops == 1 else "operations"
        yield Problem(f"{place}.op", f"expected at most {ops}, got {at.op}: the trace has {ops} {plural}")
