"""Inputs that nobody meant, for everything that reads: mutated samples and sentences of loose words.

The test runs some hundreds of each target; `python -m tests.hostile.fuzz query 1000000` runs as many as it is told,
from another seed with a third word, and prints what it found, how long the slowest took and how large memory grew.
"""

from __future__ import annotations

import os
import random
import resource
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

SLOW = 1.0
"""Seconds of CPU that one input may take."""
HANGS = 10.0
"""Seconds of CPU after which it is stopped."""
MEMORY = 4 << 30
"""Bytes of address space of a long run."""

ODD = [
    b"", b"\0", b"\x1b[2J", b"\x1b]0;x\x07", b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xe2\x80\xae", b"\\ud800", b"\\u0000",
    b"-1", b"0", b"1", b"8", b"9" * 30, b"9" * 5000, b"1e999", b"0.5", b"NaN", b"0x", b"0x10", b"0x7fffffffffffffff",
    b"null", b"true", b"[", b"]", b"{", b"}", b"(", b")", b",", b":", b'"', b"'", b"\\", b"\n", b"\r", b"\t", b" ",
    b"=", b"#", b"%", b"@", b"+", b"-", b".", b"[bold]", b"</script>", b"\xd9\xa3", b"\xc2\xb2", b"\xe2\x80\xa8",
]  # fmt: skip


@dataclass(frozen=True)
class Target:
    """Something that reads. `run` returns why an input was not dealt with as it should be, "" where it was."""

    name: str
    samples: Callable[[], list[bytes]]
    words: list[bytes]
    run: Callable[[bytes], str]
    glue: bytes = b" "


class HangError(BaseException):
    """An input that took HANGS seconds."""


def mutated(rng: random.Random, data: bytes, words: list[bytes]) -> bytes:
    """`data` with one to sixteen places changed."""
    for _ in range(rng.choice((1, 1, 1, 2, 4, 16))):
        at = rng.randrange(len(data) + 1)
        what = rng.randrange(6)
        if what <= 1:
            word = rng.choice(words if what else ODD)
            data = data[:at] + word + data[at + rng.choice((0, 0, len(word))) :]
        elif what == 2:
            data = data[:at] + data[at + rng.randrange(1, 40) :]
        elif what == 3:
            data = data[:at] + bytes([rng.randrange(256)]) + data[at + 1 :]
        elif what == 4:
            other = rng.randrange(len(data) + 1)
            data = data[:at] + data[other : other + rng.randrange(200)] + data[at:]
        else:
            data = data[:at]
    return data[:100_000]


def sentence(rng: random.Random, words: list[bytes], glue: bytes) -> bytes:
    """Words in a row, now and then one of ODD, now and then repeated a lot."""
    found = [rng.choice(words if rng.random() < 0.9 else ODD) for _ in range(rng.choice((1, 2, 3, 5, 8, 13)))]
    if rng.random() < 0.02:
        found = found * rng.choice((10, 100, 1000))
    return (glue if rng.random() < 0.9 else b"").join(found)[:100_000]


def inputs(target: Target, seed: int, count: int) -> Iterator[bytes]:
    """`count` inputs, the same for the same seed."""
    rng = random.Random(f"{target.name} {seed}")
    samples = target.samples()
    for _ in range(count):
        if rng.random() < 0.6:
            yield mutated(rng, rng.choice(samples), target.words)
        else:
            yield sentence(rng, target.words, target.glue)


def problem_with(target: Target, data: bytes) -> str:
    """Why the target did not behave on this input, or ""."""
    start = time.process_time()
    try:
        signal.setitimer(signal.ITIMER_PROF, HANGS)
        try:
            problem = target.run(data)
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
    except HangError:
        return f"it hangs: stopped after {HANGS} s"
    except Exception as e:
        where = e.__traceback__
        while where is not None and where.tb_next is not None:
            where = where.tb_next
        at = f"{Path(where.tb_frame.f_code.co_filename).name}:{where.tb_lineno}" if where else ""
        return f"{type(e).__name__} at {at}: {e}"
    seconds = time.process_time() - start
    return problem or (f"it took {seconds:.1f} s" if seconds > SLOW else "")


def stop_hangs() -> None:
    """Make the timer of `problem_with` end what hangs."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise HangError

    signal.signal(signal.SIGPROF, stop)


def in_an_empty_folder() -> tempfile.TemporaryDirectory[str]:
    """A working directory, settings and state of nobody: what an input may write stays there."""
    root = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    folder = tempfile.TemporaryDirectory(prefix="mmtui-fuzz.", dir=root)
    os.chdir(folder.name)
    for name in [name for name in os.environ if name.startswith("MMTUI_")]:
        del os.environ[name]
    os.environ["MMTUI_CONFIG_DIR"] = os.environ["MMTUI_STATE_DIR"] = folder.name
    return folder


def main() -> None:
    """`python -m tests.hostile.fuzz TARGET COUNT [SEED]`."""
    from tests.hostile.targets import TARGETS

    target, count = TARGETS[sys.argv[1]], int(sys.argv[2])
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else 0
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    stop_hangs()
    found: dict[str, int] = {}
    begun, slowest = time.monotonic(), 0.0
    folder = in_an_empty_folder()
    for data in inputs(target, seed, count):
        at = time.process_time()
        if problem := problem_with(target, data):
            found[problem[:60]] = found.get(problem[:60], 0) + 1
            if found[problem[:60]] <= 3:
                print(problem, data[:2000], flush=True)
        slowest = max(slowest, time.process_time() - at)
    os.chdir("/")
    folder.cleanup()
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    print(
        f"{target.name}: {count} inputs, {sum(found.values())} found, slowest {slowest:.2f} s, "
        f"{memory} MiB, {time.monotonic() - begun:.0f} s"
    )


if __name__ == "__main__":
    main()
