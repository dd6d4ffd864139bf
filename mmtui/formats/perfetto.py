"""The log for ui.perfetto.dev, in the JSON that Chrome's tracing defined: one transition lasts one millisecond.

A process of the trace is a track. Operations and the kernel functions that they call are nested slices, events are
instants, forks are flows from the parent's slice to the child's, totals of the frames are counters.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from mmtui.engine import ops
from mmtui.engine.log import Ints
from mmtui.engine.schema import COLUMN, ROW_BITS
from mmtui.version import VERSION
from mmtui.words import argument_text, op_text, plain, stop_text

if TYPE_CHECKING:
    from mmtui.engine.timeline import Timeline

MACHINE: Final = 0
"""The process of what no process does: drivers, and the counters."""
CHANGE: Final = 1000
"""Microseconds from one change to the next."""
TOLD: Final = 500
"""Events that are told in a whole sentence; of the others there are too many to be read."""

Row = dict[str, Any]


def perfetto_json(timeline: Timeline) -> bytes:
    """The whole log as one JSON object with `traceEvents`."""
    events = [*_names(timeline), *_slices(timeline), *_instants(timeline), *_counters(timeline)]
    about = {"mmtui": VERSION, "kernel": timeline.kernel, "title": plain(timeline.trace.title)}
    about |= {"trace": plain(timeline.source_name), "time": "one change of a cell lasts one millisecond"}
    whole = {"traceEvents": events, "displayTimeUnit": "ns", "otherData": about}
    return json.dumps(whole, ensure_ascii=True, separators=(",", ":")).encode() + b"\n"


def track_of(timeline: Timeline, number: int) -> int:
    """The pid that an operation belongs to; MACHINE for a driver's."""
    op: Any = timeline.op(number)
    pid = op.parent if isinstance(op, ops.Fork) else getattr(op, "pid", MACHINE)
    return int(pid)


def _names(timeline: Timeline) -> Iterator[Row]:
    named = {MACHINE: "drivers and frames"}
    for number in range(timeline.op_count):
        op: Any = timeline.op(number)
        if isinstance(op, ops.Spawn):
            named[op.pid] = f"pid {op.pid} {plain(op.comm)}" if op.comm else f"pid {op.pid}"
        elif isinstance(op, ops.Fork):
            name = named.get(op.parent, "").partition(" ")[2].partition(" ")[2]
            named.setdefault(op.child, f"pid {op.child} {name}".rstrip())
        elif (pid := track_of(timeline, number)) not in named:
            named[pid] = f"pid {pid}"
    for order, (pid, name) in enumerate(named.items()):
        yield _row("M", pid, name="process_name", args={"name": name})
        yield _row("M", pid, name="thread_name", args={"name": "operations" if pid else "drivers"})
        yield _row("M", pid, name="process_sort_index", args={"sort_index": order})


def _row(phase: str, pid: int, **fields: Any) -> Row:
    return {"ph": phase, "pid": pid, "tid": pid, **fields}


def _slices(timeline: Timeline) -> Iterator[Row]:
    """Every call, the operations among them, outer ones first; a fork has a slice in the child too, and a flow."""
    calls = timeline.log.calls
    begin, length = _times(timeline)
    tracks: list[int] = []
    names: dict[int, str] = {}
    columns = zip(calls.fn.tolist(), calls.parent.tolist(), begin, length, strict=True)
    for number, (fn, parent, ts, dur) in enumerate(columns):
        if parent < 0:
            op = int(calls.a0[number])
            tracks.append(track_of(timeline, op))
            yield from _operation(timeline, op, ts, dur)
            continue
        tracks.append(tracks[parent])
        if fn not in names:
            names[fn] = plain(timeline.function_name(fn))
        args = {name: argument_text(name, value) for name, value in timeline.call(number).args.items()}
        yield _row("X", tracks[number], name=names[fn], cat="call", ts=ts, dur=dur, args=args)


