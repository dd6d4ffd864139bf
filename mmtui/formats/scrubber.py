"""What the slider of the HTML report shows: the three views after each operation, each line and each view kept once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from mmtui.formats.report import Report
from mmtui.formats.views import Views, merged, views_at
from mmtui.words import op_text, plain

if TYPE_CHECKING:
    from mmtui.engine.timeline import Timeline

MOST_STEPS: Final = 1000
"""Operations that can be shown; of a longer trace only some, evenly, and those with a stop."""
MOST_LINES: Final = 120


def scrubber_data(timeline: Timeline, report: Report) -> dict[str, Any]:
    """`lines`: every line of every view, once; `steps`: for each operation its text and its views (see `_kept`);
    `start`: the step to begin at."""
    numbers: dict[str, int] = {}
    told: dict[int, list[str]] = {}
    for stop in report.stops:
        told.setdefault(stop.op, []).extend(f"{kind}: {what} {why}".rstrip() for kind, what, why in stop.told)
    steps: list[dict[str, Any]] = []
    before: Views | None = None
    start = 0
    chosen = _chosen(timeline.op_count, {stop.op for stop in report.stops})
    for op in chosen:
        views = views_at(timeline, timeline.op_end(op) if op >= 0 else 0, MOST_LINES)
        if told.get(op) and not start:
            start = len(steps)
        steps.append(_step(timeline, op, told.get(op, [])) | {"views": _kept(views, before, numbers)})
        before = views
    return {"lines": list(numbers), "steps": steps, "start": start}


def _chosen(count: int, wanted: set[int]) -> list[int]:
    """-1 (boot) and the operations to show."""
    if count <= MOST_STEPS:
        return list(range(-1, count))
    evenly = np.linspace(0, count - 1, MOST_STEPS - len(wanted)).astype(int).tolist()
    return sorted({-1, *evenly, *(op for op in wanted if op >= 0)})


def _step(timeline: Timeline, op: int, events: list[str]) -> dict[str, Any]:
    if op < 0:
        return {"op": -1, "text": "before the first operation", "note": "", "events": events}
    text = f"op {op}  {op_text(timeline, op)}  -> {plain(timeline.result(op))}"
    return {"op": op, "text": text, "note": plain(timeline.op(op).note or ""), "events": events}


def _kept(views: Views, before: Views | None, numbers: dict[str, int]) -> list[Any]:
    """For each view 0 if it is as before, else its rows: number of the line * 4 + whether it is new or gone."""
    kept: list[Any] = []
    for number, lines in enumerate(views):
        old = lines if before is None else before[number]
        if before is not None and old == lines:
            kept.append(0)
        else:
            rows = merged(old, lines)
            kept.append([numbers.setdefault(line, len(numbers)) * 4 + mark for mark, line in rows])
    return kept
