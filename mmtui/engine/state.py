"""The machine as the dict that `run --state` prints, from columns alone."""

from __future__ import annotations

from typing import Any

import numpy as np

from mmtui.engine.flags import PG_compound, PG_lru, PG_reserved, page_flag_names, vm_flag_names
from mmtui.engine.kernel.model import INODE_FILE, INODE_SHMEM
from mmtui.engine.log import Ints
from mmtui.engine.pgtable import pte_pfn, pte_text

STATE_FLAGS = ("reserved", "dirty", "referenced", "uptodate", "lru", "active", "compound", "private", "locked", "slab")
"""The page flags that a state shows, in its order."""

Columns = dict[str, Ints]


def page_kind(column: Columns, pfn: int) -> str:
    """`anon`, `file`, `none` or `other`: what page->mapping says."""
    mapping = int(column["page.mapping"][pfn])
    if mapping == 0:
        return "none"
    if mapping & 1:
        return "anon"
    return "file" if int(column["inode.kind"][mapping >> 1]) in (INODE_FILE, INODE_SHMEM) else "other"


def shown_frames(column: Columns, frames: int, holes: Ints) -> Ints:
    """The frames that a state lists: all but holes and unremarkable free ones."""
    flags = column["page.flags"][:frames]
    remarkable = (
        (column["page.free"][:frames] == 0)
        | (column["page.count"][:frames] != 0)
        | (column["page.mapcount"][:frames] != 0)
        | (column["page.mapping"][:frames] != 0)
        | (flags & (PG_reserved | PG_lru | PG_compound) != 0)
    )
    remarkable[holes] = False
    return np.flatnonzero(remarkable)


def frame_state(column: Columns, pfn: int) -> dict[str, Any]:
    """One frame."""
    names = page_flag_names(int(column["page.flags"][pfn]))
    return {
        "free": bool(column["page.free"][pfn]),
        "count": int(column["page.count"][pfn]),
        "mapcount": int(column["page.mapcount"][pfn]),
        "flags": [name for name in STATE_FLAGS if name in names],
        "kind": page_kind(column, pfn),
    }


def process_state(column: Columns, mm: int, kernel: str) -> dict[str, Any]:
    """One process: its vmas, its ptes, its rss."""
    vmas = np.flatnonzero((column["vma.state"] == 1) & (column["vma.mm"] == mm))
    vmas = vmas[np.argsort(column["vma.vm_start"][vmas], kind="stable")]
    anon_rss = int(column["mm.anon_rss"][mm])
    ptes: dict[str, list[Any]] = {}
    tables = np.flatnonzero(column["pt.mm"] == mm)
    for table in tables[np.argsort(column["pt.base"][tables], kind="stable")]:
        values = column["pte.val"][int(table) << 10 : (int(table) + 1) << 10]
        for slot in np.flatnonzero(values):
            pte = int(values[slot])
            ptes[str(int(column["pt.base"][table]) + (int(slot) << 12))] = [pte_pfn(pte), pte_text(pte)]
    return {
        "vmas": [
            {
                "start": int(column["vma.vm_start"][vma]),
                "end": int(column["vma.vm_end"][vma]),
                "flags": vm_flag_names(int(column["vma.vm_flags"][vma]), kernel),
                "pgoff": int(column["vma.vm_pgoff"][vma]),
                "anon_vma": bool(column["vma.anon_vma"][vma]),
            }
            for vma in vmas
        ],
        "ptes": ptes,
        "file_rss": int(column["mm.rss"][mm]) - anon_rss if kernel == "2.6.14" else int(column["mm.file_rss"][mm]),
        "anon_rss": anon_rss,
    }


def state(column: Columns, kernel: str, frames: int, holes: Ints) -> dict[str, Any]:
    """The whole machine."""
    running = np.flatnonzero(column["task.state"] == 1)
    running = running[np.argsort(column["task.pid"][running], kind="stable")]
    return {
        "procs": {
            str(int(column["task.pid"][task])): process_state(column, int(column["task.mm"][task]), kernel)
            for task in running
        },
        "frames": {str(int(pfn)): frame_state(column, int(pfn)) for pfn in shown_frames(column, frames, holes)},
        "nfree": int(column["page.free"][:frames].sum()),
    }
