"""Pages that nobody will free, told as page_owner and kmemleak tell theirs: by whom, since when, along which calls."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from mmtui.formats.views import frame_line
from mmtui.words import call_text, count_text, ledger_text, op_text, pfn_text, plain, stop_text

if TYPE_CHECKING:
    from mmtui.engine.timeline import Event, Timeline


def ledger_lines(timeline: Timeline, pfns: list[int]) -> Iterator[str]:
    """The ledger of some frames, or, where none is asked for, every page that is held by nobody at this position."""
    if pfns:
        for pfn in pfns:
            yield from _page(timeline, pfn)
            yield ""
        return
    leaked = leaks_here(timeline)
    for pfn, events in leaked.items():
        yield from _leak(timeline, pfn, events)
        yield ""
    where = timeline.place_name(timeline.position)
    yield f"{count_text(len(leaked), 'page')} at {where} with references that nobody holds"


def leaks_here(timeline: Timeline) -> dict[int, list[Event]]:
    """By frame the leaks that have happened, of the frames that still have more references than holders."""
    found: dict[int, list[Event]] = {}
    for event in timeline.events("leak"):
        pfn = event.subject.get("pfn")
        if event.position <= timeline.position and isinstance(pfn, int):
            found.setdefault(pfn, []).append(event)
    return {pfn: events for pfn, events in sorted(found.items()) if timeline.holders(pfn).surplus > 0}


def _leak(timeline: Timeline, pfn: int, events: list[Event]) -> Iterator[str]:
    ledger, lost = timeline.holders(pfn), events[0]
    yield f"unreferenced page {pfn_text(pfn)} (count {ledger.count}, held {ledger.held}):"
    for event in events:
        what, why = stop_text(timeline, event)
        yield f"  {plain(event.why)}, at {timeline.place_name(event.position)}: {what} {why}"
    yield from _made(timeline, pfn, lost.position)
    yield f"  lost in op {lost.op}  {op_text(timeline, lost.op)}, along:"
    yield from _calls(timeline, lost.position)
    yield from (f"  {line}" for line in [frame_line(timeline, pfn), *ledger_text(ledger)])


def _page(timeline: Timeline, pfn: int) -> Iterator[str]:
    yield frame_line(timeline, pfn)
    yield from _made(timeline, pfn, timeline.position)
    yield from (f"  {line}" for line in ledger_text(timeline.holders(pfn)))


def _made(timeline: Timeline, pfn: int, position: int) -> Iterator[str]:
    """Where the allocator last handed the page out, or took it back."""
    at = timeline.previous_change(("page.free", pfn), position + 1)
    if at is None:
        yield "  as boot left it"
        return
    number = timeline.op_at(at)
    what = "freed" if timeline.transition(at - 1).new else "allocated"
    yield f"  {what} at {timeline.place_name(at)}, op {number}  {op_text(timeline, number)}, along:"
    yield from _calls(timeline, at)


def _calls(timeline: Timeline, position: int) -> Iterator[str]:
    """The calls, the innermost first."""
    for call in reversed(timeline.calls_at(position)):
        yield f"    {call_text(call)}"
