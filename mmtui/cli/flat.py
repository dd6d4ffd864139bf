"""`mmtui flat`: a whole kernel model as one text."""

from __future__ import annotations

import textwrap

import click

from mmtui.cli.options import KernelName


@click.command("flat")
@click.argument("kernel", type=KernelName())
def command(kernel: str) -> None:
    """Print all of KERNEL's model, area by area, each function as this kernel has it and with the change it is from."""
    from mmtui.cli.models import definitions, entries
    from mmtui.trace.kernels import KERNELS

    about = KERNELS[kernel]
    click.echo(f"# {kernel} ({about.tree}): {about.about}")
    for area, text in definitions(kernel):
        click.echo(f"\n# {area}: constants and helpers\n{text}")
    area = ""
    for entry in entries(kernel):
        if entry.area != area:
            area = entry.area
            click.echo(f"\n\n# {'=' * 20} {area} {'=' * 20}")
        since = f"\n# [{entry.release}] {entry.commit} {entry.subject}".rstrip() if entry.commit else ""
        click.echo(f"{since}\n{textwrap.dedent(entry.text)}")
