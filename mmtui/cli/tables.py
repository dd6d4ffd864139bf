"""A state as tables of text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mmtui.cli.output import columns
from mmtui.words import address_text, pfn_text


def state_lines(state: dict[str, Any]) -> Iterator[str]:
    """The object that `timeline.state()` returns, as lines: processes with their vmas and ptes, then frames."""
    for pid, process in state["procs"].items():
        yield f"pid {pid}  file_rss {process['file_rss']}  anon_rss {process['anon_rss']}"
        rows = [
            (f"{address_text(vma['start'])}-{address_text(vma['end'])}", f"pgoff {vma['pgoff']:x}",
             "anon_vma" if vma["anon_vma"] else "", " ".join(vma["flags"]))
            for vma in process["vmas"]
        ]  # fmt: skip
        yield from columns(rows, indent="  vma ")
        ptes = sorted((int(address), *pte) for address, pte in process["ptes"].items())
        yield from columns([(address_text(a), pfn_text(pfn), bits) for a, pfn, bits in ptes], indent="  pte ")
    frames = sorted((int(pfn), frame) for pfn, frame in state["frames"].items())
    yield from columns([_frame(pfn, frame) for pfn, frame in frames], indent="page ")
    yield f"{state['nfree']} frames free"


def _frame(pfn: int, frame: dict[str, Any]) -> tuple[str, ...]:
    where = "free" if frame["free"] else "used"
    flags = " ".join(frame["flags"])
    return pfn_text(pfn), where, f"count {frame['count']}", f"mapcount {frame['mapcount']}", frame["kind"], flags
