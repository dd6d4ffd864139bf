"""`mmtui export`: a trace with what people added, or a report of it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from mmtui.cli.options import TRACE, kernel_option

if TYPE_CHECKING:
    from mmtui.engine.timeline import Timeline
    from mmtui.trace.model import Trace
    from mmtui.ui.stepper import Stepper

ENDINGS: Final = {
    ".perfetto.json": "perfetto", ".json": "json", ".html": "html", ".htm": "html", ".md": "md", ".markdown": "md",
    ".svg": "svg",
}  # fmt: skip
"""What each ending of a file's name means; `.gz` may follow."""
FORMATS: Final = ("json", "html", "md", "svg", "perfetto")


@click.command("export")
@click.argument("trace", type=TRACE)
@click.option("-o", "--output", required=True, metavar="FILE", help="Write there; `-` is standard output.")
@click.option("--format", "form", type=click.Choice(FORMATS), help="What to write, where the name does not say it.")
@kernel_option
@click.option("--at", metavar="PLACE", help="Be here: 120, op:6, op:6.12, 50%, @mark, leak. Else where it was left.")
@click.option("--log", is_flag=True, help="With .json: put the whole log in, so that it opens without being run.")
@click.option("--size", metavar="COLSxROWS", default="120x40", show_default=True, help="With .svg: of the screen.")
@click.option("--theme", type=click.Choice(("dark", "light", "cvd", "mono")), default="dark", help="With .svg.")
@click.option("--force", is_flag=True, help="Write over a file that exists, even TRACE itself.")
def command(
    trace: str, output: str, form: str | None, kernel: str | None, at: str | None, log: bool, size: str, theme: str,
    force: bool,
) -> None:  # fmt: skip
    """Write TRACE as the ending of the file's name says, with the notes, marks and stops that are kept beside it.

    \b
    .json            the trace itself, annotated: it opens again at the same place
    .html            a report for a browser, one file, no network
    .md              a report for a commit message or a mail
    .svg             a picture of the screen
    .perfetto.json   the log for ui.perfetto.dev
    """
    form = form or _format_of(output)
    columns, rows = _size(size)
    if log and form != "json":
        raise click.UsageError("--log puts the log into a .json trace; the other formats show what they need of it")
    timeline, added = opened(trace, kernel, at)
    if log and added.recording is not None:
        raise click.UsageError("--log: a recording is its own log already")
    if form == "svg":
        from mmtui.formats.svg import screenshot

        data = screenshot(timeline, added, (columns, rows), theme)
    else:
        data = _made(form, timeline, added, log)
    from mmtui.formats.writing import write_file, write_output

    if output == "-":
        write_output(data)
    else:
        write_file(Path(output), data, force, None if trace == "-" else Path(trace))


def _format_of(output: str) -> str:
    name = output.lower().removesuffix(".gz")
    found = next((form for ending, form in ENDINGS.items() if name.endswith(ending)), None)
    if found is None:
        expected = ", ".join(ending for ending in ENDINGS if ending not in (".htm", ".markdown"))
        raise click.UsageError(f"-o {output}: expected a name ending in {expected} (or --format)")
    return found


def _size(text: str) -> tuple[int, int]:
    from mmtui.formats.svg import LARGEST, SMALLEST

    found = re.fullmatch(r"(\d{1,4})x(\d{1,4})", text)
    columns, rows = (int(found[1]), int(found[2])) if found else (0, 0)
    if not (SMALLEST[0] <= columns <= LARGEST[0] and SMALLEST[1] <= rows <= LARGEST[1]):
        smallest, largest = "x".join(map(str, SMALLEST)), "x".join(map(str, LARGEST))
        raise click.UsageError(f"--size {text}: expected {smallest} to {largest}, as 120x40")
    return columns, rows


def opened(trace: str, kernel: str | None, at: str | None) -> tuple[Timeline, Trace]:
    """The timeline, and its trace with the notes, marks, stops of the sidecar and the position that was asked for."""
    import mmtui
    from mmtui.engine.places import PlaceError
    from mmtui.formats.annotated import with_added
    from mmtui.sidecar import Sidecar
    from mmtui.ui.config import state_dir
    from mmtui.ui.stepper import Stepper

    timeline = mmtui.load(trace, kernel=kernel)
    stepper = Stepper(timeline, Sidecar.open(None if trace == "-" else Path(trace), state_dir()))
    position = _left_at(stepper)
    if at is not None:
        try:
            position = stepper.place(at)
        except PlaceError as error:
            raise click.UsageError(f"--at {at}: {error}") from None
    timeline.seek(position or 0)
    return timeline, with_added(timeline, stepper.sidecar, position)


def _left_at(stepper: Stepper) -> int | None:
    """Where the file, or else the person, left it."""
    place = stepper.timeline.trace.position
    if place is not None:
        return stepper.position_of(place.op, place.transition)
    kept = stepper.sidecar.get("position")
    return stepper.position_of(kept.get("op"), kept.get("transition")) if isinstance(kept, dict) else None


def _made(form: str, timeline: Timeline, added: Trace, log: bool) -> bytes:
    """The file. Each format is imported when it is wanted."""
    if form == "json":
        from mmtui.formats.annotated import annotated_json

        return annotated_json(timeline, added, log)
    if form == "html":
        from mmtui.formats.html import html_report

        return html_report(timeline, added)
    if form == "md":
        from mmtui.formats.markdown import markdown

        return markdown(timeline, added)
    from mmtui.formats.perfetto import perfetto_json

    return perfetto_json(timeline)
