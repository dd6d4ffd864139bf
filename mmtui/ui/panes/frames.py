"""3 Frames: every page frame as a glyph, a tally that is the legend, and the selected frame in words."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from functools import lru_cache, partial
from typing import TYPE_CHECKING, NamedTuple

from mmtui import words
from mmtui.ui.panes import overlays, subjects
from mmtui.ui.panes.common import Line, flags_word, kind_role, mapping_word, marked, pfn_text, pfn_width, signed, title
from mmtui.ui.rows import MadeRows, PaneRows, Row, Span, Target

if TYPE_CHECKING:
    from mmtui.ui.view import View

NAMES = {
    ".": "free", "_": "hole", "A": "anon", "c": "COW", "F": "file", "S": "slab", "P": "page table", "Z": "zero page",
    "N": "nopage", "D": "pfn-mapped", "R": "reserved", "!": "leaked", "X": "freed while mapped", "?": "nobody's",
}  # fmt: skip
"""The legend: what each glyph of the map means."""

_ORDER = "RZAcFNDPS!X?."
_QUIET = "._RZ"
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_FOLDED = {".": "free", "_": "holes", "?": "not seen"}
"""Lines of only these are folded, the last one in recordings."""


class Grid(NamedTuple):
    """How the map is laid out: columns of one cell, cells of one row, cells between gaps."""

    cell: int
    across: int
    gap: int

    def column(self, number: int, first: int) -> int:
        """Where cell `number` of a row begins."""
        return first + number * self.cell + number // self.gap


_GRIDS = (Grid(3, 16, 4), Grid(2, 16, 4), Grid(1, 32, 16), Grid(1, 16, 8))


def build(view: View, width: int, height: int) -> PaneRows:
    """The map, as much as fits; below it tally and selected frame."""
    frames = len(view.machine.page.count)
    if not frames:
        return PaneRows(title(view, "frames", "Frames"), empty="This machine has no page frames.")
    first = 3 + pfn_width(view)
    grid = next((grid for grid in _GRIDS if grid.column(grid.across - 1, first) + grid.cell <= width), _GRIDS[-1])
    cursor = view.cursors.get("frames")
    found = subjects.parse_target(cursor) if cursor else None
    pfn = found[1] if found and found[0] == "page" else subjects.subject_page(view)
    tally, foot, room = _below(view, pfn, width, height, -(-frames // grid.across))
    rows = FrameRows(view, grid, pfn, room)
    words, note = title(view, "frames", "Frames"), ((_note(view, frames), "dim"),)
    head, changed = [_heading(grid, first)], rows.changed_lines()
    if len(rows) <= room and tally:
        shown: Sequence[Row] = [*rows[:], Row(), *tally]
        return PaneRows(words, note, head, shown, foot, rows.cursor_line, changed)
    return PaneRows(words, note, head, rows, [*tally, *([Row()] if tally else []), *foot], rows.cursor_line, changed)


def _note(view: View, frames: int) -> str:
    """How many frames are free; of a recording how many were seen."""
    usable = frames - view.tally.get("_", 0)
    if view.recorded:
        return f"{usable - view.tally.get('?', 0)} seen of {usable}"
    return f"{view.tally.get('.', 0)} free of {usable}"


def _below(view: View, pfn: int | None, width: int, height: int, lines: int) -> tuple[list[Row], list[Row], int]:
    """(tally, foot, lines left for the map): as much of both as leaves the map whole, or at least half of the pane."""
    foot = _foot(view, pfn, width, view.size)
    for skip, blank in (("", 2), ("Z", 2), ("Z", 1), (None, 0)) if view.size != "narrow" else ():
        legend = [] if skip is None else _tally(view, width, skip)
        room = height - 1 - len(foot) - (len(legend) + blank if legend else 0)
        if lines <= room or (lines > height and room >= height // 2):
            return legend, foot, room
    foot = _foot(view, pfn, width, "narrow")
    return [], foot, height - 1 - len(foot)


@lru_cache(32)
def _heading(grid: Grid, first: int) -> Row:
    line = Line()
    for number in range(grid.across):
        line.put(grid.column(number, first), f"{number % 16:x}", "faint")
    return Row(line.spans)


class FrameRows(MadeRows):
    """The lines of the map. Where they do not all fit, runs of lines of only free frames are one line."""

    def __init__(self, view: View, grid: Grid, pfn: int | None, room: int) -> None:
        self._view, self._grid, self._pfn = view, grid, pfn
        self._frames = len(view.machine.page.count)
        total = -(-self._frames // grid.across)
        kinds = "".join(_FOLDED)[: 3 if view.recorded else 2]
        whole = total <= max(room, 0)
        self._starts = range(total) if whole else view.timeline.frame_folds(grid.across, kinds)
        self.cursor_line = None if pfn is None or pfn >= self._frames else self._line_of(pfn)
        self._cells = overlays.cells(view, view.overlay)
        self._faulty = {event.subject.get("pfn") for event in view.faults}
        cell = view.step_cell
        self._step = cell[1] if cell and cell[0].startswith("page.") and cell[1] < self._frames else None

    def _line_of(self, pfn: int) -> int:
        return bisect_right(self._starts, pfn // self._grid.across) - 1

    def __len__(self) -> int:
        return len(self._starts)

    def row(self, index: int) -> Row:
        """A line of the map, or several as one."""
        across = self._grid.across
        first = int(self._starts[index]) * across
        end = int(self._starts[index + 1]) * across if index + 1 < len(self) else self._frames
        if end - first > across:
            word = _FOLDED[self._view.kind(first)]
            line = Line().put(2, pfn_text(self._view, first), "dim")
            return Row(line.add(f"... {end - first} {word}", "faint", 1).spans)
        return self._map_row(index, first, end)

    def _map_row(self, index: int, first: int, end: int) -> Row:
        view, pfn, step = self._view, self._pfn, self._step
        here = index == self.cursor_line
        glyphs, changed = view.kinds(first, end), view.frames_changed(first, end)
        make = partial(self._map_spans, here, first, glyphs, changed)
        if view.overlay == "state" and view.twin is None:
            spots = tuple(spot if spot is not None and first <= spot < end else None for spot in (pfn, step))
            faulty = tuple(frame for frame in range(first, end) if frame in self._faulty) if self._faulty else ()
            page = view.machine.page
            counts = bytes(page.count[first:end]), bytes(page.mapcount[first:end])
            key = ("map", self._grid, here, first, glyphs, counts, changed, spots, faulty, view.numbers)
            spans = view.remember(key, make, lasting=True)
        else:
            spans = make()
        return Row(spans, subjects.page_target(pfn if here and pfn is not None else first), band=False)

    def _map_spans(
        self, here: bool, first: int, glyphs: str, changed: tuple[frozenset[int], frozenset[int]]
    ) -> tuple[Span, ...]:
        line = Line().put(0, ">" if here else "", "bright").put(2, pfn_text(self._view, first), "dim")
        start = 3 + pfn_width(self._view)
        for pfn, glyph in enumerate(glyphs, first):
            text, roles = self._cell(pfn, glyph, changed)
            column = self._grid.column(pfn - first, start)
            for offset, (char, role) in enumerate(zip(text, roles, strict=True)):
                if char != " " or role in ("accent", "alarm_fill"):
                    line.put(column + offset, char, role)
        return line.spans

    def _cell(self, pfn: int, glyph: str, changed: tuple[frozenset[int], frozenset[int]]) -> tuple[str, list[str]]:
        """Glyph and count of one frame, with their roles; one character where the grid is narrow."""
        text, role, note, note_role = self._cells(pfn, glyph, pfn in changed[1])
        if self._grid.cell == 1:
            note = ""
        if pfn in self._faulty:
            role = note_role = "alarm_fill"
        elif pfn == self._step:
            role = note_role = "accent"
        elif pfn in changed[0]:
            role = "recent+bold" if glyph == "." else marked(role, "bold")
            note_role = "recent"
        if self._differs(pfn, glyph):
            role = note_role = "diff" if role not in ("accent", "alarm_fill") else role
        if pfn == self._pfn:
            role = marked(role, "underline")
        return text + note, [role] + [note_role] * len(note)

    def _differs(self, pfn: int, glyph: str) -> bool:
        twin = self._view.twin
        if twin is None or pfn >= len(twin.machine.page.count):
            return False
        return twin.kind(pfn) != glyph or int(twin.machine.page.count[pfn]) != int(self._view.machine.page.count[pfn])

    def changed_lines(self) -> tuple[int, ...]:
        """The line of the frame that this step changed."""
        return () if self._step is None else (self._line_of(self._step),)


def _tally(view: View, width: int, skip: str) -> list[Row]:
    """How many frames of each kind there are, and how this operation changed that. `skip`: a kind left out."""
    if view.overlay != "state":
        return overlays.legend(view, width)
    now, before = view.tally, view.tally_before
    shown = [kind for kind in _ORDER if (now.get(kind) or before.get(kind)) and kind != skip]
    columns, step = ((2, 20, 38), 3) if width >= 57 else ((2, 21), 2)
    rows = []
    for start in range(0, len(shown), step):
        line = Line()
        for column, kind in zip(columns, shown[start : start + step], strict=False):
            number, delta = now.get(kind, 0), now.get(kind, 0) - before.get(kind, 0)
            line.put(column, kind, marked(kind_role(kind, view.recorded), "bold")).put(column + 1, f"{number:>5}")
            line.put(column + 7, "not seen" if kind == "?" and view.recorded else NAMES[kind], "dim")
            if delta:
                line.add(signed(delta), "recent", 1)
        rows.append(Row(line.spans))
    return rows


def _foot(view: View, pfn: int | None, width: int, size: str) -> list[Row]:
    """The selected frame: one line at 80 columns, four at 120, a small table at 200."""
    if pfn is None:
        return []
    if pfn >= len(view.machine.page.count):
        return [Row(Line().put(2, f"{pfn_text(view, pfn)} is not RAM: it has no struct page", "dim").spans)]
    glyph = view.kind(pfn)
    if size == "narrow":
        return [_foot_line(view, pfn, glyph)]
    return _foot_table(view, pfn, glyph, width) if size == "wide" else _foot_lines(view, pfn, glyph, width)


def _number(view: View, field: str, pfn: int) -> Span:
    value = int(getattr(view.machine.page, field)[pfn])
    role = view.quiet_role("text", (f"page.{field}", pfn))
    twin = view.twin
    if twin is not None and int(getattr(twin.machine.page, field)[pfn]) != value:
        role = "diff"
    return words.known_text(value), role


def _foot_line(view: View, pfn: int, glyph: str) -> Row:
    line = Line().put(0, glyph, marked(kind_role(glyph, view.recorded), "bold")).put(2, pfn_text(view, pfn))
    line.put(7, "count", "dim").add(*_number(view, "count", pfn), gap=1)
    line.add("mapcount", "dim", 1).add(*_number(view, "mapcount", pfn), gap=1)
    return Row(line.add(overlays.whose_short(view, pfn), "dim", 2).spans, subjects.page_target(pfn))


def _foot_lines(view: View, pfn: int, glyph: str, width: int) -> list[Row]:
    role = kind_role(glyph, view.recorded)
    words = overlays.state_words(view, pfn, glyph)
    first = Line().put(2, pfn_text(view, pfn)).add(glyph, marked(role, "bold"), 1)
    first.add(words, "alarm" if role == "alarm" else "text", 1)
    second = Line().put(2, "count", "dim").add(*_number(view, "count", pfn), gap=1)
    second.add("mapcount", "dim", 2).add(*_number(view, "mapcount", pfn), gap=1)
    flags, third = flags_word(int(view.machine.page.flags[pfn])), Line()
    fits = second.width + 8 + len(flags) < width
    where = second if fits else third
    where.put(where.width + 2, "flags", "dim").add(flags, view.quiet_role("dim", ("page.flags", pfn)), gap=1)
    if fits:
        third.put(2, overlays.whose(view, pfn), "dim")
    elif first.width + 3 + len(overlays.whose_short(view, pfn)) < width and role != "kind.A":
        first.add(overlays.whose_short(view, pfn), "dim", 3)
    fourth = Line().put(2, overlays.last_change(view, pfn), "dim")
    return [Row(line.spans, subjects.page_target(pfn)) for line in (first, second, third, fourth) if line.width]


def _foot_table(view: View, pfn: int, glyph: str, width: int) -> list[Row]:
    role = kind_role(glyph, view.recorded)
    first = Line().put(2, pfn_text(view, pfn)).add(glyph, marked(role, "bold"), 1)
    first.add(overlays.state_words(view, pfn, glyph), "alarm" if role == "alarm" else "text", 1)
    whose, below = overlays.whose(view, pfn), Line()
    if max(18, first.width + 2) + len(whose) < width:
        first.put(max(18, first.width + 2), whose, "dim")
    else:
        below.put(6, whose, "dim")
    rows = [Row(line.spans, subjects.page_target(pfn)) for line in (first, below) if line.width]
    page = view.machine.page
    for field in ("count", "mapcount", "flags", "mapping"):
        value, value_role = _number(view, field, pfn)
        if field == "flags":
            value = flags_word(int(page.flags[pfn]))
        if field == "mapping":
            value = mapping_word(view.timeline, int(page.mapping[pfn]))
        line = Line().put(6, field, "dim").put(18, value, value_role)
        line.put(max(26, line.width + 2), overlays.field_change(view, pfn, field), "dim")
        rows.append(Row(line.spans, Target("cell", f"page[{pfn}].{field}")))
    return rows
