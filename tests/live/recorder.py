"""Running the recorder as a person does: in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from mmtui.live.recording import Recording, decode
from mmtui.trace.source import read_bytes

ROOT = Path(__file__).parents[2]
MAIN = "import sys; from mmtui.cli.main import main; main(['record', *sys.argv[1:]])"
NOBODY = (
    "import ctypes, difflib, os, sys, mmtui.cli.record; from mmtui.cli.main import main;"
    "os.setgid(65534); os.setuid(65534); ctypes.CDLL(None).prctl(4, 1, 0, 0, 0);"  # dumpable again, so traceable
    "main(['record', *sys.argv[1:]])"
)


def start(*arguments: str, program: str = MAIN, cwd: Path) -> subprocess.Popen[str]:
    """`mmtui record` with these arguments, running."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "LC_ALL": "C"}
    return subprocess.Popen(
        [sys.executable, "-c", program, *arguments], cwd=cwd, env=environment, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL,
    )  # fmt: skip


def run(*arguments: str, program: str = MAIN, cwd: Path) -> subprocess.CompletedProcess[str]:
    """`mmtui record` with these arguments, run to its end."""
    process = start(*arguments, program=program, cwd=cwd)
    out, err = process.communicate(timeout=60)
    return subprocess.CompletedProcess(arguments, process.returncode, out, err)


def load(path: Path) -> Recording:
    """The recording in a file."""
    return decode(read_bytes(path), path.name)
