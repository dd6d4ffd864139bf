"""`mmtui shrink`: the smallest trace that still does it."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mmtui.cli.options import TRACE, kernel_option

if TYPE_CHECKING:
    from mmtui.formats.shrinking import Shrinking
    from mmtui.trace.model import Trace

SECONDS = 0.2
"""Between two words of progress on a terminal."""
SECONDS_OF_A_LINE = 5.0
"""Between two lines of it in a file."""


@click.command("shrink")
@click.argument("trace", type=TRACE)
@click.option("--keep", "expression", required=True, metavar="EXPR", help="What must still happen.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Write it there, not to standard output.")
@kernel_option
@click.option("--force", is_flag=True, help="Write over a file that exists.")
def command(trace: str, expression: str, output: Path | None, kernel: str | None, force: bool) -> int:
    """Leave out of TRACE what is not needed for EXPR to happen: operations, then pages, ranges and flags.

    The result is run again before it is written. ctrl-c ends it early, with the smallest trace so far.
    """
    import msgspec

    from mmtui.cli.queries import compiled
    from mmtui.formats.shrinking import Shrinking
    from mmtui.formats.writing import refuse_existing
    from mmtui.loading import check_kernel
    from mmtui.trace import codec

    wanted = compiled(expression, "--keep")
    whole = codec.read(trace)
    if whole.recording is not None:
        raise click.UsageError(f"{trace}: a recording shows what happened once: it cannot be run with less")
    name = kernel or whole.kernel
    check_kernel(name, trace)
    if output is not None:
        refuse_existing(output, force, Path(trace))
    start = msgspec.structs.replace(whole, kernel=name, log=None, position=None)
    shrinking = Shrinking(start, name, wanted, _progress())
    if not shrinking.hits(start):
        raise click.ClickException(f"{trace}: '{expression}' does not happen on {name}: there is nothing to keep")
    interrupted = False
    try:
        shrinking.run()
    except KeyboardInterrupt:
        interrupted = True
    _clear()
    _write(shrinking, output, force, trace)
    _say(whole, shrinking, interrupted)
    return 130 if interrupted else 0


def _progress() -> Callable[[Shrinking], None]:
    """Says on standard error how far it is: in place on a terminal, elsewhere a line now and then."""
    last = time.monotonic()
    terminal = sys.stderr.isatty()

    def say(shrinking: Shrinking) -> None:
        nonlocal last
        if time.monotonic() - last > (SECONDS if terminal else SECONDS_OF_A_LINE):
            last = time.monotonic()
            text = f"{shrinking.stage}: {len(shrinking.best.ops)} operations, {shrinking.tried} runs"
            click.echo(f"\r{text} (ctrl-c keeps this)\x1b[K" if terminal else text, err=True, nl=not terminal)

    return say


def _clear() -> None:
    if sys.stderr.isatty():
        click.echo("\r\x1b[K", err=True, nl=False)


def _write(shrinking: Shrinking, output: Path | None, force: bool, trace: str) -> None:
    """The result, read back and run once more."""
    from mmtui.formats.writing import write_file, write_output
    from mmtui.loading import timeline_of
    from mmtui.trace import codec

    data = codec.encode(shrinking.best)
    timeline = timeline_of(codec.decode(data))
    if not len(shrinking.wanted.hits(timeline)):
        raise click.ClickException("the smaller trace does not do it when it is read back: nothing was written")
    if output is None:
        write_output(data)
    else:
        write_file(output, data, force, Path(trace))


def _say(whole: Trace, shrinking: Shrinking, interrupted: bool) -> None:
    how = "stopped: the smallest so far has" if interrupted else "kept"
    before, after = len(whole.ops), len(shrinking.best.ops)
    click.echo(f"{how} {after} of {before} operations, after {shrinking.tried} runs", err=True)
