"""What this operation does to a frame on the other kernels: a small table at the foot of Why, where there is room."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from mmtui import KERNELS
from mmtui.ui.panes.common import Line
from mmtui.ui.rows import Row
from mmtui.ui.view import TROUBLE

if TYPE_CHECKING:
    from mmtui.engine.timeline import Timeline
    from mmtui.ui.view import View

_LONGEST = 20_000
"""Transitions up to which running the trace on every kernel takes no time that a person notices."""


def rows(view: View, pfn: int) -> list[Row]:
    """One line per kernel: the frame's count over this operation, and the stops that the operation makes for it."""
    timeline = view.timeline
    if view.op < 0 or len(timeline) > _LONGEST or len(KERNELS) < 2:
        return []
    found = [Row(Line().put(2, "this operation in other kernels", "dim").spans)]
    for kernel in KERNELS:
        other = timeline if kernel == timeline.kernel else _other(view, kernel)
        ours = other is timeline
        key = ("kernel", kernel, view.op, pfn)
        words, trouble = view.remember(key, partial(_words, other, view.op, pfn))
        role = "alarm" if trouble else ("text" if ours else "dim")
        line = Line().put(2, kernel, "text" if ours else "dim").put(15, words, role)
        found.append(Row(line.spans))
    timeline.seek(view.position)
    return found


def _other(view: View, kernel: str) -> Timeline:
    return view.remember(("timeline", kernel), lambda: view.timeline.with_kernel(kernel), True)


def _words(timeline: Timeline, op: int, pfn: int) -> tuple[str, bool]:
    """`count 2 -> 1, no stop`, and whether something went wrong."""
    if op >= timeline.op_count:
        return "not reached: the run ended before", False
    start, end = timeline.op_start(op), timeline.op_end(op)
    counts = []
    was = timeline.position
    for position in (start, end):
        timeline.seek(position)
        counts.append(int(timeline.machine.page.count[pfn]))
    timeline.seek(was)
    kinds = {
        event.kind for kind in TROUBLE for event in timeline.events(kind=kind)
        if event.op == op and event.subject.get("pfn", pfn) == pfn
    }  # fmt: skip
    change = f"count {counts[0]} -> {counts[1]}" if counts[0] != counts[1] else f"count {counts[0]}"
    return f"{change}, {' '.join(sorted(kinds)) if kinds else 'no stop'}", bool(kinds)
