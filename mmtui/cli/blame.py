"""`mmtui blame`: which change each function of a kernel model is from."""

from __future__ import annotations

import click

from mmtui.cli.options import KernelName


@click.command("blame")
@click.argument("kernel", type=KernelName())
@click.argument("functions", nargs=-1)
@click.option("--changed", is_flag=True, help="Only functions that are not as in the oldest release.")
def command(kernel: str, functions: tuple[str, ...], changed: bool) -> None:
    """List the functions of KERNEL's model: since which release it is as it is, which commit made it so, its title."""
    from mmtui.cli.models import SHARED, entries, order_name, removed
    from mmtui.cli.output import columns
    from mmtui.engine.kernel import RELEASES
    from mmtui.trace.faults import did_you_mean

    every = [entry for entry in entries(kernel) if entry.area != SHARED]
    oldest = order_name(RELEASES[kernel])
    known = {entry.name for entry in every} | {entry.python for entry in every}
    for name in functions:
        if name not in known:
            raise click.UsageError(f'{kernel} has no function "{name}"{did_you_mean(name, sorted(known))}')
    wanted = [entry for entry in every if not functions or {entry.name, entry.python} & set(functions)]
    rows = [
        (entry.release, entry.commit or "-", entry.area, entry.name, entry.subject)
        for entry in wanted
        if not changed or entry.release != oldest
    ]
    if not functions:
        rows += [(release, commit, "(gone)", name, subject) for name, release, commit, subject in removed(kernel)]
    for line in columns(rows):
        click.echo(line)
