"""`/`: a query over all of time, its hits while one types, the panes above at the hit under the cursor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from mmtui import words
from mmtui.engine.arrays import np
from mmtui.ui.drawers.base import ListDrawer
from mmtui.ui.drawers.trouble import trouble_rows
from mmtui.ui.lineedit import LineEdit
from mmtui.ui.paint import ASCII_BARS, BARS
from mmtui.ui.panes import texts
from mmtui.ui.rows import Row, Span

if TYPE_CHECKING:
    from mmtui.ui.chrome import Footing
    from mmtui.ui.desk import Desk
    from mmtui.ui.stepper import Positions

LIVE_UP_TO: Final = 2_000_000
"""Longer logs are searched at Enter, not at each key."""
COUNTED: Final = ("page.count", "page.mapcount", "mm.anon_rss", "mm.file_rss", "mm.rss", "sys.nr_mapped")


class FindDrawer(ListDrawer):
    """A line for the query, then one row for each hit."""

    name, key, title = "find", "/", "Find"
    head = 3

    def __init__(self, desk: Desk, query: str = "") -> None:
        super().__init__(desk)
        self.edit: LineEdit = LineEdit(query or desk.stepper.query, replaces=not query)
        self.before = desk.view
        self.hits: Positions = np.empty(0, dtype=np.int64)
        self.trouble: ValueError | None = None
        self.searched = ""
        self.changed()

    def heading(self) -> list[Span]:
        """/ Find"""
        return [("/ Find", "bright")]

    def note(self) -> list[Span]:
        """How many hits, before and after the position one looks from."""
        if not self.edit.text.strip() or self.trouble is not None:
            return []
        p = self.before.position
        before, after = int((self.hits < p).sum()), int((self.hits > p).sum())
        return [(f"{len(self.hits)} hit{'s' if len(self.hits) != 1 else ''}: {before} before, {after} after", "dim")]

    def footing(self) -> Sequence[Footing]:
        """Keys of the drawer."""
        return [
            ("Up Down", "look"),
            ("Enter", "go"),
            ("Tab", "complete"),
            ("ctrl+t", "stop on these"),
            ("Esc", "back"),
        ]

    def changed(self) -> None:
        """Search again; the hit next to where one looks from is chosen."""
        text = self.edit.text.strip()
        self.trouble = None
        self.hits = np.empty(0, dtype=np.int64)
        if text and len(self.desk.timeline) <= LIVE_UP_TO:
            self._search(text)

    def _search(self, text: str) -> None:
        try:
            self.hits = self.desk.stepper.find(text)
        except ValueError as error:
            self.trouble = error
            return
        self.searched = text
        at = int(np.searchsorted(self.hits, self.before.position))
        self.chosen = max(0, min(at, len(self.hits) - 1))
        self.top = max(0, self.chosen - 3)

    def press(self, key: str, character: str | None) -> bool:
        """Tab completes the word, ctrl+t makes a stop of the query."""
        if key == "tab":
            self._complete()
            return True
        if key == "ctrl+t":
            self._make_stop()
            return True
        return super().press(key, character)

    def _complete(self) -> None:
        from mmtui.engine.query import completions

        text = self.edit.text
        found = completions(text)
        if len(found) == 1:
            begun = next((n for n in range(len(found[0]), 0, -1) if text.endswith(found[0][:n])), 0)
            self.edit.put(text + found[0][begun:] + " ")
            self.changed()
        elif found:
            self.desk.say("  ".join(found[:12]))

    def _make_stop(self) -> None:
        text = self.edit.text.strip()
        try:
            count = self.desk.stepper.set_stop(text)
        except ValueError as error:
            self.trouble = error
            return
        self.desk.fresh_notes()
        self.desk.say(f"{count} stops on {text}")

    def choose(self, index: int) -> None:
        """The panes above show the machine at the chosen hit."""
        super().choose(index)
        if 0 <= self.chosen < len(self.hits):
            self.desk.go(int(self.hits[self.chosen]), visited=False)

    def enter(self) -> None:
        """Go to the hit; ] and [ walk the others."""
        text = self.edit.text.strip()
        if text and self.searched != text and self.trouble is None:
            self._search(text)
        if self.trouble is not None or not len(self.hits):
            self.desk.say("" if self.trouble else "nothing found")
            return
        self.desk.stepper.search(text)
        chosen = int(self.hits[self.chosen])
        self.desk.restore(self.before)
        self.desk.close()
        self.desk.go(chosen)

    def leave(self) -> None:
        """Back to where one looked from."""
        self.desk.restore(self.before)

    def count(self) -> int:
        """How many hits."""
        return len(self.hits)

    def lines(self, width: int, height: int) -> list[Row]:
        """The query, the hits over time as a small picture, a heading, the hits."""
        place = self.desk.timeline.place_name(self.before.position)
        looking: Span = (f"looking from {place}", "dim")
        query = Row(((" / ", "dim"), *self.edit.spans()), right=(looking,) if width >= 70 else ())
        if self.trouble is not None:
            return [query, *trouble_rows(self.trouble, 3, width)]
        if not self.edit.text.strip():
            return [query, Row(), *_examples()]
        if not len(self.hits):
            return [query, Row(), Row(((f'  Nothing found for "{words.plain(self.edit.text)}".', "dim"),))]
        value = f"{'value':>6}" if width >= 100 else ""
        where, what = self._columns(width)
        names: list[Span] = [(f"{'at':>7}  {'in':<25} ", "dim"), (f"{'':{where}} {'change':<{what}}{value}", "dim")]
        return [
            query,
            Row((("  ", "text"), (self._sparkline(), "past"))),
            Row(tuple(names)),
            *self.list_rows(width, height - 3),
        ]

    @staticmethod
    def _columns(width: int) -> tuple[int, int]:
        """Widths of the function and of the change."""
        return (20, 26) if width >= 100 else (15, 16)

    def _sparkline(self) -> str:
        """Where in all of time the hits are."""
        n, end = 40, len(self.desk.timeline) + 1
        counts = np.bincount(np.minimum(self.hits * n // end, n - 1), minlength=n)
        glyphs = ASCII_BARS if self.desk.painter.ascii else BARS
        most = max(1, int(counts.max()))
        return "".join(glyphs[-(-int(c) * 8 // most)] for c in counts)

    def row(self, index: int, width: int) -> Row:
        """Position, operation, function, change, value and a bar; the event's name at the right."""
        view, timeline, p = self.before, self.desk.timeline, int(self.hits[index])
        chosen = index == self.chosen
        role = "text+bold" if chosen else "text" if p <= self.before.position else "dim"
        if p == 0:
            return Row((("      0  before the first operation", role),))
        step = timeline.transition(p - 1)
        subject, old, new = texts.change_words(view, p - 1)
        operation = texts.op_text(view, timeline.op_at(p)) if timeline.op_at(p) >= 0 else ""
        gap = "  " if width >= 100 else " "
        change = f"{subject}{gap}{old} -> {new}" if old else f"{subject}{gap}{new}"
        where, what = self._columns(width)
        spans: list[Span] = [
            (f"{timeline.place_name(p):>7} ", "dim"),
            (f"{operation[:25]:<25} ", role),
            (f"{step.function[:where]:<{where}} ", "dim"),
            (f"{change:<{what}}", role),
        ]
        if f"{step.table}.{step.column}" in COUNTED and width >= 100:
            bar = "#" if self.desk.painter.ascii else "\u2588"
            spans += [(f"{step.new:>6}", role), ("  ", "text"), (bar * max(0, min(step.new, 12)), "past")]
        events = sorted({event.kind for event in view.trouble.get(p - 1, [])})
        return Row(tuple(spans), right=((" ".join(events), "alarm"),) if events else ())


def _examples() -> list[Row]:
    """What can be asked, for who has not asked before."""
    said = (
        ("leak or free_unpaged", "events: leak, free_unpaged, bad_page, cow, fault ..."),
        ("page[8].count", "every change of one cell"),
        ("page.count < 1 and pfn 0x42", "a condition on a field, of one frame"),
        ("call do_wp_page", "where a function is called; op exit, pid 2, addr 0x10000000"),
        ("free and vma.VM_UNPAGED", "what a mapping's flags were just then"),
    )
    return [Row(((f"  {query:<30}", "text"), (about, "dim"))) for query, about in said]
