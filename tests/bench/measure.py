"""Clocks and baselines: each figure is measured beside the baseline that it is compared with."""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from mmtui.engine.cells import Cells, Recorder
from mmtui.engine.log import CHUNK, Log
from mmtui.engine.schema import BASE

CELLS = 4096


@dataclass(frozen=True)
class Row:
    """A line of the table. `ratio` and `reach` are texts that say in what direction they mean it."""

    what: str
    figure: str
    baseline: str = ""
    ratio: str = ""
    reach: str = ""
    held: bool | None = None


def seconds(work: Callable[[], object]) -> float:
    """Processor seconds of this process: another program on the machine does not count."""
    began = time.process_time()
    work()
    return time.process_time() - began


def logged_stores(count: int) -> float:
    """Stores per second of a loop that does nothing else: check, cell, old, new, call, line. It is the very store that
    a compiled kernel function calls."""
    recorder = Recorder(Cells({"page": CELLS}), Log())
    column = memoryview(recorder.cells.columns["page.count"])
    change, base = recorder.change, BASE["page.count"]
    recorder.enter(0, 0, 0)

    def loop() -> None:
        for number in range(count):
            row = number % CELLS
            change(column, base, row, number, column[row], 7)
        recorder.flush()

    return count / seconds(loop)


def warm(size: int) -> None:
    """Touch so many bytes of memory and give them back. A virtual machine has most of its memory from its host only
    once it is touched, which can cost ten times what is measured here; where that happens is nobody's merit."""
    np.ones(size, np.uint8)


def numpy_rows(count: int, kept: list[Log]) -> float:
    """Rows per second that numpy alone writes to a log, without a kernel: a chunk's cells, old and new values, calls
    and lines are worked out from the row's number, and the log seals them.

    The log goes to `kept`, for a log is there to be kept: one that is dropped lends its memory to the next one, while
    range operations write theirs to memory that is new to the process. Rows are all that it writes: a call, which
    counts as a row where this is compared, takes more bytes than a row does.
    """
    step = np.arange(CHUNK)
    log = Log()
    kept.append(log)

    def write() -> None:
        for at in range(0, count, CHUNK):
            number = step[: min(CHUNK, count - at)] + at
            old = number << 12 | 0x67
            log.seal(number + BASE["pte.val"], old, old & ~2, number, np.full(len(number), 7))

    return count / seconds(write)


def spread(samples: Sequence[float], scale: float) -> tuple[float, float]:
    """(median, worst) in units of `scale` seconds."""
    return statistics.median(samples) / scale, max(samples) / scale


def command_ms(arguments: list[str], times: int) -> float:
    """Milliseconds of the processor that a run of Python takes, the best of some."""
    found = []
    nowhere = subprocess.DEVNULL
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    for _ in range(times + 1):  # the first one may write byte code
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, *arguments], stdout=nowhere, stderr=nowhere, check=False, env=kept)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        found.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(found) * 1000


def resident() -> int:
    """Bytes of memory that this process holds."""
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * 4096
