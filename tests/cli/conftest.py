"""The command line as a person has it: a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
TRACES = ROOT / "traces"


@dataclass(frozen=True)
class Finished:
    """What a command left: its exit status and what it printed."""

    status: int
    out: str
    err: str

    @property
    def objects(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]


Mmtui = Callable[..., Finished]


@pytest.fixture
def mmtui(tmp_path: Path) -> Mmtui:
    """Runs `mmtui` in an empty folder, with settings of nobody; never a traceback, whatever it was asked."""

    def run(*args: str | Path, stdin: bytes = b"", env: dict[str, str] | None = None) -> Finished:
        words: Sequence[str] = [os.fspath(arg) for arg in args]
        clean = {k: v for k, v in os.environ.items() if not k.startswith("MMTUI_")}
        done = subprocess.run(
            [sys.executable, "-m", "mmtui", *words],
            input=stdin, capture_output=True, timeout=60, cwd=tmp_path, check=False,
            env={**clean, "PYTHONPATH": str(ROOT), "MMTUI_CONFIG_DIR": str(tmp_path / "config"), **(env or {})},
        )  # fmt: skip
        finished = Finished(done.returncode, done.stdout.decode(), done.stderr.decode())
        assert "Traceback" not in finished.err
        return finished

    return run
