"""From a file of trace events to the bytes of a recording: which kind of file it is, and what reads it."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any, Final, NamedTuple

from mmtui.live.importer import Importer
from mmtui.live.importer_lines import Lines, read_lines
from mmtui.live.importer_scan import FAULTS
from mmtui.trace.errors import Problem, TraceError
from mmtui.trace.source import read_bytes

_TRACE_DAT: Final = b"\x17\x08\x44tracing"
_PERF_DATA: Final = (b"PERFILE2", b"2ELIFREP")
_PERF_FIELDS: Final = ("-F", "sw:comm,pid,tid,time,event,addr", "-F", "trace:comm,pid,tid,cpu,time,event,trace")
_TIMEOUT: Final = 300


class Imported(NamedTuple):
    """The recording, and what came of the file: events, stops, lines that meant nothing, events that were lost."""

    data: bytes
    events: int
    stops: int
    skipped: int
    lost: int
    found: int
    unseen_frees: int
    form: str


def import_file(path: str) -> Imported:
    """Read a file of events, text or binary, gzip or not. Raises TraceError with the reason why it cannot be."""
    data = read_bytes(path)
    text, tool = _text(path, data)
    lines = read_lines(text.splitlines())
    if not lines.events:
        known = "`trace` of ftrace, `trace-cmd report`, `perf script`, trace.dat or perf.data"
        raise TraceError(path, [Problem("", f"no line of it is an event of a kernel trace ({known})")])
    return import_lines(lines, tool)


def import_lines(lines: Lines, tool: str = "") -> Imported:
    """The recording that events make."""
    importer = Importer(lines)
    importer.run()
    lost = sum(lines.lost.values())
    form = f"{tool}: {lines.form}" if tool else lines.form
    head = json.dumps({"mmtui": 1, "recording": _header(lines, importer, form, lost), "title": _title(lines, form)})
    notes = [f"{lines.skipped} lines and {importer.unused} events were not about memory"]
    if importer.unseen_frees:
        notes.append(f"{importer.unseen_frees} frames were handed out again and no free was seen before")
    if lost:
        notes.append(f"**{lost} events were lost**; `op lost` finds where")
    summary = {"stops": len(importer.stops), "notes": notes}
    body = [json.dumps(stop, separators=(",", ":")) for stop in importer.stops]
    found = sum(1 for stop in importer.stops for each in stop.get("found", ()) if each[0] != "alloc")
    result = "\n".join([head, *body, json.dumps({"summary": summary})]) + "\n"
    return Imported(
        result.encode(), len(lines.events), len(importer.stops), lines.skipped + importer.unused, lost, found,
        importer.unseen_frees, form,
    )  # fmt: skip


def _title(lines: Lines, form: str) -> str:
    """Whose memory it is about: the programs that faulted, in the order in which they did."""
    names = dict.fromkeys(line.comm for line in lines.events if line.event in (*FAULTS, "page-faults"))
    shown = ", ".join(list(names)[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    return f"{shown or 'a kernel trace'}: imported from {form}"


def _header(lines: Lines, importer: Importer, form: str, lost: int) -> dict[str, Any]:
    frames = any(line.event == "mm_page_alloc" for line in lines.events)
    missing = ["frames of files", "mappings older than the trace", "page flags"] if frames else ["pfn", "mapcount"]
    return {
        "mechanism": form, "page": 4096, "pfn": frames, "missing": missing, "addresses": True,
        "imported": {"events": len(lines.events), "skipped": lines.skipped + importer.unused, "lost": lost},
    }  # fmt: skip


def _text(path: str, data: bytes) -> tuple[str, str]:
    """The events as text, and the tool that made it of a binary file."""
    if data.startswith(_TRACE_DAT):
        return _tool(path, data, ["trace-cmd", "report", "-R", "-i"], "trace.dat")
    if data.startswith(_PERF_DATA):
        try:
            return _tool(path, data, ["perf", "script", "-f", *_PERF_FIELDS, "-i"], "perf.data")
        except _ToolError:
            return _tool(path, data, ["perf", "script", "-f", "-i"], "perf.data")
    return data.decode("utf-8", "replace"), ""


class _ToolError(TraceError):
    """The tool ended with an error."""


def _tool(path: str, data: bytes, command: list[str], kind: str) -> tuple[str, str]:
    if shutil.which(command[0]) is None:
        how = "trace-cmd report -R" if command[0] == "trace-cmd" else "perf script"
        reason = f"a {kind} file is read by {command[0]}, which is not installed here; import the output of `{how}`"
        raise TraceError(path, [Problem("", reason)])
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as folder:
        copy = Path(folder) / "data"
        copy.write_bytes(data)
        try:
            done = subprocess.run([*command, str(copy)], capture_output=True, timeout=_TIMEOUT, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise TraceError(path, [Problem("", f"{command[0]} could not be run: {error}")]) from None
    if done.returncode or not done.stdout:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines() or ["it said nothing"]
        raise _ToolError(path, [Problem("", f"{command[0]} cannot read it: {said[-1]}")])
    return done.stdout.decode("utf-8", "replace"), command[0]
