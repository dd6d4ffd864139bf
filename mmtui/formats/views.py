"""The three views as lines of text: processes and vmas, page tables, frames. What a report shows of a position."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from mmtui.engine.flags import prot_text
from mmtui.engine.inspect import Table
from mmtui.engine.pgtable import PMD_SIZE
from mmtui.engine.schema import UNKNOWN
from mmtui.words import address_text, count_text, page_flags_text, pfn_text, plain, pte_text

if TYPE_CHECKING:
    from mmtui.engine.timeline import Timeline

FRAMES_PER_LINE: Final = 32
MOST_LINES: Final = 200
"""Lines of one view before the rest is counted only."""


class Views(NamedTuple):
    """The lines of the three views."""

    vmas: list[str]
    tables: list[str]
    frames: list[str]


NAMES: Final = ("VMAs", "Page tables", "Frames")


def views_at(timeline: Timeline, position: int, most: int = MOST_LINES) -> Views:
    """The three views at a position; the timeline stays there."""
    timeline.seek(position)
    return Views(_cut(_vmas(timeline), most), _tables(timeline, most), _cut(_frames(timeline), most))


def _cut(lines: list[str], most: int) -> list[str]:
    return lines if len(lines) <= most else [*lines[:most], f"... and {count_text(len(lines) - most, 'line')} more"]


def _vmas(timeline: Timeline) -> list[str]:
    lines = []
    for process in timeline.processes():
        exiting = "  exiting" if process.state == "exiting" else ""
        lines.append(
            f"pid {process.pid} {plain(process.name)}{exiting}  file_rss {process.file_rss}  "
            f"anon_rss {process.anon_rss}"
        )
        for vma in timeline.vmas(process.pid):
            flags = " ".join(name for name in vma.flag_names if name not in _IN_PROT)
            where = f"{address_text(vma.start)}-{address_text(vma.end)} {prot_text(vma.flags)} {vma.kind}"
            lines.append(f"  {where} {plain(vma.name)}  {flags}".rstrip())
    return lines


_IN_PROT: Final = frozenset(
    {"VM_READ", "VM_WRITE", "VM_EXEC", "VM_SHARED", "VM_MAYREAD", "VM_MAYWRITE", "VM_MAYEXEC", "VM_MAYSHARE"}
)
"""Flags that `rw-s` says."""


def _tables(timeline: Timeline, most: int) -> list[str]:
    """Each entry with its frame, what it holds, and the frame's counts: an entry is what a count counts."""
    lines: list[str] = []
    left_out = 0
    for process in timeline.processes():
        tables = timeline.tables(process.pid)
        if tables and len(lines) < most:
            lines.append(f"pid {process.pid} {plain(process.name)}")
        for table in tables:
            if len(lines) < most:
                lines += _entries(timeline, process.pid, table)
            else:
                left_out += table.present
    left_out += max(0, len(lines) - most)
    return [*lines[:most], f"... and {count_text(left_out, 'more entry', 'more entries')}"] if left_out else lines


def _entries(timeline: Timeline, pid: int, table: Table) -> Iterator[str]:
    page = timeline.machine.page
    counts, mapcounts = page.count, page.mapcount
    for pte in timeline.ptes(pid, table.base, table.base + PMD_SIZE):
        text = ""
        if pte.ref and pte.pfn < len(counts) and counts[pte.pfn] != UNKNOWN:
            text = f"count {int(counts[pte.pfn])} mapcount {int(mapcounts[pte.pfn])}"
        yield f"  {address_text(pte.address)}  {pte_text(pte.val)}  {pte.ref:>2}  {text}".rstrip()


def _frames(timeline: Timeline) -> list[str]:
    """The frame map: a glyph for each frame, lines in which every frame is free left out."""
    glyphs = timeline.frame_kinds()
    lines, skipped = [], 0
    for first in range(0, len(glyphs), FRAMES_PER_LINE):
        part = glyphs[first : first + FRAMES_PER_LINE]
        if (part == b".").all():
            skipped += 1
        else:
            lines.append(f"{pfn_text(first)} {part.tobytes().decode('ascii')}")
    free = int(np.count_nonzero(timeline.machine.page.free))
    rest = f", {count_text(skipped, 'line')} of free frames left out" if skipped else ""
    return [*lines, f"{free} of {len(glyphs)} frames free{rest}"]


SAME, NEW, GONE = 0, 1, 2


def merged(before: list[str], after: list[str]) -> list[tuple[int, str]]:
    """The lines of `after`, each SAME or NEW, and those of `before` that are GONE, where they stood."""
    rows: list[tuple[int, str]] = []
    for _, low, high, first, last in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if before[low:high] == after[first:last]:
            rows += [(SAME, line) for line in after[first:last]]
        else:
            rows += [(GONE, line) for line in before[low:high]] + [(NEW, line) for line in after[first:last]]
    return rows


def frame_line(timeline: Timeline, pfn: int) -> str:
    """One frame in words, where the timeline is."""
    frame = timeline.frame(pfn)
    owner = f", {plain(frame.owner)}" if frame.owner else ""
    counts = "" if frame.count == UNKNOWN else f": count {frame.count}, mapcount {frame.mapcount}"
    return f"page {pfn_text(pfn)} ({frame.words}{owner}){counts}, flags {page_flags_text(frame.flags)}"
