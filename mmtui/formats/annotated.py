"""The trace file with everything that a person added, and, where asked, the whole log."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from mmtui.engine import query
from mmtui.formats.log_out import log_object
from mmtui.sidecar import Record, Sidecar
from mmtui.trace import codec
from mmtui.trace.model import Annotation, Bookmark, Place, Trace
from mmtui.trace.source import read_bytes

if TYPE_CHECKING:
    from mmtui.engine.timeline import Timeline


def with_added(timeline: Timeline, sidecar: Sidecar, position: int | None) -> Trace:
    """The timeline's trace with the marks, notes and stops that are kept beside it, and the position it is left at.

    What the trace has stays, but a mark moves if there is a newer one of its name; a stop that was switched off goes.
    """
    trace = timeline.trace
    marks = {mark.name: mark for mark in trace.bookmarks}
    marks |= {_text(record, "name"): _mark(timeline, record) for record in sidecar.of_kind("mark")}
    notes = dict.fromkeys((*trace.annotations, *(_note(timeline, record) for record in sidecar.of_kind("note"))))
    stops = dict.fromkeys(trace.breakpoints, True)
    stops |= {_text(record, "expr"): bool(record.get("on", True)) for record in sidecar.of_kind("stop")}
    return msgspec.structs.replace(
        trace,
        kernel=trace.kernel if trace.recording is not None else timeline.kernel,
        breakpoints=tuple(text for text, on in stops.items() if on),
        bookmarks=tuple(marks.values()),
        annotations=tuple(notes),
        position=None if position is None else place_of(timeline, position),
    )


def place_of(timeline: Timeline, position: int) -> Place:
    """A position as a trace file says it: by operation, so that it means the same on another kernel."""
    op = max(timeline.op_at(position), 0)
    return _place(timeline, op, position - timeline.op_start(op) if timeline.op_count else 0)


def _place(timeline: Timeline, op: int, transition: int) -> Place:
    """The place `transition` changes into an operation; its end is the start of the next."""
    if op >= timeline.op_count or op < 0:
        return Place(min(max(op, 0), len(timeline.trace.ops) or timeline.op_count))
    if 0 < transition < timeline.op_end(op) - timeline.op_start(op):
        return Place(op, transition)
    return Place(op + 1 if transition > 0 else op)


def _place_in(timeline: Timeline, record: Record) -> Place:
    op, transition = (value if isinstance(value := record.get(name), int) else 0 for name in ("op", "transition"))
    return _place(timeline, op, transition)


def _mark(timeline: Timeline, record: Record) -> Bookmark:
    return Bookmark(_place_in(timeline, record), _text(record, "name"))


def _note(timeline: Timeline, record: Record) -> Annotation:
    about, author = _text(record, "about"), _text(record, "author")
    return Annotation(_place_in(timeline, record), _text(record, "text"), about, author)


def _text(record: Record, name: str) -> str:
    return str(record.get(name) or "")


def annotated_json(timeline: Timeline, trace: Trace, log: bool = False) -> bytes:
    """The file of `trace`, which opens where it says and with what people said; `log`: with the timeline's log in it.

    A recording stays the recording that it is, with a new first line. OSError, TraceError: it cannot be read again.
    """
    trace = writable(trace)
    if trace.recording is not None:
        from mmtui.live.timeline import with_notes

        assert timeline.path is not None
        return with_notes(read_bytes(timeline.path), trace)
    if log:
        trace = msgspec.structs.replace(trace, log=log_object(timeline), kernel=timeline.kernel)
    return codec.encode(trace)


def writable(trace: Trace) -> Trace:
    """`trace` without what would keep its file from being read: text that is no Unicode, stops that are no query."""
    replace = msgspec.structs.replace
    return replace(
        trace,
        log=None,
        breakpoints=tuple(text for text in map(text_of, trace.breakpoints) if _is_query(text)),
        bookmarks=tuple(replace(mark, name=text_of(mark.name)[:4096]) for mark in trace.bookmarks),
        annotations=tuple(
            replace(note, text=text_of(note.text), about=text_of(note.about), author=text_of(note.author))
            for note in trace.annotations
        ),
    )


def text_of(text: str) -> str:
    """A string with lone surrogates (of a strange file or login name) spelled out."""
    return text.encode("utf-8", "backslashreplace").decode()


def _is_query(text: str) -> bool:
    try:
        query.compile(text)
    except query.QueryError:
        return False
    return True
