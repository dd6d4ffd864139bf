"""What this operation does to a frame on the other kernels: a small table at the foot of Why, where there is room.

The first paint runs as many of them as it has time for; until one has run its line is `...`.
"""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from mmtui import KERNELS
from mmtui.ui.panes.common import Line
from mmtui.ui.rows import Row
from mmtui.ui.view import TROUBLE

if TYPE_CHECKING:
    from mmtui.engine.timeline import Timeline
    from mmtui.ui.view import View

_SECONDS = 0.05
_LONGEST = 20_000
"""Transitions up to which running the trace on every kernel costs nothing that a person notices."""


def rows(view: View, pfn: int) -> list[Row]:
    """One line per kernel: the frame's count over this operation, and the stops that the operation makes for it."""
    if view.op < 0 or len(view.timeline) > _LONGEST or view.recorded:
        return []
    others = _others(view)
    found = [Row(), Row(Line().put(2, "this operation in other kernels", "dim").spans)]
    for kernel in KERNELS:
        ours = kernel == view.timeline.kernel
        other = view.timeline if ours else others.get(kernel)
        if other is None:
            words, trouble = "...", False
        else:
            words, trouble = view.remember(("kernel", kernel, view.op, pfn), partial(_words, other, view.op, pfn))
        role = "alarm" if trouble else ("text" if ours else "dim")
        found.append(Row(Line().put(2, kernel, "text" if ours else "dim").put(15, words, role).spans))
    view.timeline.seek(view.position)
    return found


def _others(view: View) -> dict[str, Timeline]:
    """The timelines of the other kernels, as many as one paint has time to run; the next goes on."""
    found: dict[str, Timeline] = view.remember(("other kernels",), dict)
    started = time.perf_counter()
    for kernel in KERNELS:
        if kernel != view.timeline.kernel and kernel not in found:
            found[kernel] = view.timeline.with_kernel(kernel)
            if time.perf_counter() - started > _SECONDS:
                break
    return found


def _words(timeline: Timeline, op: int, pfn: int) -> tuple[str, bool]:
    """`count 2 -> 1, no stop`, and whether something went wrong."""
    if op >= timeline.op_count:
        return "not reached: the run ended before", False
    counts = [_count_at(timeline, position, pfn) for position in (timeline.op_start(op), timeline.op_end(op))]
    trouble = timeline.events().of(*TROUBLE)
    ours = trouble.take(np.flatnonzero((trouble.op == op) & np.isin(trouble.pfn, (pfn, -1))))
    kinds = {event.kind for event in ours}
    change = f"count {counts[0]} -> {counts[1]}" if counts[0] != counts[1] else f"count {counts[0]}"
    return f"{change}, {' '.join(sorted(kinds)) or 'no stop'}", bool(kinds)


def _count_at(timeline: Timeline, position: int, pfn: int) -> int:
    was = timeline.position
    timeline.seek(position)
    count = int(timeline.machine.page.count[pfn])
    timeline.seek(was)
    return count
