"""The size and the end of every trace on every kernel, so that a change which moves one shows.

python -m tests.traces.golden          writes tests/golden/traces.json anew, when the change was meant
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TypedDict

import mmtui
from tests.traces.verdicts import KERNELS

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "tests" / "golden" / "traces.json"


class Row(TypedDict):
    """transitions and calls of the log; digest of the whole machine after the last transition."""

    transitions: int
    calls: int
    digest: str


def measure(path: Path, kernel: str) -> Row:
    """What this trace is on this kernel, now."""
    timeline = mmtui.load(path, kernel=kernel)
    timeline.seek(len(timeline))
    return {"transitions": len(timeline), "calls": len(timeline.log.calls), "digest": str(timeline.digest())}


def write() -> None:
    """The file, one line per trace and kernel."""
    rows = {
        path.stem: {kernel: measure(path, kernel) for kernel in KERNELS.values()}
        for path in sorted((ROOT / "traces").glob("*.json"))
    }
    lines = (
        f"  {json.dumps(name)}: {{\n"
        + ",\n".join(f"    {json.dumps(kernel)}: {json.dumps(row)}" for kernel, row in kernels.items())
        + "\n  }"
        for name, kernels in rows.items()
    )
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    write()
