"""`mmtui TRACE`: the stepper."""

from __future__ import annotations

import gc
import sys

import click

from mmtui.cli.options import TRACE, kernel_option


@click.command("open")
@click.argument("trace", type=TRACE)
@kernel_option
@click.option("--at", metavar="PLACE", help="Begin here (120, op:6, op:6.12, 50%, @mark, leak), not where it was left.")
def command(trace: str, kernel: str | None, at: str | None) -> int:
    """Open TRACE in the stepper and walk it, forwards and backwards."""
    if trace == "-":
        raise click.UsageError("the stepper needs standard input for its keys: save the trace in a file first")
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        import mmtui

        mmtui.load(trace, kernel)  # what is wrong with the trace comes first
        raise click.UsageError("the stepper needs a terminal; without one: mmtui run, or mmtui step --plain")
    gc.disable()  # imports make no cyclic garbage, but much to look through; the app enables it with its first state
    from mmtui.ui.app import run

    return run(trace, kernel=kernel, at=at)
