"""A run as one HTML file that needs nothing else: no network, no server, no mmtui. Its scripts work from file://.

Whatever comes from a trace is text: escaped where it stands in the page, and in the script's data as JSON without `<`.
The page's policy allows only the one script and the one style sheet that are in it.
"""

from __future__ import annotations

import html
import json
from base64 import b64encode
from collections.abc import Iterable, Iterator
from hashlib import sha256
from importlib.resources import files
from typing import TYPE_CHECKING, Final

from markdown_it import MarkdownIt

from mmtui.engine.inspect import WORDS
from mmtui.formats.annotated import text_of
from mmtui.formats.report import Report, Stop, report_of
from mmtui.formats.scrubber import scrubber_data
from mmtui.formats.views import NAMES, Views, merged, views_at
from mmtui.trace.model import Trace
from mmtui.version import VERSION
from mmtui.words import count_text, plain

if TYPE_CHECKING:
    from mmtui.engine.timeline import Timeline

_BAD: Final = "!X?"


def html_report(timeline: Timeline, trace: Trace) -> bytes:
    """The whole page, UTF-8; the timeline's position stays."""
    here = timeline.position
    report = report_of(timeline, trace)
    try:
        parts = [*_head(timeline, trace), *_stops(timeline, report), *_scrubber(), *_foot(timeline)]
        data = scrubber_data(timeline, report)
    finally:
        timeline.seek(here)
    style, script = (files("mmtui.formats").joinpath(f"report.{kind}").read_text("utf-8") for kind in ("css", "js"))
    title = escaped(trace.title or timeline.source_name)
    page = [
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{_policy(style, script)}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="referrer" content="no-referrer">',
        f"<title>{title}</title>\n<style>{style}</style>\n</head>\n<body>",
        *parts,
        f'<script type="application/json" id="data">{script_json(data)}</script>',
        f"<script>{script}</script>\n</body>\n</html>\n",
    ]
    return text_of("\n".join(page)).encode()


def escaped(text: str) -> str:
    """A string of a trace as text of a page, also between quotes."""
    return html.escape(plain(text))


