"""The trace file with everything that a person added, and, where asked, the whole log."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from mmtui.engine import query
from mmtui.formats.log_out import log_object
from mmtui.trace import codec
from mmtui.trace.model import Trace
from mmtui.trace.source import read_bytes

if TYPE_CHECKING:
    from mmtui.engine.timeline import Timeline


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
