"""A log as an object of a trace file: cells named `page.count[8]`, functions by their kernel names, no line numbers.

The numbers in `transitions` and `calls` are places in the lists `cells` and `functions` of the same object, so that
nothing depends on how this version of mmtui numbers its columns, its functions or their lines.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from mmtui.engine.log import AnyInts, Ints
from mmtui.engine.run import OP_FUNCTION
from mmtui.engine.schema import COLUMNS, ROW_BITS, ROW_MASK
from mmtui.version import VERSION

if TYPE_CHECKING:
    from mmtui.engine.timeline import Timeline

FORMAT: Final = 1


def log_object(timeline: Timeline) -> dict[str, Any]:
    """Everything that a timeline needs to be opened again without running anything."""
    story = timeline._story
    cells, transitions = _transitions(timeline)
    functions, calls = _calls(timeline)
    return {
        "format": FORMAT,
        "mmtui": VERSION,
        "kernel": timeline.kernel,
        "over": timeline.over,
        "frames": story.frames,
        "holes": ranges(story.holes.tolist()),
        "boot_held": runs(story.boot_held),
        "boot": {name: runs(values) for name, values in sorted(story.boot.items())},
        "strings": [story.strings[number] for number in range(len(story.strings))],
        "ops": [
            {"call": timeline.op_call(number), "extra": timeline.extra(number), "messages": timeline.messages(number)}
            for number in range(timeline.op_count)
        ],
        "functions": functions,
        "calls": calls,
        "cells": cells,
        "transitions": transitions,
        "events": [
            {"kind": event.kind, "transition": event.transition, "op": event.op, "subject": event.subject,
             "why": event.why, "text": event.text}
            for event in timeline.events()
        ],
    }  # fmt: skip


def _transitions(timeline: Timeline) -> tuple[list[str], dict[str, list[Any]]]:
    """(cells in the order in which they first change, columns of the transitions)."""
    chunks = list(timeline.log.chunks())
    cell = _joined([chunk.cell for chunk in chunks])
    used, first, place = np.unique(cell, return_index=True, return_inverse=True)
    order = np.argsort(first, kind="stable")
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    names = [f"{COLUMNS[number >> ROW_BITS].name}[{number & ROW_MASK}]" for number in used[order].tolist()]
    site = _joined([chunk.site for chunk in chunks])
    return names, {
        "cell": rank[place].tolist(),
        "old": _joined([chunk.old for chunk in chunks]).tolist(),
        "new": _joined([chunk.new for chunk in chunks]).tolist(),
        "call": _joined([chunk.call for chunk in chunks]).tolist(),
        **_sites(timeline, site),
    }


def _sites(timeline: Timeline, site: Ints) -> dict[str, list[Any]]:
    """`sites`: the function of each store, by name; `site`: which of them made a transition."""
    used, place = np.unique(site, return_inverse=True)
    names = [timeline._story.site(number)[0] for number in used.tolist()]
    known = list(dict.fromkeys(names))
    number = np.array([known.index(name) for name in names], np.int64)
    return {"sites": known, "site": number[place].tolist() if len(place) else []}


def _calls(timeline: Timeline) -> tuple[list[dict[str, Any]], dict[str, list[int]]]:
    """(functions that were called, columns of the calls); an operation's own call has function -1."""
    calls = timeline.log.calls
    numbers = [number for number in np.unique(calls.fn).tolist() if number != OP_FUNCTION]
    functions = [timeline._story.function(number) for number in numbers]
    found = [{"name": f.name, "shown": list(f.shown)} for f in functions if f is not None]
    place = np.full(OP_FUNCTION + 1, -1, np.int64)
    place[numbers] = np.arange(len(numbers))
    columns = {name: getattr(calls, name).tolist() for name in ("parent", "start", "end", "a0", "a1")}
    return found, {"function": place[calls.fn].tolist(), **columns}


def _joined(parts: Sequence[AnyInts]) -> Ints:
    return np.concatenate([part.astype(np.int64) for part in parts] or [np.zeros(0, np.int64)])


def runs(values: AnyInts) -> list[list[int]]:
    """The parts of a column that are not 0, as [first row, how many rows, value]."""
    edges = np.flatnonzero(np.diff(values)) + 1
    starts = np.concatenate(([0], edges)).tolist() if len(values) else []
    ends = [*edges.tolist(), len(values)]
    return [[start, end - start, int(values[start])] for start, end in zip(starts, ends, strict=False) if values[start]]


def ranges(numbers: Iterable[int]) -> list[list[int]]:
    """Ascending numbers as half-open ranges."""
    found: list[list[int]] = []
    for number in numbers:
        if found and found[-1][1] == number:
            found[-1][1] = number + 1
        else:
            found.append([number, number + 1])
    return found
