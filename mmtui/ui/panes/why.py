"""5 Why: who holds the frame, as a column that adds up; how that came about, newest first; the text that did it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from mmtui import words
from mmtui.engine.schema import UNKNOWN
from mmtui.ui.panes import kernels, source, subjects, texts
from mmtui.ui.panes.common import Line, pfn_text, title, wrap
from mmtui.ui.rows import PaneRows, Row, Span, Target

if TYPE_CHECKING:
    from mmtui.engine.timeline import Holder, Ledger
    from mmtui.ui.view import View

_SHOWN = 8
_GONE = {"owner": "freed", "cache": "dropped", "pin": "unpinned", "transit": "given up"}
"""How a holder of a kind goes; a pte is cleared."""
_EXCERPT = 3


class Columns(NamedTuple):
    """Where the ledger's parts stand; one column further left at 80 columns."""

    name: int
    ref: int
    since: int
    function: int


_NORMAL = Columns(2, 22, 27, 34)
_NARROW = Columns(1, 21, 26, 32)


def build(view: View, width: int, height: int) -> PaneRows:
    """The ledger of the page that the step or the selection is about."""
    pfn = subjects.subject_page(view)
    if pfn is None:
        return _without_page(view, width, height)
    name = pfn_text(view, pfn)
    narrow = view.size == "narrow"
    heading = title(view, "why", f"Why {name}" if narrow else f"Why page {name}")
    if pfn >= len(view.machine.page.count):
        return PaneRows(heading, empty=f"{name} is not RAM: no struct page, nothing to count.")
    ledger = view.timeline.holders(pfn)
    lines = _ledger_rows(view, ledger, max(3, height - 2) if narrow else _SHOWN)
    if not lines and not ledger.count:
        return _nobody(view, pfn, heading, width, height)
    note = f"count {words.known_text(ledger.count)}{' ' if narrow else ', '}held {ledger.held}"
    columns = _NARROW if narrow else _NORMAL
    rows = [_line(view, line, columns, width, _differs(view, pfn, line)) for line in lines]
    if not narrow:
        rows.append(Row(Line().put(22, "\u2500" * 3 if view.glyphs == "unicode" else "---", "rule").spans))
    rows.append(_sum_row(view, ledger, columns, width))
    changed = tuple(i for i, row in enumerate(rows) if any(role == "accent" for _, role in row.spans))
    head = [] if narrow else [_heading(columns)]
    rows += _below(view, pfn, width, height - len(rows) - len(head), narrow)
    foot = kernels.rows(view, pfn) if view.size == "wide" else []
    return PaneRows(heading, ((note, "dim"),), head, rows, foot, None, changed)


def _heading(columns: Columns) -> Row:
    line = Line().put(columns.name, "holder", "dim").put(columns.ref, "ref", "dim").put(columns.since, "since", "dim")
    return Row(line.spans)


class LedgerLine(NamedTuple):
    """One line: a holder, one that this operation took away, or the references that nobody holds."""

    name: str
    ref: int
    is_window: bool
    since: str
    function: str
    state: str
    target: Target | None
    gone: str = "cleared"


def _ledger_rows(view: View, ledger: Ledger, most: int) -> list[LedgerLine]:
    """The holders, then who is gone since the operation began; `nobody` stands after the oldest counted holder."""
    before = view.before_op(f"ledger {ledger.pfn}", lambda timeline: _holders(timeline.holders(ledger.pfn)))
    now = _holders(ledger)
    lines = [_holder_line(view, holder, _state(holder, key in before)) for key, holder in now.items()]
    lines = _grouped(lines, most)
    lost = any(line.state == "lost" for line in lines)
    gone = [
        _holder_line(view, holder, "gone")
        for key, holder in before.items()
        if key not in now and not (lost and holder.kind == "transit")
    ]
    return lines + gone[:most]


def _state(holder: Holder, before: bool) -> str:
    if holder.kind == "nobody":
        return "lost"
    return "" if before else "new"


def _holders(ledger: Ledger) -> dict[tuple[str, int], Holder]:
    return {(holder.name, holder.ref): holder for holder in ledger.rows}


def _grouped(lines: list[LedgerLine], most: int) -> list[LedgerLine]:
    """Too many ptes for the pane are one line with their sum."""
    ptes = [line for line in lines if line.name.startswith("pte ") and not line.state]
    if len(lines) <= most or len(ptes) < 3:
        return lines
    kept = [line for line in lines if line not in ptes]
    for is_window in (False, True):
        group = [line for line in ptes if line.is_window == is_window]
        if group:
            kept.append(group[0]._replace(name=f"{len(group)} ptes", ref=sum(line.ref for line in group)))
    return kept


def _holder_line(view: View, holder: Holder, state: str) -> LedgerLine:
    target = None
    if holder.kind == "pte":
        target = Target("pte", f"pte[{holder.pid}:{holder.address:#x}]", holder.position)
    since = f"op {holder.op:>2}" if holder.op >= 0 else "boot"
    name = words.plain(holder.name).replace("nopage for ", "nopage ")
    return LedgerLine(
        name, holder.ref, holder.ref == 0, since, holder.function, state, target, _GONE.get(holder.kind, "cleared")
    )


