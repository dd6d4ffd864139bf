"""A run as Markdown, for a commit message or a mail: what went wrong, where, who held the page, what people noted."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from mmtui.formats.annotated import text_of
from mmtui.formats.report import Report, Stop, report_of
from mmtui.trace.model import Trace
from mmtui.version import VERSION
from mmtui.words import count_text, plain

if TYPE_CHECKING:
    from mmtui.engine.timeline import Timeline

WIDTH: Final = 75
_MARKUP: Final = re.compile(r"([\\`*\[\]<>|]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])|&(?=[#\w]))")
_STARTS: Final = re.compile(r"^(\s*\d*)([#+=~.)-])")

_QUOTED: Final = r"\1\\\2"
"""What would begin a heading or a list, kept from it."""


def markdown(timeline: Timeline, trace: Trace) -> bytes:
    """The report; text in UTF-8, no line of our own longer than 75 columns but in code."""
    report = report_of(timeline, trace)
    lines = [f"# {escaped(trace.title or timeline.source_name)}", ""]
    lines += [*_wrapped(_summary(timeline)), ""]
    if trace.about:
        lines += [*about_lines(trace.about), ""]
    for stop in report.stops:
        lines += [*_stop(stop), ""]
    if not report.stops:
        lines += ["Nothing went wrong, and nobody marked or noted anything.", ""]
    lines += _foot(timeline, report)
    return (text_of("\n".join(lines)).rstrip() + "\n").encode()


def escaped(text: str) -> str:
    """A string of a trace as text that no Markdown reader takes for markup, on one line."""
    return _STARTS.sub(_QUOTED, _escaped(text))


def _escaped(text: str) -> str:
    """The same for text that is not at the start of a line."""
    return _MARKUP.sub(r"\\\1", plain(text))


def about_lines(about: str) -> list[str]:
    """What a trace says of itself is Markdown already; HTML and pictures in it are shown as text."""
    lines = [plain(line) for line in about.split("\n")]
    return [re.sub(r"&(?=#)", "&amp;", line).replace("<", "&lt;").replace("![", "!\\[") for line in lines]


def _summary(timeline: Timeline) -> str:
    counts = f"{count_text(timeline.op_count, 'operation')}, {count_text(len(timeline), 'change')}"
    over = " The run ends in a BUG." if timeline.over else ""
    return f"{escaped(timeline.source_name)} on {_escaped(timeline.kernel)}: {counts}.{over}"


def _stop(stop: Stop) -> Iterator[str]:
    names = [f"@{mark}" for mark in stop.marks] + [kind for kind, _, _ in stop.told] + stop.hits
    title = ", ".join(dict.fromkeys(names)) or ("where it was left" if stop.here else "note")
    yield f"## {stop.place}: {escaped(title)}"
    yield ""
    for note in stop.notes:
        yield from _note(note.text, note.about, note.author)
    yield from (f"    {line}".rstrip() for line in _facts(stop))


def _note(text: str, about: str, author: str) -> Iterator[str]:
    head = " ".join(part for part in (about, f"({author})" if author else "") if part)
    for line in ([f"{head}:"] if head else []) + text.split("\n"):
        yield from (f"> {_STARTS.sub(_QUOTED, part)}" for part in _wrapped(_escaped(line), WIDTH - 2) or [""])
    yield ""


def _facts(stop: Stop) -> Iterator[str]:
    """Lines of a code block: there everything is text as it stands."""
    for kind, what, why in stop.told:
        yield from _wrapped(plain(f"{kind}: {what} {why}"), WIDTH - 4)
    if stop.told:
        yield ""
    if stop.ahead and not stop.told:
        yield f"next: {stop.ahead}"
        yield from (f"  {line}" for line in _wrapped(stop.ahead_note, WIDTH - 6))
        return
    if stop.op >= 0:
        yield f"op {stop.op}  {stop.op_line}  -> {stop.result}"
        yield from (f"  {line}" for line in _wrapped(stop.op_note, WIDTH - 6))
    if stop.change is not None:
        because = f"  {stop.change.clause}" if stop.change.clause else ""
        yield f"{stop.change.subject}: {stop.change.change}{because}"
    if len(stop.calls) > 1:
        yield "in " + " > ".join(stop.calls)
    if stop.before and stop.before != stop.after:
        yield "before:"
        yield from (f"  {line}" for line in stop.before)
    if stop.after:
        yield "after:" if stop.before != stop.after else "before and after:"
        yield from (f"  {line}" for line in stop.after)


def _foot(timeline: Timeline, report: Report) -> list[str]:
    lines = []
    if report.left_out:
        lines += [f"... and {count_text(report.left_out, 'more stop')}.", ""]
    name = timeline.source_name
    shown = name if re.fullmatch(r"[\w.,+=@%/-]+", name) else "TRACE"
    lines += ["To see it:", "", f"    mmtui {shown} --kernel {plain(timeline.kernel)}", "", f"mmtui {VERSION}"]
    return lines


def _wrapped(text: str, width: int = WIDTH) -> list[str]:
    return textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False)
