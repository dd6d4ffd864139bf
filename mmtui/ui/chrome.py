"""The rows around the panes: header, timeline, now line, footer. Each is a pure function to rows of spans."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from mmtui import words
from mmtui.engine.arrays import distinct, np
from mmtui.ui.commands import COMMANDS, FOOTER
from mmtui.ui.keymap import keys_of, shown
from mmtui.ui.paint import ASCII_BARS, BARS, cut, merged, width_of
from mmtui.ui.panes import texts
from mmtui.ui.rows import Row, Span

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mmtui.engine.timeline import Timeline
    from mmtui.ui.view import View

HIGHEST_BAR: Final = 5
FOOTER_ENTRIES: Final = 6
Footing = tuple[str, str]
"""Keys and what they do, as the footer shows them."""


@dataclass(frozen=True, slots=True)
class Around:
    """What the chrome shows beside the view: positions of marks and stops, what the step stopped at."""

    marks: tuple[int, ...]
    notes: int
    stops: np.ndarray[Any, np.dtype[np.int64]] | tuple[()]
    stopped: tuple[str, str, str] | None = None
    """(name, what, why) when the position is a stop."""


def header(view: View, around: Around, width: int) -> Row:
    """Where one is: position, operation; at the right the file, the kernel, marks and notes."""
    timeline = view.timeline
    left: list[Span] = [
        (" ", "text"),
        (timeline.place_name(view.position), "bright"),
        (f" of {timeline.place_name(len(timeline))}" if len(timeline) else "", "dim"),
    ]
    if view.op >= 0:
        left += [("   ", "text"), (texts.op_text(view, view.op), "text+bold")]
    room = width - width_of(left) - 3
    for right in _header_rights(view, around, width):
        if width_of(right) <= room:
            return Row(tuple(left), right=tuple(right))
    kernel: list[Span] = [(timeline.kernel, "text")]
    return Row(tuple(cut(left, width - width_of(kernel) - 3)), right=tuple(kernel))


def _header_rights(view: View, around: Around, width: int) -> list[list[Span]]:
    """The right end in order of preference: the first that fits is shown."""
    gap: Span = ("   " if width >= 100 else "  ", "text")
    name = words.plain(view.timeline.source_name)
    if width < 100:
        name = name.removesuffix(".gz").removesuffix(".json")
    file: list[Span] = [(name, "dim"), gap] if name else []
    kernel: list[Span] = [(view.timeline.kernel, "text")]
    if view.other is not None:
        file = [("compare", "dim"), gap, *file]
        same = view.other.kernel == view.timeline.kernel
        kernel += [
            (" with ", "dim"),
            (view.other.place_name(view.other_position) if same else view.other.kernel, "text"),
        ]
    marks: list[Span] = [gap, (_count(len(around.marks), "mark"), "dim")] if around.marks else []
    notes: list[Span] = [gap, (_count(around.notes, "note"), "dim")] if around.notes else []
    return [[*file, *kernel, *marks, *notes], [*file, *kernel, *notes], [*file, *kernel], kernel]


def _count(n: int, word: str) -> str:
    return f"{n} {word}" if n == 1 else f"{n} {word}s"


# The timeline


def column_of(timeline: Timeline, position: int, width: int) -> int:
    """The column in which a position lies; columns 1 .. width - 2 are equal buckets of the log."""
    return 1 + position * (width - 2) // (len(timeline) + 1)


def position_at(timeline: Timeline, column: int, width: int) -> int:
    """The first position of a column's bucket, for a click."""
    buckets = width - 2
    bucket = max(0, min(buckets - 1, column - 1))
    return -(-bucket * (len(timeline) + 1) // buckets)


def bars(timeline: Timeline, buckets: int) -> list[int]:
    """How busy each bucket is, 1..5: how deep the kernel's calls go in it, one scale for the whole trace."""
    end = len(timeline)
    depths = []
    for bucket in range(buckets):
        first, last = bucket * (end + 1) // buckets, (bucket + 1) * (end + 1) // buckets
        samples = {min(end, first + (last - first) * i // 3) for i in range(3)}
        depths.append(max(timeline.depth_at(p) for p in samples))
    deepest = max(HIGHEST_BAR, *depths)
    return [max(1, -(-depth * HIGHEST_BAR // deepest)) for depth in depths]


def timeline_row(view: View, around: Around, width: int) -> list[Span]:
    """The whole log in one row: bars, `m` marks, `!` stops, `f` forks, and the position."""
    here = column_of(view.timeline, view.position, width)
    key = ("timeline", width, here, around.marks, around.stopped is not None, id(around.stops), view.glyphs)
    # Held on to with the row, so that the id is that of no other stops.
    return view.remember(key, lambda: (_timeline_row(view, around, width, here), around.stops))[0]


def _timeline_row(view: View, around: Around, width: int, here: int) -> list[Span]:
    timeline, about = view.timeline, _about(view.timeline)
    heights = view.remember(("bars", width, about), lambda: bars(timeline, width - 2), lasting=True)
    glyphs = BARS if view.glyphs == "unicode" else ASCII_BARS
    cells: list[Span] = [(" ", "text")]
    cells += [(glyphs[h], "past" if i + 1 <= here else "rule") for i, h in enumerate(heights)]
    for k in view.remember(("forks", about), lambda: _forks(timeline), lasting=True):
        cells[column_of(timeline, timeline.op_start(k), width)] = ("f", "kind.c")
    for p in around.marks:
        cells[column_of(timeline, p, width)] = ("m", "bright")
    if len(around.stops):
        for column in distinct(1 + np.asarray(around.stops) * (width - 2) // (len(timeline) + 1)):
            cells[int(column)] = ("!", "alarm")
    block = "█" if view.glyphs == "unicode" else "#"
    cells[here] = ("!", "alarm_fill") if around.stopped else (block, "here")
    return merged([*cells, (" ", "text")])


def _about(timeline: Timeline) -> int:
    """The length of the log; of one that grows to four binary digits, as a sketch of it need not follow every slice."""
    length = len(timeline)
    return length >> (digits := max(0, length.bit_length() - 4)) << digits if timeline.growing else length


def _forks(timeline: Timeline) -> list[int]:
    """The operations that fork; a very long trace shows none rather than cost time."""
    if timeline.op_count > 20_000 or not len(timeline):
        return []
    return [k for k in range(timeline.op_count) if timeline.op(k).name == "fork"]


def names_row(view: View, around: Around, width: int) -> list[Span]:
    """The row above a wide timeline: operations by name where they fit, marks, and the position."""
    timeline = view.timeline
    place = timeline.place_name(view.position)
    here = min(column_of(timeline, view.position, width), width - 1 - len(place))
    taken: dict[int, tuple[str, str]] = {here: (place, "accent")}
    used = set(range(here - 1, here + len(place) + 1))
    for role, names in (("text", _mark_names(view, around)), ("faint", _op_names(view))):
        for position, name in names:
            column = column_of(timeline, position, width)
            span = set(range(column - 1, column + len(name) + 1))
            if column + len(name) < width and not span & used:
                taken[column] = (name, role)
                used |= span
    spans: list[Span] = []
    width_now = 0
    for column in sorted(taken):
        spans += [(" " * (column - width_now), "text"), taken[column]]
        width_now = column + width_of(spans[-1:])
    return spans


def _mark_names(view: View, around: Around) -> list[tuple[int, str]]:
    named = [(note.position, note.name) for note in view.notes if note.name]
    return [(position, f"m {words.plain(name)}"[:20]) for position, name in named]


def _op_names(view: View) -> list[tuple[int, str]]:
    """A few operations, spread evenly: more would never fit."""
    timeline = view.timeline
    if not len(timeline):
        return []
    chosen = range(0, timeline.op_count, max(1, timeline.op_count // 40))
    return view.remember(("op names",), lambda: [(timeline.op_start(k), _short(view, k)) for k in chosen])


def _short(view: View, number: int) -> str:
    """`exit pid 2`, `read 08048000`: the operation and the first thing that it is about."""
    op = view.timeline.op(number)
    if op.name in ("exit", "fork") and not view.recorded:  # without looking for the name that the process was given
        return f"{op.name} pid {op.pid if op.name == 'exit' else op.parent}"
    said = texts.op_text(view, number).split()
    return " ".join(said[: 3 if said[1:2] == ["pid"] else 2])


# The now line


def now_line(view: View, around: Around, width: int) -> Row:
    """What changed in this step; at a stop a filled row that says why it stopped."""
    if view.other is not None:
        return Row(tuple(_difference(view)))
    if around.stopped:
        name, what, why = around.stopped
        return Row(tuple(_banner(f" STOP {name}  {what}", why, width)), fill="alarm_fill")
    if view.step is None:
        title = words.plain(view.timeline.trace.title or "")
        start: list[Span] = [(" before the first operation", "dim"), (f"   {title}" if title else "", "text")]
        return Row(tuple(cut(start, width - 1)))
    said = texts.transition_words(view, view.marked)
    old, new = (said.new, said.old) if view.undone else (said.old, said.new)
    left: list[Span] = [(f" {said.subject}   ", "text"), (f"{old} -> {new}", "accent")]
    if view.undone:
        left.append(("   undone", "text"))
    elif view.position == len(view.timeline):
        left.append((f"   end of the trace, {_stops_text(around)}", "dim"))
    clause: Span = (f"   {said.clause}" if said.clause else "", "dim")
    where: list[Span] = [(f"{said.function}  {said.where}".strip(), "dim")]
    if width_of([*left, clause, *where]) + 3 <= width:
        return Row((*left, clause), right=tuple(where))
    if width_of([*left, *where]) + 3 <= width and not said.clause:
        return Row(tuple(left), right=tuple(where))
    return Row(tuple(cut([*left, clause], width - 1)))


def _banner(what: str, why: str, width: int) -> list[Span]:
    """The stop in one row of at most width - 2 columns; the why gives way: to its brief form, then by words."""
    room = width - 2
    gap = "   " if len(what) + len(why) + 3 <= room else " "
    left = room - len(what) - len(gap)
    if len(why) > left:
        why = words.brief_why(why)
        why = why.removesuffix(".") if len(why) == left + 1 else why
    if len(why) > left:
        why = why[: max(0, left + 1)].rpartition(" ")[0]
    return cut([(what + (gap + why if why else ""), "alarm_fill")], width - 1)


def _stops_text(around: Around) -> str:
    return _count(len(around.stops), "stop") if len(around.stops) else "no stop"


def _difference(view: View) -> list[Span]:
    """How many cells the two kernels differ in here."""
    from mmtui.ui.compare import difference_line

    return difference_line(view)


# The footer


def footer_ids(focused: str, width: int) -> tuple[str, ...]:
    """The commands that the footer offers, by the pane in focus; on a small screen find is worth more than call."""
    ids = FOOTER[focused]
    return (*(name for name in ids if name != "time.call"), "find") if width < 100 and focused == "log" else ids


def footing(ids: Sequence[str], keymap: Mapping[str, str], wording: Mapping[str, str]) -> list[Footing]:
    """The footer's entries for commands, each with its primary key and that of its way back; help is last.

    `wording` has the words that differ from the commands' own.
    """
    entries = []
    for chosen in (*ids[: FOOTER_ENTRIES - 1], "help"):
        command = COMMANDS[chosen]
        keys = [shown(found[0]) for name in (chosen, command.back) if name and (found := keys_of(keymap, name))]
        if keys:
            entries.append((" ".join(keys), wording.get(chosen, command.word)))
    return entries


def footer(entries: Sequence[Footing], width: int, message: str = "") -> Row:
    """Keys in bold, words dim, three spaces between; entries drop from the right but never the last one."""
    note: list[Span] = cut([(words.plain(message), "text")], width - 2) if message else []
    room = width - 2 - (width_of(note) + 2 if note else 0)
    shown_entries = list(entries)
    while len(shown_entries) > 1 and _width(shown_entries) > room:
        del shown_entries[-2]
    if shown_entries and _width(shown_entries) > room:
        shown_entries = []
    spans: list[Span] = [(" ", "text")]
    for i, (keys, word) in enumerate(shown_entries):
        spans += [("   " if i else "", "text"), (keys, "text+bold"), (f" {word}", "dim")]
    return Row(tuple(spans), right=tuple(note))


def footer_at(entries: Sequence[Footing], x: int, width: int, message: str = "") -> int | None:
    """The index of the entry at a column, for a click."""
    row = footer(entries, width, message)
    at, index = 0, -1
    for text, role in row.spans:
        if role == "text+bold":
            index += 1
        if at <= x < at + len(text):
            found = index if index >= 0 and role != "text" else None
            return _index_of(entries, row, found)
        at += len(text)
    return None


def _index_of(entries: Sequence[Footing], row: Row, found: int | None) -> int | None:
    """Entries that were dropped stand before the last one."""
    shown_count = sum(role == "text+bold" for _, role in row.spans)
    if found is None:
        return None
    return len(entries) - 1 if found == shown_count - 1 else found


def _width(entries: Sequence[Footing]) -> int:
    return sum(len(keys) + 1 + len(word) for keys, word in entries) + 3 * (len(entries) - 1)
