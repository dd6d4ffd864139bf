"""What must be known of a trace before its events are gone through: how calls end, which frames a fault gets."""

from __future__ import annotations

from typing import Final

from mmtui.live.importer_lines import Line, returned, system_call

FAULTS: Final = ("page_fault_user", "page_fault_kernel")


def results(events: list[Line]) -> dict[int, int]:
    """What the system call that an event begins will return."""
    open_calls: dict[int, tuple[int, int]] = {}
    found: dict[int, int] = {}
    for at, line in enumerate(events):
        if line.event == "sys_enter" and (call := system_call(line)):
            open_calls[line.tid] = at, call[0]
        elif line.event == "sys_exit" and line.tid in open_calls and (done := returned(line)):
            begun, number = open_calls.pop(line.tid)
            if number == done[0]:
                found[begun] = done[1]
    return found


def frames(line: Line) -> list[int]:
    """The frames that a kmem event names; none for a failed allocation."""
    pfn, order = line.number("pfn"), line.number("order")
    return list(range(pfn, pfn + (1 << order))) if 0 < pfn < 1 << 52 and 0 <= order <= 10 else []


def user_frames(line: Line) -> list[int]:
    """The frames of an allocation for user memory; those for page tables, slabs and read-ahead are the kernel's."""
    flags = line.text("gfp_flags")
    user = "MOVABLE" in flags or "GFP_TRANSHUGE" in flags or line.number("migratetype", -1) == 1
    return [] if not user or ("__GFP_NORETRY" in flags and line.number("order") == 0) else frames(line)


def settled(events: list[Line]) -> set[int]:
    """The events with which a fault has got all of its frames: its last allocation, or the fault itself."""
    open_faults: dict[int, int] = {}
    found: set[int] = set()
    for at, line in enumerate(events):
        if line.event in FAULTS:
            found.add(at)
            open_faults[line.tid] = at
        elif line.event == "mm_page_alloc" and line.tid in open_faults and user_frames(line):
            found.discard(open_faults[line.tid])
            found.add(at)
            open_faults[line.tid] = at
        elif line.event in ("sys_enter", "sys_exit", "sched_process_exit"):
            open_faults.pop(line.tid, None)
    return found


def last_acts(events: list[Line]) -> dict[int, int]:
    """The last thing that each thread does of itself before it ends: from there on its memory may go."""
    last: dict[int, int] = {}
    found: dict[int, int] = {}
    for at, line in enumerate(events):
        if line.event in ("sys_enter", "sys_exit", *FAULTS):
            last[line.tid] = at
        elif line.event == "sched_process_exit" and line.number("pid", line.tid) in last:
            tid = line.number("pid", line.tid)
            found[tid] = last.pop(tid)
    return found
