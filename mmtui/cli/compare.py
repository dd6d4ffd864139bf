"""`mmtui compare`: one trace under several kernels."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import TYPE_CHECKING

import click

from mmtui.cli.options import TRACE

if TYPE_CHECKING:
    from mmtui.formats.verdicts import Difference, Side, Verdict


@click.command("compare")
@click.argument("traces", nargs=-1, required=True, type=TRACE)
@click.option("--kernels", "-k", default="all", metavar="A,B", help="The kernel models, in order; or `all` (default).")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", help="How to print it.")
def command(traces: tuple[str, ...], kernels: str, form: str) -> int:
    """Run TRACES under several kernels: what comes of each, and where neighbours part first.

    The exit status is 1 if any two neighbours do not do the same.

    \b
    mmtui compare traces/nopage-leak.json --kernels 2.6.14,2.6.15-rc2
    """
    import mmtui
    from mmtui.formats.verdicts import difference_of, verdict_of

    names = _kernels(kernels)
    parted, records = False, []
    for number, trace in enumerate(traces):
        timelines = [mmtui.load(trace, kernel=names[0])]
        timelines += [timelines[0].with_kernel(name) for name in names[1:]]
        verdicts = [verdict_of(timeline) for timeline in timelines]
        pairs = pairwise(timelines)
        differences = [difference_of(first, second) for first, second in pairs]
        parted |= any(differences)
        if form == "json":
            records.append(_record(timelines[0].source_name, verdicts, differences))
            continue
        if number:
            click.echo()
        _text(timelines[0].source_name, verdicts, differences)
    if form == "json":
        click.echo(json.dumps(records, indent=2))
    return 1 if parted else 0


def _kernels(text: str) -> list[str]:
    from mmtui.trace.faults import did_you_mean
    from mmtui.trace.kernels import KERNELS

    names = list(KERNELS) if text == "all" else [name.strip() for name in text.split(",")]
    for name in names:
        if name not in KERNELS:
            hint = did_you_mean(name, KERNELS)
            raise click.UsageError(f'--kernels: no kernel "{name}"{hint} (known: {", ".join(KERNELS)})')
    if len(names) < 2 or len(set(names)) < len(names):
        raise click.UsageError("--kernels: expected two or more different kernels, as 2.6.14,2.6.15-rc2, or `all`")
    return names


def _record(name: str, verdicts: list[Verdict], differences: list[Difference | None]) -> dict[str, object]:
    found = [difference.record() for difference in differences if difference is not None]
    return {"trace": name, "kernels": [verdict.record() for verdict in verdicts], "differences": found}


def _text(name: str, verdicts: list[Verdict], differences: list[Difference | None]) -> None:
    from mmtui.cli.output import columns
    from mmtui.words import plain

    click.echo(plain(name))
    head = ("kernel", "ops", "changes", "verdict")
    rows = [(v.kernel, str(v.operations), str(v.changes), v.text) for v in verdicts]
    for line in columns([head, *rows], indent="  "):
        click.echo(line)
    for verdict in verdicts:
        for place, text in verdict.findings.values():
            click.echo(f"  {verdict.kernel} at {place}: {text}")
    for before, after, difference in zip(verdicts, verdicts[1:], differences, strict=False):
        click.echo()
        if difference is None:
            click.echo(f"{before.kernel} and {after.kernel} do the same")
        else:
            _difference(difference)


def _difference(found: Difference) -> None:
    click.echo(f"{found.first} and {found.second} part in op {found.op}  {found.op_line}")
    width = max(len(found.first), len(found.second))
    for kernel, side in zip((found.first, found.second), found.sides, strict=True):
        click.echo(f"  {kernel:<{width}}  {_side(side)}")
    if found.function:
        since = f"{found.release} {found.commit}".strip()
        subject = f', "{found.subject}"' if found.subject else ""
        click.echo(f"  because of {found.function}: {since}{subject}")
    else:
        click.echo("  in functions that both have alike: a constant or a small helper of the model differs")


def _side(side: Side) -> str:
    if not side.change:
        return "nothing of the kind"
    return f"{side.change}  at {side.place}" + (f" in {side.function}" if side.function else "")
