"""What the plain prompt prints: where one is, the machine as lines of text, lists of hits, stops and notes."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from mmtui import words
from mmtui.cli.output import columns
from mmtui.engine.flags import MAGIC_VM_FLAGS, prot_text
from mmtui.engine.pgtable import PAGE_SHIFT

if TYPE_CHECKING:
    from mmtui.engine.events import Event
    from mmtui.engine.log import Ints
    from mmtui.engine.source import Source
    from mmtui.engine.timeline import Timeline
    from mmtui.ui.stepper import Stepper
    from mmtui.ui.view import Note

LISTED = 20
"""Lines of a list before `... and 12 more`."""


def near(word: str, known: Iterable[str]) -> str:
    """` Did you mean vm?`, or nothing."""
    found = difflib.get_close_matches(word, [name for name in known if len(name) > 1], n=1, cutoff=0.5)
    return f" Did you mean {found[0]}?" if found else ""


def changed_subject(timeline: Timeline) -> str:
    """What the step that led here changed, as a subject; "" where nothing has happened."""
    if not timeline.position:
        return ""
    change = timeline.transition(timeline.position - 1)
    return words.public_subject(timeline, f"{change.table}.{change.column}", change.row, change.index)


def stored_position(stepper: Stepper) -> int:
    """Where the trace file says that it was left, else the start."""
    place = stepper.timeline.trace.position
    return 0 if place is None else stepper.position_of(place.op, place.transition)


# Where one is


def here(stepper: Stepper) -> list[str]:
    """The position, the operation, the change that led here; a stop; notes kept here."""
    timeline = stepper.timeline
    position = timeline.position
    lines = [_place_line(timeline)]
    if position:
        said = words.transition_text(timeline, position - 1)
        because = f"  {said.clause}" if said.clause else ""
        lines.append(f"{said.subject}  {said.change}{because}{_in(said.function)}")
    stopping = {stop.expr for stop in stepper.stops_here()}
    events = events_at(timeline, position)
    for event in events:
        if event.kind in stopping or event.kind in _TROUBLE:
            what, why = words.stop_text(timeline, event)
            lines.append(f"STOP {event.kind}  {what}  {why}")
    lines += [f"STOP {words.plain(expr)}" for expr in sorted(stopping - {event.kind for event in events})]
    return lines + [f"note  {_note_line(note)}" for note in stepper.notes() if note.position == position]


def events_at(timeline: Timeline, position: int) -> list[Event]:
    """The events that belong to the transition before a position."""
    events = timeline.events()
    low, high = np.searchsorted(events.transition, [position - 1, position])
    return [events[at] for at in range(int(low), int(high))]


_TROUBLE = frozenset(
    {"leak", "free_unpaged", "free_mapped", "free_owned", "stray_put", "window_on_foreign", "limbo", "bad_page",
     "bad_pte", "bug"}
)  # fmt: skip


def _place_line(timeline: Timeline) -> str:
    position, end = timeline.position, len(timeline)
    place = f"{timeline.place_name(position)} of {timeline.place_name(end)}"
    number = timeline.op_at(position) if position else -1
    if number < 0:
        return f"{place}  before the first operation"
    text = words.op_text(timeline, number)
    if position < timeline.op_end(number):
        return f"{place}  {text}"
    ending = "  end of the trace" if position == end else ""
    return f"{place}  {text}  {words.plain(timeline.result(number))}{ending}"


def hits(timeline: Timeline, query: str, found: Ints) -> list[str]:
    """The hits of a query: how many, and the ones nearest to the position."""
    position = timeline.position
    before = int((found < position).sum())
    lines = [
        f"{words.count_text(len(found), 'hit')} of {words.plain(query)}: {before} before, "
        f"{int((found > position).sum())} after"
    ]
    first = max(0, min(before - LISTED // 2, len(found) - LISTED))
    shown = [_hit_line(timeline, int(place), position) for place in found[first : first + LISTED]]
    return [*lines, *shown, *_more(len(found) - LISTED)]


def _hit_line(timeline: Timeline, place: int, position: int) -> str:
    mark = ">" if place == position else " "
    said = words.transition_text(timeline, place - 1)
    number = timeline.op_at(place)
    start = f"{mark} {timeline.place_name(place):>8}  "
    if not said.function and number >= 0:
        return f"{start}{words.op_text(timeline, number)}  {said.change}"
    op = words.plain(timeline.op(number).name) if number >= 0 else "boot"
    return f"{start}{op}  {said.subject}  {said.change}{_in(said.function)}"


def _in(function: str) -> str:
    return f"  [{function}]" if function else ""


def _more(number: int) -> list[str]:
    return [f"  ... and {number} more"] if number > 0 else []


def stops(stepper: Stepper) -> list[str]:
    """Every stop: on or off, its hits, who set it."""
    rows = []
    for stop in stepper.stops():
        try:
            count = str(len(stepper.find(stop.expr)))
        except ValueError as error:
            count = str(error)
        rows.append(("on" if stop.on else "off", count, stop.expr, f"set by {stop.origin}"))
    return columns(rows)


def notes(stepper: Stepper) -> list[str]:
    """Marks and notes with their places."""
    found = stepper.notes()
    if not found:
        return ["no marks and no notes yet: m NAME, i TEXT"]
    place = stepper.timeline.place_name
    return [f"{place(note.position):>8}  {_note_line(note)}" for note in found]


def _note_line(note: Note) -> str:
    if note.name:
        return f"@{words.plain(note.name)}"
    parts = [note.about, f"{note.author}:" if note.author else "", note.text]
    return " ".join(words.plain(part) for part in parts if part)


# The machine


def _pid_of(timeline: Timeline, argument: str, about: str) -> list[int]:
    """The process asked for, that of the thing in view, or all."""
    pids = [process.pid for process in timeline.processes()]
    if argument:
        if not argument.isdecimal() or int(argument) not in pids:
            there = ", ".join(map(str, pids)) or "none"
            raise ValueError(f'there is no process "{argument}" here: {there}')
        return [int(argument)]
    return pids


def vmas(timeline: Timeline, argument: str, about: str) -> list[str]:
    """Processes with their vmas, the flags that matter with what they mean in this kernel."""
    lines: list[str] = []
    wanted = _pid_of(timeline, argument, about)
    for process in timeline.processes():
        if process.pid not in wanted:
            continue
        state = " exiting" if process.state == "exiting" else ""
        lines.append(
            f"pid {process.pid} {words.plain(process.name)}{state}  F {process.file_rss}  A {process.anon_rss}"
        )
        for vma in timeline.vmas(process.pid):
            where = f"{words.address_text(vma.start)}-{words.address_text(vma.end)}"
            names = " ".join(vma.flag_names)
            lines.append(f"  {where} {prot_text(vma.flags)} {vma.kind} {words.plain(vma.name)}  {names}")
            lines += [
                f"    {flag}: {words.flag_meaning(flag, timeline.kernel)}"
                for flag in vma.flag_names
                if flag in MAGIC_VM_FLAGS
            ]
    return lines or ["no process yet: n runs the first operation"]


def tables(timeline: Timeline, argument: str, about: str) -> list[str]:
    """The present entries of the processes: address, frame, bits, and whether each holds a reference."""
    lines: list[str] = []
    for pid in _pid_of(timeline, argument, about):
        lines.append(f"page tables of pid {pid}")
        for pte in timeline.ptes(pid):
            entry = words.pte_text(pte.val, ".")
            lines.append(f"  {words.address_text(pte.address)}  {entry}  {pte.ref:>2}".rstrip())
    return lines or ["no process yet: n runs the first operation"]


def frame(timeline: Timeline, argument: str, about: str) -> list[str]:
    """One frame: its fields, and the ledger of who holds it."""
    pfn = _pfn_of(timeline, argument, about)
    page = timeline.machine.page
    flags = words.page_flags_text(int(page.flags[pfn]))
    state = "free" if page.free[pfn] else "in use"
    lines = [
        f"page {words.pfn_text(pfn)}  {state}  count {int(page.count[pfn])}  mapcount {int(page.mapcount[pfn])}  "
        f"flags {flags}"
    ]
    return lines + [f"  {line}" for line in words.ledger_text(timeline.holders(pfn))]


def _pfn_of(timeline: Timeline, argument: str, about: str) -> int:
    text = argument or _page_in(about) or _page_in(changed_subject(timeline)) or _page_behind(timeline)
    text = text.removeprefix("page[").partition("]")[0]
    number = int(text, 0) if text.isdecimal() or text[:2] == "0x" else -1
    if not 0 <= number < len(timeline.machine.page.count):
        raise ValueError(f'"{argument}" is no frame of this machine: 0 to {len(timeline.machine.page.count) - 1}')
    return number


def _page_in(subject: str) -> str:
    return subject if subject.startswith("page[") else ""


def _page_behind(timeline: Timeline) -> str:
    """The frame that the changed pte maps, or mapped."""
    if timeline.position:
        change = timeline.transition(timeline.position - 1)
        if change.table == "pte":
            return str((change.new or change.old) >> PAGE_SHIFT)
    raise ValueError("frame takes a frame number: frame 8, frame 0x42")


def frames(timeline: Timeline, argument: str, about: str) -> list[str]:
    """Every frame that is not free, and how many are."""
    page = timeline.machine.page
    used = [int(pfn) for pfn in (page.free == 0).nonzero()[0]]
    glyphs = timeline.frame_kinds()
    lines = [
        f"  {words.pfn_text(pfn)} {glyphs[pfn].decode()}  count {int(page.count[pfn])}  "
        f"mapcount {int(page.mapcount[pfn])}  {words.page_flags_text(int(page.flags[pfn]))}"
        for pfn in used[:200]
    ]
    return [*lines, *_more(len(used) - 200), f"{len(page.free) - len(used)} of {len(page.free)} frames are free"]


def why(timeline: Timeline, argument: str, about: str) -> list[str]:
    """The causal chain of a thing, newest first."""
    text = argument or about or changed_subject(timeline)
    if not text:
        raise ValueError("why takes a thing: why page[8]")
    if text.startswith("page[") and not argument:
        text = text.partition(".")[0]
    chain = words.why_chain(timeline, timeline.subject(text), timeline.position)
    if not chain:
        return [f"nothing has changed {words.plain(text)} yet"]
    return [f"{timeline.place_name(link.position):>8}  {link.sentence}" for link in chain]


def log(timeline: Timeline, argument: str, about: str) -> list[str]:
    """The changes around the position."""
    around = int(argument) if argument.isdecimal() else 10
    first = max(0, timeline.position - around)
    last = min(len(timeline), timeline.position + around)
    lines = [_hit_line(timeline, place, timeline.position) for place in range(first + 1, last + 1)]
    return lines or ["the log is empty"]


def backtrace(timeline: Timeline, argument: str, about: str) -> list[str]:
    """The calls that are open at this position, innermost first."""
    calls = timeline.calls_at(timeline.position) if timeline.position else []
    lines = []
    for depth, call in enumerate(reversed(calls)):
        arguments = ", ".join(f"{name} {words.argument_text(name, value)}" for name, value in call.args.items())
        lines.append(f"#{depth}  {words.plain(call.name)}" + (f"  {arguments}" if arguments else ""))
    return lines or ["no call is open: nothing has happened yet"]


def source(timeline: Timeline, argument: str, about: str) -> list[str]:
    """The model's own text of the function at work, the line that ran marked."""
    change = timeline.transition(timeline.position - 1) if timeline.position else None
    if not argument and (change is None or change.table == "trace"):
        return ["no function of the kernel made this step"]
    name = argument or (change.function if change else "")
    found = timeline.source(name)
    if found is None:
        raise ValueError(f'there is no source of "{name}" in {timeline.kernel}')
    return _source_lines(name, found, change.line if change and name == change.function else None)


