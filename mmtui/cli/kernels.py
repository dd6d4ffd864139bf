"""`mmtui kernels`: the kernel models."""

from __future__ import annotations

import click


@click.command("kernels")
def command() -> None:
    """List the kernel models, the oldest first: name, the tree that it follows, what is new in it."""
    from mmtui.cli.output import columns
    from mmtui.trace.kernels import KERNELS
    from mmtui.trace.model import DEFAULT_KERNEL

    for line in columns(("*" if kernel.name == DEFAULT_KERNEL else " ", *kernel) for kernel in KERNELS.values()):
        click.echo(line)
    click.echo("\n* runs a trace that names no kernel.")