def _operation(timeline: Timeline, number: int, ts: float, dur: float) -> Iterator[Row]:
    op: Any = timeline.op(number)
    args = {"op": number, "result": plain(timeline.result(number)), **timeline.extra(number)}
    if op.note:
        args["note"] = plain(op.note)
    pid = track_of(timeline, number)
    yield _row("X", pid, name=op_text(timeline, number), cat="op", ts=ts, dur=dur, args=args)
    if isinstance(op, ops.Fork) and timeline.result(number) == "ok":
        begun = f"forked by pid {op.parent}"
        yield _row("X", op.child, name=begun, cat="op", ts=ts, dur=dur, args={"op": number})
        yield _row("s", pid, name="fork", cat="fork", id=number, ts=ts)
        yield _row("f", op.child, name="fork", cat="fork", id=number, ts=ts, bp="e")


def _times(timeline: Timeline) -> tuple[list[float], list[float]]:
    """(begin, length) of every call. Between two changes each call begins and ends at a time of its own, in its order:
    calls that change nothing would else lie on the borders of others, and slices must nest."""
    calls = timeline.log.calls
    parent, end = calls.parent.tolist(), calls.end.tolist()
    order: list[int] = []  # a call begins: its number; it ends: -1 - its number
    open_calls: list[int] = []
    for number in range(len(calls)):
        while open_calls and open_calls[-1] != parent[number]:
            order.append(-1 - open_calls.pop())
        order.append(number)
        open_calls.append(number)
    order += [-1 - number for number in reversed(open_calls)]
    edges = np.array(order, np.int64)
    ends = np.array(end, np.int64)
    starts = calls.start.astype(np.int64)
    place = np.where(edges >= 0, starts[edges], ends[-1 - edges]) if len(edges) else edges
    _, first, size = np.unique(place, return_index=True, return_counts=True)
    rank = np.arange(len(edges)) - np.repeat(first, size)
    time = (place + (rank + 1) / (np.repeat(size, size) + 1)) * CHANGE
    begin, finish = np.zeros(len(calls)), np.zeros(len(calls))
    begin[edges[edges >= 0]] = time[edges >= 0]
    finish[-1 - edges[edges < 0]] = time[edges < 0]
    begin, finish = begin.round(3), finish.round(3)
    return begin.tolist(), (finish - begin).round(3).tolist()


def _instants(timeline: Timeline) -> Iterator[Row]:
    told = 0
    for event in timeline.events():
        args: Row = {"place": timeline.place_name(event.position), **event.subject}
        if event.kind not in ("alloc", "free", "fault", "cow") and told < TOLD:
            told += 1
            what, why = stop_text(timeline, event)
            args |= {"what": what, "why": why}
        args = {name: plain(value) if isinstance(value, str) else value for name, value in args.items()}
        pid = track_of(timeline, event.op)
        yield _row("i", pid, name=plain(event.kind), cat="event", ts=event.position * CHANGE, s="t", args=args)


def _counters(timeline: Timeline) -> Iterator[Row]:
    """Totals where an operation ends: free frames, references, ptes that count, leaks so far.

    A recording sees only some frames, and not their references: it has none.
    """
    if timeline.trace.recording is not None:
        return
    ends = np.array([0, *(timeline.op_end(number) for number in range(timeline.op_count))], np.int64)
    totals = {
        "free frames": _total(timeline, "page.free", ends),
        "references (page_count)": _total(timeline, "page.count", ends),
        "mapped (page_mapcount)": _total(timeline, "page.mapcount", ends),
        "leaks": np.searchsorted(np.sort(timeline.events("leak").position), ends, side="right"),
    }
    for name, values in totals.items():
        before = None
        for at, value in zip(ends.tolist(), values.tolist(), strict=True):
            if value != before:
                yield _row("C", MACHINE, name=name, ts=at * CHANGE, args={"value": value})
            before = value


def _total(timeline: Timeline, column: str, ends: Ints) -> Ints:
    """The sum of a column at each of some positions."""
    at_boot = timeline._story.boot.get(column)
    total = int(at_boot[: timeline._story.frames].sum()) if at_boot is not None else 0
    identity, change = COLUMN[column].id, np.zeros(len(timeline) + 1, np.int64)
    for chunk in timeline.log.chunks():
        here = np.flatnonzero(chunk.cell >> ROW_BITS == identity)
        change[chunk.first + here + 1] = chunk.new[here].astype(np.int64) - chunk.old[here].astype(np.int64)
    return total + np.cumsum(change)[ends]
