"""`mmtui cut`: some operations of a trace."""

from __future__ import annotations

import re
from pathlib import Path

import click

from mmtui.cli.options import TRACE, KernelName


@click.command("cut")
@click.argument("trace", type=TRACE)
@click.argument("piece", metavar="A..B")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Write the piece there, not to standard output.")
@click.option("--force", is_flag=True, help="Write over a file that exists.")
@click.option("--kernel", "-k", type=KernelName(), help="Name this kernel model in what is written.")
def command(trace: str, piece: str, output: Path | None, force: bool, kernel: str | None) -> None:
    """Keep the operations from A up to, not including, B. Either may be left out: `..7` is the first seven.

    Notes and bookmarks move with their operations. What the piece needs from before A is not kept with it; of a
    recording it is: everything before A is folded into one first stop for each process.
    """
    from mmtui.formats.writing import write_file
    from mmtui.trace import codec, edit
    from mmtui.trace.source import read_bytes

    data = read_bytes(trace)
    if codec.is_recording(data):
        text = _of_recording(data, trace, piece)
    else:
        whole = codec.decode(data, trace)
        first, end = _piece(piece, len(whole.ops))
        text = codec.encode(edit.with_kernel(edit.keep(whole, range(first, end)), kernel))
    if output is None:
        click.echo(text, nl=False)
    else:
        write_file(output, text, force, Path(trace))


def _of_recording(data: bytes, name: str, piece: str) -> bytes:
    from mmtui.live import fold, recording

    found = recording.decode(data, name)
    first, end = _piece(piece, len(found.stops))
    try:
        return fold.cut(data, found, first, end)
    except fold.FoldError as error:
        raise click.ClickException(f"{name}: {error}") from None


def _piece(text: str, ops: int) -> tuple[int, int]:
    found = re.fullmatch(r"(?:op:)?(\d{0,12})\.\.(?:op:)?(\d{0,12})", text)
    if not found:
        raise click.UsageError(f'expected A..B, two numbers of operations, got "{text}"')
    first, end = int(found[1] or 0), int(found[2] or ops)
    if not first <= end <= ops:
        raise click.UsageError(f"{first}..{end}: expected 0 <= A <= B <= {ops}, the number of operations")
    return first, end
