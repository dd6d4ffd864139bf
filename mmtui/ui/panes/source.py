"""7 Source: the model's own text around the line that ran, the call chain with u and d, the next kernel's beside it."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
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
    rows, head = whole_source(view, source, line), _chain(view, width)
    if view.beside:
        rows, below = _beside(view, function, source, line, width)
        head += below
    note: tuple[Span, ...] = ((words, "dim"),)
    index = next((number for number, row in enumerate(rows) if row.band), None)
    return PaneRows(title(view, "source", f"Source {function}"), note, head, rows, (), index, follow="third")


def _why_empty(view: View) -> str:
    if view.recorded:
        return "This recording has no source."
    if view.step is not None:
        return "This change is the operation's own: s goes into the kernel's functions."
    if not view.timeline.op_count:
        return "This trace has no operations."
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
    return view.remember(("source", function), lambda: view.timeline.source(function), lasting=True)


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


def whole_source(view: View, source: Source, line: int) -> list[Row]:
    """All lines of a function: of those where it is not, the same ones at every step."""
    key = ("source rows", source.release, source.file, source.first_line)
    rows = list(view.remember(key, lambda: source_rows(view, source, 0), lasting=True))
    at = line - source.first_line
    if 0 <= at < len(rows):
        rows[at] = view.remember((*key, at), lambda: source_rows(view, source, line)[at], lasting=True)
    return rows


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
        return whole_source(view, source, line), [Row(Line().put(2, "No later kernel restates it.", "dim").spans)]
    pairs = facing(source.lines, following.lines)
    ours, theirs = (
        frozenset(at for pair, same in pairs if not same and (at := pair[side]) is not None) for side in (0, 1)
    )
    left, right = source_rows(view, source, line, ours), source_rows(view, following, 0, theirs)
    said = f"{following.release}  {following.commit[:12]}  {following.subject}"
    if width < _BESIDE_WIDTH:
        return [*left, Row(), Row(Line().put(2, said, "text+bold").spans), *right], []
    head = Line().put(2, source.release, "text+bold").put(width // 2 + 2, said, "text+bold")
    faced = [
        _joined(None if pair[0] is None else left[pair[0]], None if pair[1] is None else right[pair[1]], width // 2)
        for pair, _ in pairs
    ]
    return faced, [Row(head.spans)]


def facing(ours: Sequence[str], theirs: Sequence[str]) -> list[tuple[tuple[int | None, int | None], bool]]:
    """Lines of two texts in pairs, each with whether the two are the same but for their indent."""
    stripped = [[text.strip() for text in lines] for lines in (ours, theirs)]
    pairs: list[tuple[tuple[int | None, int | None], bool]] = []
    for tag, a, b, c, d in difflib.SequenceMatcher(None, stripped[0], stripped[1], autojunk=False).get_opcodes():
        for offset in range(max(b - a, d - c)):
            left = a + offset if a + offset < b else None
            right = c + offset if c + offset < d else None
            pairs.append(((left, right), tag == "equal"))
    return pairs


def _joined(left: Row | None, right: Row | None, half: int) -> Row:
    """Two lines of source beside each other; either may be missing."""
    line, used = Line(), 0
    for text, role in left.spans if left else ():
        text = text[: max(0, half - 1 - used)]
        line.put(used, text, role)
        used += len(text)
    column = half
    for text, role in right.spans if right else ():
        line.put(column, text, role)
        column += len(text)
    differs = any(row is not None and row.differs for row in (left, right))
    return Row(line.spans, band=left is not None and left.band, differs=differs)


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
