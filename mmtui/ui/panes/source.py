"""7 Source: the model's own text around the line that ran, the call chain with u and d, the next kernel's beside it."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from mmtui import KERNELS
from mmtui.ui.panes.common import Line, title
from mmtui.ui.panes.highlight import code_spans
from mmtui.ui.rows import PaneRows, Row, Span

if TYPE_CHECKING:
    from mmtui.engine.timeline import Source
    from mmtui.ui.view import View

_BESIDE_WIDTH = 80


def build(view: View, width: int, height: int) -> PaneRows:
    """The function on the call chain that u and d chose, with the line that runs on a band."""
    found = frame_of(view)
    if found is None:
        return PaneRows(title(view, "source", "Source"), empty=_why_empty(view))
    function, line = found
    source = _source(view, function)
    if source is None:
        return PaneRows(title(view, "source", f"Source {function}"), empty=f"{function} has no text in this model.")
    words = f"{source.release}  {source.file}"
    if len(words) + len(function) + 18 > width:
        words = source.release
    rows, head = source_rows(view, source, line), _chain(view, width)
    if view.beside:
        rows, below = _beside(view, function, source, line, width)
        head += below
    note: tuple[Span, ...] = ((words, "dim"),)
    index = line - source.first_line if source.first_line <= line < source.first_line + len(source.lines) else None
    return PaneRows(title(view, "source", f"Source {function}"), note, head, rows, (), index, follow="third")


def _why_empty(view: View) -> str:
    if getattr(view.timeline.trace, "recording", None):
        return "This recording has no source."
    if view.step is not None:
        return "This change is the operation's own: s goes into the kernel's functions."
    return "Nothing has run yet. s makes the first change."


def frame_of(view: View) -> tuple[str, int] | None:
    """(function, line) that is shown: the innermost call's, or one of its callers' after u."""
    step = view.step
    calls = [call for call in view.open_calls if call.parent >= 0]
    if step is None or not calls:
        return _bug(view)
    if view.up <= 0:
        return step.function, step.line
    call = calls[max(0, len(calls) - 1 - view.up)]
    source = _source(view, call.name)
    callee = calls[min(len(calls) - 1, max(0, len(calls) - view.up))].name
    return call.name, _call_line(source, callee) if source else 0


def _bug(view: View) -> tuple[str, int] | None:
    """The function whose BUG_ON ended the run, at the end of its operation."""
    if view.step is None or view.step_cell != ("trace.result", view.op):
        return None
    function = view.timeline.result(view.op).removeprefix("BUG: ")
    source = _source(view, function)
    if source is None:
        return None
    texts = ("BUG", "def ")
    line = next((number for word in texts for number, text in enumerate(source.lines) if word in text), 0)
    return function, source.first_line + line


def _call_line(source: Source, callee: str) -> int:
    """The first line of a function's text that calls `callee`; 0 if none names it."""
    python = callee.lstrip("_")
    for number, text in enumerate(source.lines):
        if number and (f".{python}(" in text or f".{callee}(" in text):
            return source.first_line + number
    return 0


def _source(view: View, function: str) -> Source | None:
    return view.remember(("source", function), lambda: view.timeline.source(function))


def _chain(view: View, width: int) -> list[Row]:
    """The call chain, when u or d is in use: the chosen one bold, what does not fit left out at the outer end."""
    if not view.up:
        return []
    calls = [call for call in view.open_calls if call.parent >= 0]
    at = max(0, len(calls) - 1 - view.up)
    first = 0
    while first < at and 2 + sum(len(call.name) + 3 for call in calls[first:]) > width:
        first += 1
    line = Line()
    for number, call in enumerate(calls[first:], first):
        line.put(max(2, line.width + 1), call.name, "text+bold" if number == at else "dim")
        if number < len(calls) - 1:
            line.add(">", "faint", 1)
    return [Row(line.spans)]


