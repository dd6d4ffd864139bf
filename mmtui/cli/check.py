"""`mmtui check`: traces as tests."""

from __future__ import annotations

import json
import multiprocessing
import signal
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import click

from mmtui.cli.checking import Asked, Checked, check_one, junit
from mmtui.cli.options import TRACE, KernelName


@click.command("check")
@click.argument("traces", nargs=-1, required=True, type=TRACE)
@click.option("--kernel", "-k", "kernels", multiple=True, type=KernelName(), help="Run on this model (repeatable).")
@click.option("--never", multiple=True, metavar="EXPR", help="Fail where this happens (repeatable).")
@click.option("--always", multiple=True, metavar="EXPR", help="Fail where a change makes this comparison false.")
@click.option(
    "--expect", type=click.Path(dir_okay=False, path_type=Path), help="Fail where a run differs from this file."
)
@click.option("--update", is_flag=True, help="Write what happened to the --expect file.")
@click.option("--rerun", is_flag=True, help="Fail where running a trace differs from the log exported in it.")
@click.option("--format", "form", type=click.Choice(["text", "json", "junit"]), default="text", help="How to report.")
@click.option("-j", "--jobs", type=click.IntRange(1, 64), default=1, help="Check so many traces at once.")
def command(
    traces: tuple[str, ...], kernels: tuple[str, ...], never: tuple[str, ...], always: tuple[str, ...],
    expect: Path | None, update: bool, rerun: bool, form: str, jobs: int,
) -> int:  # fmt: skip
    """Check TRACES for CI: exit with 1 and the place if something happens that never should, or differs.

    A file of operations and of what a real kernel showed after each (`oplist`, `steps`) is run on the model 6.x
    instead, and compared step by step.

    \b
    mmtui check traces/*.json --never leak --never free_unpaged
    mmtui check traces/*.json --expect golden.json --update
    """
    from mmtui.cli.queries import compiled, opposite

    for text in never:
        compiled(text, "--never")
    for text in always:
        opposite(text, "--always")
    if update and expect is None:
        raise click.UsageError("--update writes the file that --expect names")
    golden = {} if update or expect is None else _golden(expect)
    asked = Asked(never, always, None if expect is None else golden, update, rerun)
    results = _all([(trace, kernel, asked) for trace in traces for kernel in kernels or (None,)], jobs)
    if update and expect is not None:
        _write_golden(expect, results)
    _REPORTS[form](results)
    return 2 if any(r.error for r in results) else 1 if any(r.failures for r in results) else 0


def _all(work: list[tuple[str, str | None, Asked]], jobs: int) -> list[Checked]:
    if jobs == 1 or len(work) == 1:
        return [check_one(*piece) for piece in work]
    before = signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))  # no worker outlives us
    try:
        with multiprocessing.Pool(min(jobs, len(work)), _ignore_ctrl_c) as pool:
            return pool.starmap(check_one, work, chunksize=1)
    finally:
        signal.signal(signal.SIGTERM, before)


def _ignore_ctrl_c() -> None:
    """In a worker: whoever started it ends it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _golden(path: Path) -> dict[str, Any]:
    try:
        golden = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise click.UsageError(f"{path}: no such file (--update writes it)") from None
    except (OSError, ValueError, RecursionError) as e:
        raise click.ClickException(f"{path}: not a file of expectations: {e}") from None
    runs = golden.get("runs") if isinstance(golden, dict) and golden.get("mmtui-expect") == 1 else None
    if not isinstance(runs, dict):
        raise click.ClickException(f'{path}: not a file of expectations: it needs "mmtui-expect": 1 and "runs"')
    return runs


def _write_golden(path: Path, results: Iterable[Checked]) -> None:
    """One run per line, so that a change reads well in a diff."""
    from mmtui.formats.writing import write_file

    runs = sorted((result.key, result.summary) for result in results if result.summary is not None)
    lines = ",\n".join(f"    {json.dumps(key)}: {json.dumps(summary)}" for key, summary in runs)
    write_file(path, f'{{\n  "mmtui-expect": 1,\n  "runs": {{\n{lines}\n  }}\n}}\n'.encode(), force=True)


def _text(results: list[Checked]) -> None:
    from mmtui.cli.output import harmless

    for result in results:
        if result.error:
            for line in result.error.split("\n"):
                click.echo(harmless(f"error  {line}"))
        for failure in result.failures:
            click.echo(harmless(f"FAIL   {result.trace} on {result.kernel}: {failure}"))
        if not result.error and not result.failures:
            click.echo(harmless(f"ok     {result.trace} on {result.kernel}"))
    bad = sum(bool(result.failures or result.error) for result in results)
    click.echo(f"{len(results)} checked, {bad} failed" if bad else f"{len(results)} checked, all ok")


def _json(results: list[Checked]) -> None:
    click.echo(json.dumps([result.record() for result in results], indent=2))


def _junit(results: list[Checked]) -> None:
    click.echo(junit(results))


_REPORTS: dict[str, Callable[[list[Checked]], None]] = {"text": _text, "json": _json, "junit": _junit}
