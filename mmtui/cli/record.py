"""`mmtui record -- CMD`: run a command and record what the kernel does to its memory."""

from __future__ import annotations

import shutil
import sys
import time
from pathlib import Path
from typing import NoReturn

import click

from mmtui.cli.output import harmless
from mmtui.live.record import Options, Recorded, RecordError, record
from mmtui.live.record_book import Book

IN_PLACE = 0.3
IN_LINES = 3.0


class Progress:
    """A line on stderr now and then; always the same one where the program's own output goes elsewhere."""

    def __init__(self) -> None:
        self._in_place = sys.stderr.isatty() and not sys.stdout.isatty()
        self._every = IN_PLACE if self._in_place else IN_LINES
        self._last = time.monotonic()
        self._shown = False

    def tick(self, book: Book) -> None:
        """Called at every stop."""
        now = time.monotonic()
        if now - self._last < self._every:
            return
        self._last, self._shown = now, True
        text = f"mmtui: {book.steps} stops, {_processes(book.processes)}"
        sys.stderr.write(f"\r{text}\x1b[K" if self._in_place else f"{text}\n")
        sys.stderr.flush()

    def say(self, text: str) -> None:
        """A line of its own."""
        if self._in_place and self._shown:
            sys.stderr.write("\r\x1b[K")
            self._shown = False
        sys.stderr.write(f"mmtui: {harmless(text)}\n")
        sys.stderr.flush()


@click.command("record", context_settings={"ignore_unknown_options": False, "allow_interspersed_args": False})
@click.option("-o", "--output", "out", type=click.Path(path_type=Path), help="The recording; .gz compresses it.")
@click.option(
    "--steps/--events", "steps", default=True,
    help="Stop the program at every system call and fault and read its state (exact, slow), or only note the faults.",
)  # fmt: skip
@click.option("--max-steps", type=click.IntRange(min=1), metavar="N", help="Record N stops; the program then runs on.")
@click.option("--anonymize", is_flag=True, help="Neutral paths, names, addresses and frame numbers in the file.")
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
def command(out: Path | None, steps: bool, max_steps: int | None, anonymize: bool, command: tuple[str, ...]) -> None:
    """Run COMMAND and record every page fault, fork, mapping and copy that the kernel makes for it.

    The command runs exactly as given, without a shell; its output and its exit status are its own. Ctrl-C ends the
    recording and keeps it. Root sees frames; without root they are symbolic.
    Example: mmtui record -- sh -c 'ls | wc -l'
    """
    progress = Progress()
    if shutil.which(command[0]) is None:
        _fail(f"{command[0]}: no such command, or not executable")
    options = Options(command, out or _free_name(command[0]), max_steps, anonymize, steps)
    try:
        recorded = record(options, progress.say, progress.tick)
    except RecordError as error:
        _fail(str(error))
    _tell(recorded, options, progress)
    status = recorded.outcome.status
    click.get_current_context().exit(status if status >= 0 else 128 - status)


def _fail(reason: str) -> NoReturn:
    """One line and exit status 2."""
    click.echo(f"mmtui record: {harmless(reason)}", err=True)
    click.get_current_context().exit(2)


def _free_name(program: str) -> Path:
    """PROGRAM.mmrec.gz in the current directory, numbered rather than overwriting an older one."""
    stem = Path(program).name
    path = Path(f"{stem}.mmrec.gz")
    number = 2
    while path.exists():
        path = Path(f"{stem}-{number}.mmrec.gz")
        number += 1
    return path


def _tell(recorded: Recorded, options: Options, progress: Progress) -> None:
    outcome = recorded.outcome
    if outcome.inexact:
        progress.say(f"{outcome.inexact} times two tasks ran at once: the order of their stops is not exact there")
    for note in outcome.notes[:3]:
        progress.say(note)
    if outcome.ended != "the program ended":
        progress.say(f"the recording stopped early: {outcome.ended}")
    contents = "" if options.anonymize else "; it contains addresses and paths"
    size = recorded.path.stat().st_size / 1024
    what = f"{recorded.steps} stops of {_processes(recorded.processes)}"
    progress.say(f"recorded {what} in {recorded.path} ({size:.0f} KiB{contents})")


def _processes(count: int) -> str:
    return f"{count} process" + ("" if count == 1 else "es")
