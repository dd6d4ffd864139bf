"""`mmtui show`: the machine at a place as text."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from mmtui.cli.options import TRACE, kernel_option

if TYPE_CHECKING:
    from mmtui.engine.timeline import Timeline

VIEWS = ("vm", "vtop", "kmem", "ledger")


@click.command("show")
@click.argument("view", type=click.Choice(VIEWS))
@click.argument("trace", type=TRACE)
@click.option("--at", metavar="PLACE", help="120, op:6, op:6.12, 50%, @mark, leak. Else where it was left, or the end.")
@kernel_option
@click.option("--pid", "pids", multiple=True, metavar="PID", help="vm, vtop: only this process (repeatable).")
@click.option("--addr", "addresses", multiple=True, metavar="ADDR", help="vtop: translate this address (repeatable).")
@click.option("--pfn", "pfns", multiple=True, metavar="PFN", help="kmem, ledger: only this frame (repeatable).")
@click.option("--all", "every", is_flag=True, help="kmem: free frames too.")
def command(
    view: str, trace: str, at: str | None, kernel: str | None, pids: tuple[str, ...], addresses: tuple[str, ...],
    pfns: tuple[str, ...], every: bool,
) -> None:  # fmt: skip
    """Print the state of TRACE at a place, in the layout that users of crash know.

    \b
    vm       processes with their mm and vmas
    vtop     from virtual addresses to page frames
    kmem     page frames, as kmem -p
    ledger   pages that nobody will free, and who let go of them
    """
    _refuse_others(view, {"--pid": (pids, ("vm", "vtop")), "--addr": (addresses, ("vtop",)),
                          "--pfn": (pfns, ("kmem", "ledger")), "--all": (every, ("kmem",))})  # fmt: skip
    timeline = _at(trace, kernel, at)
    for line in _lines(view, timeline, pids, addresses, pfns, every):
        click.echo(line)


def _at(trace: str, kernel: str | None, at: str | None) -> Timeline:
    """The timeline at the place that was asked for, where it was left, or at its end."""
    from mmtui.cli.export import opened

    timeline, added = opened(trace, kernel, at)
    if added.position is None:
        timeline.seek(len(timeline))
    return timeline


def _refuse_others(view: str, given: dict[str, tuple[object, tuple[str, ...]]]) -> None:
    for option, (value, views) in given.items():
        if value and view not in views:
            raise click.UsageError(f"{option} belongs to show {' and show '.join(views)}, not to show {view}")


def _lines(
    view: str, timeline: Timeline, pids: tuple[str, ...], addresses: tuple[str, ...], pfns: tuple[str, ...], every: bool
) -> Iterable[str]:
    from mmtui.formats import crash, owners

    if view in ("vm", "vtop"):
        there = [process.pid for process in timeline.processes()]
        wanted = [_number(text, "--pid") for text in pids] or there
        for pid in wanted:
            if pid not in there:
                known = ", ".join(map(str, there)) or "none"
                raise click.UsageError(f"--pid {pid}: no such process at {_here(timeline)} (there: {known})")
        if not there:
            return [f"no process at {_here(timeline)}"]
        if view == "vm":
            return crash.vm_lines(timeline, wanted)
        return crash.vtop_lines(timeline, wanted, [_number(text, "--addr") for text in addresses])
    frames = [_frame(timeline, text) for text in pfns]
    if view == "ledger":
        return owners.ledger_lines(timeline, frames)
    chosen = frames or (range(len(timeline.machine.page.count)) if every else crash.used_frames(timeline))
    return crash.kmem_lines(timeline, (pfn for pfn in chosen if frames or pfn not in set(timeline.holes.tolist())))


def _here(timeline: Timeline) -> str:
    return timeline.place_name(timeline.position)


def _number(text: str, option: str) -> int:
    try:
        number = int(text, 0)
    except ValueError:
        raise click.UsageError(f"{option} {text}: expected a number, as 16 or 0x10") from None
    if not 0 <= number < 1 << 48:
        raise click.UsageError(f"{option} {text}: expected 0 to {(1 << 48) - 1:#x}")
    return number


def _frame(timeline: Timeline, text: str) -> int:
    pfn, frames = _number(text, "--pfn"), len(timeline.machine.page.count)
    if pfn >= frames:
        raise click.UsageError(f"--pfn {text}: the machine has frames 0 to {frames - 1} ({frames - 1:#x})")
    return pfn
