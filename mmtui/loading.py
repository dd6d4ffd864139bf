"""From a trace file to a timeline: where formats and the engine meet."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from os import PathLike, fspath
from pathlib import Path
from typing import Any

import msgspec

from mmtui.engine.errors import LimitError
from mmtui.engine.kernel import RELEASES
from mmtui.engine.query import QueryError
from mmtui.engine.query import compile as compile_query
from mmtui.engine.run import Run
from mmtui.engine.timeline import Timeline
from mmtui.trace import codec
from mmtui.trace.errors import Problem, TraceError, printable
from mmtui.trace.model import Trace
from mmtui.trace.source import read_bytes
from mmtui.trace.stream import OpStream, open_stream

SLICE = 60.0
"""Seconds of a run between two seals of the log, where nobody waits for it."""


def load(source: str | PathLike[str] | Mapping[str, Any], kernel: str | None = None) -> Timeline:
    """Read and run a trace: see mmtui.load."""
    if isinstance(source, Mapping):
        return timeline_of(codec.decode(source), None, kernel)
    name = fspath(source)
    data = read_bytes(source)
    if codec.is_recording(data):
        from mmtui.live.timeline import load as load_recording

        return load_recording(data, Path(name), kernel)
    return timeline_of(codec.decode(data, "standard input" if name == "-" else name), Path(name), kernel)


def timeline_of(trace: Trace, path: Path | None = None, kernel: str | None = None) -> Timeline:
    """Run a trace under a kernel model (default: the trace's own); the timeline is at position 0. Raises TraceError."""
    name = fspath(path) if path else "trace"
    check_kernel(kernel or trace.kernel, name)
    check_breakpoints(trace, name)
    if trace.log is not None and kernel in (None, trace.kernel):
        from mmtui.formats.stored import stored_timeline

        return stored_timeline(trace, name, path, lambda other: timeline_of(trace, path, other))
    timeline = begin(trace, path, kernel)
    try:
        while timeline.grow(SLICE):
            pass
    except LimitError as limit:
        raise TraceError(name, [Problem(f"ops[{timeline.op_count - 1}]", str(limit))]) from None
    return timeline


def begin(trace: Trace, path: Path | None = None, kernel: str | None = None) -> Timeline:
    """A timeline of a run that has not begun: `grow` runs it, a slice at a time. Raises TraceError."""
    name = fspath(path) if path else "trace"
    check_kernel(kernel or trace.kernel, name)
    check_breakpoints(trace, name)
    run = Run(kernel or trace.kernel, trace.machine, len(trace.ops))
    run.plan(trace.ops)
    timeline = Timeline(run, trace, path, lambda other: timeline_of(trace, path, other))
    timeline.growing = bool(trace.ops)
    return timeline


def start(path: Path, kernel: str | None = None) -> Timeline | None:
    """A timeline of a long trace whose operations are read while `grow` runs them: see mmtui.start."""
    stream = open_stream(path)
    return None if stream is None else timeline_of_stream(stream, path, kernel)


def timeline_of_stream(stream: OpStream, path: Path, kernel: str | None = None) -> Timeline:
    """The same for a stream that is open already. Raises TraceError."""
    trace, name = stream.trace, fspath(path)
    check_kernel(kernel or trace.kernel, name)
    check_breakpoints(trace, name)
    run = Run(kernel or trace.kernel, trace.machine)
    run.plan(stream)

    def whole() -> Trace:
        return msgspec.structs.replace(trace, ops=(*run.operations, *run.unreached))

    def rerun(other: str) -> Timeline:
        if timeline.growing:
            raise TraceError(name, [Problem("", "is still being read")])
        return timeline_of(timeline.trace, path, other)

    timeline = Timeline(run, trace, path, rerun, whole)
    timeline.growing = True
    timeline.progress = lambda: stream.fraction
    return timeline


def check_kernel(kernel: str, name: str) -> None:
    """TraceError if there is no such model."""
    if kernel not in RELEASES:
        near = difflib.get_close_matches(kernel, RELEASES, n=1, cutoff=0.3)
        hint = f"; did you mean {near[0]}?" if near else ""
        known = ", ".join(RELEASES)
        raise TraceError(
            name, [Problem("kernel", f'there is no model "{printable(kernel)}" (there are {known}){hint}')]
        )


def check_breakpoints(trace: Trace, name: str) -> None:
    """TraceError if a breakpoint of the trace is not an expression."""
    problems = []
    for number, text in enumerate(trace.breakpoints):
        try:
            compile_query(text)
        except QueryError as error:
            problems.append(Problem(f"breakpoints[{number}]", str(error)))
    if problems:
        raise TraceError(name, problems)
