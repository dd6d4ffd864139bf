"""`mmtui import`: a kernel trace as a recording."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("import")
@click.argument("file", type=click.Path(path_type=str, allow_dash=True))
@click.option("-o", "--output", "out", required=True, type=click.Path(path_type=Path), help="The recording to write.")
@click.option("--force", is_flag=True, help="Write over a file that exists.")
def command(file: str, out: Path, force: bool) -> None:
    """Turn FILE, a kernel trace, into a recording that every command opens.

    FILE is what ftrace's `trace` file, `trace-cmd report` (with or without -R) or `perf script` print, or a trace.dat
    or perf.data that those tools can read. Wanted are page faults, kmem:mm_page_alloc and mm_page_free, system calls,
    and the scheduler's fork, exec and exit.

    \b
    mmtui import trace.txt -o run.jsonl.gz
    mmtui run run.jsonl.gz
    """
    from mmtui.cli.output import harmless
    from mmtui.formats.writing import refuse_existing, write_file
    from mmtui.live.importer_file import import_file

    refuse_existing(out, force, Path(file))
    done = import_file(file)
    write_file(out, done.data, force, Path(file))
    click.echo(harmless(f"{out}: {done.stops} stops of {done.events} events ({done.form})"))
    if done.lost:
        click.echo(f"{done.lost} events were lost; the recording says where")
    if done.found:
        places = "1 place contradicts" if done.found == 1 else f"{done.found} places contradict"
        click.echo(f"{places} what the events before it say: stop at leak, limbo, free_mapped, window_on_foreign")
    if done.skipped:
        click.echo(f"{done.skipped} lines and events were not about memory")
