"""From rows of spans to lines of the screen: the only place where roles become styles.

`paint_row` makes one line of a pane, `Canvas` puts lines, titles and hairlines of a whole screen together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache, partial
from operator import itemgetter
from typing import Final, overload

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from mmtui.ui.layout import JOINTS, Cell, Layout, hairlines
from mmtui.ui.rows import PaneRows, Row, Span
from mmtui.ui.theme import Theme

ASCII: Final = str.maketrans("─│┬┴├┤┼┌┐└┘▾▸·≠", "-|+++++++++v+.!", "")
BARS: Final = " ▁▂▃▄▅▆▇█"
ASCII_BARS: Final = " .:-=+*#@"


def harmless(text: str) -> str:
    """The text with anything that a terminal could take as a command shown as `?`."""
    return text if text.isprintable() else "".join(c if c.isprintable() else "?" for c in text)


def width_of(spans: Iterable[Span]) -> int:
    """Columns that spans take."""
    return sum(len(text) if text.isascii() else cell_len(text) for text, _ in spans)


def fitted(text: str, width: int) -> tuple[str, int]:
    """A text, harmless and cut at the right to at most `width` columns; how many it takes."""
    if not text.isprintable():
        text = harmless(text)
    if text.isascii():
        size = len(text)
        return (text, size) if size <= width else (text[:width], width)
    size = cell_len(text)
    return (text, size) if size <= width else (set_cell_size(text, width), width)


def cut(spans: Sequence[Span], width: int) -> list[Span]:
    """The spans, cut at the right to at most `width` columns."""
    kept: list[Span] = []
    for text, role in spans:
        text, size = fitted(text, width)
        if text:
            kept.append((text, role))
        width -= size
        if width <= 0:
            break
    return kept


def cut_left(spans: Sequence[Span], columns: int) -> list[Span]:
    """The spans without their first `columns` columns (ASCII there)."""
    kept: list[Span] = []
    for text, role in spans:
        rest = text[columns:]
        columns = max(0, columns - len(text))
        if rest:
            kept.append((rest, role))
    return kept


Pieces = list[tuple[int, Strip]]
"""Strips at columns."""
_COLUMN: Final = itemgetter(0)
KEPT: Final = 4000


class Painter:
    """Paints rows in one theme; keeps what it has painted, so that an unchanged row is the same object again."""

    def __init__(self, theme: Theme, ascii: bool = False) -> None:
        self.theme = theme
        self.ascii = ascii
        self._styles: dict[tuple[str, bool, str | None], Style] = {}
        self._kept: dict[tuple[object, ...], Strip] = {}
        self._joined: dict[tuple[tuple[int, int], ...], tuple[Pieces, Strip]] = {}
        self._titled: dict[tuple[object, ...], Pieces] = {}

    def row(self, row: Row, width: int) -> Strip:
        """One line of a pane, exactly `width` columns; its right part keeps the last column free."""
        key = (row.spans, row.right, row.band, row.fill, width)
        strip = self._kept.get(key)
        if strip is None:
            strip = self._kept[key] = self._paint(row, width)
        return strip

    def spans(self, spans: Sequence[Span], width: int, band: bool = False, fill: str | None = None) -> Strip:
        """Spans as one line of exactly `width` columns."""
        return self.row(Row(tuple(spans), band=band, fill=fill), width)

    def joined(self, pieces: Pieces, width: int) -> Strip:
        """Pieces side by side, in order, as one line of the screen; gaps are empty."""
        if len(pieces) == 1 and pieces[0][0] == 0 and pieces[0][1].cell_length == width:
            return pieces[0][1]
        key = ((-1, width), *((x, id(strip)) for x, strip in pieces))
        found = self._joined.get(key)
        if found is None:  # with its pieces, so that their ids are those of no others
            found = self._joined[key] = pieces, self._join(pieces, width)
        return found[1]

    def titled(self, key: tuple[object, ...], make: Callable[[], Pieces]) -> Pieces:
        """The pieces of a row with titles, made once."""
        pieces = self._titled.get(key)
        if pieces is None:
            pieces = self._titled[key] = make()
        return pieces

    def tidy(self) -> None:
        """Forget everything when it is much: together, as joined lines go by the identity of their pieces."""
        if max(len(self._kept), len(self._joined), len(self._titled)) > KEPT:
            self._kept.clear()
            self._joined.clear()
            self._titled.clear()

    def _join(self, pieces: Pieces, width: int) -> Strip:
        segments: list[Segment] = []
        x = 0
        for at, strip in pieces:
            if at > x:
                segments += self.spans((), at - x)
            segments += strip
            x = at + strip.cell_length
        if x < width:
            segments += self.spans((), width - x)
        return Strip(segments, width)

    def _paint(self, row: Row, width: int) -> Strip:
        if not row.right:
            return self._strip(row.spans, width, row.band, row.fill)
        right = cut(row.right, width - 1)
        room = width - 1 - width_of(right)
        left = cut(row.spans, max(0, room - 1))
        gap: Span = (" " * (room - width_of(left)), "text")
        return self._strip([*left, gap, *right], width, row.band, row.fill)

    def _strip(self, spans: Sequence[Span], width: int, band: bool, fill: str | None) -> Strip:
        """Spans, cut and filled up to `width`; neighbours that look alike are one segment."""
        segments: list[Segment] = []
        texts: list[str] = []
        last, left = None, width
        for text, role in (*spans, (" " * width, "text")):
            text, size = fitted(text, left)
            if not size:
                continue
            left -= size
            if self.ascii and not text.isascii():
                text = text.translate(ASCII)
            style = self._style(text, role, band, fill)
            if style is not last and texts:
                segments.append(Segment("".join(texts), last))
                texts = []
            last = style
            texts.append(text)
        if texts:
            segments.append(Segment("".join(texts), last))
        return Strip(segments, width)

    def _style(self, text: str, role: str, band: bool, fill: str | None) -> Style:
        key = role, band, fill
        style = self._styles.get(key)
        if style is None:
            style = self._styles[key] = self.theme.style(role if fill is None or role == "accent" else fill, band)
        if self.theme.plain and "+bold" in role and fill is None and text.startswith("VM_"):
            return self.theme.style(f"{role}+underline", band)
        return style


class Lines(Sequence[Strip]):
    """The lines of a screen, all as wide as it: pieces at columns, joined where a whole line is asked for."""

    def __init__(self, painter: Painter, pieces: list[Pieces], width: int) -> None:
        self._painter, self.pieces, self.width = painter, pieces, width

    def __len__(self) -> int:
        return len(self.pieces)

    @overload
    def __getitem__(self, index: int) -> Strip: ...
    @overload
    def __getitem__(self, index: slice) -> list[Strip]: ...
    def __getitem__(self, index: int | slice) -> Strip | list[Strip]:
        if isinstance(index, slice):
            return [self._painter.joined(pieces, self.width) for pieces in self.pieces[index]]
        return self._painter.joined(self.pieces[index], self.width)

    def changes(self, before: Lines) -> list[tuple[int, int, Strip]] | None:
        """(column, line, strip) of the pieces that are others than `before`; None for a screen of another size."""
        if len(before) != len(self) or before.width != self.width:
            return None
        changed: list[tuple[int, int, Strip]] = []
        for y, (old, new) in enumerate(zip(before.pieces, self.pieces, strict=True)):
            if [(x, strip.cell_length) for x, strip in old] != [(x, strip.cell_length) for x, strip in new]:
                changed.append((0, y, self[y]))
                continue
            changed += [(x, y, strip) for (_, was), (x, strip) in zip(old, new, strict=True) if was is not strip]
        return changed


class Canvas:
    """A screen under construction: for each row, pieces at columns."""

    def __init__(self, painter: Painter, width: int, height: int) -> None:
        self.painter = painter
        self.width = width
        self.height = height
        self._rows: list[Pieces] = [[] for _ in range(height)]

    def put(self, x: int, y: int, strip: Strip) -> None:
        """Place a strip; what it covers must not be placed again."""
        if 0 <= y < self.height:
            self._rows[y].append((x, strip))

    def line(self, y: int, left: Sequence[Span], right: Sequence[Span] = (), fill: str | None = None) -> None:
        """A whole row: spans from the left, spans at the right edge."""
        self.put(0, y, self.painter.row(Row(tuple(left), right=tuple(right), fill=fill), self.width))

    def strips(self) -> Lines:
        """The rows, each exactly as wide as the screen."""
        for pieces in self._rows:
            pieces.sort(key=_COLUMN)
        self.painter.tidy()
        return Lines(self.painter, self._rows, self.width)

    def lines(self, layout: Layout, titles: dict[Cell, tuple[list[Span], list[Span]]], focused: str) -> None:
        """All hairlines with their joints, the titles on them."""
        rows, verticals = _grid(layout.cells, focused)
        for y, line in rows.items():
            here = [(cell, *titles[cell]) for cell in layout.cells if cell.y - 1 == y]
            key = (layout.cells, focused, y, *((tuple(title), tuple(note)) for _, title, note in here))
            self._rows[y] += self.painter.titled(key, partial(self._title_row, line, here))
        for row, places in verticals.items():
            strip = self.painter.row(row, 1)
            for x, y in places:
                self._rows[y].append((x, strip))

    def _title_row(self, line: dict[int, Span], here: list[tuple[Cell, list[Span], list[Span]]]) -> Pieces:
        """A hairline with its titles: known column by column, painted in few pieces."""
        written = dict(line)
        for cell, title, note in here:
            _write_title(written, cell, title, note)
        pieces: Pieces = []
        run: list[Span] = []
        start = 0
        for x in [*sorted(written), None]:
            if run and x != start + len(run):
                pieces.append((start, self.painter.spans(merged(run), width_of(run))))
                run = []
            if x is not None:
                start = start if run else x
                run.append(written[x])
        return pieces


@lru_cache(64)
def _grid(cells: tuple[Cell, ...], focused: str) -> tuple[dict[int, dict[int, Span]], dict[Row, list[tuple[int, int]]]]:
    """The hairlines of a layout: the rows that carry titles, column by column, and the places of alike verticals."""
    bright = {(x, c.y - 1) for c in cells if c.pane == focused for x in range(c.x, c.x + c.width)}
    title_rows: dict[int, dict[int, Span]] = {cell.y - 1: {} for cell in cells}
    verticals: dict[Row, list[tuple[int, int]]] = {}
    for (x, y), directions in hairlines(cells).items():
        span = (JOINTS[directions], "rule_focus" if (x, y) in bright else "rule")
        if y in title_rows:
            title_rows[y][x] = span
        else:
            verticals.setdefault(Row((span,)), []).append((x, y))
    return title_rows, verticals


def merged(run: list[Span]) -> list[Span]:
    """Neighbours of one role as one span."""
    merged: list[Span] = []
    for text, role in run:
        if merged and merged[-1][1] == role:
            merged[-1] = (merged[-1][0] + text, role)
        else:
            merged.append((text, role))
    return merged


def _write_title(line: dict[int, Span], cell: Cell, title: list[Span], note: list[Span]) -> None:
    """The title after one column of hairline, the note before the last one; the note gives way first."""
    room = cell.width - 4
    title = cut(title, room)
    left = width_of(title)
    if note and left + width_of(note) + 3 <= room:
        _write(line, cell.x + cell.width - 2 - width_of(note) - 1, [(" ", "rule"), *note, (" ", "rule")])
    _write(line, cell.x + 1, [(" ", "rule"), *title, (" ", "rule")])


def _write(line: dict[int, Span], x: int, spans: list[Span]) -> None:
    for text, role in spans:
        for character in harmless(text):
            size = 1 if character.isascii() else cell_len(character)
            if size == 0:
                continue
            line[x] = (character, role)
            if size == 2:
                line[x + 1] = ("", role)
            x += size


def scroll_to(pane: PaneRows, top: int, height: int, follow: bool) -> int:
    """The first visible row of a pane whose body has `height` lines: moved no further than its `follow` asks for."""
    count = len(pane.rows)
    wanted = pane.focus_rows
    if follow and wanted is not None and height > 0:
        first, last = wanted
        if pane.follow == "third":
            third = height // 3 if height > 2 else 0
            if not top + third <= first < top + height - third:
                top = first - height // 2 if abs(first - top) > height else _by_thirds(first, top, height, third)
        else:
            margin = 1 if height > 4 else 0
            if last - first >= height:
                last = first + height - 1
            if last + margin >= top + height:
                top = last + margin - height + 1
            if first - margin < top:
                top = first - margin
    return max(0, min(top, count - height))


def _by_thirds(row: int, top: int, height: int, third: int) -> int:
    """Scroll by whole thirds until the row is in the middle one."""
    while row < top + third and top > 0:
        top -= max(1, third)
    while row >= top + height - third:
        top += max(1, third)
    return top