def script_json(data: object) -> str:
    """JSON that can stand in a script element: it never closes it, and is ASCII."""
    text = json.dumps(data, ensure_ascii=True, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _policy(style: str, script: str) -> str:
    def allow(text: str) -> str:
        return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"

    rest = "base-uri 'none'; form-action 'none'"
    return f"default-src 'none'; style-src {allow(style)}; script-src {allow(script)}; {rest}"


def about_html(about: str) -> str:
    """The trace's own Markdown; HTML in it is text, and pictures, which would be fetched, are links."""
    lines = "\n".join(plain(line) for line in about.split("\n"))
    return str(MarkdownIt("commonmark", {"html": False}).disable("image").render(lines))


def _head(timeline: Timeline, trace: Trace) -> Iterator[str]:
    counts = f"{count_text(timeline.op_count, 'operation')}, {count_text(len(timeline), 'change')}"
    over = " The run ends in a BUG." if timeline.over else ""
    yield f"<header><h1>{escaped(trace.title or timeline.source_name)}</h1>"
    yield f"<p>{escaped(timeline.source_name)} on {escaped(timeline.kernel)}: {counts}.{over}</p></header>"
    if trace.about:
        yield f'<section class="about">{about_html(trace.about)}</section>'


# Stops


def _stops(timeline: Timeline, report: Report) -> Iterator[str]:
    if not report.stops:
        yield "<h2>Stops</h2><p>Nothing went wrong, and nobody marked or noted anything.</p>"
        return
    yield "<h2>Stops</h2><nav><ol>"
    for number, stop in enumerate(report.stops):
        yield f'<li><a href="#stop-{number}">{_names(stop)}</a> <span class="dim">at {stop.place}</span></li>'
    yield "</ol></nav>"
    for number, stop in enumerate(report.stops):
        yield from _stop(timeline, number, stop)
    if report.left_out:
        yield f"<p>... and {count_text(report.left_out, 'more stop')}.</p>"


def _names(stop: Stop) -> str:
    found = [f'<span class="mark">@{escaped(mark)}</span>' for mark in stop.marks]
    found += [f'<span class="kind">{escaped(kind)}</span>' for kind in dict.fromkeys(kind for kind, _, _ in stop.told)]
    found += [escaped(hit) for hit in stop.hits]
    return ", ".join(found) or ("where it was left" if stop.here else "note")


def _stop(timeline: Timeline, number: int, stop: Stop) -> Iterator[str]:
    yield f'<article id="stop-{number}"><h3>{_names(stop)} <span class="dim">at {stop.place}</span></h3>'
    for note in stop.notes:
        head = " ".join(part for part in (note.about, f"({note.author})" if note.author else "") if part)
        lines = [*([f"{head}:"] if head else []), *note.text.split("\n")]
        yield "<blockquote>" + "\n".join(escaped(line) for line in lines) + "</blockquote>"
    for _, what, why in stop.told:
        yield f"<p>{escaped(what)} {escaped(why)}</p>"
    yield from _facts(stop)
    if stop.meaning and not stop.ahead:
        yield f'<p class="dim">{escaped(stop.meaning)}</p>'
    yield from _before_and_after(stop)
    yield from _views(timeline, stop)
    yield "</article>"


def _facts(stop: Stop) -> Iterator[str]:
    lines = []
    if stop.ahead and not stop.told:
        lines += [f"next: {stop.ahead}", *([f"# {stop.ahead_note}"] if stop.ahead_note else [])]
    else:
        lines += [f"op {stop.op}  {stop.op_line}  -> {stop.result}"] if stop.op >= 0 else []
        lines += [f"# {stop.op_note}"] if stop.op_note else []
        if stop.change is not None:
            because = f"  {stop.change.clause}" if stop.change.clause else ""
            lines.append(f"{stop.change.subject}: {stop.change.change}{because}")
        lines += ["in " + " > ".join(stop.calls)] if len(stop.calls) > 1 else []
    yield "<pre>" + "\n".join(escaped(line) for line in lines) + "</pre>"


def _before_and_after(stop: Stop) -> Iterator[str]:
    if not stop.after:
        return
    yield '<div class="pair">'
    for title, lines in (("Before", stop.before), ("After", stop.after)):
        yield f"<div><h4>{title}: who holds the page</h4><pre>"
        yield "\n".join(escaped(line) for line in lines) + "</pre></div>"
    yield "</div>"


def _views(timeline: Timeline, stop: Stop) -> Iterator[str]:
    """The three views as they were; what this operation has changed so far stands out."""
    begun = stop.op >= 0 and (stop.told or not stop.ahead)
    start = timeline.op_start(stop.op) if begun else stop.position
    before, after = views_at(timeline, start), views_at(timeline, stop.position)
    yield '<div class="views">'
    for title, rows in zip(NAMES, _rows(before, after), strict=True):
        yield f"<div><h4>{title}</h4><pre>" + "".join(rows) + "</pre></div>"
    yield f'</div><p class="dim"><a href="#op-{stop.op}">among all operations</a></p>'


def _rows(before: Views, after: Views) -> Iterator[list[str]]:
    yield _marked(before.vmas, after.vmas)
    yield _marked(before.tables, after.tables)
    yield [frame_row(line, before.frames) for line in after.frames]


def _marked(before: list[str], after: list[str]) -> list[str]:
    return [_row(line, ("row", "row new", "row gone")[mark]) for mark, line in merged(before, after)]


def _row(line: str, name: str) -> str:
    return f'<span class="{name}">{escaped(line)}</span>'


def frame_row(line: str, before: Iterable[str]) -> str:
    """A line of the frame map, each glyph in its colour; those that are not as in `before` stand out."""
    head, _, glyphs = line.partition(" ")
    if not glyphs or " " in glyphs:
        return _row(line, "row")
    old = next((other[len(head) + 1 :] for other in before if other.startswith(head + " ")), "." * len(glyphs))
    spans = []
    for glyph, was in zip(glyphs, old, strict=True):
        changed = " changed" if glyph != was else ""
        spans.append(f'<span class="{_glyph_class(glyph)}{changed}">{escaped(glyph)}</span>')
    return f'<span class="row"><span class="dim">{escaped(head)} </span>{"".join(spans)}</span>'


def _glyph_class(glyph: str) -> str:
    return "gfree" if glyph == "." else "gbad" if glyph in _BAD else f"g{glyph}"


# The scrubber


def _scrubber() -> Iterator[str]:
    yield '<section id="scrubber" hidden><h2>Every operation</h2>'
    yield '<div class="bar"><button id="back" type="button" aria-label="one operation back">&lsaquo;</button>'
    yield '<input id="op" type="range" min="0" max="0" value="0" step="1" aria-label="operation">'
    yield '<button id="next" type="button" aria-label="one operation on">&rsaquo;</button></div>'
    yield '<output id="label" for="op"></output><div class="views">'
    yield from (f'<div><h4>{title}</h4><pre id="view{n}"></pre></div>' for n, title in enumerate(NAMES))
    yield "</div></section>"
    yield "<noscript><p>The slider over all operations needs JavaScript; everything above does not.</p></noscript>"


def _foot(timeline: Timeline) -> Iterator[str]:
    legend = ", ".join(
        f"<b class='{_glyph_class(glyph)}'>{escaped(glyph)}</b> {words}" for glyph, words in WORDS.items()
    )
    yield f'<h2>Frames</h2><p class="mono">{legend}</p>'
    yield f"<footer><p>mmtui {VERSION}, kernel model {escaped(timeline.kernel)}</p></footer>"
