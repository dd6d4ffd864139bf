"""Writing what one sees and added: the annotated trace; reports through `mmtui.formats`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from mmtui.trace import codec
from mmtui.trace.model import Annotation, Bookmark, Place, Trace

if TYPE_CHECKING:
    from mmtui.ui.stepper import Stepper
    from mmtui.ui.view import View

ENDINGS: Final = ((".json  .json.gz", "the trace with your notes, stops and this position"),)


def annotated(stepper: Stepper, view: View) -> Trace:
    """The trace with everything that a person added, and the position."""
    notes = stepper.notes()
    bookmarks = tuple(Bookmark(_place(stepper, note.position), note.name) for note in notes if note.name)
    annotations = tuple(
        Annotation(_place(stepper, note.position), note.text, note.about, note.author) for note in notes if note.text
    )
    return msgspec.structs.replace(
        stepper.timeline.trace,
        kernel=stepper.timeline.kernel,
        breakpoints=tuple(stop.expr for stop in stepper.stops() if stop.on),
        bookmarks=bookmarks,
        annotations=annotations,
        position=_place(stepper, view.position),
    )


def _place(stepper: Stepper, position: int) -> Place:
    at = stepper.place_of(position)
    return Place(at["op"], at["transition"] or None)


def write(stepper: Stepper, view: View, path: Path) -> None:
    """Write by ending; the file is complete or not there. Raises OSError, or ValueError for an unknown ending."""
    if not path.name.endswith((".json", ".json.gz")):
        raise ValueError(f"{path.suffix or path.name}: expected {', '.join(ending for ending, _ in ENDINGS)}")
    data = codec.encode(annotated(stepper, view))
    if path.name.endswith(".gz"):
        import gzip

        data = gzip.compress(data, mtime=0)
    fresh = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        with fresh.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(fresh, path)
    finally:
        fresh.unlink(missing_ok=True)