def _source_lines(name: str, found: Source, current: int | None) -> list[str]:
    since = f"  since {found.release} {found.commit}".rstrip() if found.release else ""
    lines = [f"{words.plain(name)}  {found.file}{since}"]
    for number, text in enumerate(found.lines, found.first_line):
        lines.append(f"{'>' if number == current else ' '}{number:>5}  {words.plain(text)}")
    return lines


def next_source(timeline: Timeline, argument: str, about: str) -> list[str]:
    """The function at work as the next kernel restates it."""
    from mmtui.trace.kernels import KERNELS

    change = timeline.transition(timeline.position - 1) if timeline.position else None
    name = argument or (change.function if change else "")
    here = timeline.source(name) if name else None
    if here is None:
        raise ValueError("V takes a function of this kernel, or a step that one made")
    names = list(KERNELS)
    later = names[names.index(timeline.kernel) + 1 :] if timeline.kernel in names else []
    for kernel in later:
        there = timeline.source(name, kernel)
        if there is None:
            return [f"{kernel} has no {name}"]
        if there.lines != here.lines:
            return [f"in {kernel}:", *_source_lines(name, there, None)]
    return [f"no later kernel restates {words.plain(name)}"]


# Another kernel, the file again, out into a file


def other_kernel(stepper: Stepper, argument: str) -> list[str]:
    """Change to another model at the same operation; without a name list them."""
    from mmtui.trace.kernels import KERNELS

    timeline = stepper.timeline
    if not argument:
        return [f"{'>' if name == timeline.kernel else ' '} {name}" for name in KERNELS]
    if argument not in KERNELS:
        raise ValueError(f'no kernel "{argument}".{near(argument, KERNELS)}')
    place = stepper.place_of(timeline.position)
    stepper.timeline = timeline.with_kernel(argument)
    stepper.timeline.seek(stepper.position_of(place["op"], place["transition"]))
    stepper.hits = None
    return [f"kernel {argument}"]


