"""Rows of text with roles: what a pane builds and the painting widget shows.

A pane knows nothing of colours: it names a role for each piece of text, and the theme turns roles into styles.
Roles: bright text dim faint past rule rule_focus accent recent alarm_fill alarm diff, and kind.A kind.c kind.F
kind.N kind.D kind.R kind.Z kind.P kind.S; the modifiers `bold` and `underline` are joined to one by `+`.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import overload

Span = tuple[str, str]
"""Text and its role. The text is data: it is never read as markup."""


@dataclass(frozen=True, slots=True)
class Target:
    """What a row is about: the thing that w, t, i, y and Enter act on.

    `subject` is in the public grammar (`page[8].count`, `pte[2:0x10000000]`), `""` for a mere place. `position` is
    set where the row is a place in the log too, and `call` is the number of the call whose row it is (to fold it).
    `fold`: the name of what else the row folds or unfolds.
    """

    kind: str
    subject: str = ""
    position: int | None = None
    call: int | None = None
    fold: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One line: spans from the left, `right` aligned to the right edge (the last column of a pane stays empty).

    `band`: the cursor's row. `fill`: a role that fills the whole row (`alarm_fill`). `differs`: a compare view puts its
    mark in the gutter beside it; a span with the role `diff` says so by itself.
    """

    spans: tuple[Span, ...] = ()
    target: Target | None = None
    band: bool = False
    fill: str | None = None
    right: tuple[Span, ...] = ()
    differs: bool = False

    @property
    def is_different(self) -> bool:
        """Whether the gutter says so: the row differs as a whole, or one of its spans does."""
        return self.differs or any(role.startswith("diff") for _, role in (*self.spans, *self.right))

    @property
    def text(self) -> str:
        """The left part as plain text."""
        return "".join(text for text, _ in self.spans)

    def plain(self, width: int) -> str:
        """The whole line as plain text of at most `width` columns; the right part keeps the last column free."""
        left, right = self.text, "".join(text for text, _ in self.right)
        if not right:
            return left[:width].rstrip()
        room = max(0, width - 1 - len(right))
        return f"{left[: max(0, room - 1)]:<{room}}{right}"[:width].rstrip()


class MadeRows(Sequence[Row]):
    """Rows that are made when they are asked for: of a long list only those that are on the screen."""

    @abstractmethod
    def row(self, index: int) -> Row:
        """Row `index`, 0 .. len - 1."""

    @overload
    def __getitem__(self, index: int) -> Row: ...
    @overload
    def __getitem__(self, index: slice) -> list[Row]: ...
    def __getitem__(self, index: int | slice) -> Row | list[Row]:
        if isinstance(index, slice):
            return [self.row(at) for at in range(*index.indices(len(self)))]
        if not 0 <= index < len(self):
            raise IndexError(index)
        return self.row(index)


@dataclass(frozen=True, slots=True)
class PaneRows:
    """Everything a pane shows at one moment.

    `title`: spans on the hairline after the pane's number; `note`: spans at the hairline's right end. `head` stays in
    place while `rows` scroll under it (`rows` may be lazy: only the visible ones are asked for); `foot` is anchored
    to the bottom edge. `cursor`: index in `rows`. `changed`: indices of the rows that this step changed, to scroll to,
    or to be announced in the title (`^ 1`, `v 1`) when they are out of sight. `follow`: how to scroll to the cursor or
    a change: `edge` no further than needed and one row of context, `third` keep it in the middle third.
    `empty`: the sentence for row 1, column 2 when there are no rows.
    """

    title: tuple[Span, ...] = ()
    note: tuple[Span, ...] = ()
    head: Sequence[Row] = ()
    rows: Sequence[Row] = ()
    foot: Sequence[Row] = ()
    cursor: int | None = None
    changed: tuple[int, ...] = ()
    follow: str = "edge"
    empty: str = ""

    @property
    def focus_rows(self) -> tuple[int, int] | None:
        """First and last row that should be in sight: what changed, else the cursor; None where nothing should."""
        if self.changed:
            return min(self.changed), max(self.changed)
        return None if self.cursor is None else (self.cursor, self.cursor)

    def body_height(self, height: int) -> int:
        """How many of `height` lines (the title's line not counted) remain for `rows`."""
        return max(0, height - len(self.head) - len(self.foot))

    def plain(self, width: int, height: int, top: int = 0) -> str:
        """The pane as plain text, scrolled to row `top`: for tests, and for `--plain`."""
        title = "".join(text for text, _ in self.title)
        note = "".join(text for text, _ in self.note)
        lines = [f"{title}{note:>{max(0, width - len(title) - 1)}}".rstrip()]
        body = self.body_height(height)
        shown = [self.rows[i].plain(width) for i in range(top, min(len(self.rows), top + body))]
        if not len(self.rows) and self.empty:
            shown = ["  " + self.empty]
        lines += [row.plain(width) for row in self.head] + shown + [""] * max(0, body - len(shown))
        return "\n".join([*lines, *(row.plain(width) for row in self.foot)])
