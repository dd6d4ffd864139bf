"""`mmtui step`: the stepper; with --plain on a line-by-line prompt."""

from __future__ import annotations

import contextlib
import getpass
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import click

from mmtui.cli.options import TRACE, kernel_option


@click.command("step")
@click.argument("trace", type=TRACE)
@click.option("--plain", is_flag=True, help="A prompt, not the screen: for screen readers, dumb terminals, scripts.")
@kernel_option
@click.option("--at", metavar="PLACE", help="Begin here (120, op:6, op:6.12, 50%, @mark, leak).")
def command(trace: str, plain: bool, kernel: str | None, at: str | None) -> int:
    """Walk TRACE, forwards and backwards.

    With --plain every command is a line (`n`, `s 5`, `w page[8].count`, `/ leak`; `?` lists them) and may come from a
    pipe; the exit status is then 2 if one of them was wrong.
    """
    if not plain:
        from mmtui.cli.open import command as open_command

        callback = open_command.callback
        assert callback is not None
        status = callback(trace, kernel, at)
        return int(status or 0)
    if trace == "-":
        raise click.UsageError("the prompt reads its commands from standard input: save the trace in a file first")
    return _plain(trace, kernel, at)


def _plain(trace: str, kernel: str | None, at: str | None) -> int:
    import mmtui
    from mmtui.cli.prompt import Prompt
    from mmtui.engine.places import PlaceError
    from mmtui.sidecar import Sidecar
    from mmtui.ui.config import state_dir
    from mmtui.ui.stepper import Stepper

    timeline = mmtui.load(trace, kernel=kernel)
    stepper = Stepper(timeline, Sidecar.open(Path(trace), state_dir()), _author())
    prompt = Prompt(stepper, click.echo)
    try:
        prompt.begin(at)
    except PlaceError as error:
        raise click.UsageError(str(error)) from None
    return prompt.loop(_lines())


def _author() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return ""


def _lines() -> Iterable[str]:
    """The commands, one a line; prompted for, with line editing, where a person types them."""
    readable_input()
    if not sys.stdin.isatty():
        return iter(sys.stdin)
    with contextlib.suppress(ImportError):
        import readline  # noqa: F401  (gives input() its history and editing)
    return _typed()


def readable_input() -> None:
    """Let bytes that are no text through as escapes: they are a wrong command, not a fault."""
    if hasattr(sys.stdin, "reconfigure"):
        sys.stdin.reconfigure(errors="backslashreplace")


def _typed() -> Iterator[str]:
    while True:
        try:
            yield input("(mmtui) ")
        except EOFError:
            return
        except KeyboardInterrupt:
            click.echo("\nq leaves")
