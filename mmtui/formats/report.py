"""What a report tells of a run: the places worth a stop, with what changed there, who holds the page, the notes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from mmtui.engine.pgtable import PTE_FRAME
from mmtui.engine.query import QueryError
from mmtui.formats.views import frame_line
from mmtui.trace.model import Place, Trace
from mmtui.words import Words, call_text, explain, ledger_text, op_text, plain, stop_text, transition_text

if TYPE_CHECKING:
    from mmtui.engine.timeline import Event, Timeline

TROUBLE: Final = (
    "leak", "free_unpaged", "free_mapped", "free_owned", "stray_put", "window_on_foreign", "limbo", "bad_page",
    "bad_pte", "bug", "refused",
)  # fmt: skip
"""Events that are told whether somebody asked for them or not."""
MOST_STOPS: Final = 60
MOST_HITS: Final = 20
"""Hits of one breakpoint: one that stops everywhere tells nothing."""


@dataclass(frozen=True)
class Said:
    """Something that a person wrote at a place."""

    text: str
    about: str = ""
    author: str = ""


@dataclass
class Stop:
    """A place worth a stop. `told`: (kind, what, why) of its events; `change`: the transition that led here, None at 0.

    `ahead`: the operation that begins here, where one does. `before`, `after`: the frame that this is about and its
    holders, just before and just after that transition.
    """

    position: int
    place: str
    op: int
    marks: list[str] = field(default_factory=list)
    notes: list[Said] = field(default_factory=list)
    told: list[tuple[str, str, str]] = field(default_factory=list)
    hits: list[str] = field(default_factory=list)
    here: bool = False
    op_line: str = ""
    op_note: str = ""
    result: str = ""
    ahead: str = ""
    ahead_note: str = ""
    change: Words | None = None
    calls: list[str] = field(default_factory=list)
    meaning: str = ""
    pfn: int | None = None
    before: list[str] = field(default_factory=list)
    after: list[str] = field(default_factory=list)


@dataclass
class Report:
    """The stops of a run, and how many more there are than it tells."""

    stops: list[Stop]
    left_out: int


def position_of(timeline: Timeline, at: Place) -> int:
    """A place of the trace file on this kernel; an operation that did not run here is the end."""
    if at.op >= timeline.op_count:
        return len(timeline)
    return min(timeline.op_start(at.op) + (at.transition or 0), timeline.op_end(at.op))


def report_of(timeline: Timeline, trace: Trace) -> Report:
    """Everything worth telling of a run. `trace` has the notes, marks and stops; the timeline's position stays."""
    stops: dict[int, Stop] = {}

    def at(position: int) -> Stop:
        if position not in stops:
            stops[position] = Stop(position, timeline.place_name(position), timeline.op_at(position))
        return stops[position]

    for mark in trace.bookmarks:
        at(position_of(timeline, mark.at)).marks.append(plain(mark.name))
    for note in trace.annotations:
        said = Said(note.text, plain(note.about), plain(note.author))
        at(position_of(timeline, note.at)).notes.append(said)
    if trace.position is not None:
        at(position_of(timeline, trace.position)).here = True
    asked = len(stops)
    events = [event for kind in TROUBLE for event in timeline.events(kind)]
    by_position = sorted(events, key=lambda event: event.transition)
    for event in by_position[: MOST_STOPS * 10]:
        at(event.position).told.append((event.kind, *stop_text(timeline, event)))
    _add_hits(timeline, trace, at)
    chosen, left_out = _chosen(stops, max(MOST_STOPS, asked))
    subjects = {event.position: event for event in reversed(by_position)}
    _fill(timeline, chosen, subjects)
    return Report(chosen, left_out)


def _add_hits(timeline: Timeline, trace: Trace, at: Callable[[int], Stop]) -> None:
    for text in dict.fromkeys(trace.breakpoints):
        if text not in TROUBLE:
            try:
                hits = timeline.find(text)
            except QueryError:
                continue
            for position in hits[:MOST_HITS].tolist():
                at(position).hits.append(plain(text))


def _chosen(stops: dict[int, Stop], most: int) -> tuple[list[Stop], int]:
    """By position; where there are too many, what a person said comes first, then the events, then the hits."""
    ranked = sorted(stops.values(), key=lambda stop: (not (stop.notes or stop.marks or stop.here), not stop.told))
    return sorted(ranked[:most], key=lambda stop: stop.position), max(0, len(ranked) - most)


def _fill(timeline: Timeline, stops: list[Stop], events: dict[int, Event]) -> None:
    here = timeline.position
    try:
        for stop in stops:
            _fill_one(timeline, stop, events.get(stop.position))
    finally:
        timeline.seek(here)


def _fill_one(timeline: Timeline, stop: Stop, event: Event | None) -> None:
    if stop.op >= 0:
        stop.op_line, stop.op_note = op_text(timeline, stop.op), plain(timeline.op(stop.op).note or "")
        stop.result = plain(timeline.result(stop.op))
    if stop.op + 1 < timeline.op_count and stop.position == timeline.op_start(stop.op + 1):
        stop.ahead = f"op {stop.op + 1}  {op_text(timeline, stop.op + 1)}"
        stop.ahead_note = plain(timeline.op(stop.op + 1).note or "")
    stop.meaning = explain(timeline, stop.position)
    if not stop.position:
        return
    stop.change = transition_text(timeline, stop.position - 1)
    stop.calls = [call_text(call) for call in timeline.calls_at(stop.position)]
    stop.pfn = _frame_of(timeline, stop, event)
    if stop.pfn is not None:
        stop.before = _ledger(timeline, stop.pfn, stop.position - 1)
        stop.after = _ledger(timeline, stop.pfn, stop.position)


def _frame_of(timeline: Timeline, stop: Stop, event: Event | None) -> int | None:
    """The frame that a stop is about: the event's, else the one that changed, else the one that the pte maps."""
    frames = len(timeline.machine.page.count)
    change = timeline.transition(stop.position - 1)
    found: int | str | None = event.subject.get("pfn") if event else None
    if found is None and change.table == "page":
        found = change.row
    if found is None and change.table == "pte":
        value = change.new or change.old
        found = value >> 12 if value & PTE_FRAME else None
    return found if isinstance(found, int) and 0 <= found < frames else None


def _ledger(timeline: Timeline, pfn: int, position: int) -> list[str]:
    timeline.seek(position)
    return [frame_line(timeline, pfn), *ledger_text(timeline.holders(pfn))]
