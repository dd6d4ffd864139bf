"""`mmtui`: finds the command, runs it, and turns whatever goes wrong into one line and an exit status.

0 fine; 1 found what was asked for; 2 wrong usage, a wrong trace, a limit.
"""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from mmtui.cli.registry import COMMANDS, DEFAULT, GROUPS
from mmtui.version import VERSION

FOUND = 1
WRONG = 2
INTERRUPTED = 130
PIPE_CLOSED = 141


class EndedError(Exception):
    """A command that was ended from outside: `status` says how, as a shell does. click would say it its own way."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class Commands(click.Group):
    """Imports a command's module when it is wanted; a first word that is a file, not a command, opens it."""

    def invoke(self, ctx: click.Context) -> object:
        """Runs the command; a closed pipe and ctrl-c pass click by."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            raise EndedError(PIPE_CLOSED) from None
        except KeyboardInterrupt:
            raise EndedError(INTERRUPTED) from None

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands that this installation has."""
        return [name for name, (module, _) in COMMANDS.items() if importlib.util.find_spec(f"mmtui.cli.{module}")]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, its module imported now; None if there is none of that name."""
        if cmd_name not in self.list_commands(ctx):
            return None
        if cmd_name != "record":  # what is recorded gets its user's own environment
            # OpenBLAS would start a thread for each processor when numpy is imported; nothing here multiplies matrices.
            os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
        module = importlib.import_module(f"mmtui.cli.{COMMANDS[cmd_name][0]}")
        command = module.command
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The first word's command; the default one if it looks like a file; else an error with the nearest name.

        An option of the default command may stand before the trace: `mmtui --at leak x.json`.
        """
        word = args[0]
        if word.startswith("-") and word != "-":
            if not any(Path(arg).is_file() for arg in args[1:]):
                near = difflib.get_close_matches(word, ["--version", "--help"], 1)
                raise click.NoSuchOption(word, possibilities=near, ctx=ctx)
            return DEFAULT, self.get_command(ctx, DEFAULT), args
        if word not in COMMANDS:
            if Path(word).exists() or word == "-" or os.sep in word or "." in word:
                return DEFAULT, self.get_command(ctx, DEFAULT), args
            ctx.fail(f"no command and no file '{word}'; {self._hint(ctx, word)}")
        return super().resolve_command(ctx, args)

    def _hint(self, ctx: click.Context, word: str) -> str:
        from mmtui.trace import examples

        if examples.path_of(word):
            return f'there is an example of that name: mmtui "$(mmtui examples {word})"'
        near = difflib.get_close_matches(word, self.list_commands(ctx), 1, 0.5)
        return f"did you mean '{near[0]}'?" if near else "`mmtui --help` lists the commands."

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The commands in their groups, without importing one of them."""
        there = set(self.list_commands(ctx))
        for title, group in GROUPS.items():
            if rows := [(name, line) for name, (_, line) in group.items() if name in there]:
                with formatter.section(title):
                    formatter.write_dl(rows, col_max=12)


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "ignore_unknown_options": True},
    no_args_is_help=True,
)
@click.version_option(VERSION, "-V", "--version", message="%(prog)s %(version)s")
def cli() -> None:
    """A time-travel debugger for page accounting in Linux memory management.

    \b
    mmtui TRACE                       step through a trace, both ways
    mmtui examples                    traces to begin with
    mmtui COMMAND --help              about one command
    """


def main(args: Sequence[str] | None = None) -> None:
    """Runs the command line and exits. No exception leaves it but SystemExit."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(
                errors="backslashreplace"
            )  # a terminal that cannot show a character is no reason to fail
    sys.exit(_status(args))


def _status(args: Sequence[str] | None) -> int:
    try:
        status = cli.main(args, prog_name="mmtui", standalone_mode=False)
        if sys.stdout is not None:  # None: it was closed before we began
            sys.stdout.flush()
        return status if isinstance(status, int) else 0
    except click.exceptions.Exit as e:
        return e.exit_code
    except click.ClickException as e:
        return _say_usage(e)
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except (EndedError, BrokenPipeError) as e:
        status = e.status if isinstance(e, EndedError) else PIPE_CLOSED
        if status == PIPE_CLOSED:  # what is still buffered has nowhere to go; Python would complain at its end
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return status
    except Exception as e:
        return _say(e)


def _say_usage(e: click.ClickException) -> int:
    from mmtui.cli.output import harmless

    if isinstance(e, click.exceptions.NoArgsIsHelpError):
        click.echo(e.format_message())
        return WRONG
    where = f"  ({e.ctx.command_path} --help)" if isinstance(e, click.UsageError) and e.ctx else ""
    click.echo(f"mmtui: {harmless(e.format_message())}{where}", err=True)
    return WRONG


def _say(e: Exception) -> int:
    """One line for a person; the traceback only for who asks for it."""
    from mmtui.cli.output import harmless
    from mmtui.engine.errors import MmtuiError

    if os.environ.get("MMTUI_DEBUG"):
        raise e
    if isinstance(e, MmtuiError) or type(e).__module__.startswith("mmtui."):  # raised on purpose, to be read
        lines = harmless(str(e)).split("\n")
    elif isinstance(e, OSError):
        where = f"{e.filename}: " if e.filename else ""
        lines = [harmless(f"{where}{e.strerror or e}")]
    elif isinstance(e, MemoryError):
        lines = ["too large for this machine's memory"]
    else:
        lines = [harmless(f"a fault of mmtui itself: {type(e).__name__}: {e}  (MMTUI_DEBUG=1 shows where)")]
    for line in lines:
        click.echo(f"mmtui: {line}", err=True)
    return WRONG
