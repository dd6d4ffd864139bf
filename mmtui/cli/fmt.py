"""`mmtui fmt`: traces in their canonical form."""

from __future__ import annotations

from pathlib import Path

import click

from mmtui.cli.options import TRACE, KernelName


@click.command("fmt")
@click.argument("traces", nargs=-1, required=True, type=TRACE)
@click.option("--check", is_flag=True, help="Write nothing; exit with 1 if a trace is not in its canonical form.")
@click.option("-w", "--write", is_flag=True, help="Rewrite the files in place.")
@click.option("--kernel", "-k", type=KernelName(), help="Name this kernel model in what is written.")
def command(traces: tuple[str, ...], check: bool, write: bool, kernel: str | None) -> int:
    """Print TRACES in their canonical form: one operation per line, addresses in hex, no defaults, notes kept."""
    from mmtui.cli.output import harmless
    from mmtui.formats.writing import write_file
    from mmtui.trace import codec, edit
    from mmtui.trace.source import read_bytes

    if check and write:
        raise click.UsageError("--check writes nothing; leave out one of --check and --write")
    if len(traces) > 1 and not (check or write):
        raise click.UsageError("several traces on standard output would not be one: use --write or --check")
    status = 0
    for name in traces:
        data = read_bytes(name)
        trace = codec.decode(data, name)
        if trace.recording is not None:
            raise click.ClickException(f"{name}: a recording is kept as it was recorded")
        text = codec.encode(edit.with_kernel(trace, kernel))
        if check and text != data:
            click.echo(harmless(f"{name}: not in canonical form"))
            status = 1
        elif write and text != data and name != "-":
            write_file(Path(name), text, force=True)
            click.echo(harmless(name))
        elif not check and (not write or name == "-"):
            click.echo(text, nl=False)
    return status
