"""`mmtui lint`: doubts about traces."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from mmtui.cli.options import TRACE, kernel_option

if TYPE_CHECKING:
    from mmtui.engine.timeline import Timeline
    from mmtui.trace.errors import Problem


@click.command("lint")
@click.argument("traces", nargs=-1, required=True, type=TRACE)
@kernel_option
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", help="How to print it.")
def command(traces: tuple[str, ...], kernel: str | None, form: str) -> int:
    """Say what TRACES probably did not mean: unused drivers, pins never released, operations that nothing reaches."""
    import mmtui
    from mmtui.cli.output import harmless
    from mmtui.trace.lint import lint

    found = 0
    for name in traces:
        timeline = mmtui.load(name, kernel=kernel)
        if timeline.trace.recording is not None:
            continue  # what was recorded happened
        doubts = [*lint(timeline.trace), *_of_run(timeline)]
        found += len(doubts)
        for doubt in doubts:
            record = {"trace": name, "place": doubt.place, "doubt": doubt.reason}
            click.echo(json.dumps(record) if form == "json" else harmless(f"{name}: {doubt}"))
    return 1 if found else 0


def _of_run(timeline: Timeline) -> Iterator[Problem]:
    """What only running it shows."""
    from mmtui.trace.errors import Problem

    reached, there = timeline.op_count, len(timeline.trace.ops)
    if reached < there:
        result = timeline.result(reached - 1)
        reason = f"never reached on {timeline.kernel}: operation {reached - 1} ends the run ({result})"
        yield Problem(
            f"ops[{reached}]", reason + (f", nor are the {there - reached - 1} after it" if there - reached > 1 else "")
        )
    stops = [expr for expr in timeline.trace.breakpoints if len(timeline.find(expr))]
    if not stops and not timeline.trace.bookmarks:
        reason = (
            f"none of its breakpoints is hit on {timeline.kernel}" if timeline.trace.breakpoints else "no breakpoint"
        )
        yield Problem("breakpoints", f"{reason}, and there is no bookmark: nowhere to stop and look")
