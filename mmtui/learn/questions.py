"""Questions about what an operation will do, and their answers, read from the timeline."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from mmtui import words
from mmtui.engine.pgtable import PTE_RW, pte_pfn, pte_present
from mmtui.learn.lessons import Ask

if TYPE_CHECKING:
    from mmtui.engine.timeline import Timeline

YES_NO: Final = ("y", "n")


@dataclass(frozen=True)
class Question:
    """What is asked while the timeline stands before the operation, and what turned out.

    `reveal` says what happened and why; `position` is where one can look at it.
    """

    prompt: str
    choices: tuple[str, ...]
    answer: str
    reveal: str
    position: int


def make(timeline: Timeline, ask: Ask, rng: random.Random) -> Question | None:
    """The question of a lesson on this timeline; None where it makes no sense on this kernel (the frame is not there).

    `rng` only orders the numbers that are offered. The timeline is left before the operation.
    """
    if ask.op >= timeline.op_count:
        return None
    timeline.seek(timeline.op_start(ask.op))
    pfn = frame_of(timeline, ask)
    if ask.about and pfn is None:
        return None
    question = KINDS[ask.kind](timeline, ask.op, pfn if pfn is not None else 0, rng)
    timeline.seek(timeline.op_start(ask.op))
    return question


def frame_of(timeline: Timeline, ask: Ask) -> int | None:
    """The frame that `ask.about` names just before the operation."""
    kind, _, rest = ask.about.partition(":")
    machine = timeline.machine
    if kind == "frame":
        return int(rest, 0)
    if kind == "pte":
        pid, _, address = rest.partition(":")
        return next((pte.pfn for pte in timeline.ptes(int(pid)) if pte.address == int(address, 0)), None)
    if kind in ("buf", "pin"):
        table = machine.buf if kind == "buf" else machine.pin
        for row in range(1, len(table.name)):
            if table.state[row] and timeline.string(int(table.name[row])) == rest:
                return int(table.pfn[row])
    return None


def _choices(truth: int, before: int, rng: random.Random) -> tuple[str, ...]:
    """The true number among its likely neighbours."""
    near = {truth, before, before + 1, max(before - 1, 0), truth + 1}
    found = sorted(near)
    while len(found) > 4:
        found.remove(rng.choice([number for number in found if number != truth]))
    return tuple(str(number) for number in found)


def _numbers(timeline: Timeline, op: int, pfn: int, field: str) -> tuple[int, int]:
    """A field of a frame before and after an operation."""
    before = int(getattr(timeline.machine.page, field)[pfn])
    timeline.seek(timeline.op_end(op))
    return before, int(getattr(timeline.machine.page, field)[pfn])


def _told(timeline: Timeline, op: int, column: str, pfn: int) -> tuple[str, int]:
    """The last change of a cell within an operation as a sentence, and its position; else the operation's end."""
    places = [int(p) for p in timeline.history(column, pfn) if timeline.op_start(op) < p <= timeline.op_end(op)]
    if not places:
        return "It does not change.", timeline.op_end(op)
    said = words.transition_text(timeline, places[-1] - 1)
    because = f": {said.clause}" if said.clause else ""
    return f"{said.subject} {said.change} in {said.function}{because}.", places[-1]


def _number_question(column: str) -> Callable[[Timeline, int, int, random.Random], Question]:
    field = column.partition(".")[2]

    def ask(timeline: Timeline, op: int, pfn: int, rng: random.Random) -> Question:
        before, after = _numbers(timeline, op, pfn, field)
        reveal, position = _told(timeline, op, column, pfn)
        prompt = f"page_{field} of {words.pfn_text(pfn)} is {before}. What is it after {_op(timeline, op)}?"
        return Question(prompt, _choices(after, before, rng), str(after), reveal, position)

    return ask


