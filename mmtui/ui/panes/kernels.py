"""What this operation does to a frame on the other kernels: a small table at the foot of Why, where there is room.

They run in a thread, a moment after the paint that asks for them first. Until one has run its line is `...`.
"""

from __future__ import annotations

import contextlib
import threading
from functools import partial
from typing import TYPE_CHECKING

from mmtui import KERNELS
from mmtui.engine.arrays import np
from mmtui.ui.panes.common import Line
from mmtui.ui.rows import Row
from mmtui.ui.view import TROUBLE

if TYPE_CHECKING:
    from mmtui.engine.timeline import Timeline
    from mmtui.ui.view import View

_LATER = 0.05
"""Seconds until they start: a paint has the processor for itself."""
PENDING = "..."
_LONGEST = 20_000
"""Transitions up to which running the trace on every kernel costs nothing that a person notices."""


def rows(view: View, pfn: int) -> list[Row]:
    """One line per kernel: the frame's count over this operation, and the stops that the operation makes for it."""
    if view.op < 0 or not _small(view):
        return []
    others = ready(view)
    found = [Row(), Row(Line().put(2, "this operation in other kernels", "dim").spans)]
    for kernel in KERNELS:
        ours = kernel == view.timeline.kernel
        other = view.timeline if ours else others.get(kernel)
        if other is None:
            words, trouble = "...", False
        else:
            key = ("kernel", kernel, view.op, pfn)
            words, trouble = view.remember(key, partial(_words, other, view.op, pfn))
        role = "alarm" if trouble else ("text" if ours else "dim")
        found.append(Row(Line().put(2, kernel, "text" if ours else "dim").put(15, words, role).spans))
    return found


def _small(view: View) -> bool:
    return len(view.timeline) <= _LONGEST and not view.recorded and not view.timeline.growing


def ready(view: View) -> dict[str, Timeline]:
    """The timelines of the other kernels that have run so far; the first call starts them all."""
    if not _small(view):
        return {}
    found: dict[str, Timeline] = {}
    kept = view.remember(("other kernels",), lambda: found)
    if kept is found:
        missing = [kernel for kernel in KERNELS if kernel != view.timeline.kernel]
        thread = threading.Timer(_LATER, _run_all, (view.timeline, missing, found))
        thread.daemon = True
        thread.start()
    return kept


def verdicts(view: View) -> dict[str, str]:
    """What comes of the whole trace, by kernel: `leak`, `ok`; PENDING for one that has not run yet.

    Empty where running it on every kernel would take a person's time.
    """
    if not _small(view):
        return {}
    from mmtui.formats.verdicts import verdict_of

    timelines = {**ready(view), view.timeline.kernel: view.timeline}
    found = dict.fromkeys(KERNELS, PENDING)
    for kernel, timeline in timelines.items():
        found[kernel] = view.remember(("verdict", kernel), partial(verdict_of, timeline)).text
    view.timeline.seek(view.position)
    return found


def _run_all(timeline: Timeline, kernels: list[str], found: dict[str, Timeline]) -> None:
    for kernel in kernels:
        _run(timeline, kernel, found)


def _run(timeline: Timeline, kernel: str, found: dict[str, Timeline]) -> None:
    """Run the trace on one kernel; a model that cannot run it has no line but `...`, which is no reason to stop."""
    with contextlib.suppress(Exception):
        other = timeline.with_kernel(kernel)
        other.prepare()
        found[kernel] = other


def _words(timeline: Timeline, op: int, pfn: int) -> tuple[str, bool]:
    """`count 2 -> 1, no stop`, and whether something went wrong."""
    if op >= timeline.op_count:
        return "not reached: the run ended before", False
    counts = [timeline.value(("page.count", pfn), at) for at in (timeline.op_start(op), timeline.op_end(op))]
    trouble = timeline.events().of(*TROUBLE)
    ours = trouble.take(np.flatnonzero((trouble.op == op) & np.isin(trouble.pfn, (pfn, -1))))
    kinds = {event.kind for event in ours}
    change = f"count {counts[0]} -> {counts[1]}" if counts[0] != counts[1] else f"count {counts[0]}"
    return f"{change}, {' '.join(sorted(kinds)) or 'no stop'}", bool(kinds)
