"""`mmtui examples`: the sample traces."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("examples")
@click.argument("name", required=False)
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Copy the trace there (a file or a folder).")
@click.option("--force", is_flag=True, help="Write over a file that exists.")
def command(name: str | None, output: Path | None, force: bool) -> None:
    """List the sample traces with their titles, print the path of NAME, or copy it.

    \b
    mmtui "$(mmtui examples nopage-leak)"
    mmtui examples nopage-leak -o .
    """
    from mmtui.trace import examples

    if examples.folder() is None:
        raise click.ClickException("this installation has no sample traces")
    if name is None:
        _list()
        return
    path = examples.path_of(name)
    if path is None:
        from mmtui.trace.faults import did_you_mean

        raise click.UsageError(f'no example "{name}"{did_you_mean(name, examples.names())}')
    if output is None:
        click.echo(path)
        return
    from mmtui.cli.output import harmless
    from mmtui.formats.writing import write_file

    target = output / path.name if output.is_dir() else output
    write_file(target, path.read_bytes(), force)
    click.echo(harmless(str(target)))


def _list() -> None:
    from mmtui.cli.output import columns
    from mmtui.trace import codec, examples

    traces = [(name, codec.read(path)) for name in examples.names() if (path := examples.path_of(name))]
    for line in columns((name, trace.kernel, trace.title) for name, trace in traces):
        click.echo(line)
    click.echo(f'\n{len(traces)} traces in {examples.folder()}; open one with: mmtui "$(mmtui examples NAME)"')