def _freed(timeline: Timeline, op: int, pfn: int, rng: random.Random) -> Question:
    before, after = _numbers(timeline, op, pfn, "free")
    freed = bool(after and not before)
    count = int(timeline.machine.page.count[pfn])
    reveal, position = _told(timeline, op, "page.free" if freed else "page.count", pfn)
    state = "It is free." if freed else f"It is not free: page_count is {count}."
    prompt = f"Will page {words.pfn_text(pfn)} be freed by {_op(timeline, op)}?"
    return Question(prompt, YES_NO, _yes(freed), f"{state} {reveal}", position)


def _writable(timeline: Timeline, op: int, pfn: int, rng: random.Random) -> Question:
    pte = next(pte for pid in timeline.processes() for pte in timeline.ptes(pid.pid) if pte.pfn == pfn)
    places = [int(p) for p in timeline.history("pte.val", pte.row) if timeline.op_start(op) < p <= timeline.op_end(op)]
    timeline.seek(timeline.op_end(op))
    value = int(timeline.machine.pte.val[pte.row])
    still = pte_present(value) and pte_pfn(value) == pfn and bool(value & PTE_RW)
    reveal = words.transition_text(timeline, places[-1] - 1).clause if places else "the pte stays as it is"
    position = places[-1] if places else timeline.op_end(op)
    prompt = f"Will its pte for page {words.pfn_text(pfn)} still be writable after {_op(timeline, op)}?"
    return Question(prompt, YES_NO, _yes(still), f"{reveal[:1].upper()}{reveal[1:]}.", position)


def _event_question(
    kinds: tuple[str, ...], prompt: str, never: str
) -> Callable[[Timeline, int, int, random.Random], Question]:
    """Does an event of these kinds happen in the operation?"""

    def ask(timeline: Timeline, op: int, pfn: int, rng: random.Random) -> Question:
        found = [event for kind in kinds for event in timeline.events(kind=kind) if event.op == op]
        if not found:
            end = timeline.op_end(op)
            return Question(prompt.format(op=_op(timeline, op)), YES_NO, "n", never, end)
        event = min(found, key=lambda one: one.transition)
        what, why = words.stop_text(timeline, event)
        return Question(prompt.format(op=_op(timeline, op)), YES_NO, "y", f"{event.kind}: {what} {why}", event.position)

    return ask


def _new_frame(timeline: Timeline, op: int, pfn: int, rng: random.Random) -> Question:
    free = timeline.machine.page.free.copy()
    timeline.seek(timeline.op_end(op))
    taken = (free == 1) & (timeline.machine.page.free == 0)
    frames = [int(frame) for frame in taken.nonzero()[0]]
    prompt = f"Will {_op(timeline, op)} take a frame off the free list?"
    if not frames:
        return Question(prompt, YES_NO, "n", "No frame is taken: what it maps was there before.", timeline.op_end(op))
    reveal, position = _told(timeline, op, "page.free", frames[0])
    return Question(prompt, YES_NO, "y", reveal, position)


def _op(timeline: Timeline, op: int) -> str:
    return f"op {op} ({words.op_text(timeline, op)})"


def _yes(truth: bool) -> str:
    return "y" if truth else "n"


KINDS: Final[dict[str, Callable[[Timeline, int, int, random.Random], Question]]] = {
    "count": _number_question("page.count"),
    "mapcount": _number_question("page.mapcount"),
    "freed": _freed,
    "writable": _writable,
    "new_frame": _new_frame,
    "faults": _event_question(("fault",), "Will {op} fault?", "No fault: a pte that allows it is there."),
    "copied": _event_question(("cow",), "Will {op} copy a page?", "No page is copied."),
    "refused": _event_question(("refused",), "Will the kernel refuse {op}?", "It is not refused."),
    "leak": _event_question(("leak",), "Will {op} leave a reference that nobody holds?", "Nothing is lost here."),
    "breaks": _event_question(
        ("bad_page", "bad_pte", "bug"),
        "Will the kernel complain (Bad page state, BUG) in {op}?",
        "It does not complain.",
    ),
}
"""What can be asked, by name."""
