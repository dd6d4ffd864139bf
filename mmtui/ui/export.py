"""Writing what one sees and added, by the ending of the file's name; the formats are those of `mmtui export`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from mmtui.engine.timeline import Timeline
    from mmtui.trace.model import Trace
    from mmtui.ui.stepper import Stepper

ENDINGS: Final = (
    (".json", "the trace with your notes, stops and this position"),
    (".html", "a report for a browser, one file"),
    (".md", "a report for a mail or a commit message"),
    (".svg", "a picture of the screen"),
    (".perfetto.json", "the log for ui.perfetto.dev"),
)
"""Endings, each of which may be followed by .gz, and what they give."""


def form_of(path: Path) -> str:
    """The ending that decides, the longest one that fits. ValueError: none does."""
    name = path.name.lower().removesuffix(".gz")
    found = [ending for ending, _ in ENDINGS if name.endswith(ending)]
    if not found:
        raise ValueError(f"expected a name that ends in {', '.join(ending for ending, _ in ENDINGS)}")
    return max(found, key=len)


def write(stepper: Stepper, position: int, path: Path, picture: Callable[[], str]) -> None:
    """Write a file that is whole or not there. Raises ValueError, MmtuiError, OSError: why not.

    `picture` gives the screen as SVG, for the one format that is not made of the timeline.
    """
    from mmtui.formats.annotated import with_added
    from mmtui.formats.writing import write_file

    form = form_of(path)
    if stepper.timeline.growing:
        raise ValueError("the trace is still being read")
    added = with_added(stepper.timeline, stepper.sidecar, position)
    data = picture().encode() if form == ".svg" else _MAKERS[form](stepper.timeline, added)
    write_file(path, data, force=True)


def _json(timeline: Timeline, added: Trace) -> bytes:
    from mmtui.formats.annotated import annotated_json

    return annotated_json(timeline, added)


def _html(timeline: Timeline, added: Trace) -> bytes:
    from mmtui.formats.html import html_report

    return html_report(timeline, added)


def _markdown(timeline: Timeline, added: Trace) -> bytes:
    from mmtui.formats.markdown import markdown

    return markdown(timeline, added)


def _perfetto(timeline: Timeline, added: Trace) -> bytes:
    from mmtui.formats.perfetto import perfetto_json

    return perfetto_json(timeline)


_MAKERS: Final = {".json": _json, ".html": _html, ".md": _markdown, ".perfetto.json": _perfetto}