def excerpt(view: View, lines: int) -> list[Row]:
    """The lines around the one that ran, moved left as far as they go together; none where there is no text."""
    found = frame_of(view)
    source = _source(view, found[0]) if found else None
    if found is None or source is None:
        return []
    first = max(0, min(found[1] - source.first_line - lines // 2, len(source.lines) - lines))
    return source_rows(view, source, found[1], shown=range(first, min(first + lines, len(source.lines))))


def source_rows(
    view: View, source: Source, line: int, changed: frozenset[int] = frozenset(), shown: range | None = None
) -> list[Row]:
    """Numbered lines: number right-aligned in 5, text at 7; `changed`: offsets of lines to mark as different."""
    rows = []
    wanted = range(len(source.lines)) if shown is None else shown
    texts = [source.lines[offset] for offset in wanted]
    indent = min((len(text) - len(text.lstrip()) for text in texts if text.strip()), default=0)
    for offset, text in zip(wanted, texts, strict=True):
        number = source.first_line + offset
        here = number == line
        row = Line().put(0, ">" if here else "", "bright").put(max(1, 5 - len(str(number))), str(number), "dim")
        if offset in changed:
            row.put(5, "\u2260" if view.glyphs == "unicode" else "!", "diff")
        for piece, role in code_spans(text[indent:], bright=here):
            row.put(max(7, row.width), piece, role)
        rows.append(Row(row.spans, band=here, differs=offset in changed))
    return rows


def _beside(view: View, function: str, source: Source, line: int, width: int) -> tuple[list[Row], list[Row]]:
    """(rows, heading): the function as the next kernel restates it, beside this one where there is room, else below."""
    following = next_kernel(view, function)
    if following is None:
        return source_rows(view, source, line), [Row(Line().put(2, "No later kernel restates it.", "dim").spans)]
    ours, theirs = _changed_lines(source, following)
    left, right = source_rows(view, source, line, ours), source_rows(view, following, 0, theirs)
    said = f"{following.release}  {following.commit[:12]}  {following.subject}"
    if width < _BESIDE_WIDTH:
        return [*left, Row(), Row(Line().put(2, said, "text+bold").spans), *right], []
    head = Line().put(2, source.release, "text+bold").put(width // 2 + 2, said, "text+bold")
    return _side_by_side(left, right, width), [Row(head.spans)]


def _side_by_side(left: list[Row], right: list[Row], width: int) -> list[Row]:
    half = width // 2
    rows = []
    for number in range(max(len(left), len(right))):
        ours = left[number] if number < len(left) else Row()
        theirs = right[number] if number < len(right) else Row()
        line, used = Line(), 0
        for text, role in ours.spans:
            text = text[: max(0, half - 1 - used)]
            line.put(used, text, role)
            used += len(text)
        column = half
        for text, role in theirs.spans:
            line.put(column, text, role)
            column += len(text)
        rows.append(Row(line.spans, ours.target, ours.band, differs=ours.differs or theirs.differs))
    return rows


def _changed_lines(ours: Source, theirs: Source) -> tuple[frozenset[int], frozenset[int]]:
    """Offsets of the lines that differ, on either side."""
    matcher = difflib.SequenceMatcher(
        None, [t.strip() for t in ours.lines], [t.strip() for t in theirs.lines], autojunk=False
    )
    left: set[int] = set()
    right: set[int] = set()
    for tag, a, b, c, d in matcher.get_opcodes():
        if tag != "equal":
            left.update(range(a, b))
            right.update(range(c, d))
    return frozenset(left), frozenset(right)


def next_kernel(view: View, function: str) -> Source | None:
    """The function's text in the first later kernel that restates it, None if none does."""
    timeline = view.timeline
    now = _source(view, function)
    kernels = list(KERNELS)
    later = kernels[kernels.index(timeline.kernel) + 1 :] if timeline.kernel in kernels else []
    for kernel in later:
        source = timeline.source(function, kernel)
        if source is not None and (now is None or source.lines != now.lines):
            return source
    return None