def _line(view: View, line: LedgerLine, columns: Columns, width: int, differs: bool) -> Row:
    role = {"": "text", "new": "recent", "gone": "recent", "lost": "alarm"}[line.state]
    row = Line().put(columns.name, line.name[: columns.ref - columns.name - 1], role)
    ref = "~" if line.is_window else (" 0" if line.state == "gone" else f"{line.ref:+d}")
    ref_role = {"lost": "alarm", "": "text"}.get(line.state, "recent")
    if differs:
        ref_role = "diff"
    elif line.is_window and not line.state:
        ref_role = "kind.D"
    row.put(columns.ref + 3 - len(ref), ref, ref_role)
    place = view.step_pte
    in_step = place is not None and line.target is not None and line.target.subject == f"pte[{place[0]}:{place[1]:#x}]"
    word = {"gone": line.gone, "new": "set" if in_step else line.function}.get(line.state, line.function)
    word_role = "accent" if in_step and line.state else ("recent" if line.state == "gone" else "dim")
    since = (line.since if line.state != "gone" else f"op {view.op:>2}", "dim")
    if width < columns.function + 6:
        # No room for a function: a change of this operation stands where its number would.
        row.put(columns.since, *((word, word_role) if word_role != "dim" else since))
    else:
        row.put(columns.since, *since).put(columns.function, word[: width - columns.function], word_role)
    return Row(row.spans, line.target)


def _differs(view: View, pfn: int, line: LedgerLine) -> bool:
    """Whether the other kernel's ledger has no such line."""
    twin = view.twin
    if twin is None or line.state == "gone":
        return False
    if pfn >= len(twin.machine.page.count):
        return True
    ledger = twin.timeline.holders(pfn)
    if line.state == "lost":
        return ledger.surplus != line.ref
    return (line.name, line.ref) not in {(holder.name, holder.ref) for holder in ledger.rows}


def _sum_row(view: View, ledger: Ledger, columns: Columns, width: int) -> Row:
    line = Line().put(columns.name, "page_count", "text")
    role = view.role("text", ("page.count", ledger.pfn))
    number = words.known_text(ledger.count)
    if view.twin is not None and int(view.twin.machine.page.count[ledger.pfn]) != ledger.count:
        role = "diff"
    line.put(columns.ref + 3 - len(number), number, role if role in ("accent", "diff") else role + "+bold")
    surplus = ledger.surplus
    if ledger.count == UNKNOWN:
        line.put(columns.since, "not seen by the recorder", "dim")
    elif surplus > 0:
        wordings = (f"{surplus} more than is held", f"{surplus} too many", f"{surplus} lost")
        verdict = next((words for words in wordings if columns.since + len(words) < width), wordings[-1])
        line.put(columns.since, verdict, "alarm")
    elif surplus < 0:
        line.put(columns.since, f"{-surplus} fewer than hold it", "alarm")
    else:
        line.put(columns.since, "all held" if ledger.count else "nobody holds it", "dim")
    return Row(line.spans, Target("cell", f"page[{ledger.pfn}].count"))


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


def _chain(view: View, pfn: int, width: int, narrow: bool, short: bool) -> list[Row]:
    """`27.35  zap_pte_range clears the pte`: position right-aligned in 7, sentence at 9, wrapped."""
    rows: list[Row] = []
    for number, (position, sentence) in enumerate(texts.chain(view, pfn)):
        place = view.timeline.place_name(position)
        target = Target("position", f"page[{pfn}]", position)
        role = "text" if number == 0 else "dim"
        said = texts.shortened(sentence, number) if short else sentence
        for part, text in enumerate(wrap(said, max(10, width - 10))):
            line = Line()
            if part == 0:
                line.put(max(1, 7 - len(place)), place, "dim")
            rows.append(Row(_with_flags(line.put(9, "", role), text, role), target))
    return rows[:3] if narrow else rows


def _with_flags(line: Line, text: str, role: str) -> tuple[Span, ...]:
    """The sentence with the story's flags in their hues."""
    column = 9
    for piece, is_flag in texts.split_flags(text):
        line.put(column, piece, texts.flag_role(piece) if is_flag else role)
        column += len(piece)
    return line.spans


def _nobody(view: View, pfn: int, heading: tuple[Span, ...], width: int, height: int) -> PaneRows:
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


def _without_page(view: View, width: int, height: int) -> PaneRows:
    """The step is about no frame: what it did, and the text that did it."""
    heading = title(view, "why", "Why")
    if view.step is None:
        return PaneRows(heading, empty="Nothing has happened yet. n runs the first operation.")
    rows = [Row(Line().put(2, text).spans) for text in wrap(texts.step_sentence(view), max(10, width - 3))]
    excerpt = source.excerpt(view, max(0, min(8, height - len(rows) - 2)))
    return PaneRows(heading, (), (), [*rows, Row(), *excerpt] if excerpt else rows)
