"""5 Why: who holds the frame, as a column that adds up; how that came about, newest first; the text that did it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from mmtui import words
from mmtui.ui.panes import kernels, ledger, source, subjects, texts
from mmtui.ui.panes.common import Line, pfn_text, title, wrap
from mmtui.ui.rows import PaneRows, Row, Span, Target

if TYPE_CHECKING:
    from mmtui.ui.view import View

_ZOOMED = 90
_EXCERPT = 3
"""Lines of source that are worth showing below the chain."""


def build(view: View, width: int, height: int) -> PaneRows:
    """The ledger of the page that the step or the selection is about."""
    if view.size == "wide" and not view.planned:
        kernels.ready(view)  # the sooner they start, the sooner their lines are there
    pfn = subjects.subject_page(view)
    if pfn is None:
        return _without_page(view, width, height)
    name = pfn_text(view, pfn)
    narrow = view.size == "narrow"
    heading = title(view, "why", f"Why {name}" if narrow else f"Why page {name}")
    if pfn >= len(view.machine.page.count):
        return PaneRows(heading, empty=f"{name} is not RAM: no struct page, nothing to count.")
    held = view.timeline.holders(pfn)
    head, rows = ledger.rows(view, held, width, height)
    if not rows:
        return _nobody(view, pfn, heading, width)
    note = f"count {words.known_text(held.count)}{' ' if narrow else ', '}held {held.held}"
    changed = tuple(i for i, row in enumerate(rows) if any(role == "accent" for _, role in row.spans))
    rows += _below(view, pfn, width, height - len(rows) - len(head), narrow)
    foot = kernels.rows(view, pfn) if view.size == "wide" else []
    return PaneRows(heading, ((note, "dim"),), head, rows, foot, None, changed)


def _below(view: View, pfn: int, width: int, room: int, narrow: bool) -> list[Row]:
    """The chain, then the source where there is room for both."""
    chain = _chain(view, pfn, width, narrow, narrow)
    if view.size == "normal" and room - len(chain) - 2 < _EXCERPT:
        chain = _chain(view, pfn, width, narrow, True)
    rows = [*([] if narrow else [Row()]), *chain]
    left = room - len(rows) - 1
    if view.size == "normal" and left >= _EXCERPT:
        excerpt = source.excerpt(view, min(left, 6))
        if excerpt:
            rows += [Row(), *excerpt]
    return rows


class Form(NamedTuple):
    """How a link is written: the newest one in full colour; its sentence at a column; narrow panes say less."""

    newest: bool
    column: int
    width: int
    narrow: bool
    short: bool


def _chain(view: View, pfn: int, width: int, narrow: bool, short: bool) -> list[Row]:
    """`27.35  zap_pte_range clears the pte`: position right-aligned in 7, sentence at 9, wrapped."""
    links = texts.chain(view, pfn)
    places = [view.timeline.place_name(position) for position, _ in links]
    column = max(9, 3 + max(map(len, places), default=0))
    rows: list[Row] = []
    for number, (link, place) in enumerate(zip(links, places, strict=True)):
        form = Form(number == 0, column, width, narrow, short)
        rows += view.remember(("why", pfn, link, form), partial(_link_rows, view, pfn, link, place, form), lasting=True)
    return rows[:3] if narrow else rows


def _link_rows(view: View, pfn: int, link: tuple[int, str], place: str, form: Form) -> list[Row]:
    """A link of the chain, wrapped."""
    position, sentence = link
    target = Target("position", f"page[{pfn}]", position)
    said = texts.shortened(sentence, 0 if form.newest else 1) if form.short else sentence
    if form.narrow and form.newest and said != sentence and len(said) >= form.width - form.column:
        said = words.brief_why(said)
    # On a whole screen there is room to say in which operation each link lies.
    within = ((texts.op_text(view, view.timeline.op_at(position)), "dim"),) if form.width >= _ZOOMED else ()
    room = form.width - form.column - 1 - (3 + len(within[0][0]) if within else 0)
    rows = []
    for part, text in enumerate(wrap(said, max(10, room))):
        line = Line().put(form.column - 2 - len(place), "" if part else place, "dim")
        spans = _with_flags(line, form.column, text, "text" if form.newest else "dim")
        rows.append(Row(spans, target, right=() if part else within))
    return rows


def _with_flags(line: Line, column: int, text: str, role: str) -> tuple[Span, ...]:
    """The sentence with the story's flags in their hues."""
    for piece, is_flag in texts.split_flags(text):
        line.put(column, piece, texts.flag_role(piece) if is_flag else role)
        column += len(piece)
    return line.spans


def _nobody(view: View, pfn: int, heading: tuple[Span, ...], width: int) -> PaneRows:
    """A frame without references: free since when, or never allocated."""
    name = pfn_text(view, pfn)
    glyph = view.kind(pfn)
    freed = texts.freed_at(view, pfn)
    if glyph == ".":
        since = f"is free since {view.timeline.place_name(freed)}; W goes to the free." if freed else "is free."
        sentence = f"page {name} {since}" if freed else f"Nobody holds page {name}: it has never been allocated."
    else:
        sentence = f"page {name} has count 0 and is not on the free list."
    rows = [Row(Line().put(2, text, "dim").spans) for text in wrap(sentence, max(10, width - 3))]
    chain = _chain(view, pfn, width, False, False)
    return PaneRows(heading, (("count 0", "dim"),), (), [*rows, Row(), *chain] if chain else rows)


def _nothing_yet(view: View) -> str:
    if not view.timeline.op_count:
        return "This trace has no operations."
    return "Nothing has happened yet. n runs the first operation."


def _without_page(view: View, width: int, height: int) -> PaneRows:
    """The step is about no frame: what it did, and the text that did it."""
    heading = title(view, "why", "Why")
    if view.step is None:
        return PaneRows(heading, empty=_nothing_yet(view))
    rows = [Row(Line().put(2, text).spans) for text in wrap(texts.step_sentence(view), max(10, width - 3))]
    excerpt = source.excerpt(view, max(0, min(8, height - len(rows) - 2)))
    return PaneRows(heading, (), (), [*rows, Row(), *excerpt] if excerpt else rows)
