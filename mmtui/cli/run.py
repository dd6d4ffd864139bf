"""`mmtui run`: a replay without a screen."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

import click

from mmtui.cli.options import TRACE, kernel_option

if TYPE_CHECKING:
    from mmtui.engine.query import Query
    from mmtui.engine.timeline import Timeline


WIDEST: Final = 64
SAMPLE: Final = 1000
"""The column of results is as wide as the first operations need, within reason."""


@click.command("run")
@click.argument("traces", nargs=-1, required=True, type=TRACE)
@kernel_option
@click.option(
    "--break", "breaks", multiple=True, metavar="EXPR", help="Stop where this happens; exit with 1 if it does."
)
@click.option("--format", "form", type=click.Choice(["text", "jsonl"]), default="text", help="How to print it.")
@click.option("--state", is_flag=True, help="The whole state after each operation.")
def command(traces: tuple[str, ...], kernel: str | None, breaks: tuple[str, ...], form: str, state: bool) -> int:
    """Replay TRACES: each operation with its result, and every stop, in words.

    A trace's own breakpoints are shown as stops but leave the exit status at 0; those given with --break make it 1.
    """
    import mmtui
    from mmtui.cli.queries import compiled

    queries = [compiled(text, "--break") for text in breaks]
    found = False
    for number, name in enumerate(traces):
        timeline = mmtui.load(name, kernel=kernel)
        if form == "jsonl":
            found |= _objects(timeline, queries, state)
            continue
        if number:
            click.echo()
        found |= _text(timeline, queries, state)
    return 1 if found else 0


def _objects(timeline: Timeline, queries: list[Query], state: bool) -> bool:
    """One JSON object per operation; stops that were asked for go to standard error, objects are only operations."""
    from mmtui.cli.queries import stop_at

    for record in timeline.report(state=state):
        click.echo(json.dumps(record))
    found = False
    for query in queries:
        for position in query.hits(timeline).tolist():
            found = True
            stop = stop_at(timeline, position, query.text)
            click.echo(f"{timeline.source_name}: {stop.place}: {stop.what}", err=True)
    return found


def _text(timeline: Timeline, queries: list[Query], state: bool) -> bool:
    from mmtui import words
    from mmtui.cli.tables import state_lines

    title = f"  {words.plain(timeline.trace.title)}" if timeline.trace.title else ""
    click.echo(f"{words.plain(timeline.source_name)}  on {timeline.kernel}{title}")
    asked = {p for query in queries for p in query.hits(timeline).tolist()}
    stops = _stops(timeline, queries)
    reports: Iterator[dict[str, Any]] = iter(timeline.report(state=True)) if state else iter(())
    names = [_op_text(timeline, number) for number in range(min(timeline.op_count, SAMPLE))]
    width = min(max(map(len, names), default=0), WIDEST)
    for number in range(timeline.op_count):
        note = timeline.op(number).note
        line = f"{number:>4}  {_op_text(timeline, number):<{width}}  {words.plain(timeline.result(number))}"
        click.echo(line + (f"  # {words.plain(note)}" if note else ""))
        for text in stops.get(number, ()):
            click.echo(f"      {text}")
        if state:
            for text in state_lines(next(reports)["state"]):
                click.echo(f"      {text}")
    click.echo(_foot(timeline))
    return bool(asked)


def _op_text(timeline: Timeline, number: int) -> str:
    """An operation in words, always with its process: here nothing else says whose it is."""
    from mmtui import words

    op, details = timeline.op(number), words.op_details(timeline, number)
    pid = getattr(op, "pid", None)
    whose = "" if pid is None or details.startswith("pid ") else f"pid {pid}  "
    return f"{words.plain(op.name)}  {whose}{details}"


def _stops(timeline: Timeline, queries: list[Query]) -> dict[int, list[str]]:
    """The lines to show under each operation: what a reader wants to see, and where the breakpoints stop."""
    from mmtui import words
    from mmtui.cli.queries import SHOWN, compiled, stop_at

    every = [*queries, *(compiled(text, "breakpoint") for text in timeline.trace.breakpoints)]
    hits = {position: query.text for query in reversed(every) for position in query.hits(timeline).tolist()}
    found: list[tuple[int, int, str]] = []
    seen = set()
    for event in timeline.events():
        if event.kind in SHOWN:
            what, why = words.stop_text(timeline, event)
            mark = "STOP" if event.position in hits else "    "
            seen.add(event.position)
            place = timeline.place_name(event.position)
            found.append((event.position, event.op, f"{mark} {place}  {event.kind}  {what}  {why}".rstrip()))
    for position in sorted(set(hits) - seen):
        stop = stop_at(timeline, position, hits[position])
        found.append((position, timeline.op_at(position), f"STOP {stop.place}  {stop.what}  {stop.why}".rstrip()))
    by_op: dict[int, list[str]] = {}
    for _, op, text in sorted(found):
        by_op.setdefault(op, []).append(text)
    return by_op


def _foot(timeline: Timeline) -> str:
    from mmtui.cli.queries import SHOWN
    from mmtui.words import count_text

    kinds = [event.kind for event in timeline.events() if event.kind in SHOWN]
    events = ", ".join(f"{kind} {kinds.count(kind)}" for kind in SHOWN if kind in kinds) or "nothing went wrong"
    missing = len(timeline.trace.ops) - timeline.op_count
    over = f"  ({count_text(missing, 'operation')} never reached)" if missing > 0 else ""
    changes = count_text(len(timeline), "change")
    return f"      {count_text(timeline.op_count, 'operation')}, {changes}: {events}{over}"