def reloaded(stepper: Stepper) -> list[str]:
    """Read the trace from its file again, keeping the place as far as it is still there."""
    import mmtui

    timeline = stepper.timeline
    if timeline.path is None:
        raise ValueError("this trace did not come from a file")
    place = stepper.place_of(timeline.position)
    stepper.timeline = mmtui.load(str(timeline.path), kernel=timeline.kernel)
    stepper.timeline.seek(stepper.position_of(place["op"], place["transition"]))
    stepper.hits = None
    return ["read again"]


def parting(stepper: Stepper, argument: str) -> list[str]:
    """Where another kernel does something else first, and which function and commit made them part."""
    from mmtui.formats.verdicts import difference_of
    from mmtui.trace.kernels import KERNELS

    timeline = stepper.timeline
    if argument not in KERNELS or argument == timeline.kernel:
        others = ", ".join(name for name in KERNELS if name != timeline.kernel)
        raise ValueError(f"D takes another kernel: {others}.{near(argument, KERNELS)}")
    found = difference_of(timeline, timeline.with_kernel(argument))
    if found is None:
        return [f"{argument} does the same to the end"]
    lines = [f"{found.first} and {found.second} part in op {found.op}  {found.op_line}"]
    for kernel, side in zip((found.first, found.second), found.sides, strict=True):
        text = f"{side.change}  at {side.place}" if side.change else "nothing of the kind"
        lines.append(f"  {kernel}: {text}")
    if found.function:
        lines.append(f"  because of {found.function}: {found.release} {found.commit} {found.subject}".rstrip())
    return lines


def exported(stepper: Stepper, argument: str) -> list[str]:
    """Write the trace with what was added, or a report of it, as `mmtui export` does."""
    from mmtui.cli.export import command

    timeline = stepper.timeline
    if not argument or argument == "-" or timeline.path is None:
        raise ValueError("E takes a file: story.json, report.html, notes.md, screen.svg, log.perfetto.json")
    place = timeline.place_name(timeline.position)
    assert command.callback is not None
    command.callback(
        trace=str(timeline.path), output=argument, form=None, kernel=timeline.kernel,
        at=place if place == "start" else f"op:{place}", log=False, size="120x40", theme="dark", force=False,
    )  # fmt: skip
    return [f"written: {words.plain(argument)}"]
