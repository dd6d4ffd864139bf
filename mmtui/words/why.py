"""Why a thing is as it is: its history as a chain of places, newest first, and the ledger of a frame in words."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from mmtui.engine import schema
from mmtui.engine.arrays import np
from mmtui.engine.schema import UNKNOWN
from mmtui.words.calls import op_text
from mmtui.words.changes import callers, transition_text
from mmtui.words.refusals import refusal_text
from mmtui.words.stops import stop_text
from mmtui.words.text import known_text, pfn_text, plain
from mmtui.words.values import public_subject

if TYPE_CHECKING:
    from mmtui.engine.places import Subject
    from mmtui.engine.timeline import Event, Holder, Ledger, Timeline

    Keep = Callable[[Hashable, Callable[[], "Link | None"]], "Link | None"]

_TELLING: Final = (
    "leak", "free_unpaged", "free_mapped", "free_owned", "stray_put", "window_on_foreign", "limbo", "bad_page",
    "bad_pte", "bug",
)  # fmt: skip
_PAGE_COLUMNS: Final = ("page.count", "page.free", "page.mapcount")
_QUIET: Final = "the LRU's pagevec: taken and given back at once"


@dataclass(frozen=True)
class Link:
    """One link of a causal chain: a place to travel to, and what happened there."""

    position: int
    sentence: str


def made(key: Hashable, make: Callable[[], Link | None]) -> Link | None:
    """For `why_chain`: nothing is kept."""
    return make()


def why_chain(timeline: Timeline, subject: Subject, position: int, limit: int = 12, keep: Keep = made) -> list[Link]:
    """What made `subject` as it is at `position`: at most `limit` links, newest first.

    For a frame: the changes of its count, mapcount and free state, the events about it, and the verdict of its
    ledger at the head. For anything else: the changes of its cells. `keep` may know a link from before: it is called
    with what names it, and how it is made.
    """
    places: dict[int, Event | None] = dict.fromkeys(_changes(timeline, subject, position, 4 * limit))
    if subject.kind == "page":
        places |= {event.position: event for event in _events_about(timeline, subject.row, position, limit)}
    links: list[Link] = []
    for place in sorted(places, reverse=True):
        link = keep(("link", subject.text, place), partial(_link, timeline, subject, place, places[place]))
        if link is not None:
            links.append(link)
        if len(links) == limit:
            break
    return links or _nothing(timeline, position)


def _link(timeline: Timeline, subject: Subject, place: int, event: Event | None) -> Link | None:
    """What happened at a place: the event there, else the change; None for one that says nothing of the subject."""
    if event is None:
        return _change_link(timeline, place, subject)
    what, why = stop_text(timeline, event)
    return Link(event.position, f"{event.kind}: {what} {why}")


def _columns(subject: Subject) -> tuple[str, ...]:
    if subject.column:
        return (subject.column,)
    if subject.kind == "page":
        return _PAGE_COLUMNS
    return tuple(f"{subject.table}.{field}" for field in schema.TABLES[subject.table])


def _changes(timeline: Timeline, subject: Subject, position: int, limit: int) -> list[int]:
    """The newest positions up to `position` at which one of the subject's columns changed."""
    newest: set[int] = set()
    for column in _columns(subject):
        places = np.asarray(timeline.history(column, subject.row))
        until = int(np.searchsorted(places, position, side="right"))
        newest.update(places[max(until - limit, 0) : until].tolist())
    return sorted(newest, reverse=True)[:limit]


def _change_link(timeline: Timeline, place: int, subject: Subject) -> Link | None:
    """The change that led to a place; None for one that says nothing, or that another owner of the row made."""
    said = transition_text(timeline, place - 1)
    if said.clause == _QUIET:
        return None
    if subject.kind == "pte" and public_subject(timeline, "pte.val", subject.row, place - 1) != _entry(subject):
        return None
    around = callers(timeline, timeline.transition(place - 1))
    function = next((name for name in around if not name.startswith("op ")), said.function)
    in_function = f" in {function}" if function else ""
    because = f": {said.clause}" if said.clause else ""
    return Link(place, f"{_short(said.subject)}{said.change}{in_function}{because}")


def _entry(subject: Subject) -> str:
    """`pte[2:0x8000]`, without a field."""
    return subject.text.removesuffix(".val")


def _short(subject: str) -> str:
    """The chain of a page need not name the page again: `count `, nothing for its coming and going."""
    if not subject.startswith("page "):
        return f"{subject} "
    field = subject.split(" ")[2:]
    return f"{field[0]} " if field else ""


def _events_about(timeline: Timeline, pfn: int, position: int, limit: int) -> list[Event]:
    """The newest telling events about a frame; looked up in columns, because there may be millions."""
    telling = timeline.events().of(*_TELLING)
    about = np.flatnonzero((telling.pfn == pfn) & (telling.transition < position))
    return [telling[at] for at in about[-limit:].tolist()]


def _nothing(timeline: Timeline, position: int) -> list[Link]:
    """An operation that was refused changed nothing of the subject; the refusal is the reason."""
    number = timeline.op_at(position) if position else -1
    if number >= 0 and timeline.result(number) not in ("ok", ""):
        said = f"{op_text(timeline, number)}: {plain(timeline.result(number))}. {refusal_text(timeline, number)}"
        return [Link(timeline.op_end(number), said)]
    return []


# The ledger


def ledger_text(ledger: Ledger) -> list[str]:
    """A frame's ledger as lines: each holder with its reference, what nobody holds, windows, the count, the verdict."""
    lines = [_holder_text(row) for row in ledger.rows]
    return [*lines, f"{known_text(ledger.count):>2}  page_count of {pfn_text(ledger.pfn)}, {verdict_text(ledger)}"]


def _holder_text(row: Holder) -> str:
    reference = f"+{row.ref}" if row.ref else " ~"
    function = f" {plain(row.function)}" if row.function else ""
    since = f"since op {row.op}{function}" if row.op >= 0 else "since boot"
    return f"{reference}  {plain(row.name)}, {since}"


def verdict_text(ledger: Ledger) -> str:
    """`all held`, `1 more than is held`, `1 fewer than are held`."""
    if ledger.waits:
        return "not seen; nothing maps it, and it waits to be freed"
    if ledger.count == UNKNOWN:
        return f"not seen; {ledger.held} hold it here"
    if ledger.surplus > 0:
        return f"{ledger.surplus} more than is held"
    if ledger.surplus < 0:
        return f"{-ledger.surplus} fewer than are held"
    return "all held" if ledger.count else "nobody holds it"
